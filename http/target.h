/* http/target.h - the request target (RFC 9112, section 3.2) and its path.
 *
 * Refused before any judging: bad %xx, %00, raw backslash, '#', control and
 * 8-bit octets, dot segments in any encoding depth, and what would be a dot, a
 * slash or NUL to a lax decoder of UTF-8. Everything else is forwarded as it
 * was sent.
 */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include "base/slice.h"
#include "http/authority.h"

enum target_form {
	TARGET_ORIGIN,	  /* /path?query */
	TARGET_ABSOLUTE,  /* http://host/path?query */
	TARGET_AUTHORITY, /* host:port, CONNECT */
	TARGET_ASTERISK,  /* *, OPTIONS */
};

struct target {
	enum target_form form;
	struct slice scheme;	 /* absolute: as sent */
	struct slice authority;	 /* absolute and authority form: as sent */
	struct slice path_query; /* what goes upstream; "/" where absolute form
				  * has no path, "*" for asterisk */
	struct slice path;	 /* without the query */
	struct slice query;	 /* without '?'; empty if none */
};

/* method decides which forms are possible. Returns 0 or ERR_SYNTAX with
 * *ret_why a static phrase; *ret is untouched then. The slices point into
 * text.
 */
int target_parse(struct slice method, struct slice text, struct target *ret,
		 const char **ret_why);

/* Does path stand the checks above? Returns NULL, or a static phrase that says
 * what is wrong.
 */
const char *target_check_path(struct slice path);

#endif
