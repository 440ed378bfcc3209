/* http/h1_impl.h - what h1.c and h1_read.c share of an HTTP/1 codec. */
#ifndef HTTP_H1_IMPL_H
#define HTTP_H1_IMPL_H

#include "http/codec_impl.h"
#include "http/h1_head.h"
#include "http/h1_parse.h"
#include "http/h1_write.h"

enum h1_state {
	H1_HEAD,     /* a head is expected; server: no stream yet */
	H1_BODY,     /* its body */
	H1_TRAILERS, /* what stands behind the last chunk */
	H1_REST,     /* the message was read; its stream goes on */
	H1_RAW,	     /* after a 101: octets of another protocol */
	H1_TUNNEL,   /* what comes is not HTTP; left in the buffer */
	H1_STOP,     /* nothing more is read; thrown away */
};

struct h1 {
	struct http_codec codec; /* first: the codec is one of these */
	enum h1_state state;
	struct http_stream *stream; /* borrowed; the one in work, or NULL */
	struct h1_parse *parse;	    /* owned */
	struct h1_head scan;
	struct h1_writer writer;
	uint64_t framing_bytes; /* of the body in work, octets not passed on */
	uint32_t interims;	/* 1xx read before the final response */
	int dead;		/* why the connection can't go on, or 0 */
	bool keep;		/* it may carry another message */
	bool draining;		/* the owner wants no more of them */
	bool eof;		/* the peer sends nothing more */
	bool starved;		/* the last read took all it could use */
	bool blank_seen;	/* an empty line before a request */
};

static inline bool h1_is_server(const struct h1 *h1)
{
	return h1->codec.role == HTTP_SERVER;
}

/* h1.c */

/* s becomes the stream in work. */
void h1_attach(struct h1 *h1, struct http_stream *s);

/* Wait for the next head. */
void h1_expect_head(struct h1 *h1);

/* The stream in work can't go on; why is static. */
void h1_fault(struct h1 *h1, enum http_fault fault, const char *why);

/* The connection can't go on. */
void h1_die(struct h1 *h1, int err);

/* A 101 was written or read: from here on both directions carry octets of
 * another protocol.
 */
void h1_switch(struct h1 *h1);

/* If both directions of the stream in work are over, let go of it. */
void h1_settle(struct h1 *h1);

/* h1_read.c */

/* Take from in what can be taken. */
void h1_read_some(struct h1 *h1, struct buf *in);

/* The message in work was read to its end. */
void h1_read_done(struct h1 *h1);

#endif
