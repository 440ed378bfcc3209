/* base/arena.c - memory that lives and dies with one piece of work. */

#include "base/arena.h"

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define ARENA_BLOCK 4096 /* bytes with its header; one page of most heads */

struct arena_block {
	struct arena_block *next; /* older */
	size_t pos;		  /* bytes used of mem */
	size_t cap;		  /* bytes in mem */
	alignas(max_align_t) unsigned char mem[];
};

void arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){ .max = max };
}

static void arena_drop(struct arena *a, struct arena_block *keep)
{
	while (a->blocks != keep) {
		struct arena_block *next = a->blocks->next;

		free(a->blocks);
		a->blocks = next;
	}
}

void arena_done(struct arena *a)
{
	arena_drop(a, NULL);
	a->used = 0;
}

void arena_clear(struct arena *a)
{
	struct arena_block *oldest = a->blocks;

	while (oldest && oldest->next)
		oldest = oldest->next;
	arena_drop(a, oldest);
	if (oldest)
		oldest->pos = 0;
	a->used = 0;
}

static struct arena_block *arena_grow(struct arena *a, size_t need)
{
	size_t cap = ARENA_BLOCK - sizeof(struct arena_block);
	struct arena_block *block;

	if (cap < need)
		cap = need;
	block = malloc(sizeof(*block) + cap);
	if (!block)
		return NULL;
	block->next = a->blocks;
	block->pos = 0;
	block->cap = cap;
	a->blocks = block;
	return block;
}

void *arena_alloc(struct arena *a, size_t len)
{
	size_t step = alignof(max_align_t);
	struct arena_block *block = a->blocks;
	void *p;

	if (len > SIZE_MAX - step || len > a->max || a->max - len < a->used)
		return NULL;
	len = (len + step - 1) / step * step;
	if (!block || block->cap - block->pos < len)
		block = arena_grow(a, len);
	if (!block)
		return NULL;
	p = block->mem + block->pos;
	block->pos += len;
	a->used += len;
	return p;
}

void *arena_zalloc(struct arena *a, size_t len)
{
	void *p = arena_alloc(a, len);

	return p ? memset(p, 0, len) : NULL;
}

int arena_copy(struct arena *a, struct slice s, struct slice *ret)
{
	char *p = s.len < SIZE_MAX ? arena_alloc(a, s.len + 1) : NULL;

	if (!p)
		return -ENOBUFS;
	if (s.len)
		memcpy(p, s.ptr, s.len);
	p[s.len] = '\0';
	*ret = slice_of(p, s.len);
	return 0;
}
