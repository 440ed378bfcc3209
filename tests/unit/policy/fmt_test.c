/* fmt: the octets of rules and no others; what it writes has the same rules and
 * is not written again.
 */

#include "base/err.h"
#include "policy/fmt.h"
#include "tests/unit/policy/random.h"

static const struct {
	const char *from;
	const char *to;
} golden[] = {
	{ "allow: api.example.com\n",
	  "allow: any https://api.example.com/**\n" },
	{ "allow: [ H.test , 'GET  i.test' ] # c\n",
	  "allow: [ any https://h.test/** , 'GET https://i.test/**' ] # c\n" },
	{ "# a\n\nallow:\n  # b\n  - \"GET h.test/x rate=5/s private\"  # c\n",
	  "# a\n\nallow:\n  # b\n  - \"GET https://h.test/x private rate=5/s\""
	  "  # c\n" },
	{ "\xef\xbb\xbf"
	  "deny: h.test\r\nask: i.test\r\n",
	  "\xef\xbb\xbf"
	  "deny: any https://h.test/**\r\n"
	  "ask: any https://i.test/**\r\n" },
	{ "allow:\n- b\xc3\xbc"
	  "cher.test\n",
	  "allow:\n- any https://xn--bcher-kva.test/**\n" },
	{ "allow: [a.test, b.test, \"c.test\"]",
	  "allow: [any https://a.test/**, any https://b.test/**, "
	  "\"any https://c.test/**\"]" },
	{ "allow: GET {npm.registry}\n", "allow: GET {npm.registry}\n" },
	{ "allow: [\"\\x61.test\", a.test]\n",
	  "allow: [\"\\x61.test\", any https://a.test/**]\n" },
	{ "allow:\n  - GET\n    a.test\n", "allow:\n  - GET\n    a.test\n" },
	{ "policies:\n  a: { deny: X.test }\nworkers: 3\n",
	  "policies:\n  a: { deny: any https://x.test/** }\nworkers: 3\n" },
	{ "policies: {}\n", "policies: {}\n" },
	{ "", "" },
};

static void format(const char *from, struct fmt_result *ret)
{
	struct config_error err = { "" };

	if (fmt_text("t.yaml", slice_str(from), ret, &err) != 0)
		fail_msg("%s", err.text);
}

static void test_golden(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(golden); i++) {
		struct fmt_result r, again;

		format(golden[i].from, &r);
		assert_string_equal(r.text, golden[i].to);
		assert_int_equal(r.len, strlen(golden[i].to));
		assert_int_equal(!r.changed,
				 !strcmp(golden[i].from, golden[i].to));
		format(r.text, &again);
		assert_string_equal(again.text, r.text);
		assert_int_equal(again.changed, 0);
		free(r.text);
		free(again.text);
	}
}

static void test_bad(void **state)
{
	static const char *const bad[] = { "allow: GET\n", "allow: [\n",
					   "x: 1\n", "allow: *a\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fmt_result r = { .len = 77 };
		struct config_error err = { "" };

		assert_int_equal(
			fmt_text("t.yaml", slice_str(bad[i]), &r, &err),
			ERR_SYNTAX);
		assert_int_equal(r.len, 77);
		assert_int_equal(strncmp(err.text, "t.yaml:", 7), 0);
	}
}

/* Random rules, some of them in quotes or in brackets. */
static void test_random(void **state)
{
	(void)state;
	random_state = 4;
	for (int round = 0; round < 2000; round++) {
		char text[4096] = "", line[256];
		struct fmt_result r, again;
		bool flow = rnd(2);
		int rules = 1 + (int)rnd(8);

		put(text, sizeof(text), flow ? "deny: [" : "deny:\n");
		for (int i = 0; i < rules; i++) {
			const char *quote = rnd(2) || flow ? "'" : "";
			struct ref_rule rule;

			random_rule(&rule, line);
			put(text, sizeof(text), flow ? "" : "  - ");
			put(text, sizeof(text), quote);
			put(text, sizeof(text), strchr(line, ' ') + 1);
			put(text, sizeof(text), quote);
			put(text, sizeof(text), flow ? " , " : " # x\n");
		}
		put(text, sizeof(text), flow ? "]\n" : "");
		format(text, &r);
		assert_int_equal(r.rules, rules);
		format(r.text, &again);
		assert_int_equal(again.changed, 0);
		assert_string_equal(r.text, again.text);
		free(r.text);
		free(again.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
