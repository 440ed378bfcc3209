/* base/table.c - objects by index and generation.
 *
 * A slot is either taken (obj is set) or in the free list. Its generation
 * moves on when the tenant leaves, so that a reference which outlived its
 * object finds nobody, until the same slot has been let 2^24 - 1 times more.
 * Generation 0 is never given: a reference of all zero is nobody's.
 */

#include "base/table.h"

#include <errno.h>
#include <stdlib.h>

#include "base/base.h"

#define TABLE_FIRST   64	/* slots of the first allocation */
#define TABLE_GEN_MAX 0xffffffu /* 24 bits, as an event carries */

struct table_slot {
	void *obj; /* borrowed; NULL: free */
	uint32_t gen;
	uint32_t next_free; /* while free: the next one, or TABLE_NONE */
};

void table_init(struct table *t, uint32_t max)
{
	*t = (struct table){ .free_head = TABLE_NONE, .max = max };
}

void table_done(struct table *t)
{
	free(t->slots);
	table_init(t, t->max);
}

/* Make room for one slot behind the last. */
static int table_grow(struct table *t)
{
	uint32_t cap = t->cap ? t->cap : TABLE_FIRST / 2;
	struct table_slot *slots;

	if (t->len < t->cap)
		return 0;
	cap = cap > t->max / 2 ? t->max : cap * 2;
	slots = reallocarray(t->slots, cap, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	t->slots = slots;
	t->cap = cap;
	return 0;
}

int table_add(struct table *t, void *obj, uint32_t *ret_index,
	      uint32_t *ret_gen)
{
	struct table_slot *slot;
	int err;

	assert(obj);
	if (t->count >= t->max)
		return -ENOBUFS;

	if (t->free_head == TABLE_NONE) {
		err = table_grow(t);
		if (err < 0)
			return err;
		slot = &t->slots[t->len++];
		slot->gen = 1;
	} else {
		slot = &t->slots[t->free_head];
		t->free_head = slot->next_free;
	}
	slot->obj = obj;
	t->count++;
	*ret_index = (uint32_t)(slot - t->slots);
	*ret_gen = slot->gen;
	return 0;
}

void *table_get(const struct table *t, uint32_t index, uint32_t gen)
{
	if (index >= t->len || t->slots[index].gen != gen)
		return NULL;
	return t->slots[index].obj;
}

void table_remove(struct table *t, uint32_t index)
{
	struct table_slot *slot;

	assert(index < t->len && t->slots[index].obj);
	slot = &t->slots[index];
	slot->obj = NULL;
	slot->gen = slot->gen == TABLE_GEN_MAX ? 1 : slot->gen + 1;
	slot->next_free = t->free_head;
	t->free_head = index;
	t->count--;
}

void *table_at(const struct table *t, uint32_t index)
{
	return index < t->len ? t->slots[index].obj : NULL;
}
