/* http/h2_head.h - a list of HTTP/2 fields becomes a head (RFC 9113, 8.2, 8.3).
 *
 * For h2.c only. nghttp2 has already refused what is malformed in itself:
 * octets outside of names and values, upper case, connection-specific fields,
 * pseudo-fields that are unknown, double, late or missing, content-length that
 * is double or no number. Here the bounds are kept, the fields are weighed
 * against each other, and those that a head does not hold are taken out.
 */
#ifndef HTTP_H2_HEAD_H
#define HTTP_H2_HEAD_H

#include "http/codec.h"

enum h2_head_kind {
	H2_HEAD_REQUEST,
	H2_HEAD_RESPONSE,
	H2_HEAD_TRAILERS,
};

struct h2_field {
	struct slice name;
	struct slice value;
	bool name_static; /* lives for ever: need not be copied */
	bool value_static;
	bool sensitive;
};

/* A head being read. The first fault sticks; what follows it is counted no
 * further, stored nowhere.
 */
struct h2_head {
	const struct http_limits *limits; /* borrowed */
	struct arena *arena;		  /* borrowed; holds the head */
	struct http_head *head;		  /* NULL after a fault */
	struct slice scheme;		  /* that a request must have */
	struct slice host;		  /* request: value of the field */
	enum h2_head_kind kind;
	uint32_t bytes;	       /* of all fields, RFC 9113, 6.5.2 */
	uint32_t fields;       /* all of them */
	uint32_t cookies;      /* crumbs among them */
	uint32_t cookie_bytes; /* theirs, with what joins them */
	enum http_fault fault;
	struct slice detail; /* of the fault; static text */
};

void h2_head_begin(struct h2_head *h, enum h2_head_kind kind,
		   struct arena *arena, const struct http_limits *limits,
		   struct slice scheme);

void h2_head_field(struct h2_head *h, const struct h2_field *f);

/* All fields were seen. over: nothing follows this head; bodyless: it answers
 * HEAD. Returns the head, or NULL with h->fault and h->detail.
 */
struct http_head *h2_head_end(struct h2_head *h, bool over, bool bodyless);

#define H2_EXTRA_MAX 5 /* pseudo-fields and content-length */

/* What stands on the wire beside the fields of a head. */
struct h2_extra {
	struct http_field fields[H2_EXTRA_MAX];
	size_t pseudo; /* of them stand before the head's own */
	size_t len;    /* the rest behind */
	char status[3];
	char length[20];
};

/* The other way: what a head (not trailers) adds to its fields on the wire. */
void h2_head_extra(const struct http_head *head, struct slice scheme,
		   struct h2_extra *ret);

#endif
