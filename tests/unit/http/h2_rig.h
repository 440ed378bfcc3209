/* tests/unit/http/h2_rig.h - ends of exchanges, frames by hand, and two codecs
 * back to back. Included by the tests of http/h2.c.
 */
#ifndef TESTS_H2_RIG_H
#define TESTS_H2_RIG_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"
#include "http/codec.h"

#define RIG_ENDS 8192
#define RIG_WIRE (1u << 22) /* octets of a wire, unless a test says less */

/* One end of one exchange, as its owner would have it. */
struct end {
	struct http_stream s;
	struct http_flow in, out;
	struct arena arena;
	unsigned int news; /* all that was told */
	unsigned int interims;
	bool used;
};

/* A codec and its wires. */
struct side {
	struct http_codec *codec;
	struct buf out; /* what it wrote */
	struct end *ends;
	unsigned int ends_len;
	size_t arena_max;    /* octets for heads */
	unsigned int refuse; /* open() says no to that many */
	bool hold;	     /* news stay unfetched */
	bool hold_body;	     /* bodies stay unread */
	struct http_limits limits;
	int err;
};

static inline struct end *side_end(struct side *side)
{
	struct end *e = &side->ends[side->ends_len++];

	assert_true(side->ends_len <= RIG_ENDS);
	memset(e, 0, sizeof(*e));
	e->used = true;
	arena_init(&e->arena, side->arena_max);
	buf_init(&e->in.body, side->limits.body_bytes);
	buf_init(&e->out.body, side->limits.body_bytes);
	e->s.in = &e->in;
	e->s.out = &e->out;
	e->s.arena = &e->arena;
	e->s.owner = e;
	return e;
}

static inline struct http_stream *side_open(void *ctx)
{
	struct side *side = ctx;

	if (side->refuse) {
		side->refuse--;
		return NULL;
	}
	return &side_end(side)->s;
}

static inline void side_init(struct side *side, enum http_role role)
{
	memset(side, 0, sizeof(*side));
	side->limits =
		role == HTTP_SERVER ? http_limits_server : http_limits_client;
	side->limits.body_bytes = 65536;
	side->arena_max = 1u << 18;
	side->ends = calloc(RIG_ENDS, sizeof(*side->ends));
	assert_non_null(side->ends);
	buf_init(&side->out, RIG_WIRE);
}

static inline void side_start(struct side *side, enum http_role role)
{
	assert_int_equal(h2_new(role, "https", &side->limits,
				role == HTTP_SERVER ? side_open : NULL, side,
				&side->codec),
			 0);
}

static inline void side_done(struct side *side)
{
	http_codec_free(&side->codec);
	for (unsigned int i = 0; i < side->ends_len; i++) {
		buf_done(&side->ends[i].in.body);
		buf_done(&side->ends[i].out.body);
		arena_done(&side->ends[i].arena);
	}
	free(side->ends);
	buf_done(&side->out);
}

/* Fetch all news. */
static inline bool side_news(struct side *side)
{
	struct http_stream *s;
	unsigned int news;
	bool any = false;

	while (!side->hold && (s = http_codec_next(side->codec, &news))) {
		struct end *e = s->owner;

		any = true;
		assert_false(e->news & HTTP_NEWS_CLOSED);
		e->news |= news;
	}
	return any;
}

/*
 * Frames by hand
 */

static inline void put_frame(struct buf *b, uint8_t type, uint8_t flags,
			     uint32_t id, const void *load, size_t len)
{
	const uint8_t head[9] = {
		(uint8_t)(len >> 16),
		(uint8_t)(len >> 8),
		(uint8_t)len,
		type,
		flags,
		(uint8_t)(id >> 24),
		(uint8_t)(id >> 16),
		(uint8_t)(id >> 8),
		(uint8_t)id,
	};

	assert_int_equal(buf_append(b, head, sizeof(head)), 0);
	assert_int_equal(buf_append(b, load, len), 0);
}

static inline void put_u32(struct buf *b, uint8_t type, uint32_t id,
			   uint32_t value)
{
	const uint8_t load[4] = { (uint8_t)(value >> 24),
				  (uint8_t)(value >> 16), (uint8_t)(value >> 8),
				  (uint8_t)value };

	put_frame(b, type, 0, id, load, sizeof(load));
}

static inline void put_preface(struct buf *b)
{
	assert_int_equal(
		buf_append_slice(b, SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
		0);
	put_frame(b, 4, 0, 0, "", 0);
}

/* HPACK: a string without Huffman coding. */
static inline void put_text(struct buf *b, struct slice text)
{
	uint8_t octet = (uint8_t)MIN(text.len, (size_t)127);
	size_t left = text.len - octet;

	assert_int_equal(buf_append(b, &octet, 1), 0);
	if (octet == 127) {
		for (; left >= 128; left >>= 7) {
			octet = (uint8_t)(left | 128);
			assert_int_equal(buf_append(b, &octet, 1), 0);
		}
		octet = (uint8_t)left;
		assert_int_equal(buf_append(b, &octet, 1), 0);
	}
	assert_int_equal(buf_append_slice(b, text), 0);
}

/* HPACK: a literal field that is not indexed. */
static inline void put_field(struct buf *b, struct slice name,
			     struct slice value)
{
	assert_int_equal(buf_append(b, "", 1), 0);
	put_text(b, name);
	put_text(b, value);
}

/* Without the \\xHH escapes of a test vector. */
static inline struct slice unescape(struct slice from, char *to, size_t size)
{
	size_t len = 0;

	while (from.len) {
		unsigned int c = (unsigned char)from.ptr[0];
		size_t n = 1;

		if (slice_starts(from, SLICE("\\x"))) {
			assert_int_equal(sscanf(from.ptr + 2, "%2x", &c), 1);
			n = 4;
		}
		assert_true(len < size);
		to[len++] = (char)c;
		from = slice_skip(from, n);
	}
	return slice_of(to, len);
}

/* "name=>value | name=>value" as a block of fields. What stands behind !BODY is
 * returned.
 */
static inline struct slice put_fields(struct buf *b, struct slice line)
{
	struct slice body = { NULL, 0 };

	while (line.len) {
		const char *bar = memmem(line.ptr, line.len, " | ", 3);
		struct slice item = line, name;
		const char *arrow;
		char text[2][1024];

		if (bar)
			item.len = (size_t)(bar - line.ptr);
		line = slice_skip(line, bar ? item.len + 3 : line.len);
		if (slice_starts(item, SLICE("!BODY "))) {
			body = slice_skip(item, 6);
			continue;
		}
		arrow = memmem(item.ptr, item.len, "=>", 2);
		assert_non_null(arrow);
		name = slice_of(item.ptr, (size_t)(arrow - item.ptr));
		put_field(b, unescape(name, text[0], sizeof(text[0])),
			  unescape(slice_skip(item, name.len + 2), text[1],
				   sizeof(text[1])));
	}
	return body;
}

#define RIG_GET                                                                \
	":method=>GET | :scheme=>https | :authority=>a.example | :path=>/"
#define RIG_POST                                                               \
	":method=>POST | :scheme=>https | :authority=>a.example | :path=>/"

/* A request of one HEADERS frame. */
static inline void put_request(struct buf *b, uint32_t id, const char *fields,
			       bool over)
{
	struct buf block;

	buf_init(&block, 16384);
	(void)put_fields(&block, slice_str(fields));
	put_frame(b, 1, over ? 5 : 4, id, buf_data(&block), buf_len(&block));
	buf_done(&block);
}

/* What a codec wrote: how many frames of a type (on a stream, 0: any), and
 * what the last of them said where its error code stands.
 */
static inline unsigned int count_frames(const struct buf *b, uint8_t type,
					uint32_t id, uint32_t *ret_code)
{
	const uint8_t *p = buf_data(b);
	size_t left = buf_len(b);
	unsigned int n = 0;

	while (left >= 9) {
		size_t len = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
		uint32_t on = (uint32_t)p[5] << 24 | (uint32_t)p[6] << 16 |
			      (uint32_t)p[7] << 8 | p[8];
		const uint8_t *at = p + 9 + (type == 7 ? 4 : 0);

		assert_true(9 + len <= left);
		if (p[3] == type && (!id || id == on)) {
			n++;
			if (ret_code && (type == 3 || type == 7))
				*ret_code = (uint32_t)at[0] << 24 |
					    (uint32_t)at[1] << 16 |
					    (uint32_t)at[2] << 8 | at[3];
		}
		p += 9 + len;
		left -= 9 + len;
	}
	assert_int_equal(left, 0);
	return n;
}

/* Give in to the codec, all at once or octet by octet. */
static inline int side_feed(struct side *side, struct buf *in, size_t step)
{
	struct buf part;
	int err = 0;

	buf_init(&part, RIG_WIRE);
	while (buf_len(in) && !err) {
		size_t n = step ? MIN(step, buf_len(in)) : buf_len(in);

		assert_int_equal(buf_append(&part, buf_data(in), n), 0);
		buf_consume(in, n);
		err = http_codec_read(side->codec, &part);
		if (!err)
			assert_int_equal(buf_len(&part), 0);
		(void)side_news(side);
	}
	buf_consume(in, buf_len(in));
	buf_done(&part);
	return err;
}

/*
 * Back to back
 */

struct rig {
	struct side client, server;
	size_t step; /* octets fed at once; 0: all */
};

/* Until nothing moves any more. */
static inline void rig_run(struct rig *rig)
{
	struct side *side[2] = { &rig->client, &rig->server };
	bool moved = true;

	while (moved) {
		moved = false;
		for (int i = 0; i < 2; i++) {
			struct side *from = side[i], *to = side[!i];

			if (!from->err)
				from->err = http_codec_write(from->codec,
							     &from->out);
			moved |= side_news(from);
			if (!buf_len(&from->out))
				continue;
			moved = true;
			if (!to->err)
				to->err = side_feed(to, &from->out, rig->step);
			buf_consume(&from->out, buf_len(&from->out));
		}
	}
}

static inline void rig_init(struct rig *rig)
{
	rig->step = 0;
	side_init(&rig->client, HTTP_CLIENT);
	side_init(&rig->server, HTTP_SERVER);
}

static inline void rig_start(struct rig *rig)
{
	side_start(&rig->client, HTTP_CLIENT);
	side_start(&rig->server, HTTP_SERVER);
	rig_run(rig);
}

static inline void rig_done(struct rig *rig)
{
	side_done(&rig->client);
	side_done(&rig->server);
}

static inline struct http_head *make_head(struct end *e, const char *method,
					  unsigned int status)
{
	struct http_head *head = http_head_new(&e->arena);

	assert_non_null(head);
	head->framing = HTTP_STREAM;
	if (status) {
		head->status = (uint16_t)status;
		return head;
	}
	head->method = slice_str(method);
	head->scheme = SLICE("https");
	head->authority = SLICE("a.example");
	head->path = SLICE("/x?y=%2f");
	return head;
}

static inline void add_field(struct end *e, struct http_head *head,
			     const char *name, const char *value)
{
	assert_int_equal(http_head_add(&e->arena, head, slice_str(name),
				       slice_str(value)),
			 0);
}

/* A request on its way; its end is the caller's to set. */
static inline struct end *rig_ask(struct rig *rig, const char *method)
{
	struct end *e = side_end(&rig->client);

	e->out.head = make_head(e, method, 0);
	assert_int_equal(http_codec_submit(rig->client.codec, &e->s), 0);
	return e;
}

static inline struct end *rig_get(struct rig *rig)
{
	struct end *e = side_end(&rig->client);

	e->out.head = make_head(e, "GET", 0);
	e->out.head->framing = HTTP_NO_BODY;
	e->out.end = true;
	assert_int_equal(http_codec_submit(rig->client.codec, &e->s), 0);
	return e;
}

/* The server's end of the newest request. */
static inline struct end *rig_last(struct rig *rig)
{
	assert_true(rig->server.ends_len);
	return &rig->server.ends[rig->server.ends_len - 1];
}

static inline void answer(struct side *side, struct end *e, unsigned int status,
			  const char *body)
{
	e->out.head = make_head(e, NULL, status);
	if (body)
		assert_int_equal(
			buf_append_slice(&e->out.body, slice_str(body)), 0);
	e->out.end = true;
	http_codec_resume(side->codec, &e->s);
}

static inline bool body_is(const struct http_flow *flow, const char *text)
{
	return slice_eq(buf_slice(&flow->body), slice_str(text));
}

#endif
