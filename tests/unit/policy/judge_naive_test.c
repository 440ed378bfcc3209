/* Thousands of generated questions: the compiled judge against a judge of a
 * few naive lines.
 */

#include "tests/unit/policy/question.h"

/* The naive judge: plain paths, literal segments, "*" and "**" by recursion. */
static bool naive_path(const char *pattern, const char *path)
{
	size_t n = strcspn(pattern, "/"), m = strcspn(path, "/");

	if (n == 2 && !memcmp(pattern, "**", 2)) {
		if (!pattern[n] || naive_path(pattern + n + 1, path))
			return true;
		return path[m] && naive_path(pattern, path + m + 1);
	}
	if (!(n == 1 && pattern[0] == '*' && m) &&
	    !(n == m && !memcmp(pattern, path, n)))
		return false;
	if (!pattern[n])
		return !path[m];
	if (!path[m]) {
		for (pattern += n; !strncmp(pattern, "/**", 3);)
			pattern += 3;
		return !*pattern;
	}
	return naive_path(pattern + n + 1, path + m + 1);
}

static bool naive_host(const char *pattern, const char *host)
{
	size_t n = strlen(pattern), m = strlen(host);

	if (!strcmp(pattern, "*"))
		return true;
	if (!strncmp(pattern, "*.", 2))
		return m > n - 1 && !strcmp(host + m - (n - 1), pattern + 1);
	if (pattern[0] == '.')
		return !strcmp(host, pattern + 1) ||
		       (m > n && !strcmp(host + m - n, pattern));
	return !strcmp(host, pattern);
}

struct naive_rule {
	enum verdict verdict;
	const char *method;
	char host[32];
	char path[32];
};

static uint32_t random_state = 1;

static uint32_t rnd(uint32_t below)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % below;
}

static void random_words(char *ret, const char *const *words, uint32_t count,
			 const char *joint)
{
	uint32_t len = 1 + rnd(3);

	ret[0] = '\0';
	for (uint32_t i = 0; i < len; i++) {
		size_t at = strlen(ret);

		(void)snprintf(ret + at, 32 - at, "%s%s", i ? joint : "",
			       words[rnd(count)]);
	}
}

static const char *const methods[] = { "any", "GET", "POST", "HEAD" };

static void random_rule(struct naive_rule *r)
{
	static const char *const hosts[] = { "a", "b", "c" };
	static const char *const fronts[] = { "", "", "*.", "." };
	static const char *const segs[] = { "x", "y", "*", "**", "xy" };
	char name[32];

	r->verdict = (enum verdict)rnd(3);
	r->method = methods[rnd(3)];
	random_words(name, hosts, 3, ".");
	(void)snprintf(r->host, sizeof(r->host), "%s%s", fronts[rnd(4)], name);
	random_words(r->path, segs, 5, "/");
}

static enum verdict naive_judge(const struct naive_rule *rules, size_t len,
				const char *method, const char *host,
				const char *path)
{
	bool seen[3] = { false };

	for (size_t i = 0; i < len; i++) {
		const char *m = rules[i].method;
		bool head = !strcmp(m, "GET") && !strcmp(method, "HEAD");

		if ((!strcmp(m, "any") || !strcmp(m, method) || head) &&
		    naive_host(rules[i].host, host) &&
		    naive_path(rules[i].path, path))
			seen[rules[i].verdict] = true;
	}
	if (seen[VERDICT_DENY])
		return VERDICT_DENY;
	if (seen[VERDICT_ASK])
		return VERDICT_ASK;
	return seen[VERDICT_ALLOW] ? VERDICT_ALLOW : VERDICT_DENY;
}

static void ask_both(const struct policy *p, const struct naive_rule *rules,
		     size_t len)
{
	static const char *const hosts[] = { "a", "b", "c", "d" };
	static const char *const segs[] = { "x", "y", "xy", "z" };
	char host[32], path[32], full[34];
	const char *method = methods[1 + rnd(3)];
	struct policy_question q = { .scheme = RULE_HTTPS, .port = 443 };
	struct policy_answer a;
	enum verdict expected;

	random_words(host, hosts, 4, ".");
	random_words(path, segs, 4, "/");
	(void)snprintf(full, sizeof(full), "/%s", path);
	q.method = slice_str(method);
	q.host = slice_str(host);
	q.path = slice_str(full);
	policy_judge(p, &q, &a);
	expected = naive_judge(rules, len, method, host, path);
	if (a.verdict != expected)
		fail_msg("%s %s %s: %s", method, host, full,
			 verdict_str(a.verdict));
	if (a.rule)
		assert_int_equal(rule_verdict(a.rule), a.verdict);
}

static void test_naive(void **state)
{
	(void)state;
	for (int round = 0; round < 300; round++) {
		struct naive_rule rules[12];
		char lines[12][96];
		const char *list[13] = { 0 };
		size_t len = 1 + rnd(12);
		struct policy *p;

		for (size_t i = 0; i < len; i++) {
			random_rule(&rules[i]);
			(void)snprintf(lines[i], sizeof(lines[i]),
				       "%s %s https://%s/%s",
				       verdict_str(rules[i].verdict),
				       rules[i].method, rules[i].host,
				       rules[i].path);
			list[i] = lines[i];
		}
		p = compile(list, VERDICT_DENY);
		for (int i = 0; i < 100; i++)
			ask_both(p, rules, len);
		policy_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_naive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
