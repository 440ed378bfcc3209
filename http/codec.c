/* http/codec.c - the calls of a codec, whichever version stands behind them.
 *
 * Streams with news wait in a list, first told first served. A stream is in it
 * at most once, however much is told of it.
 */

#include "http/codec_impl.h"

#include "base/base.h"

/* What the outside may make us hold. Each connection of a sandbox costs at
 * most streams * (body_bytes + head_bytes) for what it sends.
 */
const struct http_limits http_limits_server = {
	/* Cookies and tokens of 32 KiB are seen in the wild; nghttp2 alone
	 * would let 147 KiB of HPACK become 560 MiB of fields. */
	.head_bytes = 65536,
	/* Twice what common servers accept, so that it is they who refuse. */
	.target_bytes = 16384,
	/* Each field costs work in every list that is walked for it; browsers
	 * send about 30. */
	.fields = 256,
	/* The least that RFC 9113, 6.5.2 recommends; clients queue the rest. */
	.streams = 100,
	/* Covers 20 ms at 100 Mbit/s; the sandbox is nearer than that. */
	.body_bytes = 262144,
	/* Four full streams: one upload can't starve the others. */
	.conn_window = 1048576,
};

const struct http_limits http_limits_client = {
	/* As above; an origin's answers come from outside as well. */
	.head_bytes = 65536,
	/* Ours to send, checked when it was read. */
	.target_bytes = 16384,
	.fields = 256,
	/* Our own cap below what the peer allows: what one broken connection
	 * takes down with it. */
	.streams = 256,
	/* Origins are far: 80 ms at 100 Mbit/s. */
	.body_bytes = 1048576,
	/* Eight full streams; a busy connection carries many sandboxes' loads.
	 */
	.conn_window = 8388608,
};

void http_codec_tell(struct http_codec *c, struct http_stream *s,
		     unsigned int news)
{
	s->news |= news;
	if (s->ready)
		return;
	s->ready = true;
	s->ready_next = NULL;
	if (c->ready_tail)
		c->ready_tail->ready_next = s;
	else
		c->ready_head = s;
	c->ready_tail = s;
}

bool http_codec_tunnel_over(const struct http_codec *c,
			    const struct http_stream *s)
{
	return s->out_over &&
	       (c->role == HTTP_SERVER ? s->in->done : s->in_over);
}

void http_codec_untell(struct http_codec *c, struct http_stream *s)
{
	struct http_stream *before = NULL;
	struct http_stream *at = c->ready_head;

	if (!s->ready)
		return;
	while (at != s) {
		assert(at);
		before = at;
		at = at->ready_next;
	}
	if (before)
		before->ready_next = s->ready_next;
	else
		c->ready_head = s->ready_next;
	if (c->ready_tail == s)
		c->ready_tail = before;
	s->ready = false;
	s->ready_next = NULL;
	s->news = 0;
}

struct http_stream *http_codec_next(struct http_codec *codec,
				    unsigned int *ret_news)
{
	struct http_stream *s = codec->ready_head;

	if (!s)
		return NULL;
	codec->ready_head = s->ready_next;
	if (!codec->ready_head)
		codec->ready_tail = NULL;
	s->ready = false;
	s->ready_next = NULL;
	*ret_news = s->news;
	s->news = 0;
	return s;
}

void http_codec_free(struct http_codec **codec)
{
	if (*codec)
		(*codec)->ops->free(*codec);
	*codec = NULL;
}

int http_codec_read(struct http_codec *codec, struct buf *in)
{
	return codec->ops->read(codec, in);
}

void http_codec_read_end(struct http_codec *codec)
{
	codec->ops->read_end(codec);
}

int http_codec_write(struct http_codec *codec, struct buf *out)
{
	return codec->ops->write(codec, out);
}

bool http_codec_ready(const struct http_codec *codec)
{
	return codec->ops->ready(codec);
}

int http_codec_submit(struct http_codec *codec, struct http_stream *s)
{
	assert(codec->role == HTTP_CLIENT);
	return codec->ops->submit(codec, s);
}

void http_codec_resume(struct http_codec *codec, struct http_stream *s)
{
	codec->ops->resume(codec, s);
}

void http_codec_reset(struct http_codec *codec, struct http_stream *s,
		      enum http_fault why)
{
	codec->ops->reset(codec, s, why);
}

void http_codec_drain(struct http_codec *codec)
{
	codec->ops->drain(codec);
}

bool http_codec_idle(const struct http_codec *codec)
{
	return codec->ops->idle(codec);
}

bool http_codec_over(const struct http_codec *codec)
{
	return codec->ops->over(codec);
}

bool http_codec_raw(const struct http_codec *codec)
{
	return codec->raw;
}

bool http_codec_finished(const struct http_codec *codec)
{
	return codec->finished;
}

bool http_codec_cut(const struct http_codec *codec)
{
	return codec->cut;
}

void http_codec_slim(struct http_codec *codec)
{
	codec->ops->slim(codec);
}

enum http_version http_codec_version(const struct http_codec *codec)
{
	return codec->version;
}
