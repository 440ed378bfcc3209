/* Tests of http/h1.c: how streams live on one connection, and what is written.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/http/rig.h"

#define GET_A "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_B "GET /b HTTP/1.1\r\nHost: b\r\n\r\n"

static void feed(struct rig *r, const char *text)
{
	rig_feed(r, slice_str(text), 0);
}

/* Put a head with that framing into out. */
static struct http_head *respond(struct rig *r, uint16_t status,
				 enum http_framing framing, uint64_t length)
{
	struct http_head *head = rig_head(r, "x: y");

	head->status = status;
	head->framing = framing;
	head->content_length = length;
	r->out.head = head;
	return head;
}

static void put_body(struct rig *r, const char *text)
{
	assert_int_equal(buf_append(&r->out.body, text, strlen(text)), 0);
}

static void server_init(struct rig *r, const char *request)
{
	rig_init(r, HTTP_SERVER);
	r->answer = false;
	feed(r, request);
	assert_int_equal(r->fault, 0);
}

static void client_init(struct rig *r, const char *method, const char *fields)
{
	rig_init(r, HTTP_CLIENT);
	assert_true(http_codec_ready(r->codec));
	assert_int_equal(rig_submit(r, method, fields), 0);
	assert_false(http_codec_ready(r->codec));
	rig_turn(r);
}

static void test_self(void **state)
{
	(void)state;
	assert_int_equal(h1_self_test(), 0);
}

/* The second request is not begun before the first stream is CLOSED. */
static void test_pipelining(void **state)
{
	struct rig r;

	(void)state;
	server_init(&r, GET_A GET_B);
	assert_int_equal(r.opened, 1);
	assert_int_equal(buf_len(&r.inbuf), strlen(GET_B));
	assert_string_equal(r.in.head->scheme.ptr, "http");
	rig_answer(&r, 204);
	assert_int_equal(http_codec_write(r.codec, &r.outbuf), 0);
	assert_int_equal(http_codec_read(r.codec, &r.inbuf), 0);
	assert_int_equal(r.opened, 1); /* CLOSED was not fetched yet */
	assert_true(rig_fetch(&r));
	assert_int_equal(r.closed, 1);
	assert_true(http_codec_idle(r.codec));
	assert_false(http_codec_over(r.codec));
	rig_turn(&r);
	assert_int_equal(r.opened, 2);
	assert_false(http_codec_idle(r.codec));
	rig_assert_written(&r, "HTTP/1.1 204 No Content\r\n\r\n");
	rig_done(&r);
}

static void test_open_refused(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, HTTP_SERVER);
	r.refuse_open = true;
	feed(&r, GET_A);
	assert_int_equal(r.dead, ERR_LIMIT);
	assert_true(http_codec_over(r.codec));
	rig_done(&r);
}

/* A full flow leaves the rest in the owner's buffer; nothing is lost. */
static void test_back_pressure(void **state)
{
	static char body[100000];
	struct rig r;

	(void)state;
	memset(body, 'x', sizeof(body));
	server_init(&r, "POST / HTTP/1.1\r\nHost: a\r\n"
			"Content-Length: 100000\r\n\r\n");
	rig_feed(&r, slice_of(body, sizeof(body)), 0);
	assert_int_equal(buf_len(&r.in.body), 65536);
	assert_int_equal(buf_len(&r.inbuf), sizeof(body) - 65536);
	assert_false(r.in.end);
	buf_consume(&r.in.body, 40000);
	r.news = 0;
	rig_turn(&r);
	assert_true(r.news & HTTP_NEWS_BODY);
	assert_int_equal(buf_len(&r.inbuf), 0);
	assert_true(r.in.end);
	assert_int_equal(r.in.passed, sizeof(body));
	assert_int_equal(buf_len(&r.in.body), sizeof(body) - 40000);
	rig_done(&r);
}

/* The end of input is only acted on when all that came before was read. */
static void test_back_pressure_at_end(void **state)
{
	static char body[100000];
	struct rig r;

	(void)state;
	memset(body, 'x', sizeof(body));
	client_init(&r, "GET", NULL);
	feed(&r, "HTTP/1.1 200 OK\r\n\r\n");
	rig_feed(&r, slice_of(body, sizeof(body)), 0);
	rig_feed_end(&r);
	assert_false(r.in.end);
	buf_consume(&r.in.body, 65536);
	rig_turn(&r);
	assert_true(r.in.end);
	assert_false(r.in.cut);
	assert_int_equal(r.in.passed, sizeof(body));
	assert_int_equal(r.closed, 1);
	assert_true(http_codec_over(r.codec));
	rig_done(&r);
}

struct written {
	const char *request;
	uint16_t status;
	enum http_framing framing;
	uint64_t length;
	const char *body;
	const char *expected;
	bool over;
};

static const struct written written[] = {
	{ GET_A, 200, HTTP_LENGTH, 2, "AB",
	  "HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 2\r\n\r\nAB", false },
	{ GET_A, 200, HTTP_NO_BODY, 0, "",
	  "HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 0\r\n\r\n", false },
	{ GET_A, 299, HTTP_NO_BODY, 0, "",
	  "HTTP/1.1 299 \r\nx: y\r\ncontent-length: 0\r\n\r\n", false },
	{ GET_A, 200, HTTP_STREAM, 0, "ABC",
	  "HTTP/1.1 200 OK\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n"
	  "3\r\nABC\r\n0\r\n\r\n",
	  false },
	{ GET_A, 200, HTTP_CLOSE, 0, "ABC",
	  "HTTP/1.1 200 OK\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n"
	  "3\r\nABC\r\n0\r\n\r\n",
	  false },
	{ GET_A, 204, HTTP_NO_BODY, 0, "",
	  "HTTP/1.1 204 No Content\r\nx: y\r\n\r\n", false },
	{ GET_A, 304, HTTP_LENGTH, 9, "",
	  "HTTP/1.1 304 Not Modified\r\nx: y\r\ncontent-length: 9\r\n\r\n",
	  false },
	{ "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 200, HTTP_LENGTH, 9,
	  "not to be sent",
	  "HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 9\r\n\r\n", false },
	{ "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 200, HTTP_STREAM, 0, "",
	  "HTTP/1.1 200 OK\r\nx: y\r\n\r\n", false },
	{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200,
	  HTTP_LENGTH, 1, "A",
	  "HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 1\r\n"
	  "connection: close\r\n\r\nA",
	  true },
	{ "GET / HTTP/1.0\r\nHost: a\r\n\r\n", 200, HTTP_STREAM, 0, "ABC",
	  "HTTP/1.1 200 OK\r\nx: y\r\nconnection: close\r\n\r\nABC", true },
	{ "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", 200,
	  HTTP_STREAM, 0, "ABC",
	  "HTTP/1.1 200 OK\r\nx: y\r\nconnection: close\r\n\r\nABC", true },
	{ "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", 200,
	  HTTP_LENGTH, 1, "A",
	  "HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 1\r\n"
	  "connection: keep-alive\r\n\r\nA",
	  false },
	/* Answered before the request was read whole. */
	{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nAB", 403,
	  HTTP_LENGTH, 1, "A",
	  "HTTP/1.1 403 Forbidden\r\nx: y\r\ncontent-length: 1\r\n"
	  "connection: close\r\n\r\nA",
	  true },
};

static void test_responses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(written); i++) {
		const struct written *w = &written[i];
		struct rig r;

		server_init(&r, w->request);
		respond(&r, w->status, w->framing, w->length);
		put_body(&r, w->body);
		r.out.end = true;
		rig_turn(&r);
		rig_assert_written(&r, w->expected);
		assert_true(r.out.done);
		assert_int_equal(r.closed, 1);
		assert_int_equal(http_codec_over(r.codec), w->over);
		rig_done(&r);
	}
}

static void test_trailers_written(void **state)
{
	struct rig r;

	(void)state;
	server_init(&r, GET_A);
	respond(&r, 200, HTTP_STREAM, 0);
	rig_turn(&r);
	rig_assert_written(&r, "HTTP/1.1 200 OK\r\nx: y\r\n"
			       "transfer-encoding: chunked\r\n\r\n");
	r.out.trailers = rig_head(&r, "grpc-status: 0");
	r.out.end = true;
	rig_turn(&r);
	rig_assert_written(&r, "0\r\ngrpc-status: 0\r\n\r\n");
	assert_int_equal(r.closed, 1);
	rig_done(&r);
}

static void test_interim(void **state)
{
	struct rig r;

	(void)state;
	server_init(&r, GET_A);
	r.out.interim = rig_head(&r, "link: </a>");
	r.out.interim->status = 103;
	r.out.interim->next = rig_head(&r, NULL);
	r.out.interim->next->status = 100;
	rig_turn(&r);
	assert_null(r.out.interim);
	rig_assert_written(&r, "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
			       "HTTP/1.1 100 Continue\r\n\r\n");
	rig_done(&r);

	server_init(&r, "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
	r.out.interim = rig_head(&r, NULL);
	r.out.interim->status = 100;
	rig_answer(&r, 200);
	rig_turn(&r);
	rig_assert_written(&r, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n"
			       "connection: close\r\n\r\n");
	rig_done(&r);
}

/* However its framing is, a message that was cut never looks whole. */
static void test_cut(void **state)
{
	static const struct {
		const char *request;
		enum http_framing framing;
		const char *tail;
	} cases[] = {
		{ GET_A, HTTP_STREAM, "2\r\nAB\r\n" },
		{ GET_A, HTTP_CLOSE, "2\r\nAB\r\n" },
		{ GET_A, HTTP_LENGTH, "\r\n\r\nAB" },
		{ "GET / HTTP/1.0\r\nHost: a\r\n\r\n", HTTP_STREAM,
		  "\r\n\r\nAB" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rig r;
		char *text;

		server_init(&r, cases[i].request);
		respond(&r, 200, cases[i].framing, 5);
		put_body(&r, "AB");
		r.out.cut = true;
		assert_int_equal(http_codec_write(r.codec, &r.outbuf), ERR_CUT);
		while (rig_fetch(&r))
			;
		text = rig_take_written(&r);
		assert_true(
			slice_ends(slice_str(text), slice_str(cases[i].tail)));
		free(text);
		assert_int_equal(r.fault, HTTP_FAULT_CUT);
		assert_int_equal(r.closed, 1);
		assert_false(r.out.done);
		assert_true(http_codec_over(r.codec));
		rig_done(&r);
	}
}

/* A body that is not as long as its head said. */
static void test_wrong_length(void **state)
{
	struct rig r;

	(void)state;
	server_init(&r, GET_A);
	respond(&r, 200, HTTP_LENGTH, 3);
	put_body(&r, "ABCD");
	r.out.end = true;
	assert_int_equal(http_codec_write(r.codec, &r.outbuf), ERR_PROTO);
	assert_true(http_codec_over(r.codec));
	rig_done(&r);

	server_init(&r, GET_A);
	respond(&r, 200, HTTP_LENGTH, 3);
	put_body(&r, "AB");
	r.out.end = true;
	assert_int_equal(http_codec_write(r.codec, &r.outbuf), ERR_CUT);
	rig_done(&r);
}

/* Whatever put it there, a line break does not leave in a field. */
static void test_injection(void **state)
{
	static const char *const bad[] = { "a\r\nx: y", "a\rb", "a\nb" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct rig r;

		server_init(&r, GET_A);
		respond(&r, 200, HTTP_NO_BODY, 0)->fields[0].value =
			slice_str(bad[i]);
		r.out.end = true;
		assert_int_equal(http_codec_write(r.codec, &r.outbuf),
				 ERR_PROTO);
		assert_int_equal(buf_len(&r.outbuf), 0);
		rig_done(&r);
	}
}

/* Large bodies come in large chunks, as out has room. */
static void test_chunk_sizes(void **state)
{
	static char body[60000];
	struct rig r;

	(void)state;
	memset(body, 'x', sizeof(body));
	server_init(&r, GET_A);
	buf_done(&r.outbuf);
	buf_init(&r.outbuf, 16384);
	respond(&r, 200, HTTP_STREAM, 0);
	assert_int_equal(http_codec_write(r.codec, &r.outbuf), 0);
	buf_consume(&r.outbuf, buf_len(&r.outbuf));
	assert_int_equal(buf_append(&r.out.body, body, sizeof(body)), 0);
	assert_int_equal(http_codec_write(r.codec, &r.outbuf), 0);
	assert_memory_equal(buf_data(&r.outbuf), "3fec\r\nxxx", 9);
	assert_int_equal(buf_len(&r.out.body), sizeof(body) - 0x3fec);
	assert_int_equal(http_codec_write(r.codec, &r.outbuf), 0);
	assert_int_equal(buf_len(&r.out.body), sizeof(body) - 0x3fec);
	r.news = 0;
	buf_consume(&r.outbuf, buf_len(&r.outbuf));
	assert_int_equal(http_codec_write(r.codec, &r.outbuf), 0);
	while (rig_fetch(&r))
		;
	assert_true(r.news & HTTP_NEWS_ROOM);
	rig_done(&r);
}

static void test_faults_answered(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, HTTP_SERVER);
	feed(&r, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
	assert_int_equal(r.fault, HTTP_FAULT_SYNTAX);
	assert_string_equal(r.detail, "malformed Host");
	assert_null(r.in.head);
	assert_true(r.in.cut);
	rig_assert_written(&r, "HTTP/1.1 400 Bad Request\r\n"
			       "content-length: 0\r\n"
			       "connection: close\r\n\r\n");
	assert_true(http_codec_over(r.codec));
	rig_done(&r);

	/* Not when an answer is already on its way. */
	server_init(&r, "POST / HTTP/1.1\r\nHost: a\r\n"
			"Transfer-Encoding: chunked\r\n\r\n");
	respond(&r, 200, HTTP_STREAM, 0);
	rig_turn(&r);
	assert_true(r.out.head_written);
	feed(&r, "x\r\n");
	assert_int_equal(r.fault, HTTP_FAULT_SYNTAX);
	assert_int_equal(r.dead, ERR_PROTO);
	assert_int_equal(r.closed, 1);
	rig_done(&r);
}

/* What comes after a fault is thrown away while it is answered. */
static void test_after_fault(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, HTTP_SERVER);
	r.answer = false;
	feed(&r, "GET / HTTP/2.0\r\n\r\n");
	assert_int_equal(r.fault, HTTP_FAULT_VERSION);
	feed(&r, GET_A GET_B);
	assert_int_equal(buf_len(&r.inbuf), 0);
	assert_int_equal(r.opened, 1);
	assert_false(http_codec_over(r.codec));
	rig_done(&r);
}

static void test_expect(void **state)
{
	struct rig r;

	(void)state;
	server_init(&r, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
			"Expect: 100-Continue\r\n\r\n");
	assert_true(r.in.head->expect_continue);
	respond(&r, 417, HTTP_LENGTH, 5);
	rig_turn(&r);
	/* The client may send its body or not; nobody could tell. */
	rig_assert_written(&r, "HTTP/1.1 417 Expectation Failed\r\nx: y\r\n"
			       "content-length: 5\r\n"
			       "connection: close\r\n\r\n");
	rig_done(&r);
}

static void test_request_facts(void **state)
{
	struct rig r;

	(void)state;
	server_init(&r, "GET /p?q HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\n"
			"Connection: upgrade\r\nProxy-Authorization: B c\r\n"
			"Expect: 100-continue\r\n\r\n");
	assert_false(r.in.head->upgrade); /* 1.0 has no upgrades */
	assert_false(r.in.head->expect_continue);
	assert_int_equal(r.in.head->version, HTTP_1_0);
	assert_true(slice_eq(r.in.head->proxy_authorization, SLICE("B c")));
	assert_int_equal(r.in.head->bytes, 6 + 12 + 32);
	assert_non_null(http_head_find(r.in.head, SLICE("expect")));
	rig_done(&r);
}

static void test_connect(void **state)
{
	struct rig r;

	(void)state;
	server_init(&r,
		    "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n\x16\x03");
	assert_true(slice_eq(r.in.head->method, SLICE("CONNECT")));
	assert_true(slice_eq(r.in.head->authority, SLICE("b:443")));
	assert_true(r.in.end);
	rig_answer(&r, 200);
	rig_turn(&r);
	rig_assert_written(&r, "HTTP/1.1 200 OK\r\n\r\n");
	rig_turn(&r);
	assert_int_equal(r.closed, 1);
	assert_int_equal(r.opened, 1);
	assert_int_equal(buf_len(&r.inbuf), 2); /* not ours to read */
	assert_false(http_codec_over(r.codec));
	rig_done(&r);

	server_init(&r, "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n" GET_A);
	rig_answer(&r, 407);
	rig_turn(&r);
	assert_int_equal(r.opened, 2);
	rig_done(&r);
}

static void test_drain(void **state)
{
	struct rig r;

	(void)state;
	server_init(&r, GET_A GET_B);
	http_codec_drain(r.codec);
	assert_false(http_codec_over(r.codec));
	rig_answer(&r, 204);
	rig_turn(&r);
	rig_assert_written(&r, "HTTP/1.1 204 No Content\r\n"
			       "connection: close\r\n\r\n");
	assert_true(http_codec_over(r.codec));
	assert_int_equal(r.opened, 1);
	rig_done(&r);

	rig_init(&r, HTTP_CLIENT);
	http_codec_drain(r.codec);
	assert_true(http_codec_over(r.codec));
	assert_int_equal(rig_submit(&r, "GET", NULL), -EBUSY);
	assert_false(r.stream.attached);
	rig_done(&r);
}

static void test_reset(void **state)
{
	struct rig r;

	(void)state;
	server_init(&r, GET_A GET_B);
	http_codec_reset(r.codec, &r.stream, HTTP_FAULT_CANCEL);
	assert_false(r.stream.attached);
	assert_false(rig_fetch(&r));
	assert_true(http_codec_over(r.codec));
	assert_int_equal(r.closed, 0);
	rig_done(&r);
}

static void test_end_of_input(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, HTTP_SERVER);
	feed(&r, "GET / HT");
	rig_feed_end(&r);
	assert_true(http_codec_over(r.codec));
	assert_int_equal(r.opened, 0);
	rig_done(&r);

	/* A client that closes its side still gets its answer. */
	server_init(&r, GET_A);
	rig_feed_end(&r);
	assert_int_equal(r.fault, 0);
	rig_answer(&r, 204);
	rig_turn(&r);
	rig_assert_written(&r, "HTTP/1.1 204 No Content\r\n"
			       "connection: close\r\n\r\n");
	assert_true(http_codec_over(r.codec));
	rig_done(&r);
}

static void test_requests_written(void **state)
{
	struct rig r;

	(void)state;
	client_init(&r, "GET",
		    "accept: */*\ncookie: a=b\nx: y\ncookie: c=d\ncookie: ");
	rig_assert_written(&r, "GET / HTTP/1.1\r\nhost: example.com\r\n"
			       "accept: */*\r\ncookie: a=b; c=d\r\nx: y\r\n"
			       "\r\n");
	rig_done(&r);

	client_init(&r, "POST", "te: trailers");
	rig_assert_written(&r, "POST / HTTP/1.1\r\nhost: example.com\r\n"
			       "te: trailers\r\ncontent-length: 0\r\n"
			       "connection: te\r\n\r\n");
	rig_done(&r);
}

static void test_client_reuse(void **state)
{
	struct rig r;

	(void)state;
	client_init(&r, "GET", NULL);
	feed(&r, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(r.closed, 1);
	assert_true(http_codec_ready(r.codec));
	assert_int_equal(rig_submit(&r, "GET", NULL), 0);
	rig_turn(&r);
	feed(&r, "HTTP/1.1 200 OK\r\nConnection: close\r\n"
		 "Content-Length: 0\r\n\r\n");
	assert_int_equal(r.closed, 2);
	assert_false(http_codec_ready(r.codec));
	assert_true(http_codec_over(r.codec));
	rig_done(&r);
}

/* Octets nobody asked for would be the answer to the next request. */
static void test_unsolicited(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, HTTP_CLIENT);
	feed(&r, "HTTP/1.1 200 OK\r\n\r\n");
	assert_int_equal(r.dead, ERR_PROTO);
	assert_false(http_codec_ready(r.codec));
	assert_true(http_codec_over(r.codec));
	rig_done(&r);

	client_init(&r, "GET", NULL);
	feed(&r, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nAB");
	assert_int_equal(r.closed, 1);
	assert_true(r.in.end);
	assert_int_equal(r.dead, ERR_PROTO);
	assert_false(http_codec_ready(r.codec));
	rig_done(&r);

	/* Between submit and write: nothing was sent yet. */
	rig_init(&r, HTTP_CLIENT);
	assert_int_equal(rig_submit(&r, "GET", NULL), 0);
	assert_int_equal(buf_append(&r.inbuf, "HTTP", 4), 0);
	assert_int_equal(http_codec_read(r.codec, &r.inbuf), ERR_PROTO);
	while (rig_fetch(&r))
		;
	assert_int_equal(r.fault, HTTP_FAULT_REFUSED);
	assert_int_equal(r.closed, 1);
	rig_done(&r);
}

/* The response is whole before its request was sent: it is delivered, and the
 * connection is done with.
 */
static void test_early_response(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, HTTP_CLIENT);
	assert_int_equal(rig_submit(&r, "POST", NULL), 0);
	r.out.head->framing = HTTP_STREAM;
	r.out.end = false;
	rig_turn(&r);
	feed(&r, "HTTP/1.1 413 x\r\nContent-Length: 2\r\n\r\nAB");
	assert_int_equal(r.fault, 0);
	assert_int_equal(r.closed, 1);
	assert_true(r.in.end);
	assert_false(http_codec_ready(r.codec));
	assert_true(http_codec_over(r.codec));
	rig_done(&r);
}

static void test_length_kept(void **state)
{
	struct rig r;

	(void)state;
	client_init(&r, "HEAD", NULL);
	feed(&r, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
	assert_int_equal(r.in.head->framing, HTTP_NO_BODY);
	assert_true(r.in.head->has_length);
	assert_int_equal(r.in.head->content_length, 7);
	assert_true(http_codec_ready(r.codec));
	rig_done(&r);
}

/* Each allocation of a message fails in turn: a fault of ours, which a server
 * may answer, and nothing half read.
 */
static void test_no_memory(void **state)
{
	static const char request[] = "POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n"
				      "Transfer-Encoding: chunked\r\n\r\n"
				      "1\r\nA\r\n0\r\nT: u\r\n\r\n";
	bool passed = false;
	int faults = 0;

	(void)state;
	for (size_t max = 0; !passed && max < 4096; max += 16) {
		struct rig r;

		rig_init(&r, HTTP_SERVER);
		r.answer = false;
		arena_done(&r.arena);
		arena_init(&r.arena, max);
		feed(&r, request);
		passed = r.in.end;
		if (!passed) {
			assert_int_equal(r.fault, HTTP_FAULT_OURS);
			assert_true(r.in.cut);
			assert_null(r.in.trailers);
			assert_true(r.stream.attached);
			faults++;
		}
		rig_done(&r);
	}
	assert_true(passed);
	assert_true(faults > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_pipelining),
		cmocka_unit_test(test_open_refused),
		cmocka_unit_test(test_back_pressure),
		cmocka_unit_test(test_back_pressure_at_end),
		cmocka_unit_test(test_responses),
		cmocka_unit_test(test_trailers_written),
		cmocka_unit_test(test_interim),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_wrong_length),
		cmocka_unit_test(test_injection),
		cmocka_unit_test(test_chunk_sizes),
		cmocka_unit_test(test_faults_answered),
		cmocka_unit_test(test_after_fault),
		cmocka_unit_test(test_expect),
		cmocka_unit_test(test_request_facts),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_end_of_input),
		cmocka_unit_test(test_requests_written),
		cmocka_unit_test(test_client_reuse),
		cmocka_unit_test(test_unsolicited),
		cmocka_unit_test(test_early_response),
		cmocka_unit_test(test_length_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
