/* base/buf.h - a byte queue that knows its maximum from birth.
 *
 * Bytes are appended at the end and consumed from the front. Memory comes
 * with the first byte, grows by doubling up to max, and goes back with
 * buf_release() when the buffer is empty, so an idle owner holds nothing.
 * Full is a state, not an error: whoever fills it stops reading its source.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct buf {
	uint8_t *mem; /* owned */
	size_t pos;   /* first byte not consumed */
	size_t end;   /* one past the last byte */
	size_t cap;   /* bytes allocated */
	size_t max;   /* bytes it may ever hold */
};

void buf_init(struct buf *b, size_t max);

/* Gives all memory back; the buffer can be used again. */
void buf_done(struct buf *b);

static inline size_t buf_len(const struct buf *b)
{
	return b->end - b->pos;
}

/* How many more bytes fit before max. */
static inline size_t buf_room(const struct buf *b)
{
	return b->max - buf_len(b);
}

static inline const uint8_t *buf_data(const struct buf *b)
{
	return b->mem + b->pos;
}

static inline struct slice buf_slice(const struct buf *b)
{
	return slice_of(b->mem + b->pos, buf_len(b));
}

/* Make n contiguous bytes free at the end and return where they start, or
 * NULL when that would pass max or memory is out; nothing changes then.
 */
uint8_t *buf_reserve(struct buf *b, size_t n);

/* n bytes were written where buf_reserve() said. */
static inline void buf_commit(struct buf *b, size_t n)
{
	b->end += n;
}

/* Returns 0, or -ENOBUFS (max, or memory is out); then nothing was added. */
int buf_append(struct buf *b, const void *data, size_t len);

static inline int buf_append_slice(struct buf *b, struct slice s)
{
	return buf_append(b, s.ptr, s.len);
}

/* Drop n bytes from the front; n is at most buf_len(). */
void buf_consume(struct buf *b, size_t n);

/* Give the memory back if the buffer is empty. */
void buf_release(struct buf *b);

#endif
