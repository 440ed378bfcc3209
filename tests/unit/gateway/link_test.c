/* tests/unit/gateway/link_test.c - a wire and a codec, turned together. */

#include "gate_rig.h"

#include "gateway/link.h"

/* A server's link with one stream that answers what the test says. */
static struct {
	struct link link;
	int peer;
	struct http_stream stream;
	struct http_flow in, out;
	struct arena arena;
	unsigned int news;
	bool refuse;
} w;

static struct http_stream *on_open(void *ctx)
{
	(void)ctx;
	if (w.refuse)
		return NULL;
	w.stream = (struct http_stream){ .in = &w.in,
					 .out = &w.out,
					 .arena = &w.arena };
	return &w.stream;
}

static int setup(void **state)
{
	int fds[2];

	(void)state;
	memset(&w, 0, sizeof(w));
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	w.peer = fds[1];
	link_init(&w.link, fds[0]);
	wire_ready(&w.link.wire, LOOP_READ | LOOP_WRITE);
	arena_init(&w.arena, 65536);
	buf_init(&w.in.body, 65536);
	buf_init(&w.out.body, 65536);
	assert_int_equal(h1_new(HTTP_SERVER, "http", &http_limits_server,
				on_open, NULL, &w.link.codec),
			 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	link_done(&w.link);
	link_done(&w.link);
	(void)close(w.peer);
	buf_done(&w.in.body);
	buf_done(&w.out.body);
	arena_done(&w.arena);
	return 0;
}

static int turn_all(void)
{
	unsigned int news;
	int rc;

	wire_ready(&w.link.wire, LOOP_READ | LOOP_WRITE);
	do {
		rc = link_turn(&w.link);
		while (http_codec_next(w.link.codec, &news))
			w.news |= news;
	} while (rc > 0);
	return rc;
}

static void say(const char *text)
{
	assert_int_equal(send(w.peer, text, strlen(text), MSG_NOSIGNAL),
			 (ssize_t)strlen(text));
}

static void reply(const char *body)
{
	static struct http_head head;

	head = (struct http_head){ .status = 200,
				   .version = HTTP_1_1,
				   .framing = HTTP_LENGTH,
				   .has_length = true,
				   .content_length = strlen(body) };
	w.out.head = &head;
	assert_int_equal(buf_append(&w.out.body, body, strlen(body)), 0);
	w.out.end = true;
}

static size_t hear(char *text, size_t size)
{
	ssize_t n = recv(w.peer, text, size - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static void test_byte_by_byte(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
	char text[512];

	(void)state;
	for (const char *c = request; *c; c++) {
		const char one[] = { *c, '\0' };

		assert_null(w.in.head);
		say(one);
		assert_int_equal(turn_all(), 0);
	}
	assert_non_null(w.in.head);
	assert_true(w.news & HTTP_NEWS_HEAD);
	reply("hello");
	assert_int_equal(turn_all(), 0);
	assert_true(w.news & HTTP_NEWS_CLOSED);
	assert_true(hear(text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "\r\n\r\nhello"));
	assert_false(link_over(&w.link));
	link_slim(&w.link);
	assert_null(w.link.in.mem);
	assert_null(w.link.out.mem);
}

/* The peer ends its direction behind a whole request: it gets its answer. */
static void test_half_closed(void **state)
{
	char text[512];

	(void)state;
	say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
	assert_int_equal(shutdown(w.peer, SHUT_WR), 0);
	assert_int_equal(turn_all(), 0);
	assert_true(w.link.end_told);
	assert_false(link_over(&w.link));
	reply("hello");
	assert_int_equal(turn_all(), 0);
	assert_true(hear(text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "hello"));
	assert_true(link_over(&w.link));
}

static void test_idle_end(void **state)
{
	(void)state;
	assert_int_equal(shutdown(w.peer, SHUT_WR), 0);
	assert_int_equal(turn_all(), 0);
	assert_true(link_over(&w.link));
	assert_int_equal(w.news, 0);
}

static void test_gone_in_body(void **state)
{
	(void)state;
	say("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc");
	assert_int_equal(shutdown(w.peer, SHUT_WR), 0);
	assert_int_equal(turn_all(), 0);
	assert_true(w.news & HTTP_NEWS_FAULT);
	assert_int_equal(w.stream.fault, HTTP_FAULT_CUT);
	assert_true(w.in.cut);
	assert_true(link_over(&w.link));
}

/* A stream that is refused ends the connection, and octets are not read on. */
static void test_refused(void **state)
{
	(void)state;
	w.refuse = true;
	say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
	(void)turn_all();
	assert_true(w.link.failed);
	assert_true(link_over(&w.link));
}

/* A body that nobody takes stops the reading; taking it starts it again. */
static void test_back_pressure(void **state)
{
	static char piece[16384];
	size_t sent = 0;
	ssize_t n;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	say("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9000000\r\n\r\n");
	for (int i = 0; i < 200; i++) {
		n = send(w.peer, piece, sizeof(piece), MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		assert_int_equal(turn_all(), 0);
	}
	assert_true(sent < 2000000);
	assert_true(buf_len(&w.in.body) <= 65536);
	assert_true(buf_len(&w.link.in) <= WIRE_IN_MAX);
	buf_consume(&w.in.body, buf_len(&w.in.body));
	http_codec_resume(w.link.codec, &w.stream);
	w.news = 0;
	assert_int_equal(turn_all(), 0);
	assert_true(w.news & HTTP_NEWS_BODY);
	assert_true(buf_len(&w.in.body) > 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_byte_by_byte), TEST(test_half_closed),
		TEST(test_idle_end),	 TEST(test_gone_in_body),
		TEST(test_refused),	 TEST(test_back_pressure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
