/* tests/unit/gateway/exchange_test.c - one request and its answer, with a
 * client and an origin that misbehave at each state.
 */

#include "gate_rig.h"

#define GET	  "GET / HTTP/1.1\r\nhost: good.example\r\n\r\n"
#define GET_OTHER "GET /x HTTP/1.1\r\nhost: other.example\r\n\r\n"
#define OK_5	  "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"

/* The client asks for text, whose head comes to an origin; returns that. */
static int ask(int client, const char *text)
{
	int origin;

	rig_send(client, text);
	origin = rig_accept();
	rig_expect(origin, "\r\n\r\n");
	return origin;
}

static void test_answer(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	origin = ask(client, GET);
	assert_non_null(strstr(rig.seen, "GET / HTTP/1.1\r\n"));
	assert_non_null(strstr(rig.seen, "host: good.example\r\n"));
	/* The record stands before the first octet goes upstream. */
	assert_int_equal(rig.rows_len, 1);
	assert_int_equal(rig.rows[0].verdict, AUDIT_ALLOW);
	assert_false(rig.rows[0].ended);
	rig_send(origin, OK_5);
	rig_expect(client, "hello");
	rig_row(0, AUDIT_DONE, 200, "rule");
	assert_int_equal(rig.rows[0].bytes_down, 5);
	assert_int_equal(rig.gate.exchanges.count, 0);
	(void)close(client);
	(void)close(origin);
}

static void test_refusals(void **state)
{
	int client = rig_client();

	(void)state;
	rig_send(client, GET_OTHER);
	rig_expect(client, "to_allow");
	assert_non_null(strstr(rig.seen, "HTTP/1.1 403"));
	rig_row(0, AUDIT_REFUSED, 403, "no-rule");
	assert_int_equal(rig.rows[0].verdict, AUDIT_DENY);
	assert_int_equal(rig.questions, 0);
	assert_int_equal(rig.stats->sandbox[0].denied, 1);
	(void)close(client);
}

/* What comes behind a refused request is judged too, and forwarded. */
static void test_pipeline_after_refusal(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	origin = ask(client, GET_OTHER GET GET_OTHER);
	rig_send(origin, OK_5);
	rig_expect(client, "hello");
	rig_row(0, AUDIT_REFUSED, 403, "no-rule");
	rig_row(1, AUDIT_DONE, 200, "rule");
	rig_row(2, AUDIT_REFUSED, 403, "no-rule");
	assert_int_equal(rig.rows_len, 3);
	(void)close(client);
	(void)close(origin);
}

static void test_head_refused(void **state)
{
	int client = rig_client();

	(void)state;
	rig_send(client, "HEAD /x HTTP/1.1\r\nhost: other.example\r\n\r\n");
	rig_expect(client, "\r\n\r\n");
	assert_non_null(strstr(rig.seen, "HTTP/1.1 403"));
	assert_non_null(strstr(rig.seen, "content-length: "));
	assert_true(strlen(strstr(rig.seen, "\r\n\r\n")) == 4);
	rig_row(0, AUDIT_REFUSED, 403, "no-rule");
	/* The connection goes on. */
	rig_send(client, GET_OTHER);
	rig_expect(client, "HTTP/1.1 403");
	(void)close(client);
}

/* Expect: 100-continue is answered by the refusal, and no 100. */
static void test_expect_refused(void **state)
{
	int client = rig_client();

	(void)state;
	rig_send(client, "POST /x HTTP/1.1\r\nhost: other.example\r\n"
			 "content-length: 10\r\nexpect: 100-continue\r\n\r\n");
	rig_expect_end(client);
	assert_memory_equal(rig.seen, "HTTP/1.1 403", 12);
	assert_non_null(strstr(rig.seen, "connection: close"));
	rig_row(0, AUDIT_REFUSED, 403, "no-rule");
	(void)close(client);
}

/* No record, no request: 503 and nothing is dialled. */
static void test_spool_full(void **state)
{
	int client = rig_client();

	(void)state;
	rig.spool_full = true;
	rig_send(client, GET);
	rig_expect(client, "HTTP/1.1 503");
	assert_int_equal(rig.questions, 0);
	assert_int_equal(rig.dialled[0], 0);
	assert_int_equal(rig.rows_len, 0);
	assert_int_equal(rig.stats->row.unrecorded, 1);
	(void)close(client);
}

static void test_spool_full_counted(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	rig.spool_full = rig.gate.count_lost = true;
	origin = ask(client, GET);
	rig_send(origin, OK_5);
	rig_expect(client, "hello");
	assert_int_equal(rig.stats->row.lost, 1);
	(void)close(client);
	(void)close(origin);
}

static void test_malformed(void **state)
{
	int client = rig_client();

	(void)state;
	rig_send(client, "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n");
	rig_expect_end(client);
	assert_memory_equal(rig.seen, "HTTP/1.1 400", 12);
	rig_row(0, AUDIT_REFUSED, 400, "malformed");
	assert_int_equal(rig.rows[0].verdict, AUDIT_NONE);
	(void)close(client);
}

/* The head is whole and the body behind it is no chunk: both in one read. */
static void test_head_and_fault(void **state)
{
	int client = rig_client();

	(void)state;
	rig_send(client, "POST / HTTP/1.1\r\nhost: good.example\r\n"
			 "transfer-encoding: chunked\r\n\r\nzz\r\n");
	rig_expect_end(client);
	assert_memory_equal(rig.seen, "HTTP/1.1 400", 12);
	rig_row(0, AUDIT_REFUSED, 400, "malformed");
	assert_int_equal(rig.dialled[0], 0);
	(void)close(client);
}

/* A name that resolves to a private address, alone or beside a public one. */
static void test_private_address(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	rig.answer.addrs[0].v4.sin_addr.s_addr = htonl(0x0a000001);
	rig_send(client, GET);
	rig_expect(client, "HTTP/1.1 502");
	rig_row(0, AUDIT_FAILED, 502, "upstream-address");
	assert_non_null(strstr(rig.rows[0].detail, "10.0.0.1"));
	rig_addrs(2, 0);
	rig.answer.addrs[0].v4.sin_addr.s_addr = htonl(0x7f000001);
	rig_send(client, GET);
	origin = rig_accept();
	assert_int_equal(rig.dialled[1], 1);
	rig_expect(origin, "\r\n\r\n");
	rig_send(origin, OK_5);
	rig_expect(client, "hello");
	rig_row(1, AUDIT_DONE, 200, "rule");
	(void)close(client);
	(void)close(origin);
}

static void test_no_name(void **state)
{
	int client = rig_client();

	(void)state;
	rig.answer = (struct resolve_answer){ .err = ERR_UNKNOWN };
	rig.resolve_later = true;
	rig_send(client, GET);
	rig_resolved();
	rig_expect(client, "HTTP/1.1 502");
	rig_row(0, AUDIT_FAILED, 502, "upstream-dns");
	(void)close(client);
}

/* The client goes away while its origin is looked up, dialled, and answers. */
static void test_client_gone(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	rig.resolve_later = true;
	rig_send(client, GET);
	(void)close(client);
	rig_turns(5);
	assert_int_equal(rig.gate.conns.count, 1);
	rig_resolved();
	origin = rig_accept();
	rig_expect(origin, "\r\n\r\n");
	rig_send(origin, OK_5);
	rig_row(0, AUDIT_DONE, 200, "rule");
	rig_turns(5);
	assert_int_equal(rig.gate.conns.count, 0);
	(void)close(origin);
}

static void test_client_gone_uploading(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	rig_send(client, "POST / HTTP/1.1\r\nhost: good.example\r\n"
			 "content-length: 10\r\n\r\nabc");
	origin = rig_accept();
	rig_expect(origin, "abc");
	(void)close(client);
	rig_expect_end(origin);
	rig_row(0, AUDIT_CUT, 0, "client-gone");
	assert_int_equal(rig.rows[0].bytes_up, 3);
	(void)close(origin);
}

/* The origin breaks off before its answer, and in the middle of it. */
static void test_origin_gone(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	origin = ask(client, GET);
	(void)close(origin);
	rig_expect(client, "HTTP/1.1 502");
	rig_row(0, AUDIT_FAILED, 502, "upstream-protocol");
	origin = ask(client, GET);
	rig_send(origin, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel");
	(void)close(origin);
	rig_expect_end(client);
	assert_non_null(strstr(rig.seen, "hel"));
	rig_row(1, AUDIT_CUT, 200, "origin-cut");
	(void)close(client);
}

/* A kept connection that dies under a GET: another one is made. A POST is not
 * sent twice.
 */
static void test_retry(void **state)
{
	int client = rig_client();
	int origin, again;

	(void)state;
	origin = ask(client, GET);
	rig_send(origin, OK_5);
	rig_expect(client, "hello");
	rig_send(client, GET);
	rig_expect(origin, "\r\n\r\n");
	(void)close(origin);
	again = rig_accept();
	rig_expect(again, "\r\n\r\n");
	rig_send(again, OK_5);
	rig_expect(client, "hello");
	rig_row(1, AUDIT_DONE, 200, "rule");
	rig_send(client, "POST / HTTP/1.1\r\nhost: good.example\r\n"
			 "content-length: 3\r\n\r\nabc");
	rig_expect(again, "abc");
	(void)close(again);
	rig_expect(client, "HTTP/1.1 502");
	rig_row(2, AUDIT_FAILED, 502, "upstream-protocol");
	assert_int_equal(rig.rows_len, 3);
	(void)close(client);
}

/* The origin answers and has no need of the rest of the request. */
static void test_early_answer(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	rig_send(client, "POST / HTTP/1.1\r\nhost: good.example\r\n"
			 "content-length: 10\r\n\r\nabc");
	origin = rig_accept();
	rig_expect(origin, "abc");
	rig_send(origin, "HTTP/1.1 413 No\r\ncontent-length: 5\r\n\r\nlarge");
	(void)close(origin);
	rig_expect_end(client);
	assert_memory_equal(rig.seen, "HTTP/1.1 413", 12);
	assert_non_null(strstr(rig.seen, "large"));
	rig_row(0, AUDIT_DONE, 413, "rule");
	(void)close(client);
}

/* The client sends until nothing of it moves on. */
static void fill(int client)
{
	static const char octets[32768];

	for (int stuck = 0; stuck < 5; stuck++) {
		while (send(client, octets, sizeof(octets), MSG_NOSIGNAL) > 0)
			stuck = 0;
		rig_turns(2);
	}
}

/* The origin answers a request that it does not read, and closes: a reset. */
static void answer_and_reset(int client, const char *head, size_t body)
{
	static char octets[60000];
	int one = 4096;
	int origin;

	assert_true(body <= sizeof(octets));
	memset(octets, 'x', sizeof(octets));
	assert_int_equal(setsockopt(rig.origin, SOL_SOCKET, SO_RCVBUF, &one,
				    sizeof(one)),
			 0);
	rig_send(client, "POST / HTTP/1.1\r\nhost: good.example\r\n"
			 "content-length: 100000000\r\n\r\n");
	origin = rig_accept();
	fill(client);
	assert_int_equal(send(origin, head, strlen(head), MSG_NOSIGNAL),
			 (ssize_t)strlen(head));
	assert_int_equal(send(origin, octets, body, MSG_NOSIGNAL),
			 (ssize_t)body);
	(void)close(origin);
	rig_expect_end(client);
}

/* Its reset does not take along what had come before. */
static void test_early_answer_reset(void **state)
{
	int client = rig_client();

	(void)state;
	answer_and_reset(client,
			 "HTTP/1.1 413 No\r\ncontent-length: 60000\r\n\r\n",
			 60000);
	assert_memory_equal(rig.seen, "HTTP/1.1 413", 12);
	assert_int_equal(strlen(strstr(rig.seen, "\r\n\r\n") + 4), 60000);
	rig_row(0, AUDIT_DONE, 413, "rule");
	(void)close(client);
}

/* And what has no end but the reset does not look whole. */
static void test_early_answer_cut(void **state)
{
	int client = rig_client();

	(void)state;
	answer_and_reset(client, "HTTP/1.1 413 No\r\n\r\n", 50000);
	assert_memory_equal(rig.seen, "HTTP/1.1 413", 12);
	assert_non_null(strstr(rig.seen, "xxx"));
	assert_null(strstr(rig.seen, "\r\n0\r\n"));
	rig_row(0, AUDIT_CUT, 413, "origin-cut");
	(void)close(client);
}

/* A client that comes by TCP, which knows resets. */
static int client_tcp(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int client = socket(AF_INET, SOCK_STREAM, 0);
	uint16_t port;
	int listener = rig_listen(&port);
	int fd;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons(port);
	assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof(to)),
			 0);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(client, F_SETFL, O_NONBLOCK), 0);
	(void)close(listener);
	rig_begin(fd);
	return client;
}

/* It ends without an end that could be taken for that of the body. */
static void expect_reset(int fd)
{
	char octets[256];
	ssize_t n;

	do {
		rig_turns(1);
		n = recv(fd, octets, sizeof(octets), 0);
	} while (n > 0 || (n < 0 && errno == EAGAIN));
	assert_int_equal(n, -1);
	assert_int_equal(errno, ECONNRESET);
	(void)close(fd);
}

/* A client that knows no chunks takes the end of the connection for the end of
 * the body. An answer that breaks off, or is broken off, must not show it one.
 */
static void test_cut_until_close(void **state)
{
	for (int i = 0; i < 2; i++) {
		int client = client_tcp();
		int origin;

		(void)state;
		rig_send(client,
			 "GET / HTTP/1.0\r\nhost: good.example\r\n\r\n");
		origin = rig_accept();
		rig_expect(origin, "\r\n\r\n");
		rig_send(origin,
			 "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"
			 "\r\n3\r\nhel\r\n");
		rig_expect(client, "hel");
		if (i)
			rig_pass(3601 * 1000);
		else
			(void)shutdown(origin, SHUT_WR);
		rig_row((size_t)i, AUDIT_CUT, 200,
			i ? "stalled" : "origin-cut");
		expect_reset(client);
		(void)close(origin);
	}
}

static void test_response_timeout(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	origin = ask(client, GET);
	rig_pass(601 * 1000);
	rig_expect(client, "HTTP/1.1 504");
	rig_row(0, AUDIT_FAILED, 504, "upstream-response-timeout");
	(void)close(client);
	(void)close(origin);
}

/* The answer comes in the very turn in which the wait for it ends. */
static void test_answer_with_timeout(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	origin = ask(client, GET);
	assert_int_equal(send(origin, OK_5, strlen(OK_5), 0),
			 (ssize_t)strlen(OK_5));
	rig.ahead_ms += 601 * 1000;
	rig_expect(client, "hello");
	rig_row(0, AUDIT_DONE, 200, "rule");
	(void)close(client);
	(void)close(origin);
}

static void big_answer(int origin)
{
	static char piece[65536];
	size_t sent = 0;

	memset(piece, 'x', sizeof(piece));
	rig_send(origin, "HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n");
	for (int i = 0; i < 400; i++) {
		ssize_t n = send(origin, piece, sizeof(piece), MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		rig_turns(1);
	}
	/* Back-pressure: what was taken is bounded. */
	assert_true(sent < 9000000);
}

/* A client that does not read: bounded, and not for ever. */
static void test_slow_reader(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	origin = ask(client, GET);
	big_answer(origin);
	assert_int_equal(rig.gate.exchanges.count, 1);
	rig_pass(3601 * 1000);
	rig_row(0, AUDIT_CUT, 200, "stalled");
	assert_int_equal(rig.gate.exchanges.count, 0);
	rig_pass(301 * 1000);
	assert_int_equal(rig.gate.conns.count, 0);
	(void)close(client);
	(void)close(origin);
}

/* The exchanges' table is full: the connection ends, nothing else. */
static void test_table_full(void **state)
{
	int first = rig_client();
	int second = rig_client();

	(void)state;
	rig.resolve_later = true;
	rig.gate.exchanges.max = 1;
	rig_send(first, GET);
	rig_send(second, GET);
	rig_expect_end(second);
	assert_int_equal(rig.gate.exchanges.count, 1);
	assert_int_equal(rig.rows_len, 1);
	rig.gate.conns.max = rig.gate.conns.count;
	(void)close(second);
	second = rig_client();
	rig_expect_end(second);
	rig_resolved();
	(void)close(first);
	(void)close(second);
}

/* A client that speaks HTTP/2 in the clear, with one stream. */
struct h2_client {
	int fd;
	struct http_codec *codec;
	struct buf in, out;
	struct http_stream stream;
	struct http_flow req, rsp;
	struct arena arena;
	struct http_head *head;
	unsigned int news;
};

static void h2_turn(struct h2_client *c)
{
	struct http_stream *s;
	unsigned int news;
	uint8_t *to = buf_reserve(&c->in, 16384);
	ssize_t n = recv(c->fd, to, 16384, 0);

	if (n > 0)
		buf_commit(&c->in, (size_t)n);
	(void)http_codec_read(c->codec, &c->in);
	(void)http_codec_write(c->codec, &c->out);
	n = send(c->fd, buf_data(&c->out), buf_len(&c->out), MSG_NOSIGNAL);
	if (n > 0)
		buf_consume(&c->out, (size_t)n);
	while ((s = http_codec_next(c->codec, &news)))
		c->news |= news;
	rig_turns(1);
}

static void h2_until(struct h2_client *c, unsigned int news)
{
	for (int i = 0; i < 500 && (c->news & news) != news; i++)
		h2_turn(c);
	assert_int_equal(c->news & news, news);
}

static void h2_begin(struct h2_client *c, const char *authority,
		     size_t body_len)
{
	*c = (struct h2_client){ .fd = rig_client() };
	buf_init(&c->in, WIRE_IN_MAX);
	buf_init(&c->out, WIRE_OUT_MAX);
	arena_init(&c->arena, EXCHANGE_ARENA_MAX);
	buf_init(&c->req.body, http_limits_server.body_bytes);
	buf_init(&c->rsp.body, http_limits_client.body_bytes);
	c->head = http_head_new(&c->arena);
	assert_non_null(c->head);
	c->head->method = body_len ? SLICE("POST") : SLICE("GET");
	c->head->scheme = SLICE("http");
	c->head->authority = slice_str(authority);
	c->head->path = SLICE("/");
	c->head->framing = body_len ? HTTP_STREAM : HTTP_NO_BODY;
	c->req.head = c->head;
	c->req.end = !body_len;
	c->stream = (struct http_stream){ .in = &c->rsp,
					  .out = &c->req,
					  .arena = &c->arena };
	while (body_len--)
		assert_int_equal(buf_append(&c->req.body, "x", 1), 0);
	assert_int_equal(h2_new(HTTP_CLIENT, "http", &http_limits_client, NULL,
				NULL, &c->codec),
			 0);
	assert_int_equal(http_codec_submit(c->codec, &c->stream), 0);
	for (int i = 0; i < 5; i++)
		h2_turn(c);
}

static void h2_done(struct h2_client *c)
{
	http_codec_free(&c->codec);
	buf_done(&c->in);
	buf_done(&c->out);
	buf_done(&c->req.body);
	buf_done(&c->rsp.body);
	arena_done(&c->arena);
	(void)close(c->fd);
}

static void test_h2_refused(void **state)
{
	struct h2_client c;

	(void)state;
	/* While its body is on the way: the answer is there at once, and ends
	 * with the body rather than by a reset.
	 */
	h2_begin(&c, "other.example", 100);
	h2_until(&c, HTTP_NEWS_HEAD | HTTP_NEWS_BODY);
	assert_int_equal(c.rsp.head->status, 403);
	assert_false(c.rsp.end);
	assert_false(c.news & HTTP_NEWS_CLOSED);
	c.req.end = true;
	http_codec_resume(c.codec, &c.stream);
	h2_until(&c, HTTP_NEWS_CLOSED);
	assert_true(c.rsp.end);
	assert_false(c.news & HTTP_NEWS_FAULT);
	rig_row(0, AUDIT_REFUSED, 403, "no-rule");
	assert_int_equal(rig.gate.exchanges.count, 0);
	h2_done(&c);
}

/* The stream is reset while its origin is dialled, and while it answers. */
static void test_h2_reset(void **state)
{
	struct h2_client c;
	int origin;

	(void)state;
	rig.resolve_later = true;
	h2_begin(&c, "good.example", 0);
	assert_int_equal(rig.gate.exchanges.count, 1);
	http_codec_reset(c.codec, &c.stream, HTTP_FAULT_CANCEL);
	for (int i = 0; i < 5; i++)
		h2_turn(&c);
	rig_row(0, AUDIT_CUT, 0, "client-gone");
	rig_resolved();
	h2_done(&c);
	h2_begin(&c, "good.example", 100);
	origin = rig_accept();
	rig_expect(origin, "xxx");
	rig_send(origin, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel");
	h2_until(&c, HTTP_NEWS_HEAD | HTTP_NEWS_BODY);
	http_codec_reset(c.codec, &c.stream, HTTP_FAULT_CANCEL);
	for (int i = 0; i < 5; i++)
		h2_turn(&c);
	rig_row(1, AUDIT_CUT, 200, "client-gone");
	rig_expect_end(origin);
	assert_int_equal(rig.gate.exchanges.count, 0);
	h2_done(&c);
	(void)close(origin);
}

/* An early answer of an HTTP/1 origin, to a stream that still sends. */
static void test_h2_early_answer(void **state)
{
	struct h2_client c;
	int origin;

	(void)state;
	h2_begin(&c, "good.example", 100);
	origin = rig_accept();
	rig_expect(origin, "xxx");
	rig_send(origin, "HTTP/1.1 413 No\r\ncontent-length: 5\r\n\r\nlarge");
	(void)close(origin);
	h2_until(&c, HTTP_NEWS_HEAD | HTTP_NEWS_CLOSED);
	assert_int_equal(c.rsp.head->status, 413);
	assert_true(c.rsp.end);
	assert_false(c.rsp.cut);
	rig_row(0, AUDIT_DONE, 413, "rule");
	h2_done(&c);
}

/* The origin breaks off: the stream may not look whole. */
static void test_h2_origin_gone(void **state)
{
	struct h2_client c;
	int origin;

	(void)state;
	h2_begin(&c, "good.example", 0);
	origin = rig_accept();
	rig_expect(origin, "\r\n\r\n");
	rig_send(origin, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel");
	(void)close(origin);
	h2_until(&c, HTTP_NEWS_FAULT | HTTP_NEWS_CLOSED);
	assert_false(c.rsp.end);
	rig_row(0, AUDIT_CUT, 200, "origin-cut");
	h2_done(&c);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answer),
		TEST(test_refusals),
		TEST(test_pipeline_after_refusal),
		TEST(test_head_refused),
		TEST(test_expect_refused),
		TEST(test_spool_full),
		TEST(test_spool_full_counted),
		TEST(test_malformed),
		TEST(test_head_and_fault),
		TEST(test_private_address),
		TEST(test_no_name),
		TEST(test_client_gone),
		TEST(test_client_gone_uploading),
		TEST(test_origin_gone),
		TEST(test_retry),
		TEST(test_early_answer),
		TEST(test_early_answer_reset),
		TEST(test_early_answer_cut),
		TEST(test_cut_until_close),
		TEST(test_response_timeout),
		TEST(test_answer_with_timeout),
		TEST(test_slow_reader),
		TEST(test_table_full),
		TEST(test_h2_refused),
		TEST(test_h2_reset),
		TEST(test_h2_early_answer),
		TEST(test_h2_origin_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
