/* tests/fuzz/h1_fuzz.h - one HTTP/1 message read, written and compared. */
#ifndef TESTS_FUZZ_H1_FUZZ_H
#define TESTS_FUZZ_H1_FUZZ_H

#include <assert.h>
#include <stdlib.h>

#include "base/base.h"
#include "http/codec.h"

#define H1_FUZZ_MAX 32768 /* octets of an input */

struct h1_fuzz {
	struct http_codec *codec;
	struct http_stream stream;
	struct http_flow in, out;
	struct arena arena;
	struct buf inbuf, outbuf;
};

static struct http_stream *h1_fuzz_open(void *ctx)
{
	struct h1_fuzz *f = ctx;

	return &f->stream;
}

/* Within reach of small inputs. */
static const struct http_limits h1_fuzz_limits = {
	.head_bytes = 1024,
	.target_bytes = 256,
	.fields = 16,
	.streams = 1,
	.body_bytes = 65536,
};

/* A client has sent "GET /" when this returns. */
static inline void h1_fuzz_init(struct h1_fuzz *f, enum http_role role,
				const struct http_limits *limits)
{
	bool server = role == HTTP_SERVER;

	memset(f, 0, sizeof(*f));
	arena_init(&f->arena, 1 << 20);
	buf_init(&f->inbuf, 4 * H1_FUZZ_MAX);
	buf_init(&f->outbuf, 4 * H1_FUZZ_MAX);
	buf_init(&f->in.body, 65536);
	f->stream = (struct http_stream){ .in = &f->in,
					  .out = &f->out,
					  .arena = &f->arena };
	if (h1_new(role, "http", limits, server ? h1_fuzz_open : NULL, f,
		   &f->codec))
		abort();
	if (server)
		return;
	f->out.head = http_head_new(&f->arena);
	f->out.head->method = SLICE("GET");
	f->out.head->authority = SLICE("a");
	f->out.head->path = SLICE("/");
	f->out.end = true;
	if (http_codec_submit(f->codec, &f->stream) ||
	    http_codec_write(f->codec, &f->outbuf))
		abort();
}

static inline void h1_fuzz_done(struct h1_fuzz *f)
{
	http_codec_free(&f->codec);
	buf_done(&f->inbuf);
	buf_done(&f->outbuf);
	buf_done(&f->in.body);
	arena_done(&f->arena);
}

/* Feed data in pieces. Returns true if it was, or began with, a whole message.
 */
static inline bool h1_fuzz_read(struct h1_fuzz *f, const uint8_t *data,
				size_t len, size_t piece)
{
	for (size_t at = 0; at < len; at += piece) {
		if (buf_append(&f->inbuf, data + at, MIN(piece, len - at)))
			abort();
		(void)http_codec_read(f->codec, &f->inbuf);
		assert(f->in.passed == buf_len(&f->in.body));
	}
	http_codec_read_end(f->codec);
	assert(!f->in.end || (f->in.head && !f->stream.fault));
	assert(!f->in.end || !f->in.cut);
	return f->in.end;
}

/* An empty buffer has no memory to point to. */
static inline struct slice h1_fuzz_slice(const struct buf *b)
{
	return buf_len(b) ? buf_slice(b) : slice_of(NULL, 0);
}

static inline struct slice h1_fuzz_body(const struct http_flow *flow)
{
	return h1_fuzz_slice(&flow->body);
}

/* Write the request that was read. */
static inline void h1_fuzz_rewrite(const struct http_flow *in,
				   struct buf *ret_wire)
{
	struct h1_fuzz f;
	struct http_flow flow = *in;

	memset(&f, 0, sizeof(f));
	buf_init(&flow.body, 65536);
	if (buf_append_slice(&flow.body, h1_fuzz_body(in)))
		abort();
	f.stream = (struct http_stream){ .in = &f.in, .out = &flow };
	if (h1_new(HTTP_CLIENT, "http", &http_limits_client, NULL, NULL,
		   &f.codec) ||
	    http_codec_submit(f.codec, &f.stream) ||
	    http_codec_write(f.codec, ret_wire))
		abort();
	assert(flow.done);
	http_codec_free(&f.codec);
	buf_done(&flow.body);
}

static inline void h1_fuzz_same_fields(const struct http_head *a,
				       const struct http_head *b)
{
	assert(!a == !b);
	for (uint32_t i = 0; a && i < a->fields_len; i++) {
		assert(a->fields_len == b->fields_len);
		assert(slice_eq(a->fields[i].name, b->fields[i].name));
		/* Of TE only one word is kept, in lower case. */
		assert(slice_eq(a->fields[i].value, b->fields[i].value) ||
		       slice_eq(a->fields[i].name, SLICE("te")));
	}
}

/* Did both read the same? */
static inline void h1_fuzz_same(const struct h1_fuzz *a,
				const struct h1_fuzz *b)
{
	const struct http_head *x = a->in.head, *y = b->in.head;

	assert(slice_eq(x->method, y->method) && x->status == y->status);
	assert(slice_eq(x->authority, y->authority));
	assert(slice_eq(x->path, y->path));
	assert(x->framing == y->framing || x->framing == HTTP_NO_BODY);
	assert(x->content_length == y->content_length);
	assert(slice_eq(h1_fuzz_body(&a->in), h1_fuzz_body(&b->in)));
	h1_fuzz_same_fields(a->in.trailers, b->in.trailers);
	if (x->fields_len == y->fields_len) /* else cookies were joined */
		h1_fuzz_same_fields(x, y);
}

#endif
