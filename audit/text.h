/* audit/text.h - make text fit for a record: escaped, masked, cut to fit.
 *
 * Private to audit/. What comes out is valid UTF-8 without control, separator
 * or direction-changing characters, so no peer's text can forge a line or
 * repaint a terminal. An octet that may not stand as it is becomes \xHH, and
 * so does the backslash: what a reader sees is unambiguous.
 */
#ifndef AUDIT_TEXT_H
#define AUDIT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum text_kind {
	TEXT_PLAIN, /* escaped only */
	TEXT_PATH,  /* userinfo and secret-looking ";key=value" masked */
	TEXT_QUERY, /* userinfo and secret-looking values masked */
};

#define TEXT_MASK "***"

/* Copy s into ret, at most max octets. Returns how many were written; *cut is
 * set when not all of it fitted and left alone otherwise. Neither an escape
 * nor a character is ever split.
 */
size_t text_copy(enum text_kind kind, struct slice s, char *ret, size_t max,
		 bool *cut);

/* Is s printable ASCII without a backslash? Then text_copy() leaves it as it
 * is, but for masks.
 */
bool text_is_plain(struct slice s);

/* Can there be anything to mask in s? Most paths say no at once. */
bool text_needs_mask(struct slice s);

/* Is s what text_copy() could have written? */
bool text_is_clean(struct slice s);

#endif
