/* Why a rule matches or not, and the line that would allow a request. */

#include "tests/unit/policy/question.h"

static void test_suggest(void **state)
{
	static const struct expect rows[] = {
		{ "POST https://api.example.com/gists?x=1",
		  "POST https://api.example.com/gists" },
		{ "GET http://h.example:8080/a%2fb",
		  "GET http://h.example:8080/a%2fb" },
		{ "GET https://h.example/a/**/*b",
		  "GET https://h.example/a/%2a%2a/%2ab" },
		{ "tcp://h.example:22", "tcp://h.example:22" },
		{ "tls://h.example", "tls://h.example" },
		{ "tcp://[2001:db8::1]:22", "tcp://[2001:db8::1]:22" },
		{ "GET wss://h.example/v1", "wss://h.example/v1" },
		{ "g\033t https://h.example/", "any https://h.example/" },
		{ "GET https://h.example/a\033b", "" },
		{ "GET https://h.example/a/../b", "" },
		{ "GET https://h\n.example/", "" },
		{ "GET https://*/x", "" },
		{ "GET https://.example/x", "" },
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct policy_question q = question(rows[i].question);
		const char *lines[2] = { 0 };
		struct policy_answer a;
		struct policy *p;
		char line[300];

		policy_suggest(&q, text, sizeof(text));
		assert_string_equal(text, rows[i].answer);
		if (!*text)
			continue;
		/* And the rule does what it was suggested for. */
		(void)snprintf(line, sizeof(line), "allow %s", text);
		lines[0] = line;
		p = compile(lines, VERDICT_DENY);
		policy_judge(p, &q, &a);
		assert_int_equal(a.verdict, VERDICT_ALLOW);
		policy_free(&p);
	}
	memset(text, 'x', sizeof(text));
	{
		struct policy_question q = question(rows[0].question);

		policy_suggest(&q, text, 10);
		assert_string_equal(text, "");
	}
}

struct reason {
	const char *rule;
	const char *question;
	const char *why;
};

static void keep_why(void *ctx, const struct rule *rule, bool matched,
		     const char *why)
{
	const char **ret = ctx;

	(void)rule;
	*ret = why;
	assert_int_equal(matched, !strcmp(why, "matches"));
}

static void test_why(void **state)
{
	static const struct reason rows[] = {
		{ "allow GET h.example/a", "GET https://h.example/a",
		  "matches" },
		{ "allow GET h.example/a", "GET http://h.example/a",
		  "another scheme" },
		{ "allow GET h.example/a", "GET https://i.example/a",
		  "another host" },
		{ "allow GET h.example/a", "GET https://h.example:8443/a",
		  "another port" },
		{ "allow GET h.example/a", "PUT https://h.example/a",
		  "another method" },
		{ "allow GET h.example/a", "GET https://h.example/b",
		  "the path does not match" },
		{ "allow GET h.example/a?b=c", "GET https://h.example/a",
		  "the query does not match" },
		{ "allow GET h.example/*/c", "GET https://h.example/a%2fb/c",
		  "the path matches as sent, but not when decoded" },
		{ "allow GET h.example/a/b", "GET https://h.example/a%2fb",
		  "the path matches when decoded, but not as sent" },
		{ "allow GET h.example/a", "GET https://h.example/%00",
		  "the path has an encoded NUL" },
		{ "allow git:read h.example/a/b",
		  "GET https://h.example/a/b/info/refs",
		  "the query does not match" },
		{ "allow git:read h.example/a/b",
		  "PUT https://h.example/a/b/info/refs", "another method" },
		{ "deny *.h.example", "GET https://h.example/",
		  "another host" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *lines[] = { rows[i].rule, NULL };
		struct policy *p = compile(lines, VERDICT_DENY);
		struct policy_question q = question(rows[i].question);
		struct policy_answer a;
		const char *why = NULL;

		policy_explain(p, &q, keep_why, &why, &a);
		assert_string_equal(why, rows[i].why);
		policy_free(&p);
	}
}

static void expect_why(void *ctx, const struct rule *rule, bool matched,
		       const char *why)
{
	(void)rule;
	assert_string_equal(why, (const char *)ctx);
	assert_int_equal(matched, !strcmp(why, "matches"));
}

/* What would match but for its time. */
static void test_expired(void **state)
{
	static const struct {
		const char *rule;
		uint64_t now_s;
		const char *why;
	} rows[] = {
		{ "allow h.example until=2001-01-01", 978307199, "matches" },
		{ "allow h.example until=2001-01-01", 978307200,
		  "expired at 2001-01-01T00:00:00Z" },
		{ "allow h.example until=2001-01-01", 0,
		  "may have expired at 2001-01-01T00:00:00Z" },
		{ "allow i.example until=2001-01-01", 978307200,
		  "another host" },
		{ "deny h.example until=2001-01-01", 0, "matches" },
		{ "deny h.example until=2001-01-01", 978307200,
		  "expired at 2001-01-01T00:00:00Z" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *lines[] = { rows[i].rule, NULL };
		struct policy *p = compile(lines, VERDICT_DENY);
		struct policy_question q = question("GET https://h.example/");
		struct policy_answer a;

		q.now_s = rows[i].now_s;
		policy_explain(p, &q, expect_why,
			       (void *)(uintptr_t)rows[i].why, &a);
		policy_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suggest),
		cmocka_unit_test(test_why),
		cmocka_unit_test(test_expired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
