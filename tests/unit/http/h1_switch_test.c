/* Tests of http/h1.c: switching to WebSocket, and what is no switch. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/http/rig.h"

#define ASK                                                                    \
	"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"                \
	"Connection: Upgrade\r\n\r\n"
#define WISH "Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
#define GRANT                                                                  \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n"           \
	"Connection: upgrade\r\nX-A: b\r\n\r\n"

static void feed(struct rig *r, const char *text)
{
	rig_feed(r, slice_str(text), 0);
}

static void server_init(struct rig *r, const char *request)
{
	rig_init(r, HTTP_SERVER);
	r->answer = false;
	feed(r, request);
	assert_int_equal(r->fault, 0);
}

/* A request with or without the wish, written. */
static void client_init(struct rig *r, bool upgrade)
{
	rig_init(r, HTTP_CLIENT);
	assert_int_equal(rig_submit(r, "GET", NULL), 0);
	r->out.head->upgrade = upgrade;
	rig_turn(r);
	assert_true(r->out.head_written);
}

static void test_wish(void **state)
{
	static const struct {
		const char *fields;
		bool upgrade;
	} rows[] = {
		{ "Upgrade: websocket\r\nConnection: Upgrade\r\n", true },
		{ "upgrade: WEBSOCKET\r\nconnection: x, upgrade\r\n", true },
		{ "Upgrade: websocket\r\n", false },
		{ "Upgrade: h2c\r\nConnection: Upgrade\r\n", false },
		{ "Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n", false },
		{ "Connection: Upgrade\r\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[256];
		struct rig r;

		(void)snprintf(text, sizeof(text),
			       "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n",
			       rows[i].fields);
		server_init(&r, text);
		assert_int_equal(r.in.head->upgrade, rows[i].upgrade);
		assert_null(http_head_find(r.in.head, SLICE("upgrade")));
		assert_null(http_head_find(r.in.head, SLICE("connection")));
		rig_done(&r);
	}
}

/* RFC 6455, section 4.1: the handshake is a GET, and has no body. Anything else
 * is the request that its method says.
 */
static void test_wish_is_get(void **state)
{
	static const char *const rows[] = {
		"POST / HTTP/1.1\r\nContent-Length: 2\r\n" WISH "ab",
		"POST / HTTP/1.1\r\nContent-Length: 0\r\n" WISH,
		"DELETE / HTTP/1.1\r\n" WISH,
		"HEAD / HTTP/1.1\r\n" WISH,
		"OPTIONS / HTTP/1.1\r\n" WISH,
		"GET / HTTP/1.1\r\nContent-Length: 2\r\n" WISH "ab",
		"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" WISH
		"0\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rig r;

		server_init(&r, rows[i]);
		assert_false(r.in.head->upgrade);
		assert_null(http_head_find(r.in.head, SLICE("upgrade")));
		rig_done(&r);
	}
}

static void test_client(void **state)
{
	struct rig r;

	(void)state;
	client_init(&r, true);
	r.out.end = true;
	rig_turn(&r);
	feed(&r, GRANT "raw");
	assert_int_equal(r.fault, 0);
	assert_int_equal(r.in.head->status, 101);
	assert_false(r.out.end); /* the tunnel has just begun */
	assert_true(slice_eq(buf_slice(&r.in.body), SLICE("raw")));
	assert_int_equal(buf_append(&r.out.body, "up", 2), 0);
	rig_turn(&r);
	assert_true(slice_ends(buf_slice(&r.outbuf), SLICE("\r\n\r\nup")));
	assert_int_equal(r.closed, 0);
	rig_feed_end(&r);
	assert_true(r.in.end);
	assert_false(r.in.cut);
	assert_int_equal(r.closed, 0); /* we may go on */
	assert_int_equal(buf_append(&r.out.body, "last", 4), 0);
	r.out.end = true;
	rig_turn(&r);
	assert_true(slice_ends(buf_slice(&r.outbuf), SLICE("uplast")));
	assert_true(http_codec_finished(r.codec));
	assert_int_equal(r.closed, 1);
	assert_true(http_codec_over(r.codec));
	rig_done(&r);
}

/* A 101 that nobody asked for, or for another protocol; a page instead. */
static void test_not_granted(void **state)
{
	static const char *const rows[] = {
		"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
		"HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n",
		"HTTP/1.1 101 X\r\nConnection: upgrade\r\n\r\n",
		"HTTP/1.1 101 X\r\n\r\nsmuggled",
		"HTTP/1.1 200 X\r\nContent-Length: 4\r\n\r\npage",
		"HTTP/1.1 204 X\r\n\r\n",
	};
	struct rig r;

	(void)state;
	client_init(&r, false);
	feed(&r, GRANT);
	assert_int_equal(r.fault, HTTP_FAULT_SYNTAX);
	assert_null(r.in.head);
	rig_done(&r);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		client_init(&r, true);
		feed(&r, rows[i]);
		assert_int_equal(r.fault, HTTP_FAULT_SYNTAX);
		assert_null(r.in.head);
		assert_int_equal(buf_len(&r.in.body), 0);
		rig_done(&r);
	}
}

/* The origin says no: its reasons are passed on. */
static void test_not_this_time(void **state)
{
	struct rig r;

	(void)state;
	client_init(&r, true);
	feed(&r, "HTTP/1.1 401 X\r\nContent-Length: 2\r\n\r\nno");
	assert_int_equal(r.fault, HTTP_OK);
	assert_int_equal(r.in.head->status, 401);
	assert_true(slice_eq(buf_slice(&r.in.body), SLICE("no")));
	rig_done(&r);
}

static void test_server(void **state)
{
	struct http_head *head;
	struct rig r;

	(void)state;
	server_init(&r, ASK "early");
	assert_true(r.in.end);
	assert_int_equal(buf_len(&r.inbuf), 5); /* not before the 101 */
	head = rig_head(&r, "x: y");
	head->status = 101;
	head->upgrade = true;
	head->framing = HTTP_CLOSE;
	r.in.end = false; /* as the origin's codec does */
	r.out.head = head;
	assert_int_equal(buf_append(&r.out.body, "down", 4), 0);
	rig_turn(&r);
	rig_turn(&r);
	rig_assert_written(&r, "HTTP/1.1 101 Switching Protocols\r\nx: y\r\n"
			       "connection: Upgrade\r\nupgrade: websocket\r\n"
			       "\r\ndown");
	assert_true(slice_eq(buf_slice(&r.in.body), SLICE("early")));
	r.out.end = true;
	rig_turn(&r);
	assert_true(r.out.done);
	assert_true(http_codec_finished(r.codec));
	assert_int_equal(r.closed, 0); /* the client may go on */
	feed(&r, "late");
	rig_feed_end(&r);
	assert_true(r.in.end);
	assert_int_equal(r.closed, 0); /* that has not gone on yet */
	assert_true(slice_eq(buf_slice(&r.in.body), SLICE("earlylate")));
	r.in.done = true;
	http_codec_resume(r.codec, &r.stream);
	while (rig_fetch(&r))
		;
	assert_int_equal(r.closed, 1);
	assert_true(http_codec_over(r.codec));
	rig_done(&r);
}

/* The origin's last is there together with the 101. What the client still sends
 * nobody takes.
 */
static void test_ended(void **state)
{
	struct http_head *head;
	struct rig r;

	(void)state;
	server_init(&r, ASK);
	head = rig_head(&r, NULL);
	head->status = 101;
	head->upgrade = true;
	r.in.end = false;
	r.out.head = head;
	r.out.end = true;
	rig_turn(&r);
	assert_true(r.out.done);
	assert_int_equal(r.closed, 0);
	r.in.done = true;
	http_codec_resume(r.codec, &r.stream);
	feed(&r, "more");
	assert_int_equal(r.closed, 1);
	assert_int_equal(buf_len(&r.inbuf), 0);
	assert_true(http_codec_over(r.codec));
	rig_done(&r);
}

/* CONNECT to a tunnel: octets both ways, and each direction ends by itself. */
static void test_connect(void **state)
{
	struct http_head *head;
	struct rig r;

	(void)state;
	server_init(&r, "CONNECT a:22 HTTP/1.1\r\nHost: a:22\r\n\r\nearly");
	assert_true(r.in.end);
	assert_int_equal(buf_len(&r.inbuf), 5);
	head = rig_head(&r, "x: y");
	head->status = 200;
	head->version = HTTP_RAW;
	r.in.end = false; /* as the tunnel's codec does */
	r.out.head = head;
	assert_int_equal(buf_append(&r.out.body, "banner", 6), 0);
	rig_turn(&r);
	rig_turn(&r);
	rig_assert_written(&r, "HTTP/1.1 200 OK\r\nx: y\r\n\r\nbanner");
	assert_true(slice_eq(buf_slice(&r.in.body), SLICE("early")));
	rig_feed_end(&r);
	assert_true(r.in.end);
	assert_int_equal(r.closed, 0);
	assert_false(http_codec_finished(r.codec));
	r.in.done = true;
	r.out.end = true;
	rig_turn(&r);
	assert_int_equal(r.closed, 1);
	rig_done(&r);
}

/* The origin does not switch: what was pipelined is the next request. */
static void test_server_refused(void **state)
{
	struct rig r;

	(void)state;
	server_init(&r, ASK "GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
	rig_answer(&r, 204);
	rig_turn(&r);
	rig_turn(&r);
	assert_int_equal(r.opened, 2);
	assert_true(slice_eq(r.in.head->path, SLICE("/next")));
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wish),
		cmocka_unit_test(test_wish_is_get),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_not_granted),
		cmocka_unit_test(test_not_this_time),
		cmocka_unit_test(test_server),
		cmocka_unit_test(test_ended),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_server_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
