/* diff: what goes and comes, and what that does. */

#include "policy/diff.h"
#include "tests/unit/policy/question.h"

static struct ruleset *rules(const char *const *lines)
{
	struct ruleset *rs = NULL;

	assert_int_equal(ruleset_new(&rs), 0);
	for (size_t i = 0; lines[i]; i++) {
		struct slice word, line;
		struct rule_error err;
		enum verdict v;

		slice_cut(slice_str(lines[i]), ' ', &word, &line);
		v = slice_eq(word, SLICE("deny"))  ? VERDICT_DENY
		    : slice_eq(word, SLICE("ask")) ? VERDICT_ASK
						   : VERDICT_ALLOW;
		if (ruleset_add(rs, v, line, SLICE("x"), &err) != 0)
			fail_msg("%s: %s", lines[i], err.text);
	}
	return rs;
}

static void on_change(void *ctx, const struct diff_change *c)
{
	static const char *const kinds[] = { "+", "-", "options", "verdict" };
	struct slice text = rule_text(c->now ? c->now : c->was);
	char *got = ctx;
	size_t at = strlen(got);

	(void)snprintf(got + at, 2048 - at, "%s %.*s | %s: %s %s\n",
		       kinds[c->kind], (int)text.len, text.ptr, c->example,
		       verdict_str(c->before), verdict_str(c->after));
}

static const struct {
	const char *was[5];
	const char *now[5];
	const char *changes;
} table[] = {
	{ { "allow a.test", "deny GET b.test" },
	  { "deny GET https://B.test:443/**", "allow any https://a.test/**",
	    "allow a.test" },
	  "" },
	{ { "allow a.test" },
	  { NULL },
	  "- any https://a.test/** | POST https://a.test/x: allow deny\n" },
	{ { NULL },
	  { "allow *.a.test/x/*" },
	  "+ any https://*.a.test/x/* | POST https://x.a.test/x/x: deny allow\n" },
	{ { "allow GET a.test", "allow a.test" },
	  { "allow a.test" },
	  "- GET https://a.test/** | GET https://a.test/x: allow allow\n" },
	{ { "allow a.test" },
	  { "allow a.test rate=5/s" },
	  "options any https://a.test/** rate=5/s | POST https://a.test/x: "
	  "allow allow\n" },
	{ { "allow a.test" },
	  { "ask a.test note=why" },
	  "verdict any https://a.test/** note=why | POST https://a.test/x: "
	  "allow ask\n" },
	{ { NULL },
	  { "allow git:read https://g.test/a/*", "allow tcp://10.0.0.0/8:22",
	    "allow wss://w.test", "allow GET q.test/?k=1*" },
	  "+ GET https://q.test/?k=1* | GET https://q.test/: deny allow\n"
	  "+ git:read https://g.test/a/* | GET https://g.test/a/x/info/refs: "
	  "deny allow\n"
	  "+ tcp://10.0.0.0/8:22 | tcp://10.0.0.0:22: deny allow\n"
	  "+ wss://w.test/** | wss://w.test/x: deny allow\n" },
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct ruleset *was = rules(table[i].was);
		struct ruleset *now = rules(table[i].now);
		char got[2048] = "";

		assert_int_equal(diff_rules(was, now, 10, on_change, got), 0);
		assert_string_equal(got, table[i].changes);
		ruleset_free(&was);
		ruleset_free(&now);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_table) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
