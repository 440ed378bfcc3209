/* tests/unit/gateway/wire_test.c - a clear socket. TLS is in tls_test.c. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/loop.h"
#include "gateway/wire.h"

static struct wire wire;
static int peer;
static struct buf buf;

static int setup(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	wire_init(&wire, fds[0]);
	peer = fds[1];
	buf_init(&buf, 65536);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	wire_done(&wire);
	wire_done(&wire);
	assert_int_equal(wire.fd, -1);
	(void)close(peer);
	buf_done(&buf);
	return 0;
}

/* Edge-triggered: nothing is tried before the loop has reported, and a
 * direction stays ready until it was found not to be.
 */
static void test_readiness(void **state)
{
	(void)state;
	assert_int_equal(send(peer, "hello", 5, 0), 5);
	assert_int_equal(wire_read(&wire, &buf), 0);
	wire_ready(&wire, LOOP_READ);
	assert_int_equal(wire_read(&wire, &buf), 5);
	assert_true(wire.readable);
	assert_int_equal(wire_read(&wire, &buf), 0);
	assert_false(wire.readable);
	assert_int_equal(buf_append(&buf, "!", 1), 0);
	assert_int_equal(wire_write(&wire, &buf), 0);
	wire_ready(&wire, LOOP_WRITE);
	assert_int_equal(wire_write(&wire, &buf), 1);
	assert_null(buf.mem);
}

/* Inside TLS a read can wait for room to write. */
static void test_tls_readiness(void **state)
{
	(void)state;
	wire_ready(&wire, LOOP_WRITE);
	assert_false(wire.readable);
	wire.tls = (struct tls *)(void *)&buf; /* not looked into */
	wire_ready(&wire, LOOP_WRITE);
	wire.tls = NULL;
	assert_true(wire.readable);
}

static void test_full_buffer(void **state)
{
	struct buf small;

	(void)state;
	buf_init(&small, 4);
	assert_int_equal(send(peer, "hello", 5, 0), 5);
	wire_ready(&wire, LOOP_READ);
	assert_int_equal(wire_read(&wire, &small), 4);
	assert_int_equal(wire_read(&wire, &small), 0);
	assert_true(wire.readable); /* it is not the socket's fault */
	buf_consume(&small, 4);
	assert_int_equal(wire_read(&wire, &small), 1);
	buf_done(&small);
}

static void test_ends(void **state)
{
	(void)state;
	(void)shutdown(peer, SHUT_WR);
	wire_ready(&wire, LOOP_READ);
	assert_int_equal(wire_read(&wire, &buf), ERR_CLOSED);
	assert_true(wire.ended);
	assert_null(buf.mem);
	assert_int_equal(wire_read(&wire, &buf), 0);
	/* The other direction goes on, to its end. */
	wire_ready(&wire, LOOP_WRITE);
	assert_int_equal(buf_append(&buf, "bye", 3), 0);
	assert_int_equal(wire_write(&wire, &buf), 1);
	assert_true(wire_finish(&wire));
	assert_int_equal(recv(peer, &(char[8]){ 0 }, 8, 0), 3);
	assert_int_equal(recv(peer, &(char[8]){ 0 }, 8, 0), 0);
}

static void test_slow_peer(void **state)
{
	static char piece[16384];
	size_t len = 0;
	int rc = 1;

	(void)state;
	wire_ready(&wire, LOOP_WRITE);
	while (rc == 1) {
		assert_int_equal(buf_append(&buf, piece, sizeof(piece)), 0);
		rc = wire_write(&wire, &buf);
		len += sizeof(piece);
	}
	assert_int_equal(rc, 0);
	assert_false(wire.writable);
	len -= buf_len(&buf);
	while (len) {
		ssize_t n = recv(peer, piece, sizeof(piece), 0);

		assert_true(n > 0);
		len -= (size_t)n;
	}
	assert_int_equal(wire_write(&wire, &buf), 0);
	wire_ready(&wire, LOOP_WRITE);
	assert_int_equal(wire_write(&wire, &buf), 1);
}

/* The peer has gone: no signal, an error. */
static void test_gone(void **state)
{
	(void)state;
	(void)close(peer);
	peer = -1;
	wire_ready(&wire, LOOP_HANGUP);
	assert_true(wire.readable && wire.writable);
	assert_int_equal(buf_append(&buf, "x", 1), 0);
	assert_int_equal(wire_write(&wire, &buf), ERR_CUT);
	assert_true(wire.broken);
}

/* The peer speaks, and resets what it does not read; sending finds it first. */
static void test_reset(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct wire w;
	int origin;

	(void)state;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, len), 0);
	origin = accept(listener, NULL, NULL);
	wire_init(&w, fd);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(send(fd, "unread", 6, 0), 6);
	assert_int_equal(send(origin, "hello", 5, 0), 5);
	(void)close(origin);
	wire_ready(&w, LOOP_WRITE);
	assert_int_equal(buf_append(&buf, "more", 4), 0);
	assert_int_equal(wire_write(&w, &buf), ERR_CUT);
	buf_consume(&buf, buf_len(&buf));
	assert_int_equal(wire_read(&w, &buf), 5);
	assert_memory_equal(buf_data(&buf), "hello", 5);
	assert_int_equal(wire_read(&w, &buf), ERR_CUT);
	wire_done(&w);
	(void)close(listener);
}

static void test_no_delay(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(int);
	struct wire w;
	int on = 0;

	(void)state;
	wire_init(&w, fd);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len),
			 0);
	assert_true(on);
	wire_done(&w);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_readiness),	TEST(test_tls_readiness),
		TEST(test_full_buffer), TEST(test_ends),
		TEST(test_slow_peer),	TEST(test_gone),
		TEST(test_reset),	TEST(test_no_delay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
