/* tests/unit/gateway/grants_test.c - what the operator decided at run time. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "gateway/grants.h"
#include "gateway/limits.h"

#define NOW 1800000000ull /* 2027-01-15T08:00:00Z */

static char dir[] = "/tmp/penstock-grants-XXXXXX";
static char path[64];
static struct grants g;
static struct config_error err;

static int setup_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/grants", dir);
	return 0;
}

static int teardown_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static int setup(void **state)
{
	(void)state;
	(void)unlink(path);
	return grants_open(&g, path, &err);
}

static int teardown(void **state)
{
	(void)state;
	grants_done(&g);
	(void)unlink(path);
	return 0;
}

static int add(const char *sandbox, enum verdict verdict, const char *line,
	       uint64_t until_s, bool kept)
{
	struct grant what = { .verdict = verdict,
			      .kept = kept,
			      .made_s = NOW,
			      .until_s = until_s };
	char copy[256];

	(void)snprintf(what.sandbox, sizeof(what.sandbox), "%s", sandbox);
	(void)snprintf(copy, sizeof(copy), "%s", line);
	what.line = copy;
	return grants_add(&g, &what, NOW, NULL, &err);
}

static void again(void)
{
	grants_done(&g);
	assert_int_equal(grants_open(&g, path, &err), 0);
}

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void test_lines(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(
		add("ci", VERDICT_ALLOW, "GET  https://a.example", 0, true), 0);
	assert_int_equal(add("ci", VERDICT_DENY,
			     "any *.b.example note=until further notice",
			     NOW + 3600, true),
			 0);
	assert_int_equal(
		add("ci", VERDICT_ASK, "POST c.example for=2h", 0, false), 0);
	assert_string_equal(g.first->next->line, "any https://*.b.example/** "
						 "until=2027-01-15T09:00:00Z "
						 "note=until further notice");
	assert_int_equal(g.first->next->next->until_s, NOW + 7200);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	again();
	assert_int_equal(g.len, 3);
	assert_int_equal(g.first->verdict, VERDICT_ALLOW);
	assert_true(g.first->kept);
	assert_int_equal(g.first->next->until_s, NOW + 3600);
	assert_int_equal(g.first->next->next->verdict, VERDICT_ASK);
	assert_false(g.first->next->next->kept);
}

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(add("ci", VERDICT_ALLOW, "GET nope://x", 0, true),
			 ERR_SYNTAX);
	assert_non_null(strchr(err.text, '^'));
	assert_int_equal(add("ci", VERDICT_ALLOW,
			     "a.example until=2030-01-01T00:00:00Z", NOW + 1,
			     true),
			 ERR_SYNTAX);
	assert_int_equal(g.len, 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_rules(void **state)
{
	struct ruleset *rs;

	(void)state;
	assert_int_equal(add("ci", VERDICT_ALLOW, "a.example", 0, true), 0);
	assert_int_equal(add("dev", VERDICT_DENY, "b.example", 0, true), 0);
	assert_int_equal(grants_rules(&g, SLICE("dev"), &rs), 0);
	assert_int_equal(ruleset_len(rs), 1);
	assert_int_equal(rule_verdict(ruleset_at(rs, 0)), VERDICT_DENY);
	ruleset_free(&rs);
	assert_int_equal(grants_rules(&g, SLICE("none"), &rs), 0);
	assert_int_equal(ruleset_len(rs), 0);
	ruleset_free(&rs);
}

static void test_end(void **state)
{
	char sandbox[SANDBOX_NAME_MAX + 1];

	(void)state;
	assert_int_equal(add("ci", VERDICT_ALLOW, "a.example", NOW + 10, true),
			 0);
	assert_int_equal(add("ci", VERDICT_ALLOW, "b.example", 0, false), 0);
	assert_int_equal(add("ci", VERDICT_ALLOW, "c.example", 0, true), 0);
	assert_false(grants_expire(&g, NOW + 9, 9000));
	assert_true(grants_expire(&g, NOW + 10, 10000));
	assert_int_equal(g.len, 2);
	assert_false(grants_leave(&g, SLICE("dev")));
	assert_true(grants_leave(&g, SLICE("ci")));
	assert_int_equal(g.len, 1);
	assert_int_equal(grants_remove(&g, 77, sandbox), ERR_UNKNOWN);
	assert_int_equal(grants_remove(&g, g.first->id, sandbox), 0);
	assert_string_equal(sandbox, "ci");
	again();
	assert_int_equal(g.len, 0);
}

/* Both given for ten seconds, while the clock is set back, or forward: an allow
 * is never in force for longer, a deny never for less.
 */
static void test_clock_set(void **state)
{
	const uint64_t hour = 3600;

	(void)state;
	assert_int_equal(add("ci", VERDICT_ALLOW, "a.example", NOW + 10, true),
			 0);
	assert_int_equal(add("ci", VERDICT_DENY, "b.example", NOW + 10, true),
			 0);
	assert_false(grants_expire(&g, NOW, 5000));
	assert_false(grants_expire(&g, NOW - hour, 14000));
	assert_true(grants_expire(&g, NOW - hour, 15000));
	assert_int_equal(g.len, 1);
	assert_int_equal(g.first->verdict, VERDICT_DENY);
	/* After a restart no more than what it was given for is left. */
	again();
	assert_false(grants_expire(&g, NOW - hour, 1000));
	assert_false(grants_expire(&g, NOW + hour, 10999));
	assert_true(grants_expire(&g, NOW + hour, 11000));
	assert_int_equal(add("ci", VERDICT_ALLOW, "a.example", NOW + 10, true),
			 0);
	assert_false(grants_expire(&g, NOW, 5000));
	assert_true(grants_expire(&g, NOW + hour, 5001));
	assert_int_equal(g.len, 0);
}

static void test_answers(void **state)
{
	char line[] = "POST https://a.example/x?a=1";
	struct grant what = { .answer = true,
			      .verdict = VERDICT_DENY,
			      .made_s = NOW,
			      .until_s = NOW + 5,
			      .sandbox = "ci",
			      .line = line };
	const struct grant *found;
	struct ruleset *rs;

	(void)state;
	assert_int_equal(grants_add(&g, &what, NOW, NULL, &err), 0);
	again();
	found = grants_answer(&g, SLICE("ci"), slice_str(line), NOW);
	assert_non_null(found);
	assert_int_equal(found->verdict, VERDICT_DENY);
	assert_null(grants_answer(&g, SLICE("ci"), slice_str(line), NOW + 5));
	assert_null(grants_answer(&g, SLICE("dev"), slice_str(line), NOW));
	assert_null(grants_answer(&g, SLICE("ci"), SLICE("POST x"), NOW));
	/* It is no rule. */
	assert_int_equal(grants_rules(&g, SLICE("ci"), &rs), 0);
	assert_int_equal(ruleset_len(rs), 0);
	ruleset_free(&rs);
}

static void test_full(void **state)
{
	(void)state;
	for (int i = 0; i < GRANTS_MAX; i++)
		assert_int_equal(add("ci", VERDICT_ALLOW, "a.example", 0, true),
				 0);
	assert_int_equal(add("ci", VERDICT_ALLOW, "a.example", 0, true),
			 ERR_LIMIT);
	assert_int_equal(add("dev", VERDICT_ALLOW, "a.example", 0, true), 0);
}

/* Nothing is skipped: it may be a deny. */
static void test_bad_file(void **state)
{
	static const char *const bad[] = {
		"garbage\n",
		"allow\trule\tkept\tci\t1\t0\n",
		"allow\trule\tkept\tci\t1\t0\t\n",
		"allow\trule\tkept\tci\tx\t0\ta.example\n",
		"permit\trule\tkept\tci\t1\t0\ta.example\n",
		"allow\tlaw\tkept\tci\t1\t0\ta.example\n",
		"allow\trule\tyes\tci\t1\t0\ta.example\n",
		"allow\trule\tkept\t\t1\t0\ta.example\n",
		"deny\trule\tkept\tci\t1\t0\tnope://x\n",
		"deny\trule\tkept\tci\t1\t0\ta.example", /* cut off */
	};
	static const char good[] = "deny\trule\tkept\tci\t1\t0\ta.example\n";

	(void)state;
	write_file(good);
	again();
	assert_int_equal(g.len, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[256];

		(void)snprintf(text, sizeof(text), "%s%s", good, bad[i]);
		write_file(text);
		grants_done(&g);
		assert_int_equal(grants_open(&g, path, &err), ERR_SYNTAX);
		assert_non_null(strstr(err.text, "grants:2:"));
		assert_int_equal(g.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rules, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clock_set, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_file, setup, teardown),
	};

	return cmocka_run_group_tests(tests, setup_dir, teardown_dir);
}
