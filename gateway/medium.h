/* gateway/medium.h - text, JSON or HTML: which, and how to write in it.
 *
 * Pure. For the answers of our own (refusal.c, and the pages that the gateway
 * serves itself). Whatever a peer may have chosen goes through medium_text(),
 * so that it can't end the string, element or line that it stands in.
 */
#ifndef GATEWAY_MEDIUM_H
#define GATEWAY_MEDIUM_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

enum medium {
	MEDIUM_TEXT,
	MEDIUM_JSON, /* problem details, RFC 9457 */
	MEDIUM_HTML,

	MEDIA,
};

/* The content-type. Static storage. */
struct slice medium_type(enum medium m);

/* By Accept (RFC 9110, section 12.5.1) the medium named with the most weight,
 * the first of equals. Where it names none of ours but takes anything, programs
 * get JSON; command-line tools, and who gives no name, get text.
 */
enum medium medium_choose(struct slice accept, struct slice user_agent);

/* A body being written. The error sticks: ask once at the end. */
struct medium_out {
	struct buf *out; /* borrowed */
	enum medium medium;
	bool bad; /* out is full */
};

#define MEDIUM_TEXT_MAX 1024 /* octets of one text, before escaping */

/* Our own words, which are right for the medium as they are. */
void medium_lit(struct medium_out *w, const char *text);

/* Anybody's: made printable ASCII (other octets as \xHH), escaped for the
 * medium; whole, or cut at MEDIUM_TEXT_MAX with "..." behind it.
 */
void medium_whole(struct medium_out *w, struct slice s);
void medium_text(struct medium_out *w, struct slice s);

/* Is it printable ASCII? */
bool medium_printable(char c);

#endif
