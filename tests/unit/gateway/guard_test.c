/* tests/unit/gateway/guard_test.c - every net, at both of its ends. */

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>
#include <cmocka.h>

#include "base/base.h"
#include "gateway/guard.h"

union addr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

static union addr addr_of(const char *text)
{
	union addr a = { 0 };

	if (strchr(text, ':')) {
		a.v6.sin6_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, text, &a.v6.sin6_addr), 1);
	} else {
		a.v4.sin_family = AF_INET;
		assert_int_equal(inet_pton(AF_INET, text, &a.v4.sin_addr), 1);
	}
	a.v4.sin_port = htons(443);
	return a;
}

static const struct {
	const char *text;
	enum guard_class class;
	const char *why;
} golden[] = {
	{ "0.0.0.0", GUARD_NEVER, "unspecified" },
	{ "0.255.255.255", GUARD_NEVER, "unspecified" },
	{ "1.0.0.0", GUARD_GLOBAL, "global" },
	{ "9.255.255.255", GUARD_GLOBAL, "global" },
	{ "10.0.0.0", GUARD_PRIVATE, "private" },
	{ "10.255.255.255", GUARD_PRIVATE, "private" },
	{ "11.0.0.0", GUARD_GLOBAL, "global" },
	{ "100.63.255.255", GUARD_GLOBAL, "global" },
	{ "100.64.0.0", GUARD_PRIVATE, "carrier-grade NAT" },
	{ "100.100.100.199", GUARD_PRIVATE, "carrier-grade NAT" },
	{ "100.100.100.200", GUARD_NEVER, "cloud metadata" },
	{ "100.127.255.255", GUARD_PRIVATE, "carrier-grade NAT" },
	{ "100.128.0.0", GUARD_GLOBAL, "global" },
	{ "126.255.255.255", GUARD_GLOBAL, "global" },
	{ "127.0.0.0", GUARD_NEVER, "loopback" },
	{ "127.0.0.1", GUARD_NEVER, "loopback" },
	{ "127.255.255.255", GUARD_NEVER, "loopback" },
	{ "128.0.0.0", GUARD_GLOBAL, "global" },
	{ "168.63.129.15", GUARD_GLOBAL, "global" },
	{ "168.63.129.16", GUARD_NEVER, "cloud metadata" },
	{ "168.63.129.17", GUARD_GLOBAL, "global" },
	{ "169.253.255.255", GUARD_GLOBAL, "global" },
	{ "169.254.0.0", GUARD_NEVER, "link-local" },
	{ "169.254.169.254", GUARD_NEVER, "link-local" },
	{ "169.254.170.2", GUARD_NEVER, "link-local" },
	{ "169.255.0.0", GUARD_GLOBAL, "global" },
	{ "172.15.255.255", GUARD_GLOBAL, "global" },
	{ "172.16.0.0", GUARD_PRIVATE, "private" },
	{ "172.31.255.255", GUARD_PRIVATE, "private" },
	{ "172.32.0.0", GUARD_GLOBAL, "global" },
	{ "192.0.0.0", GUARD_NEVER, "reserved" },
	{ "192.0.0.192", GUARD_NEVER, "reserved" },
	{ "192.0.1.0", GUARD_GLOBAL, "global" },
	{ "192.0.2.0", GUARD_PRIVATE, "documentation" },
	{ "192.0.2.255", GUARD_PRIVATE, "documentation" },
	{ "192.0.3.0", GUARD_GLOBAL, "global" },
	{ "192.88.99.1", GUARD_NEVER, "6to4" },
	{ "192.167.255.255", GUARD_GLOBAL, "global" },
	{ "192.168.0.0", GUARD_PRIVATE, "private" },
	{ "192.168.255.255", GUARD_PRIVATE, "private" },
	{ "192.169.0.0", GUARD_GLOBAL, "global" },
	{ "198.17.255.255", GUARD_GLOBAL, "global" },
	{ "198.18.0.0", GUARD_NEVER, "synthetic" },
	{ "198.19.255.255", GUARD_NEVER, "synthetic" },
	{ "198.20.0.0", GUARD_GLOBAL, "global" },
	{ "198.51.100.1", GUARD_PRIVATE, "documentation" },
	{ "198.51.101.0", GUARD_GLOBAL, "global" },
	{ "203.0.113.255", GUARD_PRIVATE, "documentation" },
	{ "203.0.114.0", GUARD_GLOBAL, "global" },
	{ "223.255.255.255", GUARD_GLOBAL, "global" },
	{ "224.0.0.0", GUARD_NEVER, "multicast" },
	{ "239.255.255.255", GUARD_NEVER, "multicast" },
	{ "240.0.0.0", GUARD_NEVER, "reserved" },
	{ "255.255.255.254", GUARD_NEVER, "reserved" },
	{ "255.255.255.255", GUARD_NEVER, "broadcast" },

	{ "::", GUARD_NEVER, "unspecified" },
	{ "::1", GUARD_NEVER, "loopback" },
	{ "::2", GUARD_NEVER, "IPv4-compatible" },
	{ "::8.8.8.8", GUARD_NEVER, "IPv4-compatible" },
	{ "::ffff:8.8.8.8", GUARD_NEVER, "IPv4-mapped" },
	{ "::ffff:127.0.0.1", GUARD_NEVER, "IPv4-mapped" },
	{ "::ffff:169.254.169.254", GUARD_NEVER, "IPv4-mapped" },
	{ "::ffff:0:8.8.8.8", GUARD_NEVER, "reserved" },
	{ "64:ff9b::a9fe:a9fe", GUARD_NEVER, "NAT64" },
	{ "64:ff9b::808:808", GUARD_NEVER, "NAT64" },
	{ "64:ff9b:1::1", GUARD_NEVER, "NAT64" },
	{ "100::1", GUARD_NEVER, "reserved" },
	{ "200::1", GUARD_NEVER, "reserved" },
	{ "1fff:ffff::", GUARD_NEVER, "reserved" },
	{ "2000::", GUARD_GLOBAL, "global" },
	{ "2001::1", GUARD_NEVER, "Teredo" },
	{ "2001:0:4136:e378::", GUARD_NEVER, "Teredo" },
	{ "2001:1::1", GUARD_NEVER, "reserved" },
	{ "2001:2::1", GUARD_PRIVATE, "benchmarking" },
	{ "2001:2:1::1", GUARD_NEVER, "reserved" },
	{ "2001:10::1", GUARD_NEVER, "reserved" },
	{ "2001:1ff::1", GUARD_NEVER, "reserved" },
	{ "2001:200::1", GUARD_GLOBAL, "global" },
	{ "2001:db7::1", GUARD_GLOBAL, "global" },
	{ "2001:db8::1", GUARD_PRIVATE, "documentation" },
	{ "2001:db9::1", GUARD_GLOBAL, "global" },
	{ "2001:4860:4860::8888", GUARD_GLOBAL, "global" },
	{ "2002:7f00:1::", GUARD_NEVER, "6to4" },
	{ "2002:808:808::1", GUARD_NEVER, "6to4" },
	{ "2003::1", GUARD_GLOBAL, "global" },
	{ "2606:4700::1111", GUARD_GLOBAL, "global" },
	{ "3ffe::1", GUARD_GLOBAL, "global" },
	{ "3fff::1", GUARD_PRIVATE, "documentation" },
	{ "3fff:fff::1", GUARD_PRIVATE, "documentation" },
	{ "3fff:1000::1", GUARD_GLOBAL, "global" },
	{ "4000::", GUARD_NEVER, "reserved" },
	{ "5f00::1", GUARD_NEVER, "reserved" },
	{ "fbff::1", GUARD_NEVER, "reserved" },
	{ "fc00::1", GUARD_PRIVATE, "private" },
	{ "fd00::1", GUARD_PRIVATE, "private" },
	{ "fd00:ec2::254", GUARD_NEVER, "cloud metadata" },
	{ "fd00:ec2::253", GUARD_NEVER, "cloud metadata" },
	{ "fd00:ec3::254", GUARD_PRIVATE, "private" },
	{ "fd20:ce::254", GUARD_NEVER, "cloud metadata" },
	{ "fd70:656e:7374::1", GUARD_NEVER, "synthetic" },
	{ "fd70:656e:7375::1", GUARD_PRIVATE, "private" },
	{ "fdff:ffff::1", GUARD_PRIVATE, "private" },
	{ "fe00::1", GUARD_NEVER, "reserved" },
	{ "fe80::1", GUARD_NEVER, "link-local" },
	{ "febf::1", GUARD_NEVER, "link-local" },
	{ "fec0::1", GUARD_NEVER, "site-local" },
	{ "feff::1", GUARD_NEVER, "site-local" },
	{ "ff02::1", GUARD_NEVER, "multicast" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GUARD_NEVER, "multicast" },
};

static void test_golden(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(golden); i++) {
		union addr a = addr_of(golden[i].text);
		const char *why = NULL;

		if (guard_class(&a.sa, &why) != golden[i].class ||
		    strcmp(why, golden[i].why))
			fail_msg("%s is %s, class %d", golden[i].text, why,
				 (int)guard_class(&a.sa, NULL));
	}
}

static void test_other_families(void **state)
{
	union addr a = { .un = { .sun_family = AF_UNIX, .sun_path = "/x" } };
	const char *why;

	(void)state;
	assert_int_equal(guard_class(&a.sa, &why), GUARD_NEVER);
	assert_string_equal(why, "not an internet address");
	a.sa.sa_family = AF_UNSPEC;
	assert_int_equal(guard_class(&a.sa, NULL), GUARD_NEVER);
	assert_false(guard_is_own(&a.sa));
}

/* Whatever this machine has: all of it is its own, and nothing else is. */
static void test_own(void **state)
{
	union addr elsewhere = addr_of("192.0.2.77");
	union addr loopback = addr_of("127.0.0.1");
	struct ifaddrs *all;

	(void)state;
	assert_false(guard_is_own(&loopback.sa));
	assert_int_equal(guard_learn_own(), 1);
	assert_int_equal(guard_learn_own(), 0);
	assert_false(guard_is_own(&elsewhere.sa));
	assert_int_equal(guard_class(&elsewhere.sa, NULL), GUARD_PRIVATE);

	assert_int_equal(getifaddrs(&all), 0);
	for (struct ifaddrs *i = all; i; i = i->ifa_next) {
		const char *why;

		if (!i->ifa_addr || (i->ifa_addr->sa_family != AF_INET &&
				     i->ifa_addr->sa_family != AF_INET6))
			continue;
		assert_true(guard_is_own(i->ifa_addr));
		assert_int_equal(guard_class(i->ifa_addr, &why), GUARD_NEVER);
	}
	freeifaddrs(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_other_families),
		cmocka_unit_test(test_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
