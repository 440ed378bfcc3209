/* tests/unit/http/h2_test.c - two codecs back to back. */

#include "h2_rig.h"

static void test_get(void **state)
{
	struct rig rig;
	struct end *c, *s;

	(void)state;
	rig_init(&rig);
	rig_start(&rig);
	c = side_end(&rig.client);
	c->out.head = make_head(c, "GET", 0);
	c->out.head->framing = HTTP_NO_BODY;
	add_field(c, c->out.head, "accept", "*/*");
	add_field(c, c->out.head, "te", "trailers");
	c->out.end = true;
	assert_true(http_codec_ready(rig.client.codec));
	assert_int_equal(http_codec_submit(rig.client.codec, &c->s), 0);
	rig_run(&rig);

	s = rig_last(&rig);
	assert_int_equal(s->news, HTTP_NEWS_HEAD | HTTP_NEWS_BODY);
	assert_true(s->in.end);
	assert_true(slice_eq(s->in.head->method, SLICE("GET")));
	assert_true(slice_eq(s->in.head->scheme, SLICE("https")));
	assert_true(slice_eq(s->in.head->authority, SLICE("a.example")));
	assert_true(slice_eq(s->in.head->path, SLICE("/x?y=%2f")));
	assert_int_equal(s->in.head->version, HTTP_2);
	assert_int_equal(s->in.head->framing, HTTP_NO_BODY);
	assert_int_equal(s->in.head->fields_len, 2);
	assert_true(slice_eq(s->in.head->fields[1].name, SLICE("te")));
	assert_true(c->out.done);

	s->out.head = make_head(s, NULL, 200);
	s->out.head->has_length = true;
	s->out.head->framing = HTTP_LENGTH;
	s->out.head->content_length = 5;
	assert_int_equal(buf_append_slice(&s->out.body, SLICE("hello")), 0);
	s->out.end = true;
	http_codec_resume(rig.server.codec, &s->s);
	rig_run(&rig);
	assert_int_equal(c->news,
			 HTTP_NEWS_HEAD | HTTP_NEWS_BODY | HTTP_NEWS_CLOSED);
	assert_int_equal(c->in.head->status, 200);
	assert_int_equal(c->in.head->framing, HTTP_LENGTH);
	assert_true(c->in.head->has_length);
	assert_int_equal(c->in.head->content_length, 5);
	assert_int_equal(c->in.head->fields_len, 0);
	assert_true(body_is(&c->in, "hello"));
	assert_true(c->in.end);
	assert_int_equal(c->in.passed, 5);
	assert_int_equal(c->s.fault, HTTP_OK);
	assert_true(s->news & HTTP_NEWS_CLOSED);
	assert_int_equal(s->s.fault, HTTP_OK);
	assert_true(s->out.done);
	assert_true(http_codec_idle(rig.client.codec));
	assert_true(http_codec_idle(rig.server.codec));
	assert_false(http_codec_over(rig.server.codec));
	rig_done(&rig);
}

/* Interim answers, trailers both ways, bodies both ways, in octets. */
static void test_everything(void **state)
{
	struct rig rig;
	struct end *c, *s;

	(void)state;
	rig_init(&rig);
	rig.step = 1;
	rig_start(&rig);
	c = rig_ask(&rig, "POST");
	rig_run(&rig);
	s = rig_last(&rig);
	assert_int_equal(s->in.head->framing, HTTP_STREAM);
	assert_false(s->in.end);

	s->out.interim = make_head(s, NULL, 100);
	http_codec_resume(rig.server.codec, &s->s);
	assert_null(s->out.interim);
	s->out.interim = make_head(s, NULL, 103);
	add_field(s, s->out.interim, "link", "</a>");
	http_codec_resume(rig.server.codec, &s->s);
	rig_run(&rig);
	assert_int_equal(c->news, HTTP_NEWS_HEAD);
	assert_null(c->in.head);
	assert_int_equal(c->in.interim->status, 100);
	assert_int_equal(c->in.interim->next->status, 103);
	assert_int_equal(c->in.interim->next->fields_len, 1);

	assert_int_equal(buf_append_slice(&c->out.body, SLICE("ping")), 0);
	http_codec_resume(rig.client.codec, &c->s);
	rig_run(&rig);
	assert_true(body_is(&s->in, "ping"));
	assert_true(c->news & HTTP_NEWS_ROOM);

	s->out.head = make_head(s, NULL, 200);
	http_codec_resume(rig.server.codec, &s->s);
	rig_run(&rig);
	assert_int_equal(c->in.head->status, 200);
	assert_int_equal(c->in.head->framing, HTTP_STREAM);

	assert_int_equal(buf_append_slice(&s->out.body, SLICE("pong")), 0);
	http_codec_resume(rig.server.codec, &s->s);
	c->out.trailers = http_head_new(&c->arena);
	add_field(c, c->out.trailers, "x-sum", "1");
	c->out.end = true;
	http_codec_resume(rig.client.codec, &c->s);
	rig_run(&rig);
	assert_true(s->in.end);
	assert_int_equal(s->in.trailers->fields_len, 1);
	assert_true(slice_eq(s->in.trailers->fields[0].value, SLICE("1")));
	assert_true(body_is(&c->in, "pong"));

	assert_int_equal(buf_append_slice(&s->out.body, SLICE("!")), 0);
	s->out.trailers = http_head_new(&s->arena);
	add_field(s, s->out.trailers, "grpc-status", "0");
	s->out.end = true;
	http_codec_resume(rig.server.codec, &s->s);
	rig_run(&rig);
	assert_true(body_is(&c->in, "pong!"));
	assert_true(c->in.end && !c->in.cut);
	assert_true(
		slice_eq(c->in.trailers->fields[0].name, SLICE("grpc-status")));
	assert_true(c->news & HTTP_NEWS_CLOSED);
	assert_true(s->news & HTTP_NEWS_CLOSED);
	assert_int_equal(c->s.fault, HTTP_OK);
	assert_int_equal(s->s.fault, HTTP_OK);
	rig_done(&rig);
}

/* A reader that stops stops the writer, and nothing is lost on the way. */
static void test_back_pressure(void **state)
{
	const size_t total = 1u << 20;
	size_t sent = 0, got = 0;
	struct rig rig;
	struct end *c, *s;

	(void)state;
	rig_init(&rig);
	rig_start(&rig);
	c = rig_get(&rig);
	rig_run(&rig);
	s = rig_last(&rig);
	s->out.head = make_head(s, NULL, 200);
	http_codec_resume(rig.server.codec, &s->s);

	/* Nobody reads: one window goes, and what fits behind it stays. */
	for (int i = 0; i < 64; i++) {
		uint8_t *to = buf_reserve(&s->out.body, buf_room(&s->out.body));

		for (size_t k = 0; k < buf_room(&s->out.body); k++)
			to[k] = (uint8_t)((sent + k) * 31 >> 3);
		sent += buf_room(&s->out.body);
		buf_commit(&s->out.body, buf_room(&s->out.body));
		http_codec_resume(rig.server.codec, &s->s);
		rig_run(&rig);
	}
	assert_int_equal(c->in.passed, rig.client.limits.body_bytes);
	assert_int_equal(buf_room(&s->out.body), 0);

	while (got < total) {
		size_t n = MIN(buf_len(&c->in.body), (size_t)5000);
		size_t room = MIN(buf_room(&s->out.body), total - sent);
		uint8_t *to;

		assert_true(n > 0);
		for (size_t k = 0; k < n; k++)
			assert_int_equal(buf_data(&c->in.body)[k],
					 (uint8_t)((got + k) * 31 >> 3));
		buf_consume(&c->in.body, n);
		got += n;
		http_codec_resume(rig.client.codec, &c->s);
		if (room) {
			to = buf_reserve(&s->out.body, room);
			for (size_t k = 0; k < room; k++)
				to[k] = (uint8_t)((sent + k) * 31 >> 3);
			buf_commit(&s->out.body, room);
			sent += room;
		}
		s->out.end = sent == total;
		http_codec_resume(rig.server.codec, &s->s);
		rig_run(&rig);
		assert_true(buf_len(&c->in.body) <=
			    rig.client.limits.body_bytes);
	}
	assert_true(c->in.end);
	assert_true(s->out.done);
	assert_int_equal(c->in.passed, total);
	rig_done(&rig);
}

/* An owner that only answers ROOM and BODY gets everything: no window is ever
 * withheld for good.
 */
static void no_stall(size_t step)
{
	size_t left = 1u << 19;
	struct rig rig;
	struct end *c, *s;

	rig_init(&rig);
	rig_start(&rig);
	c = rig_ask(&rig, "POST");
	rig_run(&rig);
	s = rig_last(&rig);
	while (left) {
		size_t n = MIN(MIN(step, left), buf_room(&c->out.body));
		uint8_t *to = buf_reserve(&c->out.body, n);
		bool half;

		assert_non_null(to);
		memset(to, 'x', n);
		buf_commit(&c->out.body, n);
		left -= n;
		c->out.end = !left;
		s->news = 0;
		http_codec_resume(rig.client.codec, &c->s);
		rig_run(&rig);
		assert_true(s->news & HTTP_NEWS_BODY);
		/* Consumed without a word, as by a writing codec that never
		 * saw the body half full. */
		half = buf_len(&s->in.body) >= s->in.body.max / 2;
		buf_consume(&s->in.body, buf_len(&s->in.body));
		if (half)
			http_codec_resume(rig.server.codec, &s->s);
		rig_run(&rig);
	}
	assert_int_equal(s->in.passed, 1u << 19);
	assert_true(s->in.end);
	rig_done(&rig);
}

static void test_no_stall(void **state)
{
	(void)state;
	for (size_t step = 1000; step < 70000; step += 7001)
		no_stall(step);
}

/* Frames go through a buffer that hardly holds one. */
static void test_small_wire(void **state)
{
	struct rig rig;
	struct end *c, *s;
	char big[9001];

	(void)state;
	memset(big, 'v', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	rig_init(&rig);
	buf_done(&rig.server.out);
	buf_done(&rig.client.out);
	buf_init(&rig.server.out, 2048);
	buf_init(&rig.client.out, 2048);
	rig_start(&rig);
	c = rig_get(&rig);
	rig_run(&rig);
	s = rig_last(&rig);
	s->out.head = make_head(s, NULL, 200);
	add_field(s, s->out.head, "x-big", big);
	s->out.end = true;
	memset(buf_reserve(&s->out.body, 60000), 'b', 60000);
	buf_commit(&s->out.body, 60000);
	http_codec_resume(rig.server.codec, &s->s);
	rig_run(&rig);
	assert_int_equal(c->in.head->fields[0].value.len, 9000);
	assert_int_equal(c->in.passed, 60000);
	assert_true(c->in.end);
	rig_done(&rig);
}

static void test_hundred(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_start(&rig);
	for (int i = 0; i < 100; i++)
		(void)rig_ask(&rig, "POST");
	assert_false(http_codec_ready(rig.client.codec));
	rig_run(&rig);
	assert_int_equal(rig.server.ends_len, 100);
	for (unsigned int i = 0; i < 100; i++) {
		struct end *c = &rig.client.ends[i];

		assert_int_equal(buf_append(&c->out.body, &i, sizeof(i)), 0);
		c->out.end = true;
		http_codec_resume(rig.client.codec, &c->s);
	}
	rig_run(&rig);
	for (unsigned int i = 0; i < 100; i++) {
		struct end *s = &rig.server.ends[99 - i];

		s->out.head = make_head(s, NULL, 200);
		assert_int_equal(
			buf_append_slice(&s->out.body, buf_slice(&s->in.body)),
			0);
		s->out.end = true;
		http_codec_resume(rig.server.codec, &s->s);
	}
	rig_run(&rig);
	for (unsigned int i = 0; i < 100; i++) {
		struct end *c = &rig.client.ends[i];

		assert_true(c->news & HTTP_NEWS_CLOSED);
		assert_true(slice_eq(buf_slice(&c->in.body),
				     slice_of(&i, sizeof(i))));
	}
	assert_true(http_codec_ready(rig.client.codec));
	rig_done(&rig);
}

static void test_no_body(void **state)
{
	static const unsigned int status[] = { 200, 204, 304 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(status); i++) {
		struct rig rig;
		struct end *c, *s;

		rig_init(&rig);
		rig_start(&rig);
		c = side_end(&rig.client);
		c->out.head = make_head(c, i ? "GET" : "HEAD", 0);
		c->out.end = true;
		assert_int_equal(http_codec_submit(rig.client.codec, &c->s), 0);
		rig_run(&rig);
		s = rig_last(&rig);
		s->out.head = make_head(s, NULL, status[i]);
		s->out.head->framing = i ? HTTP_NO_BODY : HTTP_LENGTH;
		s->out.head->has_length = true;
		s->out.head->content_length = 77;
		http_codec_resume(rig.server.codec, &s->s);
		rig_run(&rig);
		assert_int_equal(c->in.head->status, status[i]);
		assert_int_equal(c->in.head->framing, HTTP_NO_BODY);
		assert_int_equal(c->in.head->has_length, status[i] != 204);
		assert_true(c->in.end);
		assert_true(s->out.done);
		assert_int_equal(c->s.fault, HTTP_OK);
		assert_true(c->news & HTTP_NEWS_CLOSED);
		assert_true(s->news & HTTP_NEWS_CLOSED);
		rig_done(&rig);
	}
}

/* An empty answer without a length has one for HTTP/1. */
static void test_empty_answer(void **state)
{
	struct rig rig;
	struct end *c;

	(void)state;
	rig_init(&rig);
	rig_start(&rig);
	c = rig_get(&rig);
	rig_run(&rig);
	answer(&rig.server, rig_last(&rig), 200, NULL);
	rig_run(&rig);
	assert_int_equal(c->in.head->framing, HTTP_LENGTH);
	assert_int_equal(c->in.head->content_length, 0);
	assert_false(c->in.head->has_length);
	assert_true(c->in.end);
	rig_done(&rig);
}

static void test_cut(void **state)
{
	struct rig rig;
	struct end *c, *s;

	(void)state;
	rig_init(&rig);
	rig_start(&rig);
	c = rig_get(&rig);
	rig_run(&rig);
	s = rig_last(&rig);
	s->out.head = make_head(s, NULL, 200);
	assert_int_equal(buf_append_slice(&s->out.body, SLICE("half")), 0);
	s->out.cut = s->out.end = true;
	http_codec_resume(rig.server.codec, &s->s);
	rig_run(&rig);
	assert_true(body_is(&c->in, "half"));
	assert_false(c->in.end);
	assert_true(c->in.cut);
	assert_int_equal(c->s.fault, HTTP_FAULT_CANCEL);
	assert_true(c->news & HTTP_NEWS_CLOSED);
	assert_true(s->news & HTTP_NEWS_CLOSED);
	assert_false(s->out.done);

	/* Cut before there was a head, and after it in silence. */
	c = rig_get(&rig);
	rig_run(&rig);
	s = rig_last(&rig);
	s->out.cut = true;
	http_codec_resume(rig.server.codec, &s->s);
	rig_run(&rig);
	assert_null(c->in.head);
	assert_true(c->news & HTTP_NEWS_CLOSED);
	c = rig_ask(&rig, "POST");
	rig_run(&rig);
	c->out.cut = true;
	http_codec_resume(rig.client.codec, &c->s);
	rig_run(&rig);
	s = rig_last(&rig);
	assert_true(s->in.cut && !s->in.end);
	assert_true(s->news & HTTP_NEWS_FAULT);
	assert_true(s->news & HTTP_NEWS_CLOSED);
	rig_done(&rig);
}

static void test_reset(void **state)
{
	struct rig rig;
	struct end *c, *s;

	(void)state;
	rig_init(&rig);
	rig_start(&rig);

	/* By the client, before it is on the wire and after. */
	c = rig_get(&rig);
	http_codec_reset(rig.client.codec, &c->s, HTTP_FAULT_CANCEL);
	arena_done(&c->arena);
	rig_run(&rig);
	assert_int_equal(c->news, 0);
	assert_int_equal(rig.server.ends_len, 0);
	c = rig_get(&rig);
	rig_run(&rig);
	s = rig_last(&rig);
	http_codec_reset(rig.client.codec, &c->s, HTTP_FAULT_CANCEL);
	rig_run(&rig);
	assert_int_equal(s->s.fault, HTTP_FAULT_CANCEL);
	assert_true(s->news & HTTP_NEWS_CLOSED);

	/* By the server, with an answer half queued. */
	c = rig_get(&rig);
	rig_run(&rig);
	s = rig_last(&rig);
	answer(&rig.server, s, 200, "never seen");
	http_codec_reset(rig.server.codec, &s->s, HTTP_FAULT_REFUSED);
	arena_done(&s->arena);
	buf_done(&s->out.body);
	rig_run(&rig);
	assert_int_equal(c->s.fault, HTTP_FAULT_REFUSED);
	assert_true(c->news & HTTP_NEWS_CLOSED);
	assert_true(http_codec_idle(rig.server.codec));

	/* With news on the way: none comes any more. */
	(void)rig_get(&rig);
	rig.server.hold = true;
	rig_run(&rig);
	s = rig_last(&rig);
	http_codec_reset(rig.server.codec, &s->s, HTTP_FAULT_CANCEL);
	rig.server.hold = false;
	rig_run(&rig);
	assert_int_equal(s->news, 0);
	rig_done(&rig);
}

/* The open() of a server says no. */
static void test_refused(void **state)
{
	struct rig rig;
	struct end *c;

	(void)state;
	rig_init(&rig);
	rig_start(&rig);
	rig.server.refuse = 1;
	c = rig_get(&rig);
	rig_run(&rig);
	assert_int_equal(c->s.fault, HTTP_FAULT_REFUSED);
	assert_true(c->news & HTTP_NEWS_CLOSED);
	c = rig_get(&rig);
	rig_run(&rig);
	answer(&rig.server, rig_last(&rig), 200, "yes");
	rig_run(&rig);
	assert_true(body_is(&c->in, "yes"));
	rig_done(&rig);
}

/* A whole answer before the request is whole: the client is told to stop. */
static void test_early_answer(void **state)
{
	struct rig rig;
	struct end *c, *s;

	(void)state;
	rig_init(&rig);
	rig_start(&rig);
	c = rig_ask(&rig, "POST");
	assert_int_equal(buf_append_slice(&c->out.body, SLICE("lots")), 0);
	http_codec_resume(rig.client.codec, &c->s);
	rig_run(&rig);
	s = rig_last(&rig);
	answer(&rig.server, s, 403, "no");
	rig_run(&rig);
	assert_int_equal(c->in.head->status, 403);
	assert_true(body_is(&c->in, "no"));
	assert_true(c->in.end);
	assert_int_equal(c->s.fault, HTTP_OK);
	assert_false(c->out.done);
	assert_true(c->news & HTTP_NEWS_CLOSED);
	assert_int_equal(s->s.fault, HTTP_OK);
	assert_true(s->in.cut && !s->in.end);
	assert_true(s->news & HTTP_NEWS_CLOSED);
	rig_done(&rig);
}

static void test_drain(void **state)
{
	struct rig rig;
	struct end *c, *late;

	(void)state;
	/* Idle: at once. */
	rig_init(&rig);
	rig_start(&rig);
	http_codec_drain(rig.server.codec);
	rig_run(&rig);
	assert_true(http_codec_over(rig.server.codec));
	assert_true(http_codec_over(rig.client.codec));
	assert_false(http_codec_ready(rig.client.codec));
	rig_done(&rig);

	/* With work: what is on its way is still taken. */
	rig_init(&rig);
	rig_start(&rig);
	c = rig_get(&rig);
	rig_run(&rig);
	http_codec_drain(rig.server.codec);
	late = rig_get(&rig);
	rig_run(&rig);
	assert_int_equal(rig.server.ends_len, 2);
	assert_false(http_codec_ready(rig.client.codec));
	answer(&rig.server, &rig.server.ends[0], 200, "one");
	answer(&rig.server, &rig.server.ends[1], 200, "two");
	assert_false(http_codec_over(rig.server.codec));
	rig_run(&rig);
	assert_true(body_is(&c->in, "one"));
	assert_true(body_is(&late->in, "two"));
	assert_true(http_codec_over(rig.server.codec));
	assert_true(http_codec_over(rig.client.codec));
	rig_done(&rig);

	/* A client leaves when its last answer is in. */
	rig_init(&rig);
	rig_start(&rig);
	c = rig_get(&rig);
	rig_run(&rig);
	http_codec_drain(rig.client.codec);
	assert_false(http_codec_ready(rig.client.codec));
	late = side_end(&rig.client);
	late->out.head = make_head(late, "GET", 0);
	assert_int_equal(http_codec_submit(rig.client.codec, &late->s), -EBUSY);
	answer(&rig.server, rig_last(&rig), 200, "bye");
	rig_run(&rig);
	assert_true(body_is(&c->in, "bye"));
	assert_true(http_codec_over(rig.client.codec));
	rig_done(&rig);
}

/* What a server did not begin may be asked elsewhere; the rest goes on. */
static void test_goaway(void **state)
{
	struct side client;
	struct end *first, *second;
	struct buf in, block;

	(void)state;
	side_init(&client, HTTP_CLIENT);
	side_start(&client, HTTP_CLIENT);
	for (int i = 0; i < 2; i++) {
		struct end *e = side_end(&client);

		e->out.head = make_head(e, "GET", 0);
		e->out.end = true;
		assert_int_equal(http_codec_submit(client.codec, &e->s), 0);
	}
	first = &client.ends[0];
	second = &client.ends[1];
	assert_int_equal(http_codec_write(client.codec, &client.out), 0);
	buf_init(&in, RIG_WIRE);
	buf_init(&block, 1024);
	put_frame(&in, 4, 0, 0, "", 0);
	put_frame(&in, 7, 0, 0, "\0\0\0\1\0\0\0\0", 8);
	assert_int_equal(side_feed(&client, &in, 0), 0);
	assert_int_equal(second->s.fault, HTTP_FAULT_REFUSED);
	assert_true(second->news & HTTP_NEWS_CLOSED);
	assert_int_equal(first->news, 0);
	assert_false(http_codec_ready(client.codec));
	assert_false(http_codec_over(client.codec));

	put_field(&block, SLICE(":status"), SLICE("200"));
	put_frame(&in, 1, 5, 1, buf_data(&block), buf_len(&block));
	assert_int_equal(side_feed(&client, &in, 0), 0);
	assert_int_equal(first->s.fault, HTTP_OK);
	assert_int_equal(first->in.head->status, 200);
	assert_true(first->news & HTTP_NEWS_CLOSED);
	assert_int_equal(http_codec_write(client.codec, &client.out), 0);
	assert_true(http_codec_over(client.codec));
	buf_done(&in);
	buf_done(&block);
	side_done(&client);
}

static void test_read_end(void **state)
{
	struct rig rig;
	struct end *c, *s;

	(void)state;
	rig_init(&rig);
	rig_start(&rig);
	c = rig_get(&rig);
	rig_run(&rig);
	s = rig_last(&rig);
	s->out.head = make_head(s, NULL, 200);
	http_codec_resume(rig.server.codec, &s->s);
	rig_run(&rig);
	http_codec_read_end(rig.client.codec);
	(void)side_news(&rig.client);
	assert_int_equal(c->s.fault, HTTP_FAULT_CUT);
	assert_true(c->in.cut);
	assert_true(c->news & HTTP_NEWS_CLOSED);
	assert_false(http_codec_ready(rig.client.codec));
	rig_done(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_back_pressure),
		cmocka_unit_test(test_no_stall),
		cmocka_unit_test(test_small_wire),
		cmocka_unit_test(test_hundred),
		cmocka_unit_test(test_no_body),
		cmocka_unit_test(test_empty_answer),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_early_answer),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_goaway),
		cmocka_unit_test(test_read_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
