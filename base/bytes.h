/* base/bytes.h - read octets from a wire, in order, without overrunning.
 *
 * The error sticks: after the first failure every read yields 0 and moves
 * nothing, so a parser may read a whole structure and ask once at the end.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/slice.h"

struct bytes {
	const uint8_t *pos; /* next octet to read; borrowed, never freed */
	const uint8_t *end; /* one past the last */
	bool bad;	    /* a read ran past end */
};

static inline struct bytes bytes_of(const void *data, size_t len)
{
	const uint8_t *p = data;

	return (struct bytes){ .pos = p, .end = p + len };
}

static inline size_t bytes_left(const struct bytes *b)
{
	return b->bad ? 0 : (size_t)(b->end - b->pos);
}

/* Returns n octets, or NULL if fewer are left. */
static inline const uint8_t *bytes_take(struct bytes *b, size_t n)
{
	const uint8_t *p = b->pos;

	if (bytes_left(b) < n) {
		b->bad = true;
		return NULL;
	}
	b->pos += n;
	return p;
}

static inline uint8_t bytes_u8(struct bytes *b)
{
	const uint8_t *p = bytes_take(b, 1);

	return p ? p[0] : 0;
}

static inline uint16_t bytes_u16(struct bytes *b)
{
	const uint8_t *p = bytes_take(b, 2);

	if (!p)
		return 0;
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t bytes_u32(struct bytes *b)
{
	uint32_t high = bytes_u16(b);

	return high << 16 | bytes_u16(b);
}

static inline uint64_t bytes_u64(struct bytes *b)
{
	uint64_t high = bytes_u32(b);

	return high << 32 | bytes_u32(b);
}

/* A string with its length in front, two octets. Empty when it does not fit
 * (and then bad is set).
 */
static inline struct slice bytes_str(struct bytes *b)
{
	size_t len = bytes_u16(b);
	const uint8_t *p = bytes_take(b, len);

	return slice_of(p, p ? len : 0);
}

#endif
