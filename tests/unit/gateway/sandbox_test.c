/* tests/unit/gateway/sandbox_test.c - who sends. */

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
#include "gateway/address.h"
#include "gateway/sandbox.h"
#include "policy/policy.h"

static struct policy *policy(void)
{
	struct ruleset *rs;
	struct policy *p;

	assert_int_equal(ruleset_new(&rs), 0);
	assert_int_equal(policy_compile(rs, &p), 0);
	ruleset_free(&rs);
	return p;
}

static struct sandbox *add(struct sandboxes *s, uint32_t id, const char *name)
{
	struct policy *p = policy();
	struct sandbox *sb;

	assert_int_equal(sandbox_add(s, id, 0, slice_str(name), &p, &sb), 0);
	assert_null(p);
	return sb;
}

static uint32_t who(struct sandboxes *s, const char *address)
{
	union resolve_addr a;
	struct sandbox *sb;

	assert_int_equal(address_parse(slice_str(address), &a), 0);
	sb = sandbox_by_address(s, &a.sa);
	return sb ? sb->id : 0;
}

static void test_login(void **state)
{
	struct sandboxes *s;
	struct sandbox *ci, *bare;
	struct login l;

	(void)state;
	assert_int_equal(sandboxes_new(&s), 0);
	ci = add(s, 1, "ci");
	bare = add(s, 2, "bare");
	assert_null(sandboxes_nobody(s));
	assert_true(login_set(SLICE("bare"), SLICE(""), &l));
	assert_null(sandbox_by_login(s, &l));
	sandbox_set_token(ci, SLICE("0123456789abcdef"));
	assert_true(sandboxes_nobody(s)->nobody);
	assert_null(sandbox_by_login(s, &l));
	assert_true(login_set(SLICE("ci"), SLICE("0123456789abcdef"), &l));
	assert_ptr_equal(sandbox_by_login(s, &l), ci);
	assert_true(login_set(SLICE("bare"), SLICE("0123456789abcdef"), &l));
	assert_null(sandbox_by_login(s, &l));
	assert_true(login_set(SLICE(""), SLICE("0123456789abcdef"), &l));
	assert_null(sandbox_by_login(s, &l));
	sandbox_set_token(ci, SLICE("fedcba9876543210"));
	assert_true(login_set(SLICE("ci"), SLICE("0123456789abcdef"), &l));
	assert_null(sandbox_by_login(s, &l));
	sandbox_set_token(ci, SLICE(""));
	assert_null(sandboxes_nobody(s));
	assert_false(bare->nobody);
	sandboxes_free(&s);
}

static void test_prefixes(void **state)
{
	struct sandboxes *s;

	(void)state;
	assert_int_equal(sandboxes_new(&s), 0);
	(void)add(s, 1, "wide");
	(void)add(s, 2, "narrow");
	(void)add(s, 3, "six");
	assert_int_equal(sandbox_from(s, SLICE("10.0.0.0/8"), 1), 0);
	assert_int_equal(sandbox_from(s, SLICE("10.7.0.128/25"), 2), 0);
	assert_int_equal(sandbox_from(s, SLICE("fd00:7::/61"), 3), 0);
	assert_int_equal(sandbox_from(s, SLICE("192.0.2.1"), 3), 0);
	assert_int_equal(who(s, "10.7.0.127:1"), 1);
	assert_int_equal(who(s, "10.7.0.128:1"), 2);
	assert_int_equal(who(s, "11.0.0.1:1"), 0);
	assert_int_equal(who(s, "192.0.2.1:1"), 3);
	assert_int_equal(who(s, "192.0.2.2:1"), 0);
	assert_int_equal(who(s, "[fd00:7:0:7::1]:1"), 3);
	assert_int_equal(who(s, "[fd00:7:0:8::1]:1"), 0);
	/* The same sender through a socket of both families. */
	assert_int_equal(who(s, "[::ffff:10.7.0.200]:1"), 2);
	/* A prefix whose sandbox has gone is nobody's. */
	sandbox_remove(s, 2);
	assert_int_equal(who(s, "10.7.0.128:1"), 0);
	sandbox_from_clear(s);
	assert_int_equal(who(s, "10.7.0.127:1"), 0);
	sandboxes_free(&s);
	assert_null(s);
}

/* Any IPv6 sender is no IPv4 sender. */
static void test_families(void **state)
{
	struct sandboxes *s;

	(void)state;
	assert_int_equal(sandboxes_new(&s), 0);
	(void)add(s, 1, "six");
	assert_int_equal(sandbox_from(s, SLICE("::/0"), 1), 0);
	assert_int_equal(who(s, "[2001:db8::1]:1"), 1);
	assert_int_equal(who(s, "10.0.0.1:1"), 0);
	(void)add(s, 2, "four");
	assert_int_equal(sandbox_from(s, SLICE("0.0.0.0/0"), 2), 0);
	assert_int_equal(who(s, "10.0.0.1:1"), 2);
	assert_int_equal(who(s, "[2001:db8::1]:1"), 1);
	sandboxes_free(&s);
}

static void test_bad_prefixes(void **state)
{
	static const char *const bad[] = {
		"",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/1x",
		"10.0.0/8",
		"::/129",
		"::/0001",
		"name",
		"10.0.0.1:80",
		"[::1]",
		"fe80::1%lo",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/1",
	};
	struct sandboxes *s;

	(void)state;
	assert_int_equal(sandboxes_new(&s), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(sandbox_from(s, slice_str(bad[i]), 1),
				 ERR_SYNTAX);
	sandboxes_free(&s);
}

/* Removed while connections point to it, it lives until the last has gone. */
static void test_held(void **state)
{
	struct sandboxes *s;
	struct sandbox *sb;
	struct policy *p = policy();

	(void)state;
	assert_int_equal(sandboxes_new(&s), 0);
	sb = add(s, 7, "ci");
	assert_ptr_equal(sandbox_find(s, 7), sb);
	sandbox_hold(sb);
	sandbox_hold(sb);
	sandbox_remove(s, 7);
	sandbox_remove(s, 7);
	assert_null(sandbox_find(s, 7));
	assert_true(sb->gone);
	assert_string_equal(sb->name, "ci");
	sandbox_set_policy(sb, &p, 2);
	assert_int_equal(sb->generation, 2);
	sandbox_drop(sb);
	assert_int_equal(sb->conns, 1);
	sandbox_drop(sb);
	sandboxes_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_bad_prefixes),
		cmocka_unit_test(test_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
