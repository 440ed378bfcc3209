/* tests/fuzz/h2_owner.h - an owner of HTTP/2 streams that checks what it is
 * told. The input is a list of frames: type, flags, stream, length (two
 * octets), load; the codec sees them with proper heads.
 */
#ifndef FUZZ_H2_OWNER_H
#define FUZZ_H2_OWNER_H

#include <stdlib.h>

#include "base/base.h"
#include "base/bytes.h"
#include "http/codec.h"

#define OWNER_ENDS 256
#define OWNER_BODY 65536

struct end {
	struct http_stream s;
	struct http_flow in, out;
	struct arena arena;
	bool over;
};

struct owner {
	struct http_codec *codec;
	struct http_limits limits;
	struct end ends[OWNER_ENDS];
	size_t ends_len;
	struct buf wire;
	size_t turn;
};

static inline struct end *owner_end(struct owner *o)
{
	struct end *e = &o->ends[o->ends_len++];

	arena_init(&e->arena, 1u << 18);
	buf_init(&e->in.body, OWNER_BODY);
	buf_init(&e->out.body, OWNER_BODY);
	e->s.in = &e->in;
	e->s.out = &e->out;
	e->s.arena = &e->arena;
	e->s.owner = e;
	return e;
}

static inline struct http_stream *owner_open(void *ctx)
{
	struct owner *o = ctx;

	return o->ends_len < OWNER_ENDS ? &owner_end(o)->s : NULL;
}

static inline void owner_check_head(const struct http_head *head)
{
	for (; head; head = head->next)
		for (uint32_t i = 0; i < head->fields_len; i++) {
			struct slice name = head->fields[i].name;
			struct slice value = head->fields[i].value;

			assert(name.len && name.ptr[0] != ':');
			assert(!memchr(value.ptr, '\r', value.len));
			assert(!memchr(value.ptr, '\n', value.len));
			assert(!memchr(value.ptr, '\0', value.len));
			assert(!slice_eq(name, SLICE("content-length")));
			assert(!slice_eq(name, SLICE("transfer-encoding")));
			assert(!slice_eq(name, SLICE("connection")));
		}
}

/* The owner's part: odd ones are answered, every seventh is given up, bodies
 * are read now and then.
 */
static inline void owner_act(struct owner *o, struct end *e, unsigned int news)
{
	assert(!e->over);
	assert(!(e->in.end && e->in.cut));
	assert(buf_len(&e->in.body) <= OWNER_BODY);
	owner_check_head(e->in.head);
	owner_check_head(e->in.interim);
	owner_check_head(e->in.trailers);
	e->over = news & HTTP_NEWS_CLOSED;
	assert(e->over != e->s.attached);
	assert(!(news & HTTP_NEWS_FAULT) || e->s.fault != HTTP_OK);
	if (e->over)
		return;
	if (++o->turn % 7 == 0) {
		http_codec_reset(o->codec, &e->s, HTTP_FAULT_CANCEL);
		e->over = true;
		arena_done(&e->arena);
		buf_done(&e->out.body);
		return;
	}
	if (o->turn % 2)
		buf_consume(&e->in.body, buf_len(&e->in.body));
	if (!e->out.head && o->turn % 3) {
		e->out.head = http_head_new(&e->arena);
		assert(e->out.head);
		e->out.head->status = 200;
		e->out.head->framing = HTTP_STREAM;
		(void)buf_append(&e->out.body, "answer", 6);
		e->out.end = o->turn % 5;
	}
	http_codec_resume(o->codec, &e->s);
}

static inline int owner_turn(struct owner *o, int err)
{
	struct http_stream *s;
	unsigned int news;
	int err2 = http_codec_write(o->codec, &o->wire);

	while ((s = http_codec_next(o->codec, &news)))
		owner_act(o, s->owner, news);
	buf_consume(&o->wire, buf_len(&o->wire));
	return err ? err : err2;
}

/* One frame of the input to the codec. Returns < 0 when it's over. */
static inline int owner_frame(struct owner *o, struct bytes *b)
{
	uint8_t head[9] = { 0 };
	struct buf in;
	size_t len;
	int err;

	head[3] = bytes_u8(b) % 11;
	head[4] = bytes_u8(b);
	head[8] = bytes_u8(b);
	len = bytes_u16(b);
	len = MIN(len, bytes_left(b));
	head[1] = (uint8_t)(len >> 8);
	head[2] = (uint8_t)len;
	buf_init(&in, 1u << 17);
	(void)buf_append(&in, head, sizeof(head));
	(void)buf_append(&in, bytes_take(b, len), len);
	err = http_codec_read(o->codec, &in);
	buf_done(&in);
	return owner_turn(o, err);
}

static inline void owner_run(struct owner *o, struct bytes *b)
{
	while (bytes_left(b) && !owner_frame(o, b))
		;
	http_codec_read_end(o->codec);
	(void)owner_turn(o, 0);
	assert(http_codec_idle(o->codec));
	for (size_t i = 0; i < o->ends_len; i++) {
		assert(o->ends[i].over);
		buf_done(&o->ends[i].in.body);
		buf_done(&o->ends[i].out.body);
		arena_done(&o->ends[i].arena);
	}
	buf_done(&o->wire);
	http_codec_free(&o->codec);
	free(o);
}

static inline struct owner *owner_new(enum http_role role)
{
	struct owner *o = calloc(1, sizeof(*o));

	assert(o);
	o->limits =
		role == HTTP_SERVER ? http_limits_server : http_limits_client;
	o->limits.body_bytes = OWNER_BODY;
	buf_init(&o->wire, OWNER_BODY);
	if (h2_new(role, "https", &o->limits,
		   role == HTTP_SERVER ? owner_open : NULL, o, &o->codec))
		abort();
	return o;
}

#endif
