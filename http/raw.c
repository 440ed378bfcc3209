/* http/raw.c - octets that are no HTTP, in the form of one exchange.
 *
 * A tunnel is one request without fields whose body is all that the client
 * sends, and one answer whose body is all that the origin sends. So what
 * judges, records, dials, relays and times exchanges does the same for tunnels
 * and does not know it.
 *
 * The server opens its stream with the first read, before any octet has come:
 * in some protocols the server speaks first. The client's answer is there as
 * soon as the request is submitted: the connection stands. A direction that has
 * ended is closed (finished), the other one goes on.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/err.h"
#include "http/codec_impl.h"

/* in->body is filled no further, octets: the socket is not read then. */
#define RAW_FILL_MAX 65536

struct raw {
	struct http_codec codec;    /* first: the codec is one of these */
	struct slice authority;	    /* server: borrowed; where it goes */
	struct http_stream *stream; /* borrowed; NULL before and after */
	bool begun;		    /* the one exchange has begun */
	bool eof;		    /* the peer sends nothing more */
	int dead;		    /* why the connection can't go on, or 0 */
};

static struct raw *raw_of(struct http_codec *c)
{
	return CONTAINER_OF(c, struct raw, codec);
}

static const struct raw *raw_of_const(const struct http_codec *c)
{
	return (const struct raw *)(const void *)c;
}

static void raw_free(struct http_codec *c)
{
	free(raw_of(c));
}

/* If both directions are over, let go of the stream. */
static void raw_settle(struct raw *raw)
{
	struct http_stream *s = raw->stream;

	if (!s)
		return;
	if (raw->dead ? !s->in_over || !s->out_over
		      : !http_codec_tunnel_over(&raw->codec, s))
		return;
	raw->stream = NULL;
	s->attached = false;
	http_codec_tell(&raw->codec, s, HTTP_NEWS_CLOSED);
}

static void raw_attach(struct raw *raw, struct http_stream *s)
{
	s->news = 0;
	s->fault = HTTP_OK;
	s->attached = true;
	s->in_over = s->out_over = false;
	raw->stream = s;
	raw->begun = true;
}

/* A head for what is read: the request, or the answer that the origin is
 * there.
 */
static int raw_head(struct raw *raw, struct http_stream *s)
{
	struct http_head *head = http_head_new(s->arena);

	if (!head)
		return -ENOMEM;
	head->version = HTTP_RAW;
	head->framing = HTTP_CLOSE;
	head->scheme = raw->codec.scheme;
	head->authority = raw->authority;
	head->status = raw->codec.role == HTTP_CLIENT ? 200 : 0;
	s->in->head = head;
	http_codec_tell(&raw->codec, s, HTTP_NEWS_HEAD);
	return 0;
}

static void raw_open(struct raw *raw)
{
	struct http_stream *s = raw->codec.open(raw->codec.ctx);

	raw->begun = true;
	if (!s) {
		raw->dead = ERR_LIMIT;
		return;
	}
	raw_attach(raw, s);
	if (raw_head(raw, s) < 0)
		raw->dead = -ENOMEM;
}

static void raw_end_input(struct raw *raw)
{
	struct http_stream *s = raw->stream;

	if (!s || s->in_over)
		return;
	s->in->end = true;
	s->in_over = true;
	http_codec_tell(&raw->codec, s, HTTP_NEWS_BODY);
	raw_settle(raw);
}

static int raw_take(struct raw *raw, struct buf *in)
{
	struct http_flow *flow = raw->stream->in;
	size_t max = MIN((size_t)RAW_FILL_MAX, flow->body.max);
	size_t len = buf_len(&flow->body);
	size_t n = MIN(buf_len(in), max > len ? max - len : 0);

	if (!n)
		return 0;
	if (buf_append(&flow->body, buf_data(in), n) < 0)
		return -ENOMEM;
	buf_consume(in, n);
	flow->passed += n;
	http_codec_tell(&raw->codec, raw->stream, HTTP_NEWS_BODY);
	return 0;
}

static int raw_read(struct http_codec *c, struct buf *in)
{
	struct raw *raw = raw_of(c);

	if (!raw->begun && c->role == HTTP_SERVER)
		raw_open(raw);
	if (raw->dead)
		return raw->dead;
	if (raw->stream && !raw->stream->in_over)
		raw->dead = raw_take(raw, in);
	else if (buf_len(in) && !raw->begun)
		raw->dead = ERR_PROTO; /* before anybody asked */
	else
		buf_consume(in, buf_len(in));
	if (raw->eof && !buf_len(in))
		raw_end_input(raw);
	return raw->dead;
}

static void raw_read_end(struct http_codec *c)
{
	raw_of(c)->eof = true;
}

/* The answer's head: a tunnel that is refused has no way to say so. */
static bool raw_granted(struct raw *raw)
{
	struct http_flow *flow = raw->stream->out;

	flow->head_written = true;
	if (raw->codec.role == HTTP_CLIENT || flow->head->status == 200)
		return true;
	raw->dead = ERR_DENIED;
	return false;
}

static void raw_give(struct raw *raw, struct buf *out)
{
	struct http_stream *s = raw->stream;
	struct buf *body = &s->out->body;
	size_t n = MIN(buf_len(body), buf_room(out));
	size_t before = buf_len(body);
	bool crossed;

	if (n && buf_append(out, buf_data(body), n) < 0) {
		raw->dead = -ENOMEM;
		return;
	}
	buf_consume(body, n);
	/* Tell of the room once, at the crossing, and when it is empty. */
	crossed = before >= body->max / 4 && buf_len(body) < body->max / 4;
	if (n && (crossed || !buf_len(body)))
		http_codec_tell(&raw->codec, s, HTTP_NEWS_ROOM);
}

static int raw_write(struct http_codec *c, struct buf *out)
{
	struct raw *raw = raw_of(c);
	struct http_stream *s = raw->stream;

	if (raw->dead || !s || s->out_over || !s->out->head || s->out->held)
		return raw->dead;
	if (!s->out->head_written && !raw_granted(raw)) {
		s->in_over = s->out_over = s->out->done = true;
		raw_settle(raw);
		return raw->dead;
	}
	raw_give(raw, out);
	if (raw->dead || buf_len(&s->out->body))
		return raw->dead;
	if (s->out->cut) {
		raw->dead = ERR_CUT;
		c->cut = true;
	} else if (s->out->end) {
		s->out_over = true;
		s->out->done = true;
		c->finished = true;
		raw_settle(raw);
	}
	return raw->dead;
}

static bool raw_ready(const struct http_codec *c)
{
	const struct raw *raw = raw_of_const(c);

	return c->role == HTTP_CLIENT && !raw->begun && !raw->eof && !raw->dead;
}

static int raw_submit(struct http_codec *c, struct http_stream *s)
{
	struct raw *raw = raw_of(c);

	if (!raw_ready(c))
		return -EBUSY;
	raw_attach(raw, s);
	/* An HTTP/1 CONNECT had ended; its tunnel has just begun. One of HTTP/2
	 * is the tunnel itself, and may have ended with its first octets.
	 */
	if (s->out->head->version < HTTP_2)
		s->out->end = false;
	if (raw_head(raw, s) < 0) {
		raw->stream = NULL;
		s->attached = false;
		return -ENOMEM;
	}
	return 0;
}

static void raw_resume(struct http_codec *c, struct http_stream *s)
{
	struct raw *raw = raw_of(c);

	if (raw->stream == s)
		raw_settle(raw);
}

static void raw_reset(struct http_codec *c, struct http_stream *s,
		      enum http_fault why)
{
	struct raw *raw = raw_of(c);

	(void)why;
	if (raw->stream != s)
		return;
	http_codec_untell(c, s);
	c->cut = s->out->head_written && !s->out->done &&
		 !(s->out->end && !buf_len(&s->out->body));
	raw->stream = NULL;
	s->attached = false;
	raw->dead = ERR_CUT;
}

static void raw_drain(struct http_codec *c)
{
	(void)c;
}

static bool raw_idle(const struct http_codec *c)
{
	return !raw_of_const(c)->stream;
}

static bool raw_over(const struct http_codec *c)
{
	const struct raw *raw = raw_of_const(c);

	return raw->dead || (raw->begun && !raw->stream);
}

static void raw_slim(struct http_codec *c)
{
	(void)c;
}

static const struct http_codec_ops raw_ops = {
	.free = raw_free,
	.read = raw_read,
	.read_end = raw_read_end,
	.write = raw_write,
	.ready = raw_ready,
	.submit = raw_submit,
	.resume = raw_resume,
	.reset = raw_reset,
	.drain = raw_drain,
	.idle = raw_idle,
	.over = raw_over,
	.slim = raw_slim,
};

int raw_new(enum http_role role, const char *scheme, struct slice authority,
	    http_open_fn *open, void *ctx, struct http_codec **ret)
{
	struct raw *raw = calloc(1, sizeof(*raw));

	assert((role == HTTP_SERVER) == (open != NULL));
	if (!raw)
		return -ENOMEM;
	raw->codec = (struct http_codec){
		.ops = &raw_ops,
		.role = role,
		.version = HTTP_RAW,
		.raw = true,
		.scheme = slice_str(scheme),
		.limits = role == HTTP_SERVER ? &http_limits_server
					      : &http_limits_client,
		.open = open,
		.ctx = ctx,
	};
	raw->authority = authority;
	*ret = &raw->codec;
	return 0;
}
