/* Each allocation failing in turn of what the commands of `penstock policy`
 * are made of: an error, nothing lost.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "base/base.h"
#include "policy/diff.h"
#include "policy/fmt.h"
#include "policy/import.h"
#include "policy/lint.h"
#include "tests/unit/nomem.h"

static const char text[] = "allow:\n"
			   "  - GET https://h.example/x/** max-body=1k\n"
			   "  - h.example\n"
			   "deny: any https://*.p.example/**\n";

static void on_finding(void *ctx, const struct lint_finding *f)
{
	(void)ctx;
	assert_non_null(f->code);
}

static void on_change(void *ctx, const struct diff_change *c)
{
	(void)ctx;
	assert_non_null(c->example);
}

static void on_item(void *ctx, const struct import_item *i)
{
	(void)ctx;
	assert_non_null(i->text.ptr);
}

static void test_lint_and_diff(void **state)
{
	struct config *c = NULL;
	struct config_error err;
	struct ruleset *was = NULL, *now = NULL;
	long n = 0;
	int rc;

	(void)state;
	assert_int_equal(config_parse_either("t", slice_str(text), &c, &err),
			 0);
	assert_int_equal(ruleset_new(&was), 0);
	assert_int_equal(ruleset_new(&now), 0);
	assert_int_equal(config_rules(c, "", now, &err), 0);
	do {
		nomem_at(n++);
		rc = lint_config(c, 10, on_finding, NULL);
		assert_int_equal(rc, nomem_end() ? -ENOMEM : 0);
	} while (rc);
	assert_true(n > 3);
	n = 0;
	do {
		nomem_at(n++);
		rc = diff_rules(was, now, 10, on_change, NULL);
		assert_int_equal(rc, nomem_end() ? -ENOMEM : 0);
	} while (rc);
	assert_true(n > 3);
	ruleset_free(&was);
	ruleset_free(&now);
	config_free(&c);
}

static void test_fmt(void **state)
{
	long n = 0;
	int rc;

	(void)state;
	do {
		struct fmt_result r = { NULL, 0, 0, 0 };
		struct config_error err;

		nomem_at(n++);
		rc = fmt_text("t", slice_str(text), &r, &err);
		assert_int_equal(rc, nomem_end() ? -ENOMEM : 0);
		free(r.text);
	} while (rc);
	assert_true(n > 3);
}

static void test_import(void **state)
{
	static const char *const texts[] = {
		[IMPORT_PEN] = "a.test:443\n",
		[IMPORT_PENT] = "[proxy]\ndomain_allowlist = [\"a.test\"]\n",
		[IMPORT_AGENT_SANDBOX] = "domains: [a.test]\n",
		[IMPORT_SQUID] =
			"acl a dstdomain a.test\nhttp_access allow a\n",
	};

	(void)state;
	for (int f = 0; f < IMPORT_FORMATS; f++) {
		const struct import_source source = { (enum import_format)f,
						      "t",
						      slice_str(texts[f]) };
		struct config_error err;
		long n = 0;
		int rc;

		do {
			nomem_at(n++);
			rc = import_text(&source, on_item, NULL, &err);
			assert_int_equal(rc, nomem_end() ? -ENOMEM : 0);
		} while (rc);
		assert_true(n > 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lint_and_diff),
		cmocka_unit_test(test_fmt),
		cmocka_unit_test(test_import),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
