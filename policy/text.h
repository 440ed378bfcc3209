/* policy/text.h - build text in the caller's memory. Private to policy/.
 *
 * Always NUL-terminated; what does not fit is cut and remembered. A pure room
 * does without stdio.
 */
#ifndef POLICY_TEXT_H
#define POLICY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct text {
	char *mem; /* borrowed; size bytes */
	size_t size;
	size_t len;
	bool cut; /* something did not fit */
};

static inline struct text text_in(char *mem, size_t size)
{
	mem[0] = '\0';
	return (struct text){ .mem = mem, .size = size };
}

static inline void text_put(struct text *t, struct slice s)
{
	size_t room = t->size - 1 - t->len;

	if (s.len > room) {
		s.len = room;
		t->cut = true;
	}
	if (s.len)
		memcpy(t->mem + t->len, s.ptr, s.len);
	t->len += s.len;
	t->mem[t->len] = '\0';
}

static inline void text_put_str(struct text *t, const char *s)
{
	text_put(t, slice_str(s));
}

static inline void text_put_char(struct text *t, char c)
{
	text_put(t, slice_of(&c, 1));
}

static inline void text_put_number(struct text *t, uint64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	text_put(t, slice_of(digits + at, sizeof(digits) - at));
}

/* What was put since the text was from octets long. */
static inline struct slice text_since(const struct text *t, size_t from)
{
	return slice_of(t->mem + from, t->len - from);
}

#endif
