/* tests/unit/gateway/judge_test.c - from a request head to a verdict. */

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
#include "gateway/judge.h"

static struct arena arena;
static struct policy *policy;
static struct http_head head;
static struct judgement j;

static int setup(void **state)
{
	static const char *const allow[] = { "any https://good.example",
					     "GET http://good.example/pub/**",
					     "any https://good.example:8443",
					     "any https://[2001:db8::1]",
					     "wss://ws.example/v1" };
	struct rule_error err;
	struct ruleset *rs;

	(void)state;
	arena_init(&arena, 65536);
	assert_int_equal(ruleset_new(&rs), 0);
	for (size_t i = 0; i < ARRAY_SIZE(allow); i++)
		assert_int_equal(ruleset_add(rs, VERDICT_ALLOW,
					     slice_str(allow[i]), SLICE("t:1"),
					     &err),
				 0);
	assert_int_equal(ruleset_add(rs, VERDICT_DENY,
				     SLICE("any https://good.example/no"),
				     SLICE("t:9"), &err),
			 0);
	assert_int_equal(policy_compile(rs, &policy), 0);
	ruleset_free(&rs);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	policy_free(&policy);
	return 0;
}

static bool judge(const char *scheme, const char *authority, const char *path,
		  const char *sni)
{
	struct authority name = { 0 };
	struct judge_facts facts = { .policy = policy,
				     .sandbox = SLICE("ci"),
				     .sni = sni ? &name : NULL };

	if (sni)
		assert_int_equal(host_parse(slice_str(sni), &name), 0);
	if (!head.method.len)
		head.method = SLICE("GET");
	head.scheme = slice_str(scheme);
	head.authority = slice_str(authority);
	head.path = slice_str(path);
	return judge_request(&facts, &head, &arena, &j);
}

static void says(struct slice s, const char *text)
{
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.ptr, text, s.len);
}

static void test_allowed(void **state)
{
	(void)state;
	head = (struct http_head){ 0 };
	assert_true(judge("https", "GOOD.example.:443", "/a?b=c?d",
			  "good.example"));
	assert_true(j.judged);
	says(j.authority, "good.example");
	assert_int_equal(j.host.port, 443);
	says(j.path, "/a");
	says(j.query, "b=c?d");
	says(j.reason, "rule");
	assert_true(judge("https", "good.example:8443", "/", "good.example"));
	says(j.authority, "good.example:8443");
	assert_true(judge("http", "good.example", "/pub/x", NULL));
	assert_int_equal(j.host.port, 80);
	says(j.authority, "good.example");
}

static void test_names_disagree(void **state)
{
	(void)state;
	head = (struct http_head){ 0 };
	assert_false(judge("https", "good.example", "/", "evil.example"));
	assert_false(j.judged);
	assert_int_equal(j.refusal, REFUSAL_MISDIRECTED);
	says(j.reason, "misdirected");
	says(j.to_allow, "");
	assert_false(judge("https", "good@evil.example", "/", "good.example"));
	assert_int_equal(j.refusal, REFUSAL_MALFORMED);
	assert_int_equal(j.host.host_len, 0);
}

/* The gateway's own pages: no rule is asked, but the names must agree. */
static void test_portal(void **state)
{
	(void)state;
	head = (struct http_head){ 0 };
	assert_true(judge("http", "Penstock.Internal.", "/policy?x", NULL));
	assert_true(j.portal);
	assert_int_equal(j.answer.verdict, VERDICT_ALLOW);
	assert_null(j.answer.rule);
	says(j.reason, "portal");
	says(j.path, "/policy");
	assert_true(
		judge("https", "penstock.internal", "/", "penstock.internal"));
	assert_false(judge("https", "penstock.internal", "/", "good.example"));
	assert_false(j.portal);
	assert_int_equal(j.refusal, REFUSAL_MISDIRECTED);
	assert_false(judge("http", "x.penstock.internal", "/", NULL));
	assert_false(j.portal);
}

/* A path is said whole or not at all, so that the ledger can tell what in it
 * is a secret; nor is half a rule offered.
 */
static void test_denied_long(void **state)
{
	char path[1200] = "/no/";

	(void)state;
	head = (struct http_head){ 0 };
	memset(path + 4, 'x', sizeof(path) - 5);
	path[256] = '\0';
	assert_false(judge("http", "good.example", path, NULL));
	assert_non_null(memmem(j.detail.ptr, j.detail.len, path, 256));
	path[256] = 'x';
	path[257] = '\0';
	assert_false(judge("http", "good.example", path, NULL));
	says(j.detail, "No rule of sandbox 'ci' allows GET "
		       "http://good.example/....");
	assert_int_equal(j.to_allow.len, 4 + 19 + 257);
	path[257] = 'x';
	assert_false(judge("http", "good.example", path, NULL));
	says(j.to_allow, "");
}

static void test_denied(void **state)
{
	(void)state;
	head = (struct http_head){ 0 };
	assert_false(judge("https", "good.example", "/no", "good.example"));
	assert_true(j.judged);
	assert_int_equal(j.refusal, REFUSAL_DENIED);
	assert_non_null(memmem(j.detail.ptr, j.detail.len, "t:9", 3));
	says(j.to_allow, "");
	assert_false(judge("http", "good.example", "/x", NULL));
	says(j.reason, "no-rule");
	says(j.to_allow, "GET http://good.example/x");
	/* Another port is another place. */
	assert_false(judge("https", "good.example:444", "/", "good.example"));
	says(j.reason, "no-rule");
	assert_false(judge("https", "good.example", "/%zz", "good.example"));
	says(j.reason, "bad-path");
	says(j.detail, "No rule of sandbox 'ci' could allow GET "
		       "https://good.example/%zz: its path has no safe reading "
		       "(encodings, dots, or more than 128 segments).");
	says(j.to_allow, "");
}

static void test_upgrade_and_connect(void **state)
{
	(void)state;
	head = (struct http_head){ .upgrade = true };
	assert_false(judge("https", "good.example", "/", "good.example"));
	assert_int_equal(j.refusal, REFUSAL_DENIED);
	head = (struct http_head){ .method = SLICE("CONNECT") };
	assert_false(judge("http", "good.example:443", "", NULL));
	assert_false(j.judged);
	assert_int_equal(j.refusal, REFUSAL_METHOD);
}

/* Without memory for what is to be forwarded nothing is. */
static void test_no_memory(void **state)
{
	struct arena full = arena;

	(void)state;
	head = (struct http_head){ 0 };
	arena_init(&arena, 1);
	assert_false(judge("https", "good.example", "/", "good.example"));
	assert_false(j.judged);
	assert_int_equal(j.refusal, REFUSAL_BUSY);
	assert_false(judge("https", "good.example", "/", "evil.example"));
	assert_int_equal(j.refusal, REFUSAL_MISDIRECTED);
	arena_done(&arena);
	arena = full;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_names_disagree),
		cmocka_unit_test(test_portal),
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_denied_long),
		cmocka_unit_test(test_upgrade_and_connect),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
