/* base/buf.c - a byte queue that knows its maximum from birth. */

#include "base/buf.h"

#include <errno.h>
#include <stdlib.h>

#include "base/base.h"

#define BUF_FIRST 2048 /* bytes; holds most heads without growing */

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_done(struct buf *b)
{
	free(b->mem);
	buf_init(b, b->max);
}

/* The next capacity that holds need bytes. */
static size_t buf_grown(const struct buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : MIN((size_t)BUF_FIRST, b->max);

	while (cap < need)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	return cap;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
	size_t len = buf_len(b);
	uint8_t *mem;
	size_t cap;

	if (n > buf_room(b))
		return NULL;
	if (b->mem && n <= b->cap - b->end)
		return b->mem + b->end;
	if (b->mem && n <= b->cap - len) {
		memmove(b->mem, b->mem + b->pos, len);
		b->pos = 0;
		b->end = len;
		return b->mem + b->end;
	}

	cap = buf_grown(b, len + n);
	mem = malloc(cap ? cap : 1);
	if (!mem)
		return NULL;
	if (b->mem)
		memcpy(mem, b->mem + b->pos, len);
	free(b->mem);
	b->mem = mem;
	b->cap = cap;
	b->pos = 0;
	b->end = len;
	return mem + len;
}

int buf_append(struct buf *b, const void *data, size_t len)
{
	uint8_t *to;

	if (!len)
		return 0;
	to = buf_reserve(b, len);
	if (!to)
		return -ENOBUFS;
	memcpy(to, data, len);
	b->end += len;
	return 0;
}

void buf_consume(struct buf *b, size_t n)
{
	assert(n <= buf_len(b));
	b->pos += n;
	if (b->pos == b->end)
		b->pos = b->end = 0;
}

void buf_release(struct buf *b)
{
	if (!buf_len(b))
		buf_done(b);
}
