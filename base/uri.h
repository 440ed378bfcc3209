/* base/uri.h - percent-encoding and dot segments of a path (RFC 3986).
 *
 * What is refused before any judging (http/target.h) and what has no reading
 * for a rule (policy/path.h) rest on the same answers.
 */
#ifndef BASE_URI_H
#define BASE_URI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/hex.h"
#include "base/slice.h"

/* The octet that %xx at the beginning of s means, or -1. */
static inline int uri_escape(struct slice s)
{
	int high, low;

	if (s.len < 3 || s.ptr[0] != '%')
		return -1;
	high = hex_value(s.ptr[1]);
	low = hex_value(s.ptr[2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Decode %xx once from text into ret (text.len octets at most). What is no
 * %xx stays as it is. Returns the length.
 */
size_t uri_decode(struct slice text, char *ret);

/* The same until nothing is left to decode. */
size_t uri_decode_fully(struct slice text, char *ret);

/* "." or "..", also with parameters: "..;v=1" is ".." to some servers. */
static inline bool uri_is_dots(struct slice segment)
{
	size_t dots = 0;

	while (dots < segment.len && dots < 3 && segment.ptr[dots] == '.')
		dots++;
	return (dots == 1 || dots == 2) &&
	       (dots == segment.len || segment.ptr[dots] == ';');
}

/* Would some resolver take this last label of a name for a number, and so for
 * a part of an address: 1, 0x7f, 0177?
 */
bool uri_is_number(struct slice label);

/* Has path such a segment? A backslash parts segments too: once decoded, some
 * servers take it for a slash.
 */
bool uri_has_dots(struct slice path);

/* Are there, in decoded octets, dots, slashes, backslashes or NUL in more
 * octets than UTF-8 allows (RFC 3629, section 3)? To lax decoders "%c0%ae" is a
 * dot.
 */
bool uri_has_overlong(struct slice text);

#endif
