/* audit/ids.c - an array of ids or entries of rows. */

#include "audit/ids.h"

#include <errno.h>
#include <stdlib.h>

int ids_add(struct ids *ids, uint64_t id)
{
	if (ids->len == ids->cap) {
		size_t cap = ids->cap ? ids->cap * 2 : 64;
		uint64_t *mem = realloc(ids->mem, cap * sizeof(*mem));

		if (!mem)
			return -ENOMEM;
		ids->mem = mem;
		ids->cap = cap;
	}
	ids->mem[ids->len++] = id;
	return 0;
}

int ids_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

bool ids_have(const struct ids *ids, uint64_t id)
{
	return ids->len &&
	       bsearch(&id, ids->mem, ids->len, sizeof(id), ids_compare);
}

void ids_sort_once(struct ids *ids)
{
	size_t len = 0;

	if (!ids->len)
		return;
	qsort(ids->mem, ids->len, sizeof(*ids->mem), ids_compare);
	for (size_t i = 1; i < ids->len; i++)
		if (ids->mem[i] != ids->mem[len])
			ids->mem[++len] = ids->mem[i];
	ids->len = len + 1;
}

void ids_reverse(struct ids *ids)
{
	for (size_t i = 0, j = ids->len; i + 1 < j; i++) {
		uint64_t t = ids->mem[i];

		ids->mem[i] = ids->mem[--j];
		ids->mem[j] = t;
	}
}
