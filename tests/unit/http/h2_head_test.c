/* tests/unit/http/h2_head_test.c - heads by hand, and what becomes of them. */

#include "h2_rig.h"

/* What became of one request. */
enum fate {
	FATE_ACCEPT,
	FATE_ANSWER, /* faulted, an answer is possible */
	FATE_RESET,
};

static enum fate try_request(const char *line, size_t step, struct end *ret,
			     struct side *side)
{
	struct buf in, block;
	struct slice body;
	struct end *e;
	enum fate fate;

	side_init(side, HTTP_SERVER);
	side_start(side, HTTP_SERVER);
	buf_init(&in, RIG_WIRE);
	buf_init(&block, 65536);
	put_preface(&in);
	body = put_fields(&block, slice_str(line));
	put_frame(&in, 1, body.ptr ? 4 : 5, 1, buf_data(&block),
		  buf_len(&block));
	if (body.ptr)
		put_frame(&in, 0, 1, 1, body.ptr, body.len);
	assert_int_equal(side_feed(side, &in, step), 0);
	assert_int_equal(http_codec_write(side->codec, &side->out), 0);
	(void)side_news(side);
	assert_int_equal(side->ends_len, 1);
	e = &side->ends[0];
	if (count_frames(&side->out, 3, 1, NULL)) {
		assert_true(e->news & HTTP_NEWS_CLOSED);
		assert_int_equal(e->s.fault, HTTP_FAULT_SYNTAX);
		fate = FATE_RESET;
	} else if (e->news & HTTP_NEWS_FAULT) {
		assert_false(e->news & (HTTP_NEWS_CLOSED | HTTP_NEWS_HEAD));
		assert_null(e->in.head);
		assert_true(e->s.fault == HTTP_FAULT_SYNTAX ||
			    e->s.fault == HTTP_FAULT_METHOD);
		assert_true(e->s.fault_detail.len > 0);
		fate = FATE_ANSWER;
	} else {
		assert_non_null(e->in.head);
		assert_true(e->in.end);
		fate = FATE_ACCEPT;
	}
	*ret = *e;
	buf_done(&in);
	buf_done(&block);
	return fate;
}

typedef bool try_line(struct slice fate, const char *fields, size_t step);

/* name TAB fate TAB fields, one message a line; # begins a comment. Returns how
 * many there were.
 */
static unsigned int each_line(const char *path, try_line *try_one)
{
	FILE *f = fopen(path, "r");
	char line[8192];
	unsigned int n = 0, wrong = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		struct slice name, fate, fields, rest;

		if (line[0] == '#')
			continue;
		line[strcspn(line, "\n")] = '\0';
		(void)slice_cut(slice_str(line), '\t', &name, &rest);
		(void)slice_cut(rest, '\t', &fate, &fields);
		if (!try_one(fate, fields.ptr, 0) ||
		    !try_one(fate, fields.ptr, 1)) {
			print_error("%.*s\n", (int)name.len, name.ptr);
			wrong++;
		}
		n++;
	}
	(void)fclose(f);
	assert_int_equal(wrong, 0);
	return n;
}

static const char *const fates[] = { "accept", "answer", "reset" };

static bool request_line(struct slice fate, const char *fields, size_t step)
{
	struct side side;
	struct end e;
	enum fate is = try_request(fields, step, &e, &side);

	side_done(&side);
	if (slice_eq(fate, SLICE("refuse")))
		return is != FATE_ACCEPT;
	return slice_eq(fate, slice_str(fates[is]));
}

static void test_requests(void **state)
{
	(void)state;
	assert_true(each_line(TEST_DIR "/unit/http/data/h2-requests.tsv",
			      request_line) >= 80);
}

/* An origin's answer to a GET on stream 1. */
static bool response_line(struct slice fate, const char *fields, size_t step)
{
	struct side side;
	struct buf in, block;
	struct slice body;
	struct end *e;
	bool accepted;

	side_init(&side, HTTP_CLIENT);
	side_start(&side, HTTP_CLIENT);
	e = side_end(&side);
	e->out.head = make_head(e, "GET", 0);
	e->out.head->framing = HTTP_NO_BODY;
	e->out.end = true;
	assert_int_equal(http_codec_submit(side.codec, &e->s), 0);
	assert_int_equal(http_codec_write(side.codec, &side.out), 0);
	buf_init(&in, RIG_WIRE);
	buf_init(&block, 65536);
	put_frame(&in, 4, 0, 0, "", 0);
	body = put_fields(&block, slice_str(fields));
	put_frame(&in, 1, body.ptr ? 4 : 5, 1, buf_data(&block),
		  buf_len(&block));
	if (body.ptr)
		put_frame(&in, 0, 1, 1, body.ptr, body.len);
	assert_int_equal(side_feed(&side, &in, step), 0);
	assert_int_equal(http_codec_write(side.codec, &side.out), 0);
	(void)side_news(&side);
	assert_true(e->news & HTTP_NEWS_CLOSED);
	accepted = e->s.fault == HTTP_OK;
	if (accepted)
		assert_true(e->in.head && e->in.end && !e->in.cut);
	else
		assert_false(e->in.end);
	buf_done(&in);
	buf_done(&block);
	side_done(&side);
	return accepted == slice_eq(fate, SLICE("accept"));
}

static void test_responses(void **state)
{
	(void)state;
	assert_true(each_line(TEST_DIR "/unit/http/data/h2-responses.tsv",
			      response_line) >= 20);
}

/* What may not stand behind a body: the stream ends, the body stays cut. */
static void test_trailers(void **state)
{
	static const char *const names[] = {
		"host",
		"content-length",
		"te",
		"trailer",
		"expect",
		"authorization",
		"cookie",
		"set-cookie",
		"connection",
		":path",
		"Upper",
		"transfer-encoding",
		"content_length",
		"transfer_encoding",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct side side;
		struct buf in, block;
		struct end *e;

		side_init(&side, HTTP_SERVER);
		side_start(&side, HTTP_SERVER);
		buf_init(&in, RIG_WIRE);
		buf_init(&block, 1024);
		put_preface(&in);
		put_request(&in, 1, RIG_POST, false);
		put_frame(&in, 0, 0, 1, "abc", 3);
		put_field(&block, slice_str(names[i]), SLICE("trailers"));
		put_frame(&in, 1, 5, 1, buf_data(&block), buf_len(&block));
		assert_int_equal(side_feed(&side, &in, 0), 0);
		assert_int_equal(http_codec_write(side.codec, &side.out), 0);
		(void)side_news(&side);
		e = &side.ends[0];
		if (e->s.fault != HTTP_FAULT_SYNTAX || e->in.end ||
		    !e->in.cut || e->in.trailers)
			fail_msg("%s passed", names[i]);
		assert_true(e->news & HTTP_NEWS_CLOSED);
		assert_int_equal(count_frames(&side.out, 3, 1, NULL), 1);
		buf_done(&in);
		buf_done(&block);
		side_done(&side);
	}
}

/* Every arena that is too small, down to none at all. */
static void test_small_arena(void **state)
{
	unsigned int good = 0;
	size_t max;

	(void)state;
	for (max = 0; good < 3; max += 16) {
		struct side side;
		struct buf in;
		struct end *e;

		side_init(&side, HTTP_SERVER);
		side.arena_max = max;
		side_start(&side, HTTP_SERVER);
		buf_init(&in, RIG_WIRE);
		put_preface(&in);
		put_request(&in, 1,
			    RIG_GET " | accept=>text/plain | x-name=>value | "
				    "cookie=>a=1 | cookie=>b=2",
			    true);
		assert_int_equal(side_feed(&side, &in, 0), 0);
		e = &side.ends[0];
		if (e->in.head) {
			assert_int_equal(e->s.fault, HTTP_OK);
			assert_int_equal(e->in.head->fields_len, 3);
			good++;
		} else {
			assert_int_equal(good, 0);
			assert_int_equal(e->s.fault, HTTP_FAULT_OURS);
			assert_int_equal(e->news, HTTP_NEWS_FAULT);
		}
		buf_done(&in);
		side_done(&side);
	}
	assert_in_range(max, 512, 4096);
}

/* After a fault the owner can still say why, and the body is not waited for. */
static void test_answer_after_fault(void **state)
{
	struct side side;
	struct buf in;
	struct end *e;
	uint32_t code = 99;

	(void)state;
	side_init(&side, HTTP_SERVER);
	side_start(&side, HTTP_SERVER);
	buf_init(&in, RIG_WIRE);
	put_preface(&in);
	put_request(&in, 1, RIG_POST " | host=>b.example", false);
	put_frame(&in, 0, 0, 1, "octets", 6);
	assert_int_equal(side_feed(&side, &in, 0), 0);
	e = &side.ends[0];
	assert_int_equal(e->news, HTTP_NEWS_FAULT);
	assert_int_equal(buf_len(&e->in.body), 0);
	answer(&side, e, 400, "Host");
	assert_int_equal(http_codec_write(side.codec, &side.out), 0);
	(void)side_news(&side);
	assert_int_equal(count_frames(&side.out, 1, 1, NULL), 1);
	assert_int_equal(count_frames(&side.out, 0, 1, NULL), 1);
	assert_int_equal(count_frames(&side.out, 3, 1, &code), 1);
	assert_int_equal(code, 0);
	assert_true(e->news & HTTP_NEWS_CLOSED);
	buf_done(&in);
	side_done(&side);
}

static void test_cookies(void **state)
{
	const struct http_field *f;
	struct side side;
	struct end e;

	(void)state;
	assert_int_equal(try_request(RIG_GET " | a=>1 | cookie=>a=1 | b=>2 | "
					     "cookie=>b=2 | cookie=>c=3 | c=>3",
				     0, &e, &side),
			 FATE_ACCEPT);
	assert_int_equal(e.in.head->fields_len, 4);
	f = &e.in.head->fields[1];
	assert_true(slice_eq(f->name, SLICE("cookie")));
	assert_true(slice_eq(f->value, SLICE("a=1; b=2; c=3")));
	assert_true(slice_eq(e.in.head->fields[3].name, SLICE("c")));
	assert_int_equal(e.in.head->bytes, 3 * (1 + 1 + 32) + 6 + 13 + 32);
	side_done(&side);

	/* Empty ones leave no blank at the end, nor joints. */
	assert_int_equal(try_request(RIG_GET
				     " | cookie=> | cookie=>a=1 | "
				     "cookie=> | cookie=>b=2 | cookie=>",
				     0, &e, &side),
			 FATE_ACCEPT);
	assert_int_equal(e.in.head->fields_len, 1);
	f = &e.in.head->fields[0];
	assert_true(slice_eq(f->value, SLICE("a=1; b=2")));
	assert_int_equal(e.in.head->bytes, 6 + 8 + 32);
	side_done(&side);
}

static void test_head_parts(void **state)
{
	struct side side;
	struct end e;

	(void)state;
	/* host takes the place of :authority, and neither is a field. */
	assert_int_equal(try_request(":method=>POST | :scheme=>https | "
				     ":path=>/p?q | host=>a.example:8443 | "
				     "content-length=>003 | "
				     "expect=>100-continue | x=> | !BODY abc",
				     0, &e, &side),
			 FATE_ACCEPT);
	assert_true(slice_eq(e.in.head->authority, SLICE("a.example:8443")));
	assert_int_equal(e.in.head->framing, HTTP_LENGTH);
	assert_int_equal(e.in.head->content_length, 3);
	assert_true(e.in.head->expect_continue);
	assert_int_equal(e.in.head->fields_len, 2);
	assert_true(body_is(&e.in, "abc"));
	side_done(&side);

	/* Both, in other words. */
	assert_int_equal(try_request(":method=>GET | :scheme=>https | "
				     ":authority=>A.example:443 | :path=>/ | "
				     "host=>a.example",
				     0, &e, &side),
			 FATE_ACCEPT);
	assert_true(slice_eq(e.in.head->authority, SLICE("A.example:443")));
	assert_int_equal(e.in.head->fields_len, 0);
	side_done(&side);

	/* CONNECT has neither scheme nor path. */
	assert_int_equal(try_request(":method=>CONNECT | "
				     ":authority=>a.example:22 | !BODY x",
				     0, &e, &side),
			 FATE_ACCEPT);
	assert_int_equal(e.in.head->path.len, 0);
	assert_int_equal(e.in.head->framing, HTTP_STREAM);
	side_done(&side);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_responses),
		cmocka_unit_test(test_trailers),
		cmocka_unit_test(test_small_arena),
		cmocka_unit_test(test_answer_after_fault),
		cmocka_unit_test(test_cookies),
		cmocka_unit_test(test_head_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
