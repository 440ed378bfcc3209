/* tests/unit/capture/appliance_test.c - a gateway host's rules. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"
#include "capture/appliance.h"
#include "capture/capture.h"
#include "capture/divert.h"
#include "capture/nft.h"
#include "capture/route.h"
#include "tests/unit/capture/world.h"

#define LEAVE_RULES 7 /* lo's, and one for each error */

static struct rules rules;

static void test_sources_are_prefixes(void **state)
{
	static const char *const bad[] = {
		"",
		"10.7.0.0/33",
		"10.7.0.0/",
		"10.7.0.0/-1",
		"10.7.0.0/ 8",
		"10.7.0.0/8x",
		"10.7.0",
		"host",
		"fd00::/129",
		"fd00::%lo",
		"10.7.0.0/8/8",
		"/8",
		"010.1.1.1",
		"10.7.0.0/+8",
		"::ffff:1.2.3.4/",
		"1.2.3.4 ",
	};
	struct appliance a = { .port = CAPTURE_TCP_PORT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(appliance_add_source(&a, bad[i]), ERR_SYNTAX);
		assert_int_equal(a.sources, 0);
	}
	assert_int_equal(appliance_add_source(&a, "10.7.9.1/24"), 0);
	assert_int_equal(a.source[0].len, 4);
	assert_int_equal(a.source[0].bits, 24);
	assert_int_equal(appliance_add_source(&a, "fd00:7::"), 0);
	assert_int_equal(a.source[1].len, 16);
	assert_int_equal(a.source[1].bits, 128);
	assert_int_equal(appliance_add_source(&a, "0.0.0.0/0"), 0);
	assert_int_equal(a.source[2].bits, 0);
}

static void test_names_have_a_length(void **state)
{
	struct appliance a = { .interfaces = 0 };

	(void)state;
	assert_int_equal(appliance_add_interface(&a, ""), ERR_SYNTAX);
	assert_int_equal(appliance_add_interface(&a, "a/b"), ERR_SYNTAX);
	assert_int_equal(appliance_add_interface(&a, "sixteen_octets__"),
			 ERR_SYNTAX);
	assert_int_equal(appliance_add_interface(&a, "fifteen_octets_"), 0);
	assert_string_equal(a.interface[0], "fifteen_octets_");
}

/* The most that can be asked for. */
static void fill(struct appliance *a)
{
	*a = (struct appliance){ .port = CAPTURE_TCP_PORT };
	while (appliance_add_interface(a, "sb0") == 0)
		;
	while (appliance_add_source(a, "fd00:7::/64") == 0)
		;
}

static void test_limits_hold(void **state)
{
	struct appliance a;

	(void)state;
	fill(&a);
	assert_int_equal(a.interfaces, APPLIANCE_INTERFACES_MAX);
	assert_int_equal(a.sources, APPLIANCE_SOURCES_MAX);
	assert_int_equal(appliance_add_source(&a, "10.0.0.0/8"), ERR_LIMIT);
	assert_int_equal(appliance_build(&a, &rules), 0);
	assert_true(rules.len < RULES_MAX);
	rules_done(&rules);
}

/* The rule that is so many before the last one. */
static void print_at(size_t before, char text[RULES_TEXT_MAX])
{
	assert_true(before < rules.len);
	assert_int_equal(rules_print_rule(rules.rule[rules.len - 1 - before],
					  text, RULES_TEXT_MAX),
			 0);
}

/* What the kernel would say about a sandbox's packets to the world. */
static void test_errors_stay(void **state)
{
	struct appliance a = { .port = 4321 };
	char text[RULES_TEXT_MAX];

	(void)state;
	assert_int_equal(appliance_add_source(&a, "10.7.0.0/24"), 0);
	assert_int_equal(appliance_build(&a, &rules), 0);
	for (size_t i = 0; i < LEAVE_RULES; i++) {
		print_at(i, text);
		assert_non_null(strstr(text, "penstock leave:"));
		assert_true(!strstr(text, "drop") == (i == LEAVE_RULES - 1));
	}
	rules_done(&rules);
}

/* What a rule of the sandbox chain must be: vetted first, dropped last. */
static void test_order(void **state)
{
	struct appliance a = { .port = 4321 };
	char text[RULES_TEXT_MAX];
	bool spoofed = false, tproxy = false;

	(void)state;
	assert_int_equal(appliance_add_interface(&a, "sb0"), 0);
	assert_int_equal(appliance_build(&a, &rules), 0);
	for (size_t i = 0; i < rules.len; i++) {
		assert_int_equal(
			rules_print_rule(rules.rule[i], text, sizeof(text)), 0);
		if (strstr(text, "[fib "))
			spoofed = true;
		if (strstr(text, "[tproxy ")) {
			assert_true(spoofed);
			tproxy = true;
		}
		if (strstr(text, "[reject "))
			assert_true(tproxy);
	}
	assert_true(tproxy);
	print_at(LEAVE_RULES + 1, text);
	assert_string_equal(text, "1 penstock sandbox: [counter ] "
				  "[immediate reg 0 drop ]");
	print_at(LEAVE_RULES, text);
	assert_non_null(strstr(text, "penstock forward:"));
	assert_non_null(strstr(text, "[immediate reg 0 drop ]"));
	rules_done(&rules);
}

static void in_kernel(void)
{
	struct rules other;
	struct appliance a;
	bool there = false;

	fill(&a);
	CHECK(appliance_build(&a, &rules) == 0);
	CHECK(nft_verify(&rules) == ERR_STALE);
	CHECK(nft_replace(&rules) == 0);
	CHECK(nft_verify(&rules) == 0);
	CHECK(nft_replace(&rules) == 0);
	CHECK(nft_verify(&rules) == 0);
	CHECK(nft_whose(&rules, &there) == 0 && there);
	a.sources--;
	CHECK(appliance_build(&a, &other) == 0);
	CHECK(nft_verify(&other) == ERR_STALE);
	other.owner = RULES_OWNER_SANDBOX;
	CHECK(nft_replace(&other) == -EEXIST);
	CHECK(nft_remove(&other) == -EEXIST);
	CHECK(nft_verify(&rules) == 0);
	CHECK(nft_remove(&rules) == 0);
	CHECK(nft_remove(&rules) == 0);
	CHECK(nft_whose(&rules, &there) == 0 && !there);
}

static void test_the_kernel_takes_them(void **state)
{
	(void)state;
	world_run(in_kernel);
}

static void in_routes(void)
{
	CHECK(route_loopback() == 0);
	CHECK(divert_verify() == ERR_STALE);
	CHECK(divert_install() == 0);
	CHECK(divert_verify() == 0);
	CHECK(divert_install() == 0);
	CHECK(divert_verify() == 0);
	CHECK(divert_remove() == 0);
	CHECK(divert_verify() == ERR_STALE);
	CHECK(divert_remove() == 0);
}

static void test_routes_come_and_go(void **state)
{
	(void)state;
	world_run(in_routes);
}

static void in_sandbox_routes(void)
{
	bool ipv6;

	CHECK(route_install(&ipv6) == 0);
	CHECK(route_install(&ipv6) == -EEXIST);
	route_remove();
	CHECK(route_install(&ipv6) == 0);
}

static void test_a_sandbox_route_is_undone(void **state)
{
	(void)state;
	world_run(in_sandbox_routes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sources_are_prefixes),
		cmocka_unit_test(test_names_have_a_length),
		cmocka_unit_test(test_limits_hold),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_errors_stay),
		cmocka_unit_test(test_the_kernel_takes_them),
		cmocka_unit_test(test_routes_come_and_go),
		cmocka_unit_test(test_a_sandbox_route_is_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
