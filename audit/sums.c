/* audit/sums.c - rows counted by key: an array, and slots that find a key in
 * it (open addressing, at most half full). Keys are ours, not a peer's.
 */

#include "audit/sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/err.h"

#define LEB_MAX	    10 /* octets of a number */
#define PACK_FIELDS 6

void sums_done(struct sums *s)
{
	free(s->mem);
	free(s->slots);
	*s = (struct sums){ 0 };
}

/* Multiply and fold (Knuth's multiplicative hashing). */
static size_t sums_hash(const int64_t key[SUMS_KEYS])
{
	uint64_t h = 0;

	for (size_t i = 0; i < SUMS_KEYS; i++) {
		h = (h ^ (uint64_t)key[i]) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	return (size_t)h;
}

/* The slot that holds key, or the empty one where it would stand. */
static uint32_t *sums_slot(const struct sums *s, const int64_t key[SUMS_KEYS])
{
	size_t mask = s->slots_len - 1, i = sums_hash(key) & mask;

	while (s->slots[i] && memcmp(s->mem[s->slots[i] - 1].key, key,
				     sizeof(s->mem->key)) != 0)
		i = (i + 1) & mask;
	return &s->slots[i];
}

static int sums_grow(struct sums *s)
{
	size_t cap = s->cap ? s->cap * 2 : 256;
	struct sum *mem;
	uint32_t *slots;

	if (s->len >= SUMS_MAX)
		return ERR_LIMIT;
	mem = realloc(s->mem, cap * sizeof(*mem));
	if (!mem)
		return -ENOMEM;
	s->mem = mem;
	slots = calloc(cap * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(s->slots);
	s->slots = slots;
	s->slots_len = cap * 2;
	s->cap = cap;
	for (size_t i = 0; i < s->len; i++)
		*sums_slot(s, s->mem[i].key) = (uint32_t)i + 1;
	return 0;
}

int sums_add(struct sums *s, const struct sum *more)
{
	int err = s->len == s->cap ? sums_grow(s) : 0;
	uint32_t *slot;
	struct sum *to;

	if (err)
		return err;
	slot = sums_slot(s, more->key);
	if (!*slot) {
		s->mem[s->len++] = *more;
		*slot = (uint32_t)s->len;
		return 0;
	}
	to = &s->mem[*slot - 1];
	to->rows += more->rows;
	to->denied += more->denied;
	to->failed += more->failed;
	to->bytes_up += more->bytes_up;
	to->bytes_down += more->bytes_down;
	to->first_id = MIN(to->first_id, more->first_id);
	to->last_id = MAX(to->last_id, more->last_id);
	return 0;
}

void sums_sort(struct sums *s, int (*compare)(const void *, const void *))
{
	if (s->len)
		qsort(s->mem, s->len, sizeof(*s->mem), compare);
	free(s->slots);
	s->slots = NULL;
	s->slots_len = 0;
}

static int compare_key(const void *a, const void *b)
{
	int64_t x = ((const struct sum *)a)->key[0];
	int64_t y = ((const struct sum *)b)->key[0];

	return (x > y) - (x < y);
}

static size_t leb_put(unsigned char *to, uint64_t n)
{
	size_t len = 0;

	for (; n > 0x7f; n >>= 7)
		to[len++] = (unsigned char)(n | 0x80);
	to[len++] = (unsigned char)n;
	return len;
}

/* Returns octets read, or 0 for no number. */
static size_t leb_get(const unsigned char *from, size_t len, uint64_t *ret)
{
	uint64_t n = 0;

	for (size_t i = 0; i < MIN(len, LEB_MAX); i++) {
		n |= (uint64_t)(from[i] & 0x7f) << (7 * i);
		if (!(from[i] & 0x80)) {
			*ret = n;
			return i + 1;
		}
	}
	return 0;
}

/* A number of either sign as one without, the small ones staying small. */
static uint64_t zigzag(int64_t n)
{
	return (uint64_t)n << 1 ^ (uint64_t)(n >> 63);
}

static int64_t zigzag_back(uint64_t n)
{
	return (int64_t)(n >> 1 ^ (0 - (n & 1)));
}

int sums_pack(struct sums *s, uint64_t base, unsigned char **ret,
	      size_t *ret_len)
{
	unsigned char *octets = malloc(MAX(s->len, 1) * PACK_FIELDS * LEB_MAX);
	int64_t before = 0;
	size_t len = 0;

	if (!octets)
		return -ENOMEM;
	sums_sort(s, compare_key);
	for (size_t i = 0; i < s->len; i++) {
		const struct sum *sum = &s->mem[i];
		const uint64_t fields[PACK_FIELDS] = {
			(uint64_t)(sum->key[0] - before),
			sum->rows,
			sum->bytes_up,
			sum->bytes_down,
			zigzag((int64_t)(base - sum->first_id)),
			sum->last_id - sum->first_id,
		};

		for (size_t k = 0; k < PACK_FIELDS; k++)
			len += leb_put(octets + len, fields[k]);
		before = sum->key[0];
	}
	*ret = octets;
	*ret_len = len;
	return 0;
}

int sums_unpack(const unsigned char *octets, size_t len, uint64_t base,
		sums_fn *fn, void *ctx)
{
	uint64_t key = 0;
	size_t at = 0;
	int err = 0;

	while (at < len && !err) {
		uint64_t fields[PACK_FIELDS], first_id;

		for (size_t k = 0; k < PACK_FIELDS; k++) {
			size_t n = leb_get(octets + at, len - at, &fields[k]);

			if (!n)
				return ERR_PROTO;
			at += n;
		}
		key += fields[0];
		first_id = base - (uint64_t)zigzag_back(fields[4]);
		err = fn(ctx, &(struct sum){
				      .key = { (int64_t)key },
				      .rows = fields[1],
				      .bytes_up = fields[2],
				      .bytes_down = fields[3],
				      .first_id = first_id,
				      .last_id = first_id + fields[5],
			      });
	}
	return err;
}
