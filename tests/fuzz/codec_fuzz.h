/* tests/fuzz/codec_fuzz.h - a server codec fed with anything, in pieces.
 *
 * The first octet of the input says how long a piece is. Every request whose
 * end has come is answered; what the codec says must stay within its
 * contract: news only of streams it was given, none after CLOSED, bodies
 * within their bounds.
 */
#ifndef TESTS_FUZZ_CODEC_FUZZ_H
#define TESTS_FUZZ_CODEC_FUZZ_H

#include <assert.h>
#include <string.h>

#include "base/base.h"
#include "http/codec.h"

#define CODEC_FUZZ_STREAMS 8
#define CODEC_FUZZ_HEAD	   131072 /* octets an arena may hand out */

struct codec_fuzz_stream {
	struct http_stream stream;
	struct http_flow in, out;
	struct arena arena;
	bool used, answered;
};

struct codec_fuzz {
	struct http_codec *codec;
	struct buf in, out;
	struct codec_fuzz_stream streams[CODEC_FUZZ_STREAMS];
};

typedef int codec_fuzz_new(enum http_role role, const char *scheme,
			   const struct http_limits *limits, http_open_fn *open,
			   void *ctx, struct http_codec **ret);

static struct http_stream *codec_fuzz_open(void *ctx)
{
	struct codec_fuzz *f = ctx;

	for (size_t i = 0; i < ARRAY_SIZE(f->streams); i++) {
		struct codec_fuzz_stream *s = &f->streams[i];

		if (s->used)
			continue;
		memset(s, 0, sizeof(*s));
		arena_init(&s->arena, CODEC_FUZZ_HEAD);
		buf_init(&s->in.body, http_limits_server.body_bytes);
		buf_init(&s->out.body, 65536);
		s->stream.in = &s->in;
		s->stream.out = &s->out;
		s->stream.arena = &s->arena;
		s->used = true;
		return &s->stream;
	}
	return NULL;
}

static void codec_fuzz_close(struct codec_fuzz_stream *s)
{
	buf_done(&s->in.body);
	buf_done(&s->out.body);
	arena_done(&s->arena);
	s->used = false;
}

static void codec_fuzz_answer(struct codec_fuzz *f, struct codec_fuzz_stream *s)
{
	struct http_head *head = http_head_new(&s->arena);

	if (!head)
		return;
	head->status = 200;
	head->framing = HTTP_STREAM;
	s->out.head = head;
	(void)buf_append(&s->out.body, "answer", 6);
	s->out.end = true;
	s->answered = true;
	http_codec_resume(f->codec, &s->stream);
}

static void codec_fuzz_news(struct codec_fuzz *f)
{
	struct http_stream *stream;
	unsigned int news;

	while ((stream = http_codec_next(f->codec, &news))) {
		struct codec_fuzz_stream *s =
			CONTAINER_OF(stream, struct codec_fuzz_stream, stream);

		assert(s->used && news);
		assert(buf_len(&s->in.body) <= http_limits_server.body_bytes);
		if (news & HTTP_NEWS_CLOSED) {
			codec_fuzz_close(s);
			continue;
		}
		assert(!(news & HTTP_NEWS_HEAD) || s->in.head);
		buf_consume(&s->in.body, buf_len(&s->in.body));
		http_codec_resume(f->codec, stream);
		if (s->in.head && s->in.end && !s->answered)
			codec_fuzz_answer(f, s);
	}
}

/* Returns false when the connection is over. */
static bool codec_fuzz_turn(struct codec_fuzz *f)
{
	int err = http_codec_read(f->codec, &f->in);

	codec_fuzz_news(f);
	err = err < 0 ? err : http_codec_write(f->codec, &f->out);
	codec_fuzz_news(f);
	buf_consume(&f->out, buf_len(&f->out));
	return err >= 0 && !http_codec_over(f->codec);
}

static int codec_fuzz_run(codec_fuzz_new *make, const uint8_t *data, size_t len)
{
	static struct codec_fuzz f;
	size_t piece = len ? data[0] + 1u : 1;

	memset(&f, 0, sizeof(f));
	buf_init(&f.in, 1 << 17);
	buf_init(&f.out, 1 << 20);
	if (make(HTTP_SERVER, "https", &http_limits_server, codec_fuzz_open, &f,
		 &f.codec) < 0)
		return 0;
	for (size_t at = 1; at < len; at += piece) {
		if (buf_append(&f.in, data + at, MIN(piece, len - at)) < 0 ||
		    !codec_fuzz_turn(&f))
			break;
	}
	http_codec_read_end(f.codec);
	codec_fuzz_news(&f);
	http_codec_free(&f.codec);
	for (size_t i = 0; i < ARRAY_SIZE(f.streams); i++) {
		if (f.streams[i].used)
			codec_fuzz_close(&f.streams[i]);
	}
	buf_done(&f.in);
	buf_done(&f.out);
	return 0;
}

#endif
