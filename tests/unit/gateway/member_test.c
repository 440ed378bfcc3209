/* tests/unit/gateway/member_test.c - sandboxes as the parent knows them. */

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
#include "gateway/member.h"

static struct config *config;
static struct config_error err;

static int setup(void **state)
{
	(void)state;
	assert_int_equal(
		config_parse("t.yaml",
			     SLICE("policies:\n"
				   "  base:\n"
				   "    allow: [GET https://good.example]\n"
				   "  more:\n"
				   "    deny: [any https://bad.example]\n"),
			     &config, &err),
		0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	config_free(&config);
	return 0;
}

static void test_names(void **state)
{
	static const char *const bad[] = { "",	  "-a",	 ".a",	    "a b",
					   "a/b", "a\n", "\xc3\xa4" };
	char longest[SANDBOX_NAME_MAX + 2];
	struct member *m = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(member_new(slice_str(bad[i]), SLICE(""), &m),
				 ERR_SYNTAX);
	memset(longest, 'a', sizeof(longest));
	assert_int_equal(member_new(slice_of(longest, sizeof(longest) - 1),
				    SLICE(""), &m),
			 ERR_SYNTAX);
	assert_null(m);
	assert_int_equal(
		member_new(slice_of(longest, SANDBOX_NAME_MAX), SLICE(""), &m),
		0);
	assert_int_equal(strlen(m->name), SANDBOX_NAME_MAX);
	member_free(&m);
	assert_null(m);
	member_free(&m);
}

static void test_compose(void **state)
{
	struct ruleset *before;
	struct member *m;

	(void)state;
	assert_int_equal(member_new(SLICE("ci"), SLICE(" base  more "), &m), 0);
	assert_int_equal(member_compose(m, config, &err), 0);
	assert_int_equal(ruleset_len(m->rules), 2);
	/* A policy that is gone: what it had stays. */
	before = m->rules;
	(void)snprintf(m->policies, sizeof(m->policies), "base none");
	assert_int_equal(member_compose(m, config, &err), ERR_UNKNOWN);
	assert_non_null(strstr(err.text, "none"));
	assert_ptr_equal(m->rules, before);
	assert_int_equal(member_try(m, config, &err), ERR_UNKNOWN);
	assert_ptr_equal(m->rules, before);
	member_free(&m);
}

static struct ruleset *one_rule(struct slice line)
{
	struct rule_error e;
	struct ruleset *rs;

	assert_int_equal(ruleset_new(&rs), 0);
	assert_int_equal(ruleset_add(rs, VERDICT_ALLOW, line, SLICE("t"), &e),
			 0);
	return rs;
}

static void test_grants(void **state)
{
	struct ruleset *rules,
		*grants = one_rule(SLICE("GET https://a.example"));
	struct member *m;

	(void)state;
	assert_int_equal(member_new(SLICE("ci"), SLICE("base"), &m), 0);
	assert_int_equal(member_compose(m, config, &err), 0);
	assert_int_equal(member_set_grants(m, config, &grants, &err), 0);
	assert_null(grants);
	assert_int_equal(ruleset_len(m->rules), 2);
	rules = m->rules;
	/* The grants are good and the rest does not compose any more. */
	(void)snprintf(m->policies, sizeof(m->policies), "none");
	grants = one_rule(SLICE("GET https://b.example"));
	assert_int_equal(member_set_grants(m, config, &grants, &err),
			 ERR_UNKNOWN);
	assert_non_null(grants);
	ruleset_free(&grants);
	assert_ptr_equal(m->rules, rules);
	assert_int_equal(ruleset_len(m->grants), 1);
	/* A grant outlives a reload. */
	(void)snprintf(m->policies, sizeof(m->policies), "more");
	assert_int_equal(member_compose(m, config, &err), 0);
	assert_int_equal(ruleset_len(m->rules), 2);
	member_free(&m);
}

static void test_from(void **state)
{
	static const char *const one[] = { "10.0.0.0/8", "::1" };
	struct member *m;

	(void)state;
	assert_int_equal(member_new(SLICE("ci"), SLICE(""), &m), 0);
	assert_int_equal(member_set_from(m, one, 2), 0);
	assert_int_equal(m->from_len, 2);
	assert_string_equal(m->from[1], "::1");
	assert_int_equal(member_set_from(m, one, 1), 0);
	assert_int_equal(m->from_len, 1);
	assert_int_equal(member_set_from(m, NULL, 0), 0);
	assert_int_equal(m->from_len, 0);
	member_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_compose),
		cmocka_unit_test(test_grants),
		cmocka_unit_test(test_from),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
