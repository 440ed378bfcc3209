/* tests/unit/capture/listen_test.c - what is sent arrives at the listeners.
 *
 * A whole captured namespace in one process: routes, listeners and rules.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter_ipv4.h>
#include <poll.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "base/base.h"
#include "capture/capture.h"
#include "capture/listen.h"
#include "capture/nft.h"
#include "capture/route.h"
#include "tests/unit/capture/world.h"

#define WAIT_MS 2000

static struct listen_set set;
static bool ipv6;

static void world_make(void)
{
	struct rules rules;

	CHECK(route_install(&ipv6) == 0);
	CHECK(listen_open(ipv6, &set) == 0);
	CHECK(set.len == (ipv6 ? 2u : 1u));
	CHECK(rules_build(false, &rules) == 0);
	CHECK(nft_install(&rules) == 0);
	CHECK(nft_verify(&rules) == 0);
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t address_of(const char *host, uint16_t port, union address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(port);
		return sizeof(ret->v4);
	}
	CHECK(inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1);
	ret->v6.sin6_family = AF_INET6;
	ret->v6.sin6_port = htons(port);
	return sizeof(ret->v6);
}

/* A socket that asks for host and port; *ret_err is what connect() said. */
static int ask(int type, const char *host, uint16_t port, int *ret_err)
{
	union address to;
	socklen_t len = address_of(host, port, &to);
	int fd = socket(to.any.sa_family, type | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	*ret_err = connect(fd, &to.any, len) < 0 ? errno : 0;
	return fd;
}

static void wait_for(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	CHECK(poll(&p, 1, WAIT_MS) == 1);
}

static void arrives(const int listeners[LISTEN_FAMILIES], const char *host,
		    uint16_t port)
{
	union address want, have;
	socklen_t len = address_of(host, port, &want), have_len = len;
	bool v4 = want.any.sa_family == AF_INET;
	int err, conn, fd = ask(SOCK_STREAM, host, port, &err);

	CHECK(err == 0);
	wait_for(listeners[v4 ? 0 : 1]);
	conn = accept(listeners[v4 ? 0 : 1], NULL, NULL);
	CHECK(conn >= 0);
	memset(&have, 0, sizeof(have));
	CHECK(getsockopt(conn, v4 ? SOL_IP : SOL_IPV6, SO_ORIGINAL_DST, &have,
			 &have_len) == 0);
	CHECK(have_len == len && !memcmp(&want, &have, len));
	(void)close(conn);
	(void)close(fd);
}

static void in_tcp(void)
{
	static const char *const hosts[] = { "203.0.113.7", "10.0.0.1",
					     "169.254.169.254", "198.18.0.9" };
	static const uint16_t ports[] = { 1, 22, 80, 443, 8443, 65535 };

	world_make();
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		for (size_t k = 0; k < ARRAY_SIZE(ports); k++)
			arrives(set.tcp, hosts[i], ports[k]);
	for (size_t k = 0; ipv6 && k < ARRAY_SIZE(ports); k++)
		arrives(set.tcp, "2600::1", ports[k]);
}

static void test_tcp_arrives_with_its_destination(void **state)
{
	(void)state;
	world_run(in_tcp);
}

static void answers(const char *host, int listener)
{
	union address from;
	socklen_t len = sizeof(from);
	char text[8];
	int err, fd = ask(SOCK_DGRAM, host, 53, &err);

	CHECK(err == 0 && send(fd, "ask", 3, 0) == 3);
	wait_for(listener);
	CHECK(recvfrom(listener, text, sizeof(text), 0, &from.any, &len) == 3);
	CHECK(sendto(listener, "tell", 4, 0, &from.any, len) == 4);
	wait_for(fd);
	CHECK(recv(fd, text, sizeof(text), 0) == 4);
	(void)close(fd);
}

static void in_dns(void)
{
	world_make();
	answers(CAPTURE_NAMESERVER, set.udp[0]);
	answers("8.8.8.8", set.udp[0]);
	answers("127.0.0.53", set.udp[0]);
	arrives(set.dns, CAPTURE_NAMESERVER, 53);
	arrives(set.dns, "127.0.0.1", 53);
	if (ipv6)
		answers("2600::53", set.udp[1]);
}

static void test_dns_arrives_from_anywhere(void **state)
{
	(void)state;
	world_run(in_dns);
}

static void refused(int type, const char *host, uint16_t port)
{
	int err, fd = ask(type, host, port, &err);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	if (type == SOCK_STREAM) {
		CHECK(err == ECONNREFUSED);
	} else {
		CHECK(err == 0 && send(fd, "quic", 4, 0) == 4);
		CHECK(poll(&p, 1, WAIT_MS) == 1);
		CHECK(recv(fd, &c, 1, 0) < 0 && errno == ECONNREFUSED);
	}
	(void)close(fd);
}

static void in_refusal(void)
{
	world_make();
	refused(SOCK_DGRAM, "203.0.113.7", 443);
	refused(SOCK_DGRAM, "203.0.113.7", 123);
	refused(SOCK_STREAM, "127.0.0.1", CAPTURE_TCP_PORT);
	refused(SOCK_STREAM, "127.0.0.1", 1);
	if (ipv6) {
		refused(SOCK_DGRAM, "2600::1", 443);
		refused(SOCK_STREAM, "::1", CAPTURE_TCP_PORT);
	}
}

static void test_the_rest_is_refused_at_once(void **state)
{
	(void)state;
	world_run(in_refusal);
}

/* A listener that cannot be had leaves no other behind. */
static void in_conflict(void)
{
	struct listen_set other, before;

	world_make();
	memset(&other, 0x55, sizeof(other));
	before = other;
	CHECK(listen_open(ipv6, &other) == -EADDRINUSE);
	CHECK(!memcmp(&before, &other, sizeof(other)));
	listen_close(&set);
	CHECK(set.len == 0 && set.tcp[0] == -1 && set.dns[1] == -1);
	CHECK(listen_open(ipv6, &set) == 0);
}

static void test_listeners_come_all_or_none(void **state)
{
	(void)state;
	world_run(in_conflict);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp_arrives_with_its_destination),
		cmocka_unit_test(test_dns_arrives_from_anywhere),
		cmocka_unit_test(test_the_rest_is_refused_at_once),
		cmocka_unit_test(test_listeners_come_all_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
