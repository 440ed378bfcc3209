/* http/h1_message.h - what the fields of an HTTP/1 head mean.
 *
 * For http/h1*.c. Takes a head whose fields are those of the wire (names in
 * lower case, values trimmed), already checked by h1_head.c, and leaves what
 * http.h promises: hop-by-hop fields gone, authority, path and framing set.
 */
#ifndef HTTP_H1_MESSAGE_H
#define HTTP_H1_MESSAGE_H

#include "http/h1_head.h"

/* Has the answer with that status to that method no body, whatever its fields
 * say (RFC 9112, section 6.3)?
 */
bool h1_is_bodiless(struct slice method, unsigned int status);

/* method and scheme of head are set; target as it stood on the wire. Returns
 * 0, with *ret_keep if the client lets the connection go on afterwards, or
 * ERR_SYNTAX with *ret_why, a static phrase.
 */
int h1_message_request(struct http_head *head, const struct h1_head *scan,
		       struct slice target, bool *ret_keep,
		       const char **ret_why);

/* An answer, final or interim, to a request of that method. */
int h1_message_response(struct http_head *head, const struct h1_head *scan,
			struct slice method, bool *ret_keep,
			const char **ret_why);

/* Fields that would change the message they come behind are refused. */
int h1_message_trailers(const struct http_head *trailers, const char **ret_why);

#endif
