/* Each allocation of the policy room failing in turn: an error, nothing lost,
 * nothing touched.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/base.h"
#include "policy/load.h"
#include "tests/unit/nomem.h"

static const char text[] = "sandboxes:\n"
			   "  ci: { from: [10.0.0.0/8], policy: [a] }\n"
			   "policies:\n"
			   "  a:\n"
			   "    use: [b]\n"
			   "    allow:\n"
			   "      - GET https://h.example/x/** inject=k\n"
			   "      - git:read https://g.example/acme/*\n"
			   "  b: { deny: [any https://*.p.example/**] }\n"
			   "secrets: { k: { file: /k, header: X-K,\n"
			   "                hosts: [h.example, i.example] } }\n"
			   "listen: [127.0.0.1:8443]\n"
			   "upstream: { dns: [192.0.2.1] }\n";

static void test_config(void **state)
{
	struct config *untouched = (struct config *)(void *)&state;
	long n = 0;
	bool failed;

	(void)state;
	do {
		struct config *c = untouched;
		struct config_error err;
		int rc;

		nomem_at(n++);
		rc = config_parse("t.yaml", slice_str(text), &c, &err);
		failed = nomem_end();
		if (failed && rc < 0) {
			assert_ptr_equal(c, untouched);
		} else {
			assert_int_equal(rc, 0);
			assert_int_equal(config_sandboxes(c), 1);
			config_free(&c);
		}
	} while (failed);
	assert_true(n > 3);
}

static void test_rules(void **state)
{
	struct config_error err;
	struct config *c;
	long n = 0;
	bool failed;

	(void)state;
	assert_int_equal(config_parse("t.yaml", slice_str(text), &c, &err), 0);
	do {
		struct ruleset *rs = NULL;
		struct policy *p = NULL;
		int rc;

		nomem_at(n++);
		rc = ruleset_new(&rs);
		if (rc == 0)
			rc = config_rules(c, "a", rs, &err);
		if (rc == 0)
			rc = policy_compile(rs, &p);
		failed = nomem_end();
		assert_true(failed || rc == 0);
		assert_true((rc == 0) == (p != NULL));
		policy_free(&p);
		ruleset_free(&rs);
	} while (failed);
	assert_true(n > 10);
	config_free(&c);
}

static void test_text(void **state)
{
	static const char rules[] = "default deny\n"
				    "allow\tx:1\tGET https://h.example/a\n"
				    "deny\tx:2\tany https://*.h.example/**\n";
	struct ruleset *untouched = (struct ruleset *)(void *)&state;
	long n = 0;
	bool failed;

	(void)state;
	do {
		struct ruleset *rs = untouched;
		struct rule_error err = { 0 };
		char *out = NULL;
		size_t len = 0;
		int rc;

		nomem_at(n++);
		rc = ruleset_parse(slice_str(rules), &rs, &err);
		if (rc < 0)
			assert_ptr_equal(rs, untouched);
		else
			rc = ruleset_print(rs, &out, &len);
		failed = nomem_end();
		assert_true(failed || rc == 0);
		free(out);
		if (rs != untouched)
			ruleset_free(&rs);
	} while (failed);
	assert_true(n > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
