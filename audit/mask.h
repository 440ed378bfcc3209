/* audit/mask.h - which octets of a text are a secret.
 *
 * Private to audit/, for text.c. Octets are looked at as a server may read
 * them: percent-decoded once. So "tok%65n=x" is a token, and a URL inside a
 * value ("next=https%3A%2F%2Fu:p%40host%2F%3Ftoken%3Dx") is split at its own
 * separators. docs/ledger.md says the same to people; keep them alike.
 */
#ifndef AUDIT_MASK_H
#define AUDIT_MASK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/uri.h"

/* Whatever mask_token() finds has so many octets in a row, if none of them is
 * percent-encoded, of which each is '-' or not below '0'.
 */
#define MASK_RUN 19

/* The octet at i of s as a server reads it. Returns how many octets of s it
 * takes: 3 when percent-encoded, else 1.
 */
static inline size_t mask_octet(struct slice s, size_t i, char *ret)
{
	int c = uri_escape(slice_skip(s, i));

	*ret = c < 0 ? s.ptr[i] : (char)c;
	return c < 0 ? 1 : 3;
}

/* Does key, which may have a '=' behind it, name a secret? */
bool mask_key(struct slice key);

/* s stands behind "//". Returns the octets of it before the last '@' of the
 * authority, 0 if there is no userinfo.
 */
size_t mask_userinfo(struct slice s);

/* Where from on a token of a known form begins in s; s.len: nowhere. It has
 * *ret_len octets; the first *ret_front of them say whose it is, and may be
 * shown.
 */
size_t mask_token(struct slice s, size_t from, size_t *ret_front,
		  size_t *ret_len);

#endif
