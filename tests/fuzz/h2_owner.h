/* tests/fuzz/h2_owner.h - an owner of HTTP/2 streams that checks what it is
 * told. The input is a list of frames: type, flags, stream, length (two
 * octets), load; the codec sees them with proper heads, one in each read.
 *
 * Types behind those of RFC 9113 are orders to the owner:
 *   11 flood  octets n, step, len: the next len + 1 frames (4 at most) come
 *             8 * n times in one read, each time with streams step further on
 *   12 drain  it wants no more requests
 *   13 slim   it has nothing to do for a while
 */
#ifndef FUZZ_H2_OWNER_H
#define FUZZ_H2_OWNER_H

#include <stdlib.h>

#include "base/base.h"
#include "base/bytes.h"
#include "http/codec.h"

#define OWNER_ENDS 256
#define OWNER_BODY 65536
#define OWNER_READ (1u << 17) /* octets of one read */
#define OWNER_WIRE 4096	      /* the same of one write: it takes several */
#define OWNER_LONG 9000	      /* octets of a long answer */

enum owner_order {
	OWNER_FRAME = 10, /* types up to here: this is an unknown one */
	OWNER_FLOOD,
	OWNER_DRAIN,
	OWNER_SLIM,

	OWNER_ORDERS,
};

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

static inline struct http_head *owner_head(struct end *e, uint16_t status)
{
	struct http_head *head = http_head_new(&e->arena);

	assert(head);
	head->status = status;
	head->framing = HTTP_STREAM;
	if (!status &&
	    http_head_add(&e->arena, head, SLICE("sum"), SLICE("1")) < 0)
		abort();
	return head;
}

/* Long ones and short, some behind an interim head, with trailers, or cut. */
static inline void owner_answer(struct owner *o, struct end *e)
{
	static const char text[OWNER_LONG] = "answer";

	if (o->turn % 4 == 0)
		e->out.interim = owner_head(e, 103);
	if (o->turn % 8 == 1)
		e->out.trailers = owner_head(e, 0);
	e->out.head = owner_head(e, 200);
	(void)buf_append(&e->out.body, text, o->turn % 2 ? sizeof(text) : 6);
	e->out.cut = o->turn % 11 == 0;
	e->out.end = !e->out.cut && o->turn % 5;
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
	if (!e->out.head && o->turn % 3)
		owner_answer(o, e);
	else if (e->out.head && !e->out.cut && o->turn % 3 == 1)
		e->out.end = true;
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

/* One read. Returns < 0 when it's over. */
static inline int owner_read(struct owner *o, struct buf *in)
{
	int err = http_codec_read(o->codec, in);

	return owner_turn(o, err);
}

struct owner_frame {
	uint8_t type, flags;
	uint32_t stream;
	struct slice load;
};

static inline void owner_take(struct bytes *b, uint8_t type,
			      struct owner_frame *ret)
{
	size_t len;

	ret->type = type;
	ret->flags = bytes_u8(b);
	ret->stream = bytes_u8(b);
	len = bytes_u16(b);
	len = MIN(len, bytes_left(b));
	ret->load = slice_of(bytes_take(b, len), len);
}

/* Returns false when in has no room for it. */
static inline bool owner_put(struct buf *in, const struct owner_frame *f,
			     uint32_t further)
{
	uint32_t stream = f->stream + further;
	const uint8_t head[9] = {
		[1] = (uint8_t)(f->load.len >> 8),
		[2] = (uint8_t)f->load.len,
		[3] = f->type,
		[4] = f->flags,
		[7] = (uint8_t)(stream >> 8),
		[8] = (uint8_t)stream,
	};

	return buf_append(in, head, sizeof(head)) == 0 &&
	       buf_append_slice(in, f->load) == 0;
}

/* Frames in such number that a read is full of them. */
static inline int owner_flood(struct owner *o, struct bytes *b)
{
	uint32_t times = 8u * bytes_u8(b), step = bytes_u8(b);
	size_t len = bytes_u8(b) % 4 + 1;
	struct owner_frame frames[4];
	struct buf in;
	int err;

	for (size_t i = 0; i < len; i++)
		owner_take(b, bytes_u8(b) % OWNER_FLOOD, &frames[i]);
	buf_init(&in, OWNER_READ);
	for (uint32_t n = 0; n < times; n++)
		for (size_t i = 0; i < len; i++)
			if (!owner_put(&in, &frames[i], n * step))
				n = times;
	err = owner_read(o, &in);
	buf_done(&in);
	return err;
}

/* One frame or order of the input. Returns < 0 when it's over. */
static inline int owner_step(struct owner *o, struct bytes *b)
{
	uint8_t type = bytes_u8(b) % OWNER_ORDERS;
	struct owner_frame f;
	struct buf in;
	int err;

	switch (type) {
	case OWNER_FLOOD:
		return owner_flood(o, b);
	case OWNER_DRAIN:
		http_codec_drain(o->codec);
		return owner_turn(o, 0);
	case OWNER_SLIM:
		http_codec_slim(o->codec);
		return owner_turn(o, 0);
	}
	owner_take(b, type, &f);
	buf_init(&in, OWNER_READ);
	(void)owner_put(&in, &f, 0);
	err = owner_read(o, &in);
	buf_done(&in);
	return err;
}

static inline void owner_run(struct owner *o, struct bytes *b)
{
	while (bytes_left(b) && !owner_step(o, b))
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
	buf_init(&o->wire, OWNER_WIRE);
	if (h2_new(role, "https", &o->limits,
		   role == HTTP_SERVER ? owner_open : NULL, o, &o->codec))
		abort();
	return o;
}

#endif
