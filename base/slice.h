/* base/slice.h - text as pointer and length.
 *
 * A slice borrows: it owns nothing and is never NUL-terminated on purpose.
 * The empty slice may have a NULL pointer. Case folding is ASCII only.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct slice {
	const char *ptr; /* borrowed */
	size_t len;	 /* bytes */
};

/* A slice of a string literal. */
#define SLICE(lit) ((struct slice){ .ptr = (lit), .len = sizeof(lit) - 1 })

static inline struct slice slice_of(const void *ptr, size_t len)
{
	return (struct slice){ .ptr = ptr, .len = len };
}

/* A slice of a C string; NULL gives the empty slice. */
static inline struct slice slice_str(const char *s)
{
	return (struct slice){ .ptr = s, .len = s ? strlen(s) : 0 };
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (!a.len || !memcmp(a.ptr, b.ptr, a.len));
}

static inline bool slice_ieq(struct slice a, struct slice b)
{
	return a.len == b.len && (!a.len || !strncasecmp(a.ptr, b.ptr, a.len));
}

static inline bool slice_starts(struct slice s, struct slice with)
{
	return s.len >= with.len &&
	       (!with.len || !memcmp(s.ptr, with.ptr, with.len));
}

static inline bool slice_ends(struct slice s, struct slice with)
{
	return s.len >= with.len &&
	       (!with.len ||
		!memcmp(s.ptr + s.len - with.len, with.ptr, with.len));
}

/* All but the first n bytes; n is at most s.len. */
static inline struct slice slice_skip(struct slice s, size_t n)
{
	return slice_of(s.ptr + n, s.len - n);
}

/* Where c stands first, or -1. */
static inline ptrdiff_t slice_find(struct slice s, char c)
{
	const char *p = s.len ? memchr(s.ptr, c, s.len) : NULL;

	return p ? p - s.ptr : -1;
}

/* Split s at the first c: *ret_head is what stands before it, *ret_tail what
 * stands after. Without a c, head is all of s, tail is empty, and the answer
 * is false.
 */
static inline bool slice_cut(struct slice s, char c, struct slice *ret_head,
			     struct slice *ret_tail)
{
	const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;

	if (!at) {
		*ret_head = s;
		*ret_tail = slice_of(NULL, 0);
		return false;
	}
	*ret_head = slice_of(s.ptr, (size_t)(at - s.ptr));
	*ret_tail = slice_of(at + 1, (size_t)(s.ptr + s.len - at) - 1);
	return true;
}

/* Is word one of the parts of list between one c and the next? */
static inline bool slice_lists(struct slice list, char c, struct slice word)
{
	struct slice part;

	while (list.len) {
		(void)slice_cut(list, c, &part, &list);
		if (slice_eq(part, word))
			return true;
	}
	return false;
}

/* Without blanks (space, tab) at both ends. */
static inline struct slice slice_trim(struct slice s)
{
	while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
		s = slice_skip(s, 1);
	while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A letter or a digit. */
static inline bool ascii_is_alnum(char c)
{
	char low = ascii_lower(c);

	return ascii_is_digit(c) || (low >= 'a' && low <= 'z');
}

/* Decimal digits and nothing else; at most max. */
static inline bool slice_number(struct slice s, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		uint64_t digit = (uint64_t)(s.ptr[i] - '0');

		if (!ascii_is_digit(s.ptr[i]) || digit > max ||
		    n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	if (!s.len)
		return false;
	*ret = n;
	return true;
}

#endif
