/* http/h1_parse.h - the parser library behind a narrow door.
 *
 * For http/h1.c. One message at a time: a whole head, which h1_head_scan() has
 * passed, then the body as it comes, then trailers. Whatever the library sees
 * otherwise than the scan did is an error.
 */
#ifndef HTTP_H1_PARSE_H
#define HTTP_H1_PARSE_H

#include "http/h1_head.h"

struct h1_parse;

/* Returns 0 or -ENOMEM. */
int h1_parse_new(enum http_role role, struct h1_parse **ret);
void h1_parse_free(struct h1_parse **p);

/* Parse the head in text, which must live as long as ret does; field names are
 * made lower case in place. ret has room for scan->fields fields; they are
 * appended as they stand on the wire. A response answers a request of that
 * method. Returns 0, or ERR_SYNTAX.
 */
int h1_parse_head(struct h1_parse *p, const struct h1_head *scan, char *text,
		  struct slice method, struct http_head *ret);

enum h1_parsed {
	H1_PARSED_MORE,	    /* all was used, the message goes on */
	H1_PARSED_TRAILERS, /* the last chunk's size was read */
	H1_PARSED_OVER,	    /* the message has ended */
};

/* Parse octets of the body and append what they carry to body, which has room
 * for text.len. Returns enum h1_parsed with *ret_used, ERR_SYNTAX or -ENOMEM.
 */
int h1_parse_body(struct h1_parse *p, struct slice text, struct buf *body,
		  size_t *ret_used);

/* After H1_PARSED_TRAILERS: as h1_parse_head(); ends the message. */
int h1_parse_trailers(struct h1_parse *p, const struct h1_head *scan,
		      char *text, struct http_head *ret);

/* After an error, what it was; *ret_why is static text. */
enum http_fault h1_parse_fault(const struct h1_parse *p, const char **ret_why);

/* See h1_self_test() in http/codec.h. */
int h1_parse_self_test(void);

#endif
