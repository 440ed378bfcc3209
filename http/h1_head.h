/* http/h1_head.h - the check of a raw HTTP/1 head, before any parser sees it.
 *
 * For http/h1*.c. Looks at octets only, keeps no copy, allocates nothing. What
 * passes has one reading: lines end in CRLF and nowhere else, nothing is
 * folded, and the body's framing is stated at most once, plainly. Because it is
 * so strict, the parser behind it can't be led astray, and what it recorded
 * here must agree with what the parser saw.
 */
#ifndef HTTP_H1_HEAD_H
#define HTTP_H1_HEAD_H

#include "http/codec.h"

enum h1_head_kind {
	H1_REQUEST,
	H1_RESPONSE,
	H1_TRAILER, /* no start line; names are judged by h1_message.c */
};

struct h1_head {
	enum h1_head_kind kind;
	const struct http_limits *limits; /* borrowed */
	size_t line;	   /* where the line begins that is not whole yet */
	size_t seen;	   /* octets already searched for its end */
	uint32_t fields;   /* field lines that were whole */
	bool started;	   /* the start line was whole */
	bool v1_1;	   /* else HTTP/1.0 */
	uint16_t status;   /* response */
	size_t method_len; /* request; the method is the head's beginning */
	size_t target_len; /* request; one space behind the method */
	uint32_t hosts;	   /* Host fields */
	bool has_length;
	bool chunked;
	uint64_t length;       /* Content-Length */
	enum http_fault fault; /* why it failed */
	const char *why;       /* static */
};

void h1_head_init(struct h1_head *h, enum h1_head_kind kind,
		  const struct http_limits *limits);

/* text begins where the head begins, and may grow between calls; what was seen
 * is not looked at again. Returns 1 and the head's length, its empty line
 * included; 0 if there must come more; or ERR_SYNTAX with fault and why set.
 */
int h1_head_scan(struct h1_head *h, struct slice text, size_t *ret_len);

/* Is s made of token characters (RFC 9110, section 5.6.2), at least one? */
bool h1_is_token(struct slice s);

#endif
