/* http/h1.c - HTTP/1.0 and HTTP/1.1 (RFC 9112) as a codec.
 *
 * One stream at a time. Reading and writing go on independently until both are
 * over; then the stream is CLOSED, and only then is the next request looked
 * at: pipelined ones wait in the owner's buffer.
 *
 *             ┌────────────────────────────────────────────┐
 *             ▼                                            │
 *   HEAD ─▶ [BODY ─▶ [TRAILERS]] ─▶ REST ── CLOSED ──▶ keep?
 *                                                          │
 *   any of them ── fault, end of input ──▶ STOP ◀──────────┘
 *   REST ── a CONNECT was answered 2xx ──▶ TUNNEL
 *   REST (server), HEAD (client) ── 101 ──▶ RAW ── both ends ──▶ STOP
 *
 * A fault ends the reading for good. A server may still answer it if nothing of
 * a response was written; what else arrives is thrown away meanwhile, so that
 * the answer is not lost to a reset. All other faults end the connection.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/err.h"
#include "http/h1_impl.h"

static struct h1 *h1_of(struct http_codec *c)
{
	return CONTAINER_OF(c, struct h1, codec);
}

static const struct h1 *h1_of_const(const struct http_codec *c)
{
	return (const struct h1 *)(const void *)c;
}

void h1_expect_head(struct h1 *h1)
{
	h1->state = H1_HEAD;
	h1->interims = 0;
	h1->blank_seen = false;
	h1_head_init(&h1->scan, h1_is_server(h1) ? H1_REQUEST : H1_RESPONSE,
		     h1->codec.limits);
}

void h1_attach(struct h1 *h1, struct http_stream *s)
{
	s->news = 0;
	s->fault = HTTP_OK;
	s->attached = true;
	s->in_over = s->out_over = false;
	h1->stream = s;
	h1->keep = true;
	h1->writer =
		(struct h1_writer){ .flow = s->out, .role = h1->codec.role };
}

/* If both directions of the stream are over, let go of it. One that ends too
 * early takes the other with it: an answer that is complete before its request
 * leaves octets nobody waits for on the connection. Not so in a tunnel.
 */
void h1_settle(struct h1 *h1)
{
	struct http_stream *s = h1->stream;

	if (!s)
		return;
	if (h1->state == H1_RAW) {
		h1->codec.finished = s->out_over;
		if (!http_codec_tunnel_over(&h1->codec, s))
			return;
		s->in_over = true;
	} else if (h1_is_server(h1) && s->out_over && !s->in_over) {
		s->in_over = s->in->cut = true;
		h1->keep = false;
	} else if (!h1_is_server(h1) && s->in_over && !s->out_over) {
		s->out_over = true;
		h1->keep = false;
	}
	if (!s->in_over || !s->out_over)
		return;

	h1->stream = NULL;
	s->attached = false;
	http_codec_tell(&h1->codec, s, HTTP_NEWS_CLOSED);
	if (h1->writer.tunnel)
		h1->state = H1_TUNNEL;
	else if (!h1->keep || h1->draining || h1->eof)
		h1->state = H1_STOP;
	else
		h1_expect_head(h1);
}

void h1_die(struct h1 *h1, int err)
{
	h1->dead = err;
	h1->state = H1_STOP;
	h1->keep = false;
}

void h1_switch(struct h1 *h1)
{
	struct http_stream *s = h1->stream;

	h1->state = H1_RAW;
	h1->keep = false;
	h1->codec.raw = true;
	h1->writer.switched = true;
	h1->writer.framing = HTTP_CLOSE;
	s->in_over = s->out_over = false;
	/* A request without a body had ended; a tunnel's has just begun. */
	if (!h1_is_server(h1))
		s->out->end = s->out->done = false;
}

/* Faults that a server may answer. */
static bool h1_answerable(enum http_fault fault)
{
	return fault != HTTP_FAULT_CUT && fault != HTTP_FAULT_FLOOD;
}

/* The stream in work can't go on. */
void h1_fault(struct h1 *h1, enum http_fault fault, const char *why)
{
	struct http_stream *s = h1->stream;

	s->fault = fault;
	s->fault_detail = slice_str(why);
	s->in_over = true;
	if (!s->in->end)
		s->in->cut = true;
	h1->state = H1_STOP;
	h1->keep = false;
	http_codec_tell(&h1->codec, s, HTTP_NEWS_FAULT);
	if (h1_is_server(h1) && h1_answerable(fault) && !s->out->head_written)
		return;
	s->out_over = true;
	h1_die(h1, fault == HTTP_FAULT_CUT ? ERR_CUT : ERR_PROTO);
	h1_settle(h1);
}

/* The peer sends nothing more, and what it sent was looked at. */
static void h1_end_input(struct h1 *h1)
{
	struct http_stream *s = h1->stream;

	if (!s || s->in_over) {
		h1->keep = false;
		if (!s && h1->state != H1_TUNNEL)
			h1->state = H1_STOP;
	} else if (h1->state == H1_RAW ||
		   (h1->state == H1_BODY &&
		    s->in->head->framing == HTTP_CLOSE)) {
		h1_read_done(h1);
	} else if (!h1_is_server(h1) && !s->out->head_written) {
		h1_fault(h1, HTTP_FAULT_REFUSED,
			 "connection closed before the request was sent");
	} else {
		h1_fault(h1, HTTP_FAULT_CUT,
			 h1->state == H1_HEAD ? "connection closed before the "
						"response"
					      : "connection closed in the "
						"middle of a body");
	}
}

static int h1_read(struct http_codec *c, struct buf *in)
{
	struct h1 *h1 = h1_of(c);

	if (h1->dead)
		return h1->dead;
	h1_read_some(h1, in);
	if (h1->eof && h1->starved)
		h1_end_input(h1);
	return h1->dead;
}

static void h1_read_end(struct http_codec *c)
{
	struct h1 *h1 = h1_of(c);

	h1->eof = true;
	if (!h1->dead && h1->starved)
		h1_end_input(h1);
}

/* Will the connection go on after the response whose head is about to be
 * written? Not if it ends before its request: at once, or because the client
 * holds its body back until it is told to go on.
 */
static bool h1_may_keep(const struct h1 *h1)
{
	const struct http_stream *s = h1->stream;
	bool waits;

	if (!h1->keep || h1->draining)
		return false;
	if (!h1_is_server(h1) || s->in_over)
		return true;
	waits = s->in->head->expect_continue && !s->in->passed &&
		!h1->writer.continued;
	return !waits && !s->out->end;
}

/* What is being written ends here, before its end. */
static void h1_cut(struct h1 *h1)
{
	const struct http_flow *out = h1->stream->out;
	bool whole = out->done || (out->end && !buf_len(&out->body));

	if (out->head_written && !whole && h1->writer.framing == HTTP_CLOSE)
		h1->codec.cut = true;
}

/* Writing failed: what was written must not look whole. */
static void h1_write_failed(struct h1 *h1, int err)
{
	struct http_stream *s = h1->stream;

	h1_cut(h1);
	s->out_over = true;
	h1_fault(h1, err == ERR_CUT ? HTTP_FAULT_CUT : HTTP_FAULT_OURS,
		 err == ERR_CUT ? "the message was cut at its source"
				: "the message can't be written");
	h1_die(h1, err);
	h1_settle(h1);
}

static int h1_write(struct http_codec *c, struct buf *out)
{
	struct h1 *h1 = h1_of(c);
	struct http_stream *s = h1->stream;
	struct buf *body;
	size_t before;
	int r;

	if (h1->dead || !s || s->out_over)
		return h1->dead;
	if (!s->out->head_written)
		h1->writer.keep = h1_may_keep(h1);
	body = &s->out->body;
	before = buf_len(body);
	r = h1_writer_run(&h1->writer, out);
	if (buf_len(body) < before && buf_len(body) < body->max / 2)
		http_codec_tell(c, s, HTTP_NEWS_ROOM);
	if (s->out->head_written && !h1->writer.keep)
		h1->keep = false;
	if (r >= 0 && h1->writer.switched && h1->state != H1_RAW)
		h1_switch(h1);
	if (r < 0) {
		h1_write_failed(h1, r);
		return h1->dead;
	}
	if (r > 0) {
		s->out_over = true;
		h1_settle(h1);
	}
	return 0;
}

static bool h1_ready(const struct http_codec *c)
{
	const struct h1 *h1 = h1_of_const(c);

	return !h1_is_server(h1) && !h1->stream && h1->state == H1_HEAD &&
	       !h1->draining && !h1->eof && !h1->dead;
}

static int h1_submit(struct http_codec *c, struct http_stream *s)
{
	struct h1 *h1 = h1_of(c);

	assert(s->out->head && s->out->head->method.len);
	assert(!slice_eq(s->out->head->method, SLICE("CONNECT")));
	if (!h1_ready(c))
		return -EBUSY;
	h1_attach(h1, s);
	return 0;
}

/* What else there is to do is seen when the owner reads or writes. */
static void h1_resume(struct http_codec *c, struct http_stream *s)
{
	struct h1 *h1 = h1_of(c);

	if (h1->state == H1_RAW && h1->stream == s)
		h1_settle(h1);
}

static void h1_reset(struct http_codec *c, struct http_stream *s,
		     enum http_fault why)
{
	struct h1 *h1 = h1_of(c);

	(void)why;
	http_codec_untell(c, s);
	if (!s->attached)
		return;
	assert(s == h1->stream);
	h1_cut(h1);
	s->attached = false;
	h1->stream = NULL;
	h1->state = H1_STOP;
	h1->keep = false;
}

static void h1_drain(struct http_codec *c)
{
	struct h1 *h1 = h1_of(c);

	h1->draining = true;
	if (!h1->stream && h1->state == H1_HEAD)
		h1->state = H1_STOP;
}

static bool h1_idle(const struct http_codec *c)
{
	return !h1_of_const(c)->stream;
}

static bool h1_over(const struct http_codec *c)
{
	const struct h1 *h1 = h1_of_const(c);

	return h1->dead || (h1->state == H1_STOP && !h1->stream);
}

/* Between messages a codec holds nothing but itself. */
static void h1_slim(struct http_codec *c)
{
	(void)c;
}

static void h1_free(struct http_codec *c)
{
	struct h1 *h1 = h1_of(c);

	h1_parse_free(&h1->parse);
	free(h1);
}

static const struct http_codec_ops h1_ops = {
	.free = h1_free,
	.read = h1_read,
	.read_end = h1_read_end,
	.write = h1_write,
	.ready = h1_ready,
	.submit = h1_submit,
	.resume = h1_resume,
	.reset = h1_reset,
	.drain = h1_drain,
	.idle = h1_idle,
	.over = h1_over,
	.slim = h1_slim,
};

int h1_new(enum http_role role, const char *scheme,
	   const struct http_limits *limits, http_open_fn *open, void *ctx,
	   struct http_codec **ret)
{
	struct h1 *h1 = calloc(1, sizeof(*h1));

	assert((role == HTTP_SERVER) == (open != NULL));
	if (!h1)
		return -ENOMEM;
	h1->codec = (struct http_codec){
		.ops = &h1_ops,
		.role = role,
		.version = HTTP_1_1,
		.scheme = slice_str(scheme),
		.limits = limits,
		.open = open,
		.ctx = ctx,
	};
	if (h1_parse_new(role, &h1->parse)) {
		free(h1);
		return -ENOMEM;
	}
	h1->starved = true;
	h1_expect_head(h1);
	*ret = &h1->codec;
	return 0;
}

int h1_self_test(void)
{
	return h1_parse_self_test();
}
