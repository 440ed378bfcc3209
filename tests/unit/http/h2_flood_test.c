/* tests/unit/http/h2_flood_test.c - peers that make work instead of doing it.
 */

#include "h2_rig.h"

#define PROTOCOL_CODE	  1
#define ENHANCE_YOUR_CALM 11

/* A server that has read the preface and said its settings. */
struct victim {
	struct side side;
	struct buf in;
};

static void victim_init(struct victim *v)
{
	side_init(&v->side, HTTP_SERVER);
	side_start(&v->side, HTTP_SERVER);
	buf_init(&v->in, RIG_WIRE);
	put_preface(&v->in);
	assert_int_equal(side_feed(&v->side, &v->in, 0), 0);
	assert_int_equal(http_codec_write(v->side.codec, &v->side.out), 0);
	put_frame(&v->in, 4, 1, 0, "", 0);
	assert_int_equal(side_feed(&v->side, &v->in, 0), 0);
	buf_consume(&v->side.out, buf_len(&v->side.out));
}

static void victim_done(struct victim *v)
{
	buf_done(&v->in);
	side_done(&v->side);
}

/* One read and one write; what was written stays in side.out. */
static int victim_turn(struct victim *v)
{
	int err = side_feed(&v->side, &v->in, 0);
	int err2;

	buf_consume(&v->side.out, buf_len(&v->side.out));
	err2 = http_codec_write(v->side.codec, &v->side.out);
	(void)side_news(&v->side);
	return err ? err : err2;
}

/* Memory of ended exchanges is not what is measured here. */
static void victim_reap(struct victim *v)
{
	for (unsigned int i = 0; i < v->side.ends_len; i++) {
		struct end *e = &v->side.ends[i];

		if (!e->used || !(e->news & HTTP_NEWS_CLOSED))
			continue;
		arena_done(&e->arena);
		e->used = false;
	}
}

/*
 * Streams begun for nothing
 */

enum churn {
	CHURN_RESET,
	CHURN_WINDOW_OVERFLOW,
	CHURN_WINDOW_ZERO,
	CHURN_LENGTH,
	CHURN_UPPER,
	CHURN_BAD_HEAD,

	CHURNS,
};

static const char *const churn_name[] = {
	"HEADERS and RST_STREAM", "WINDOW_UPDATE beyond 2^31",
	"WINDOW_UPDATE of 0",	  "more DATA than content-length",
	"upper case name",	  "host that differs",
};
static_assert(ARRAY_SIZE(churn_name) == CHURNS, "a churn without a name");

static void churn_put(struct buf *in, enum churn kind, uint32_t id)
{
	switch (kind) {
	case CHURN_RESET:
		put_request(in, id, RIG_GET, true);
		put_u32(in, 3, id, 8);
		break;
	case CHURN_WINDOW_OVERFLOW:
		put_request(in, id, RIG_GET, true);
		put_u32(in, 8, id, 0x7fffffff);
		break;
	case CHURN_WINDOW_ZERO:
		put_request(in, id, RIG_GET, true);
		put_u32(in, 8, id, 0);
		break;
	case CHURN_LENGTH:
		put_request(in, id, RIG_POST " | content-length=>1", false);
		put_frame(in, 0, 1, id, "ab", 2);
		break;
	case CHURN_UPPER:
		put_request(in, id, RIG_GET " | Foo=>x", true);
		break;
	default:
		put_request(in, id, RIG_GET " | host=>b.example", true);
		break;
	}
}

/* One stream a turn, every one fetched at once: the connection still ends, it
 * is told before, and never are many exchanges begun.
 */
static void test_churn(void **state)
{
	(void)state;
	for (int kind = 0; kind < CHURNS; kind++) {
		unsigned int turns = 0, told = 0;
		struct victim v;
		uint32_t code = 0;
		int err = 0;

		victim_init(&v);
		for (uint32_t id = 1; !err && turns < 3000; id += 2, turns++) {
			churn_put(&v.in, (enum churn)kind, id);
			err = victim_turn(&v);
			if (!told && count_frames(&v.side.out, 7, 0, &code))
				told = turns + 1;
			victim_reap(&v);
		}
		if (err != ERR_PROTO && !told)
			fail_msg("%s: not limited", churn_name[kind]);
		if (kind == CHURN_RESET)
			assert_in_range(told, 700, 800);
		else
			assert_in_range(told, 1, 160);
		if (code != PROTOCOL_CODE)
			assert_int_equal(code, ENHANCE_YOUR_CALM);
		assert_true(v.side.ends_len <= 1000);
		victim_done(&v);
	}
}

/* All in one read: the owner had no chance to end any. */
static void test_churn_at_once(void **state)
{
	struct victim v;

	(void)state;
	victim_init(&v);
	for (uint32_t id = 1; id < 1000; id += 2)
		churn_put(&v.in, CHURN_RESET, id);
	assert_int_equal(victim_turn(&v), 0);
	assert_int_equal(v.side.ends_len, 200);
	assert_int_equal(count_frames(&v.side.out, 7, 0, NULL), 0);
	for (unsigned int i = 0; i < v.side.ends_len; i++) {
		assert_int_equal(v.side.ends[i].s.fault, HTTP_FAULT_CANCEL);
		assert_true(v.side.ends[i].news & HTTP_NEWS_CLOSED);
	}
	/* They were fetched: the next ones are served. */
	put_request(&v.in, 1001, RIG_GET, true);
	assert_int_equal(victim_turn(&v), 0);
	assert_int_equal(v.side.ends_len, 201);
	assert_non_null(v.side.ends[200].in.head);
	victim_done(&v);

	/* Beyond a thousand it ends within the read. */
	victim_init(&v);
	for (uint32_t id = 1; id < 10000; id += 2)
		churn_put(&v.in, CHURN_RESET, id);
	assert_int_equal(victim_turn(&v), ERR_PROTO);
	assert_int_equal(v.side.ends_len, 200);
	assert_int_equal(count_frames(&v.side.out, 7, 0, NULL), 1);
	assert_true(http_codec_over(v.side.codec));
	victim_done(&v);
}

/* A slot is held until CLOSED was fetched, however long that takes. */
static void test_slots(void **state)
{
	struct victim v;
	uint32_t id = 1;

	(void)state;
	victim_init(&v);
	v.side.hold = true;
	for (int turn = 0; turn < 10; turn++) {
		for (int i = 0; i < 40; i++, id += 2)
			churn_put(&v.in, CHURN_RESET, id);
		assert_int_equal(victim_turn(&v), 0);
	}
	assert_int_equal(v.side.ends_len, 200);
	v.side.hold = false;
	(void)side_news(&v.side);
	put_request(&v.in, id, RIG_GET, true);
	assert_int_equal(victim_turn(&v), 0);
	assert_int_equal(v.side.ends_len, 201);
	victim_done(&v);
}

/* A package manager: most of what it asks for it cancels, again and again. */
static void test_cancel_churn(void **state)
{
	struct victim v;
	uint32_t id = 1;

	(void)state;
	victim_init(&v);
	for (int round = 0; round < 40; round++) {
		unsigned int first = v.side.ends_len;
		uint32_t from = id;

		for (int i = 0; i < 100; i++, id += 2)
			put_request(&v.in, id, RIG_GET, true);
		assert_int_equal(victim_turn(&v), 0);
		assert_int_equal(v.side.ends_len, first + 100);
		for (unsigned int i = 0; i < 100; i++) {
			if (i % 10 == 0)
				answer(&v.side, &v.side.ends[first + i], 200,
				       "package");
			else
				put_u32(&v.in, 3, from + 2 * i, 8);
		}
		assert_int_equal(victim_turn(&v), 0);
		assert_int_equal(count_frames(&v.side.out, 7, 0, NULL), 0);
		assert_int_equal(count_frames(&v.side.out, 0, 0, NULL), 10);
		victim_reap(&v);
	}
	victim_done(&v);
}

/* Cancelled and asked anew in one flight. */
static void test_cancel_and_ask(void **state)
{
	struct victim v;

	(void)state;
	victim_init(&v);
	for (uint32_t id = 1; id < 200; id += 2)
		put_request(&v.in, id, RIG_GET, true);
	assert_int_equal(victim_turn(&v), 0);
	for (uint32_t id = 1; id < 200; id += 2)
		put_u32(&v.in, 3, id, 8);
	for (uint32_t id = 201; id < 400; id += 2)
		put_request(&v.in, id, RIG_GET, true);
	assert_int_equal(victim_turn(&v), 0);
	assert_int_equal(v.side.ends_len, 200);
	assert_int_equal(count_frames(&v.side.out, 3, 0, NULL), 0);
	victim_done(&v);
}

/*
 * Frames that move nothing
 */

enum noise {
	NOISE_PING,
	NOISE_SETTINGS,
	NOISE_EMPTY_DATA,
	NOISE_PRIORITY,
	NOISE_WINDOW,

	NOISES,
};

static void noise_put(struct buf *in, enum noise kind)
{
	switch (kind) {
	case NOISE_PING:
		put_frame(in, 6, 0, 0, "12345678", 8);
		break;
	case NOISE_SETTINGS:
		put_frame(in, 4, 0, 0, "", 0);
		break;
	case NOISE_EMPTY_DATA:
		put_frame(in, 0, 0, 1, "", 0);
		break;
	case NOISE_PRIORITY:
		put_frame(in, 2, 0, 3, "\0\0\0\0\1", 5);
		break;
	default:
		put_u32(in, 8, 1, 1);
		break;
	}
}

static void test_noise(void **state)
{
	(void)state;
	for (int kind = 0; kind < NOISES; kind++) {
		struct victim v;
		struct end *e;
		uint32_t code = 0;
		int err = 0;

		victim_init(&v);
		put_request(&v.in, 1, RIG_POST, false);
		assert_int_equal(victim_turn(&v), 0);
		e = &v.side.ends[0];

		/* A few with each read: a keep-alive, for ever. */
		for (int turn = 0; turn < 3000; turn++) {
			noise_put(&v.in, (enum noise)kind);
			noise_put(&v.in, (enum noise)kind);
			assert_int_equal(victim_turn(&v), 0);
		}
		assert_int_equal(count_frames(&v.side.out, 7, 0, NULL), 0);

		/* Thousands: no. */
		for (int i = 0; i < 2000; i++)
			noise_put(&v.in, (enum noise)kind);
		err = victim_turn(&v);
		if (err != ERR_PROTO)
			fail_msg("noise %d is not limited", kind);
		assert_int_equal(count_frames(&v.side.out, 7, 0, &code), 1);
		assert_int_equal(code, ENHANCE_YOUR_CALM);
		assert_int_equal(e->s.fault, HTTP_FAULT_FLOOD);
		assert_true(e->news & HTTP_NEWS_CLOSED);
		assert_true(http_codec_over(v.side.codec));
		victim_done(&v);
	}
}

/* A peer that sends PINGs and never reads: what waits for it is bounded. */
static void test_deaf_peer(void **state)
{
	struct victim v;
	int err = 0;
	int turn;

	(void)state;
	victim_init(&v);
	for (turn = 0; turn < 1000 && !err; turn++) {
		for (int i = 0; i < 10; i++)
			noise_put(&v.in, NOISE_PING);
		err = side_feed(&v.side, &v.in, 0);
	}
	assert_int_equal(err, ERR_PROTO);
	assert_true(turn < 50);
	victim_done(&v);
}

/* The updates for what we send are no noise, even when many come at once. */
static void test_window_updates(void **state)
{
	struct victim v;
	struct end *e;

	(void)state;
	victim_init(&v);
	put_request(&v.in, 1, RIG_GET, true);
	put_u32(&v.in, 8, 0, 0x7fff0000 - 65535);
	put_u32(&v.in, 8, 1, 0x7fff0000 - 65535);
	assert_int_equal(victim_turn(&v), 0);
	e = &v.side.ends[0];
	e->out.head = make_head(e, NULL, 200);
	for (int i = 0; i < 256; i++) {
		size_t room = buf_room(&e->out.body);

		memset(buf_reserve(&e->out.body, room), 'x', room);
		buf_commit(&e->out.body, room);
		http_codec_resume(v.side.codec, &e->s);
		assert_int_equal(victim_turn(&v), 0);
		assert_int_equal(buf_len(&e->out.body), 0);
	}
	for (uint32_t i = 0; i < 3000; i++)
		put_u32(&v.in, 8, i % 2, 1);
	assert_int_equal(victim_turn(&v), 0);
	assert_int_equal(count_frames(&v.side.out, 7, 0, NULL), 0);
	victim_done(&v);
}

/*
 * Heads
 */

static void put_continued(struct buf *in, uint32_t id, const struct buf *block)
{
	size_t at = 0, len = buf_len(block);
	bool first = true;

	while (first || at < len) {
		size_t n = MIN(len - at, (size_t)16384);

		put_frame(in, first ? 1 : 9,
			  (uint8_t)((first ? 1 : 0) | (at + n == len ? 4 : 0)),
			  id, buf_data(block) + at, n);
		at += n;
		first = false;
	}
}

/* 147 KB that unpack into 560 MB are bounded while they are read. */
static void test_hpack_bomb(void **state)
{
	struct victim v;
	struct buf block;
	struct end *e;
	char big[3900];

	(void)state;
	victim_init(&v);
	buf_init(&block, 1u << 20);
	(void)put_fields(&block, SLICE(RIG_GET));
	memset(big, 'A', sizeof(big));
	assert_int_equal(buf_append(&block, "\x40", 1), 0);
	put_text(&block, SLICE("x"));
	put_text(&block, slice_of(big, sizeof(big)));
	while (buf_len(&block) < (size_t)8 * 16384)
		assert_int_equal(buf_append(&block, "\xbe", 1), 0);
	put_continued(&v.in, 1, &block);
	assert_int_equal(victim_turn(&v), 0);
	e = &v.side.ends[0];
	assert_int_equal(e->news, HTTP_NEWS_FAULT);
	assert_int_equal(e->s.fault, HTTP_FAULT_HEAD_LONG);
	assert_true(e->arena.used < (size_t)3 * 65536);
	answer(&v.side, e, 431, "too much");
	assert_int_equal(victim_turn(&v), 0);
	assert_int_equal(count_frames(&v.side.out, 1, 1, NULL), 1);
	assert_true(e->news & HTTP_NEWS_CLOSED);

	/* The decoder is still in step. */
	put_request(&v.in, 3, RIG_GET, true);
	assert_int_equal(victim_turn(&v), 0);
	assert_int_equal(v.side.ends[1].news, HTTP_NEWS_HEAD | HTTP_NEWS_BODY);
	buf_done(&block);
	victim_done(&v);
}

static void test_head_bounds(void **state)
{
	static const struct {
		size_t fields, path, value;
		enum http_fault fault;
	} cases[] = {
		{ 252, 1, 1, HTTP_OK },
		{ 253, 1, 1, HTTP_FAULT_HEAD_LONG },
		{ 0, 16384, 1, HTTP_OK },
		{ 0, 16385, 1, HTTP_FAULT_URI_LONG },
		{ 1, 1, 60000, HTTP_OK },
		{ 1, 1, 65400, HTTP_FAULT_HEAD_LONG },
		{ 200, 1, 400, HTTP_FAULT_HEAD_LONG },
	};
	static char text[65537];

	(void)state;
	memset(text, '/', sizeof(text));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct victim v;
		struct buf block;

		victim_init(&v);
		buf_init(&block, 1u << 20);
		put_field(&block, SLICE(":method"), SLICE("GET"));
		put_field(&block, SLICE(":scheme"), SLICE("https"));
		put_field(&block, SLICE(":authority"), SLICE("a"));
		put_field(&block, SLICE(":path"),
			  slice_of(text, cases[i].path));
		for (size_t k = 0; k < cases[i].fields; k++)
			put_field(&block, SLICE("x"),
				  slice_of(text, cases[i].value));
		put_continued(&v.in, 1, &block);
		assert_int_equal(victim_turn(&v), 0);
		assert_int_equal(v.side.ends[0].s.fault, cases[i].fault);
		assert_int_equal(v.side.ends[0].in.head == NULL,
				 cases[i].fault != HTTP_OK);
		buf_done(&block);
		victim_done(&v);
	}
}

static void test_continuations(void **state)
{
	for (int len = 0; len < 2; len++) {
		struct victim v;
		int err = 0;

		(void)state;
		victim_init(&v);
		put_frame(&v.in, 1, 1, 1, "\x82", 1);
		for (int i = 0; i < 5000; i++)
			put_frame(&v.in, 9, 0, 1, "\x82", (size_t)len);
		err = victim_turn(&v);
		if (!err)
			err = victim_turn(&v);
		assert_true(err < 0);
		assert_true(v.side.ends_len <= 1);
		assert_true(v.side.ends[0].news & HTTP_NEWS_CLOSED);
		assert_null(v.side.ends[0].in.head);
		victim_done(&v);
	}
}

/*
 * Windows
 */

/* 100 streams that are never read hold what fits into their bodies. */
static void test_zero_windows(void **state)
{
	struct victim v;

	(void)state;
	victim_init(&v);
	/* SETTINGS_INITIAL_WINDOW_SIZE 0 */
	put_frame(&v.in, 4, 0, 0, "\0\4\0\0\0\0", 6);
	for (uint32_t id = 1; id < 200; id += 2)
		put_request(&v.in, id, RIG_GET, true);
	assert_int_equal(victim_turn(&v), 0);
	for (unsigned int i = 0; i < 100; i++)
		answer(&v.side, &v.side.ends[i], 200, "stuck");
	assert_int_equal(victim_turn(&v), 0);
	assert_int_equal(count_frames(&v.side.out, 1, 0, NULL), 100);
	assert_int_equal(count_frames(&v.side.out, 0, 0, NULL), 0);
	/* One of them opens its window. */
	put_u32(&v.in, 8, 7, 3);
	assert_int_equal(victim_turn(&v), 0);
	assert_int_equal(count_frames(&v.side.out, 0, 7, NULL), 1);
	assert_int_equal(buf_len(&v.side.ends[3].out.body), 2);
	/* The 101st is none of ours. */
	put_request(&v.in, 201, RIG_GET, true);
	(void)victim_turn(&v);
	assert_int_equal(v.side.ends_len, 100);
	victim_done(&v);
}

/* A stream that nobody reads does not stop another. */
static void test_stuck_stream(void **state)
{
	static uint8_t load[16384];
	struct victim v;

	(void)state;
	victim_init(&v);
	v.side.limits.conn_window = 65536;
	for (uint32_t id = 1; id < 12; id += 2) {
		put_request(&v.in, id, RIG_POST, false);
		for (int i = 0; i < 4; i++)
			put_frame(&v.in, 0, 0, id, load, sizeof(load));
		assert_int_equal(victim_turn(&v), 0);
		assert_int_equal(count_frames(&v.side.out, 3, 0, NULL), 0);
		assert_int_equal(count_frames(&v.side.out, 8, id, NULL), 0);
	}
	for (unsigned int i = 0; i < v.side.ends_len; i++)
		assert_int_equal(v.side.ends[i].in.passed, 65536);
	/* More than the window of a stream is the peer's fault. */
	put_frame(&v.in, 0, 0, 1, load, 1);
	(void)victim_turn(&v);
	assert_int_equal(v.side.ends[0].in.passed, 65536);
	assert_true(v.side.ends[0].news & HTTP_NEWS_CLOSED);
	assert_int_equal(v.side.ends[0].s.fault, HTTP_FAULT_SYNTAX);
	assert_true(v.side.ends[0].in.cut);
	victim_done(&v);
}

/*
 * No HTTP/2 at all
 */

static void test_garbage(void **state)
{
	static const char *const wires[] = {
		"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\1\1\1\1\1\1\1\1\1\1\1\1\1",
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wires); i++) {
		struct side side;
		struct buf in;
		int err;

		side_init(&side, HTTP_SERVER);
		side_start(&side, HTTP_SERVER);
		buf_init(&in, RIG_WIRE);
		assert_int_equal(buf_append_slice(&in, slice_str(wires[i])), 0);
		err = side_feed(&side, &in, 1);
		if (!err)
			err = http_codec_write(side.codec, &side.out);
		assert_true(err < 0 || http_codec_over(side.codec));
		assert_int_equal(side.ends_len, 0);
		buf_done(&in);
		side_done(&side);
	}
}

/* A connection error in the middle: all streams end, none looks whole. */
static void test_connection_error(void **state)
{
	struct victim v;
	uint32_t code = 0;

	(void)state;
	victim_init(&v);
	put_request(&v.in, 1, RIG_POST, false);
	put_frame(&v.in, 0, 0, 1, "half", 4);
	assert_int_equal(victim_turn(&v), 0);
	put_frame(&v.in, 0, 0, 0, "on stream 0", 11);
	assert_int_equal(victim_turn(&v), ERR_PROTO);
	assert_int_equal(count_frames(&v.side.out, 7, 0, &code), 1);
	assert_int_equal(code, PROTOCOL_CODE);
	assert_int_equal(v.side.ends[0].s.fault, HTTP_FAULT_CUT);
	assert_true(v.side.ends[0].in.cut && !v.side.ends[0].in.end);
	assert_true(v.side.ends[0].news & HTTP_NEWS_CLOSED);
	assert_true(http_codec_over(v.side.codec));
	victim_done(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_churn_at_once),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_cancel_churn),
		cmocka_unit_test(test_cancel_and_ask),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_deaf_peer),
		cmocka_unit_test(test_window_updates),
		cmocka_unit_test(test_hpack_bomb),
		cmocka_unit_test(test_head_bounds),
		cmocka_unit_test(test_continuations),
		cmocka_unit_test(test_zero_windows),
		cmocka_unit_test(test_stuck_stream),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_connection_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
