/* tests/unit/gateway/tunnel_test.c - octets that are no HTTP, and their ends.
 *
 * Each test runs over three kinds of tunnels: a WebSocket, a CONNECT to the
 * proxy, and a captured connection that a tcp:// rule lets through.
 */

#include "gate_rig.h"

#include <netinet/tcp.h>

#include "gateway/conn_impl.h"
#include "gateway/uplink.h"

#define MANY 200000 /* octets: more than one read, one buffer, one write */

enum kind {
	SOCKET,
	CONNECT,
	CAPTURED,
	KINDS
};

#define ASK                                                                    \
	"GET /ws HTTP/1.1\r\nhost: good.example\r\nupgrade: websocket\r\n"     \
	"connection: upgrade\r\n\r\n"
#define GRANT                                                                  \
	"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n"           \
	"connection: upgrade\r\n\r\n"
#define CONNECT_TO(where)                                                      \
	"CONNECT " where " HTTP/1.1\r\nhost: " where "\r\n\r\n"

/* SOCKS5: no login; connect to a name and port 22. */
#define SOCKS "\5\1\0\5\1\0\3\14good.example\0\26"

static int setup(void **state)
{
	static const char *const lines[] = { "ws://good.example/**",
					     "any http://good.example/**",
					     "tcp://good.example:22",
					     "tcp://93.184.216.1:25", NULL };
	struct policy *p = rig_policy(lines);

	(void)rig_setup(state);
	sandbox_set_policy(rig.sb, &p, 2);
	return 0;
}

/* A client that connects to the proxy, or believes to have connected to the
 * port of an address.
 */
static int client_of(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	const union resolve_addr at = {
		.v4 = { AF_INET, htons(port), { htonl(0x5db8d801) }, { 0 } }
	};
	int client = socket(AF_INET, SOCK_STREAM, 0);
	uint16_t here;
	int listener = rig_listen(&here);
	int fd, on = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons(here);
	assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof(to)),
			 0);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(client, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(
		setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)),
		0);
	(void)close(listener);
	conn_begin(&rig.gate, fd, rig.sb, &at, port ? &at : NULL);
	return client;
}

/* A tunnel of that kind stands. */
static void stands(enum kind kind, int *ret_client, int *ret_origin)
{
	static const uint16_t port[] = { 80, 0, 25 };
	int client = client_of(port[kind]);
	int origin;

	if (kind != CAPTURED)
		rig_send(client,
			 kind == SOCKET ? ASK : CONNECT_TO("good.example:22"));
	origin = rig_accept();
	if (kind == SOCKET) {
		rig_expect(origin, "\r\n\r\n");
		rig_send(origin, GRANT);
	}
	if (kind != CAPTURED)
		rig_expect(client, "\r\n\r\n");
	*ret_client = client;
	*ret_origin = origin;
}

static char octet(size_t at)
{
	return (char)('a' + at % 23);
}

/* Octets on their way from one end to the other. */
struct way {
	int from, to;
	size_t size, sent, got;
	bool ends; /* right behind them, from ends its direction */
	bool ended;
};

static void way_send(struct way *w)
{
	char piece[8192];
	size_t n = MIN(sizeof(piece), w->size - w->sent);
	ssize_t sent;

	for (size_t i = 0; i < n; i++)
		piece[i] = octet(w->sent + i);
	if (!n)
		return;
	sent = send(w->from, piece, n, MSG_NOSIGNAL);
	if (sent > 0)
		w->sent += (size_t)sent;
	if (w->sent == w->size && w->ends)
		(void)shutdown(w->from, SHUT_WR);
}

static void way_get(struct way *w)
{
	char piece[8192];
	ssize_t n = recv(w->to, piece, sizeof(piece), 0);

	for (ssize_t i = 0; i < n; i++)
		assert_int_equal(piece[i], octet(w->got + (size_t)i));
	if (n > 0)
		w->got += (size_t)n;
	if (n == 0)
		w->ended = true;
	assert_true(n >= 0 || errno == EAGAIN);
}

/* As much as the socket takes at once, and then the gateway's turn. */
static void way_burst(struct way *w)
{
	size_t before;

	do {
		before = w->sent;
		way_send(w);
	} while (w->sent > before);
	rig_turns(1);
}

/* All that was sent arrives, and then the end if there is one. */
static void pass(int from, int to, size_t size, bool ends)
{
	struct way w = { .from = from, .to = to, .size = size, .ends = ends };

	for (int i = 0; i < 2000; i++) {
		way_burst(&w);
		way_get(&w);
		if (w.got == size && w.ended == ends)
			return;
	}
	fail_msg("%zu of %zu octets came%s", w.got, size,
		 w.ended ? ", and the end" : "");
}

static void end(int fd)
{
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	rig_turns(3);
}

static void is_over(size_t row, enum kind kind, enum audit_outcome outcome,
		    const char *reason)
{
	static const int status[] = { 101, 0, 0 };

	rig_row(row, outcome, status[kind], reason);
	assert_int_equal(rig.gate.exchanges.count, 0);
}

/* One sends, and ends its direction at once; the other goes on, and then says
 * its last and ends, both at once too.
 */
static void one_ends(bool client_first)
{
	static const size_t sizes[] = { 1, 5000, MANY };

	for (size_t i = 0; i < KINDS * ARRAY_SIZE(sizes); i++) {
		size_t size = sizes[i / KINDS];
		enum kind kind = i % KINDS;
		int client, origin, first, second;

		stands(kind, &client, &origin);
		first = client_first ? client : origin;
		second = client_first ? origin : client;
		pass(first, second, size, true);
		pass(second, first, MANY, false);
		pass(second, first, size, true);
		is_over(i, kind, AUDIT_DONE, "rule");
		assert_int_equal(rig.rows[i].bytes_up,
				 client_first ? size : size + MANY);
		assert_int_equal(rig.rows[i].bytes_down,
				 client_first ? size + MANY : size);
		(void)close(client);
		(void)close(origin);
	}
}

static void test_client_ends(void **state)
{
	(void)state;
	one_ends(true);
}

static void test_origin_ends(void **state)
{
	(void)state;
	one_ends(false);
}

/* Both ends of a tunnel are there before it is: in one piece with what asks for
 * it, and with what grants it.
 */
static void test_all_at_once(void **state)
{
	int client = client_of(80);
	int origin;

	(void)state;
	assert_true(send(client, ASK "up", strlen(ASK "up"), 0) > 0);
	end(client);
	origin = rig_accept();
	rig_expect(origin, "\r\n\r\n");
	assert_true(send(origin, GRANT "down", strlen(GRANT "down"), 0) > 0);
	end(origin);
	rig_expect_end(client);
	assert_non_null(strstr(rig.seen, "\r\n\r\ndown"));
	rig_expect_end(origin);
	assert_string_equal(rig.seen, "up");
	is_over(0, SOCKET, AUDIT_DONE, "rule");
	(void)close(client);
	(void)close(origin);

	client = client_of(0);
	rig_send(client, CONNECT_TO("good.example:22") "up");
	end(client);
	origin = rig_accept();
	rig_expect_end(origin);
	assert_string_equal(rig.seen, "up");
	rig_send(origin, "down");
	end(origin);
	rig_expect_end(client);
	assert_non_null(strstr(rig.seen, "\r\n\r\ndown"));
	is_over(1, CONNECT, AUDIT_DONE, "rule");
	(void)close(client);
	(void)close(origin);

	client = client_of(0);
	assert_int_equal(send(client, SOCKS "up", sizeof(SOCKS "up") - 1, 0),
			 sizeof(SOCKS "up") - 1);
	end(client);
	origin = rig_accept();
	rig_expect_end(origin);
	assert_string_equal(rig.seen, "up");
	rig_send(origin, "down");
	end(origin);
	for (int i = 0; i < 100 && rig.gate.exchanges.count; i++)
		rig_turns(1);
	assert_int_equal(recv(client, rig.seen, 100, 0), 2 + 10 + 4);
	assert_memory_equal(rig.seen + 12, "down", 4);
	is_over(2, CAPTURED, AUDIT_DONE, "rule");
	(void)close(client);
	(void)close(origin);
}

/* Neither end reads: what is held is bounded. Both read again: all comes. */
static void test_both_full(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < KINDS; kind++) {
		struct way up = { .size = 64 << 20 }, down = up;
		int client, origin;

		stands(kind, &client, &origin);
		up.from = down.to = client;
		up.to = down.from = origin;
		for (int i = 0; i < 300; i++) {
			way_burst(&up);
			way_burst(&down);
		}
		assert_true(up.sent < up.size && down.sent < down.size);
		up.size = up.sent;
		down.size = down.sent;
		end(client);
		end(origin);
		up.ends = down.ends = true;
		for (int i = 0; i < 20000 && !(up.ended && down.ended); i++) {
			way_get(&up);
			way_get(&down);
			rig_turns(i % 8 == 0);
		}
		assert_int_equal(up.got, up.size);
		assert_int_equal(down.got, down.size);
		is_over(kind, kind, AUDIT_DONE, "rule");
		(void)close(client);
		(void)close(origin);
	}
}

/* The origin says its last and goes. A client that sends on is not left to
 * wait for one that takes it.
 */
static void test_origin_goes(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < KINDS; kind++) {
		struct way up = { .size = 64 << 20 };
		int origin;

		stands(kind, &up.from, &origin);
		rig_send(origin, "last");
		(void)close(origin);
		rig_expect_end(up.from);
		assert_string_equal(rig.seen, "last");
		for (int i = 0; i < 100 && rig.gate.exchanges.count; i++)
			way_burst(&up);
		is_over(kind, kind, AUDIT_CUT, "origin-cut");
		(void)close(up.from);
	}
}

/* Its end waits behind more than the client takes when a write finds that it
 * has gone: all is heard, and then it is over.
 */
static void test_origin_gone(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < KINDS; kind++) {
		struct way down = { .size = 64 << 20, .ends = true };
		const struct uplink *u;

		stands(kind, &down.to, &down.from);
		u = table_at(&rig.gate.links, 0);
		do {
			way_send(&down);
			rig_turns(1);
		} while (buf_room(&u->link.in));
		way_send(&down);
		down.size = down.sent;
		(void)close(down.from);
		rig_send(down.to, "more");
		rig_send(down.to, "more");
		assert_true(u->link.wire.broken && !u->link.wire.ended);
		for (int i = 0; i < 5000 && !down.ended; i++) {
			way_get(&down);
			rig_turns(i % 8 == 0);
		}
		assert_int_equal(down.got, down.size);
		is_over(kind, kind, AUDIT_CUT, "origin-cut");
		(void)close(down.to);
	}
}

/* It goes and says so by a reset, behind what it has sent. */
static void break_off(int fd)
{
	const struct linger none = { .l_onoff = 1 };

	assert_int_equal(
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)), 0);
	(void)close(fd);
}

/* What a client sent before it broke off arrives, and is no good end. */
static void test_client_breaks_off(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < KINDS; kind++) {
		struct way up = { .size = 30000 };
		ssize_t n = 1;

		stands(kind, &up.from, &up.to);
		while (up.sent < up.size)
			way_send(&up);
		break_off(up.from);
		while (n > 0 || errno == EAGAIN) {
			rig_turns(1);
			n = recv(up.to, rig.seen, RIG_TEXT, 0);
			up.got += n > 0 ? (size_t)n : 0;
			assert_int_not_equal(n, 0);
		}
		assert_int_equal(errno, ECONNRESET);
		assert_int_equal(up.got, up.size);
		is_over(kind, kind, AUDIT_CUT, "client-gone");
		(void)close(up.to);
	}
}

/* Octets that are ready to be sent, but that the socket does not take. */
static size_t unsent(void)
{
	const struct conn *c = table_at(&rig.gate.conns, 0);
	const struct uplink *u = table_at(&rig.gate.links, 0);

	return (c ? buf_len(&c->link.out) : 0) +
	       (u ? buf_len(&u->link.out) : 0);
}

/* One end is done, the other sends more than the socket to it takes, and ends:
 * the exchange is over while octets wait. Returns how they go.
 */
static struct way wait_behind(enum kind kind, bool down)
{
	struct way w = { .size = 64 << 20 };

	stands(kind, down ? &w.to : &w.from, down ? &w.from : &w.to);
	end(w.to);
	while (!unsent()) {
		way_send(&w);
		rig_turns(1);
	}
	w.size = w.sent;
	end(w.from);
	rig_turns(5);
	assert_true(unsent() > 0);
	assert_int_equal(rig.gate.exchanges.count, 0);
	return w;
}

/* A minute or two, in which so much is read. */
static void way_slowly(struct way *w, size_t octets)
{
	size_t end = w->got + octets;
	size_t before;

	rig_pass(200 * 1000);
	do {
		before = w->got;
		way_get(w);
	} while (w->got > before && w->got < end);
	rig_turns(2);
}

/* The last octets wait for one that reads slowly, but reads. */
static void test_slow_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * KINDS; i++) {
		struct way w = wait_behind(i / 2, i % 2);

		for (int n = 0; n < 100 && !w.ended; n++)
			way_slowly(&w, w.size / 3);
		assert_int_equal(w.got, w.size);
		assert_true(w.ended);
		is_over(i, i / 2, AUDIT_DONE, "rule");
		(void)close(w.from);
		(void)close(w.to);
	}
}

/* Nor do they go with the sandbox that sent them. */
static void test_sandbox_goes(void **state)
{
	struct way w = wait_behind(CAPTURED, false);

	(void)state;
	conn_end_all(&rig.gate, rig.sb);
	origins_forget(&rig.gate, 1);
	for (int n = 0; n < 100 && !w.ended; n++)
		way_slowly(&w, w.size / 3);
	assert_int_equal(w.got, w.size);
	assert_true(w.ended);
	is_over(0, CAPTURED, AUDIT_DONE, "rule");
	(void)close(w.from);
	(void)close(w.to);
}

/* One that does not read is not waited for, and is shown no good end. */
static void test_stuck_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct way w = wait_behind(CAPTURED, i);

		rig_pass(301 * 1000);
		assert_int_equal(unsent(), 0);
		while (recv(w.to, rig.seen, RIG_TEXT, 0) > 0)
			;
		assert_int_equal(errno, ECONNRESET);
		(void)close(w.from);
		(void)close(w.to);
	}
}

/* An origin that speaks first and goes, as one does that is too busy: all that
 * has come before the tunnel's own request is there.
 */
static void test_greeting(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int client = client_of(i ? 25 : 0);
		int origin = -1;

		if (!i)
			rig_send(client, CONNECT_TO("good.example:22"));
		while (origin < 0) {
			origin = accept4(rig.origin, NULL, NULL, SOCK_NONBLOCK);
			if (origin < 0)
				rig_turns(1);
		}
		assert_int_equal(send(origin, "busy", 4, 0), 4);
		(void)close(origin);
		rig_expect_end(client);
		assert_non_null(strstr(rig.seen, "busy"));
		assert_int_equal(rig.dialled[0], i + 1);
		end(client);
		is_over(i, i ? CAPTURED : CONNECT, AUDIT_DONE, "rule");
		(void)close(client);
	}
}

/* The frames of an HTTP/2 client: preface and SETTINGS, CONNECT on stream 1,
 * DATA there, the last of it.
 */
#define H2_HELLO                                                               \
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"                                     \
	"\0\0\0\4\0\0\0\0\0"
#define H2_CONNECT(port)                                                       \
	"\0\0\x1a\1\4\0\0\0\1\2\7CONNECT\1\17good.example:" port
#define H2_DATA "\0\0\4\0\0\0\0\0\1more"
#define H2_LAST "\0\0\4\0\1\0\0\0\1last"
#define H2_SEND(fd, frames)                                                    \
	assert_int_equal(send(fd, frames, sizeof(frames) - 1, MSG_NOSIGNAL),   \
			 sizeof(frames) - 1)

/* A frame of that type on stream 1 comes; what else comes is passed over. */
static void h2_expect(int fd, unsigned char type, unsigned char flags)
{
	unsigned char head[9], body[1024];

	for (int i = 0; i < 500; i++) {
		if (recv(fd, head, sizeof(head), MSG_PEEK) < 9) {
			rig_turns(1);
			continue;
		}
		(void)recv(fd, head, sizeof(head), 0);
		if (head[1] | head[2])
			(void)recv(fd, body, head[1] * 256u + head[2], 0);
		if (head[3] == type && head[8] == 1 && head[4] == flags)
			return;
	}
	fail_msg("no frame of type %d", type);
}

/* CONNECT over HTTP/2: its ends are the stream's. */
static void test_h2(void **state)
{
	int client = client_of(0);
	int origin;

	(void)state;
	H2_SEND(client, H2_HELLO H2_CONNECT("22") H2_DATA H2_LAST);
	origin = rig_accept();
	rig_expect_end(origin);
	assert_string_equal(rig.seen, "morelast");
	rig_send(origin, "down");
	end(origin);
	h2_expect(client, 1, 4);
	h2_expect(client, 0, 1);
	is_over(0, CONNECT, AUDIT_DONE, "rule");
	(void)close(client);
	(void)close(origin);

	client = client_of(0);
	H2_SEND(client, H2_HELLO H2_CONNECT("22"));
	origin = rig_accept();
	h2_expect(client, 1, 4);
	end(origin);
	h2_expect(client, 0, 1);
	H2_SEND(client, H2_DATA);
	rig_expect(origin, "more");
	H2_SEND(client, H2_DATA H2_LAST);
	rig_expect_end(origin);
	assert_string_equal(rig.seen, "morelast");
	is_over(1, CONNECT, AUDIT_DONE, "rule");
	(void)close(client);
	(void)close(origin);
}

/* The origin takes no more, and the client is told; a carrier is refused. */
static void test_h2_refused(void **state)
{
	int client = client_of(0);
	int origin;

	(void)state;
	H2_SEND(client, H2_HELLO H2_CONNECT("22"));
	origin = rig_accept();
	h2_expect(client, 1, 4);
	(void)close(origin);
	h2_expect(client, 0, 1);
	for (int i = 0; i < 100 && rig.gate.exchanges.count; i++) {
		H2_SEND(client, H2_DATA);
		rig_turns(1);
	}
	h2_expect(client, 3, 0);
	is_over(0, CONNECT, AUDIT_CUT, "origin-cut");
	(void)close(client);

	client = client_of(0);
	H2_SEND(client, H2_HELLO H2_CONNECT("80"));
	h2_expect(client, 3, 0);
	rig_row(1, AUDIT_REFUSED, 501, "method");
	(void)close(client);
}

/* In one piece: CONNECT to a carrier, and a request that states size octets. */
static void carry(int client, size_t size, const char *body)
{
	static char text[90000];
	int n = snprintf(text, sizeof(text),
			 "CONNECT good.example:80 HTTP/1.1\r\n"
			 "host: good.example:80\r\n\r\n"
			 "POST / HTTP/1.1\r\nhost: good.example\r\n"
			 "content-length: %zu\r\n\r\n%s",
			 size, body);

	assert_int_equal(send(client, text, (size_t)n, MSG_NOSIGNAL), n);
}

/* What stands right behind the CONNECT of a carrier: a request that is cut by
 * the client's end, and one that is long.
 */
static void test_carrier(void **state)
{
	static char body[60000];
	int client = client_of(0);
	int origin;

	(void)state;
	carry(client, 9, "half");
	end(client);
	rig_expect_end(client);
	assert_int_equal(rig.gate.exchanges.count, 0);
	(void)close(client);

	memset(body, 'x', sizeof(body) - 1);
	body[sizeof(body) - 2] = '!';
	client = client_of(0);
	carry(client, sizeof(body) - 1, body);
	origin = rig_accept();
	rig_expect(origin, "x!");
	(void)close(client);
	(void)close(origin);
}

/* Both have gone, with octets on their way to either. */
static void test_both_go(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < KINDS; kind++) {
		struct way up = { .size = 64 << 20 }, down = up;

		stands(kind, &up.from, &up.to);
		down.from = up.to;
		for (int i = 0; i < 300; i++) {
			way_burst(&up);
			way_burst(&down);
		}
		break_off(up.from);
		break_off(down.from);
		for (int i = 0; i < 200 && !rig.rows[kind].ended; i++)
			rig_turns(1);
		assert_true(rig.rows[kind].ended);
		assert_int_equal(rig.rows[kind].outcome, AUDIT_CUT);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_client_ends), TEST(test_origin_ends),
		TEST(test_all_at_once), TEST(test_both_full),
		TEST(test_origin_goes), TEST(test_origin_gone),
		TEST(test_both_go),	TEST(test_client_breaks_off),
		TEST(test_slow_end),	TEST(test_sandbox_goes),
		TEST(test_stuck_end),	TEST(test_greeting),
		TEST(test_h2),		TEST(test_h2_refused),
		TEST(test_carrier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
