/* audit/places.c - where rows stand: open addressing, at most half full. What
 * stands behind a place that comes free moves up, so there are no gaps on the
 * way to an id.
 */

#include "audit/places.h"

#include <errno.h>
#include <stdlib.h>

#include "base/base.h"

void places_done(struct places *p)
{
	free(p->slots);
	*p = (struct places){ 0 };
}

/* Multiply and fold (Knuth's multiplicative hashing). */
static size_t places_home(const struct places *p, uint64_t id)
{
	uint64_t h = id * 0x9e3779b97f4a7c15ull;

	return (size_t)(h ^ h >> 32) & (p->slots_len - 1);
}

/* The slot that has the id, or the empty one where it would stand. */
static struct place *places_slot(const struct places *p, uint64_t id)
{
	size_t i = places_home(p, id);

	while (p->slots[i].id && p->slots[i].id != id)
		i = (i + 1) & (p->slots_len - 1);
	return &p->slots[i];
}

static int places_grow(struct places *p)
{
	struct places more = { .slots_len = MAX(p->slots_len * 2, 64) };

	more.slots = calloc(more.slots_len, sizeof(*more.slots));
	if (!more.slots)
		return -ENOMEM;
	for (size_t i = 0; i < p->slots_len; i++)
		if (p->slots[i].id)
			*places_slot(&more, p->slots[i].id) = p->slots[i];
	more.len = p->len;
	free(p->slots);
	*p = more;
	return 0;
}

int places_put(struct places *p, uint64_t id, int64_t entry)
{
	struct place *to;
	int err = p->len * 2 >= p->slots_len ? places_grow(p) : 0;

	assert(id);
	if (err)
		return err;
	to = places_slot(p, id);
	p->len += !to->id;
	*to = (struct place){ id, entry };
	return 0;
}

int64_t places_find(const struct places *p, uint64_t id)
{
	return p->len ? places_slot(p, id)->entry : 0;
}

void places_drop(struct places *p, uint64_t id)
{
	size_t mask = p->slots_len - 1, hole, i;

	if (!places_find(p, id))
		return;
	hole = i = (size_t)(places_slot(p, id) - p->slots);
	for (;;) {
		i = (i + 1) & mask;
		if (!p->slots[i].id)
			break;
		/* Is its way from home to here over the hole? */
		if (((i - places_home(p, p->slots[i].id)) & mask) >=
		    ((i - hole) & mask)) {
			p->slots[hole] = p->slots[i];
			hole = i;
		}
	}
	p->slots[hole] = (struct place){ 0 };
	p->len--;
}

int place_list_add(struct place_list *l, uint64_t id, int64_t entry)
{
	if (l->len == l->cap) {
		size_t cap = MAX(l->cap * 2, 64);
		struct place *mem = realloc(l->mem, cap * sizeof(*mem));

		if (!mem)
			return -ENOMEM;
		l->mem = mem;
		l->cap = cap;
	}
	l->mem[l->len++] = (struct place){ id, entry };
	return 0;
}
