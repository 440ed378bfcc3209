/* What lint calls idle may go: policies out of small alphabets, each idle rule
 * taken away alone and all of them at once, and no verdict nor option changes.
 * Then a file with one of each that is worth a warning. PENSTOCK_SEED=N
 * PENSTOCK_ROUNDS=1 asks one policy again.
 */

#include "base/err.h"
#include "policy/lint.h"
#include "tests/unit/policy/random.h"

#define ROUNDS	  6000
#define QUESTIONS 120
#define RULES	  14

struct idle {
	bool rule[RULES];
	unsigned int len;
};

static void on_pair(void *ctx, const struct lint_pair *pair)
{
	struct idle *idle = ctx;

	assert_true(pair->rule != pair->by);
	assert_false(idle->rule[pair->rule]);
	idle->rule[pair->rule] = true;
	idle->len++;
}

/* The lines but those that are idle; only: that one alone is left out. */
static struct policy *compile_rest(char lines[RULES][300], int len,
				   const struct idle *idle, int only,
				   enum verdict fallback)
{
	const char *list[RULES + 1] = { 0 };
	int n = 0;

	for (int i = 0; i < len; i++)
		if (only >= 0 ? i != only : !idle->rule[i])
			list[n++] = lines[i];
	return compile(list, fallback);
}

static bool same_answer(const struct policy *a, const struct policy *b,
			const struct ref_question *q)
{
	const struct policy_question real = {
		.scheme = q->scheme,
		.method = slice_str(q->method),
		.host = slice_str(q->host),
		.port = q->port,
		.path = slice_str(q->path),
		.query = slice_str(q->query),
		.now_s = q->now_s,
	};
	struct policy_answer x, y;
	struct rule_options m, n;

	policy_judge(a, &real, &x);
	policy_judge(b, &real, &y);
	m = rule_options(x.options);
	n = rule_options(y.options);
	return x.verdict == y.verdict && m.private == n.private &&
	       m.max_body == n.max_body && m.rate == n.rate;
}

static struct ruleset *ruleset_of(char lines[RULES][300], int len)
{
	struct ruleset *rs = NULL;
	struct rule_error err;

	assert_int_equal(ruleset_new(&rs), 0);
	for (int i = 0; i < len; i++) {
		enum verdict v = lines[i][0] == 'd'   ? VERDICT_DENY
				 : lines[i][1] == 's' ? VERDICT_ASK
						      : VERDICT_ALLOW;
		struct slice word, line;

		slice_cut(slice_str(lines[i]), ' ', &word, &line);
		if (ruleset_add(rs, v, line, word, &err) != 0)
			fail_msg("%s: %s", lines[i], err.text);
	}
	return rs;
}

static unsigned int lint_once(uint64_t seed)
{
	static const enum verdict fallbacks[] = { VERDICT_DENY, VERDICT_DENY,
						  VERDICT_ASK, VERDICT_ALLOW };
	static const char *const options[] = { "", "", "", " private",
					       " max-body=5" };
	char lines[RULES][300];
	struct ref_rule rules[RULES];
	struct idle idle = { 0 };
	struct policy *whole, *rest[RULES + 1] = { 0 };
	enum verdict fallback;
	struct ruleset *rs;
	int len, n = 0;

	random_state = seed * 0x9e3779b97f4a7c15u;
	fallback = PICK(fallbacks);
	len = 2 + (int)rnd(RULES - 1);
	for (int i = 0; i < len; i++) {
		random_rule(&rules[i], lines[i]);
		if (i && !rnd(4)) { /* the same with another verdict */
			rules[i] = rules[i - 1];
			rules[i].verdict = VERDICT_DENY;
			(void)snprintf(lines[i], sizeof(lines[i]), "deny%s",
				       strchr(lines[i - 1], ' '));
			if (strstr(lines[i], " max-body"))
				*strstr(lines[i], " max-body") = '\0';
		}
		if (rules[i].verdict != VERDICT_DENY &&
		    (rules[i].scheme == RULE_HTTPS ||
		     rules[i].scheme == RULE_HTTP))
			put(lines[i], sizeof(lines[i]), PICK(options));
	}
	rs = ruleset_of(lines, len);
	assert_int_equal(lint_rules(rs, (size_t)len, on_pair, &idle), 0);
	ruleset_free(&rs);
	whole = compile_rest(lines, len, &idle, RULES, fallback);
	rest[n++] = compile_rest(lines, len, &idle, -1, fallback);
	for (int i = 0; i < len; i++)
		if (idle.rule[i])
			rest[n++] =
				compile_rest(lines, len, &idle, i, fallback);
	for (int i = 0; idle.len && i < QUESTIONS; i++) {
		struct ref_question q;

		random_question(&q);
		if (rnd(5))
			aim(&q, &rules[rnd((uint32_t)len)]);
		for (int k = 0; k < n; k++)
			if (!same_answer(whole, rest[k], &q))
				fail_msg("PENSTOCK_SEED=%llu: %d of %u: %s "
					 "%s://%s:%u%s?%s at %llu",
					 (unsigned long long)seed, k, idle.len,
					 q.method, rule_scheme_str(q.scheme),
					 q.host, q.port, q.path, q.query,
					 (unsigned long long)q.now_s);
	}
	while (n--)
		policy_free(&rest[n]);
	policy_free(&whole);
	return idle.len;
}

static void test_idle(void **state)
{
	const char *seed = getenv("PENSTOCK_SEED");
	const char *rounds = getenv("PENSTOCK_ROUNDS");
	uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;
	uint64_t n = rounds ? strtoull(rounds, NULL, 10) : ROUNDS;
	unsigned int found = 0;

	(void)state;
	for (uint64_t i = 0; i < n; i++)
		found += lint_once(first + i);
	print_message("%u idle rules\n", found);
	if (n >= ROUNDS)
		assert_true(found > 500);
}

/* Lines as above and the numbers of those that are idle, from 1. */
static const struct {
	const char *lines[4];
	const char *idle;
} pairs[] = {
	{ { "allow GET h.test/a", "allow GET h.test/**" }, "1" },
	{ { "allow GET h.test/a", "allow GET h.test/a" }, "2" },
	{ { "allow GET h.test/a", "allow any https://h.test:443/a" }, "1" },
	{ { "deny h.test", "allow GET h.test/x?k=v" }, "2" },
	{ { "deny h.test", "allow wss://h.test/x" }, "2" },
	{ { "deny .test", "allow tcp://h.test:22" }, "" },
	{ { "deny GET *.h.test", "allow GET h.test" }, "" },
	{ { "deny GET .h.test", "allow GET,HEAD h.test" }, "2" },
	{ { "ask h.test", "allow GET h.test" }, "2" },
	{ { "ask h.test", "allow GET h.test max-body=1k" }, "" },
	{ { "allow h.test", "ask GET h.test" }, "" },
	{ { "allow h.test/a/**", "allow h.test/a" }, "2" },
	{ { "allow h.test/a/*", "allow h.test/a" }, "" },
	{ { "allow h.test/a*/**", "allow h.test/ab*c/x" }, "2" },
	{ { "allow h.test/*", "allow h.test/x*" }, "2" },
	{ { "allow h.test/*y", "allow h.test/x;y" }, "" },
	{ { "allow h.test/x;*", "allow h.test/x;y" }, "2" },
	{ { "allow h.test?k=*", "allow h.test?k=1&l=2" }, "2" },
	{ { "allow h.test?k=1", "allow h.test" }, "1" },
	{ { "allow h.test until=2030-01-01", "allow h.test" }, "1" },
	{ { "allow h.test rate=5/s", "allow h.test/a rate=5/s" }, "" },
	{ { "allow h.test", "allow h.test/a/** private", "allow h.test/a/b" },
	  "" },
	{ { "allow git:read https://h.test/a/b", "allow h.test/a/**" }, "1" },
	{ { "allow git:read https://h.test/a/b",
	    "allow git:write https://h.test/a/*" },
	  "1" },
	{ { "deny git:write https://h.test/a/b",
	    "allow git:read https://h.test/a/b" },
	  "" },
	{ { "deny tcp://10.0.0.0/8:22", "allow 10.1.2.3:22" }, "2" },
	{ { "deny tcp://10.0.0.0/8:22", "allow tcp://10.0.0.0/7:22" }, "" },
	{ { "deny tcp://*:22", "allow tcp://10.0.0.0/7:22" }, "2" },
	{ { "allow h.test note=one", "allow h.test note=two" }, "2" },
};

static void test_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		char lines[RULES][300] = { 0 };
		struct idle idle = { 0 };
		struct ruleset *rs;
		char got[16] = "";
		int len = 0;

		for (; len < 4 && pairs[i].lines[len]; len++)
			put(lines[len], sizeof(lines[len]),
			    pairs[i].lines[len]);
		rs = ruleset_of(lines, len);
		assert_int_equal(lint_rules(rs, (size_t)len, on_pair, &idle),
				 0);
		ruleset_free(&rs);
		for (int k = 0; k < len; k++)
			if (idle.rule[k]) {
				const char digit[2] = { (char)('1' + k), 0 };

				put(got, sizeof(got), digit);
			}
		if (strcmp(got, pairs[i].idle) != 0)
			fail_msg("%s | %s: %s, not %s", pairs[i].lines[0],
				 pairs[i].lines[1], got, pairs[i].idle);
	}
}

static const struct {
	const char *line;
	const char *near; /* NULL: nothing to say */
} methods[] = {
	{ "GTE h.test", "GTE is no known method; did you mean GET?" },
	{ "PSOT h.test", "PSOT is no known method; did you mean POST?" },
	{ "GET,DELTE h.test",
	  "DELTE is no known method; did you mean DELETE?" },
	{ "GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS h.test", NULL },
	{ "LIST,LOCK,MERGE,PURGE,QUERY,PROPFIND h.test", NULL },
	{ "FROBNICATE h.test", NULL },
	{ "A-VERY-LONG-METHOD-OF-ONES-OWN h.test", NULL },
	{ "any h.test", NULL },
	{ "git:read https://h.test/a/b", NULL },
	{ "tcp://h.test:22", NULL },
};

static void test_methods(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		char got[LINT_WHAT_MAX] = "untouched";
		struct ruleset *rs = NULL;
		struct rule_error err;
		bool odd;

		assert_int_equal(ruleset_new(&rs), 0);
		assert_int_equal(ruleset_add(rs, VERDICT_ALLOW,
					     slice_str(methods[i].line),
					     SLICE("x"), &err),
				 0);
		odd = lint_method(ruleset_at(rs, 0), got);
		assert_int_equal(odd, methods[i].near != NULL);
		assert_string_equal(got, odd ? methods[i].near : "untouched");
		ruleset_free(&rs);
	}
}

static const char whole[] =
	"sandboxes:\n"
	"  one: { from: 10.0.0.1, policy: base }\n"
	"  bare: { from: 10.0.0.2 }\n"
	"policies:\n"
	"  base:\n"
	"    deny:\n"
	"      - any https://h.test/**\n"
	"    allow:\n"
	"      - GET https://h.test/a\n"
	"      - GET https://i.test/a\n"
	"      - GET https://i.test/**\n"
	"      - any *.j.test\n"
	"      - GET https://*.k.test/** private\n"
	"      - POST http://l.test/\n"
	"      - tcp://10.0.0.0/7:22\n"
	"      - GET m.test until=1970-01-01T00:00:05Z\n"
	"      - GET n.test until=1970-01-01T01:00:00Z\n"
	"  left:\n"
	"    default: allow\n"
	"secrets:\n"
	"  s: { file: /etc/s, header: x-s, hosts: [h.test] }\n"
	"capture:\n"
	"  sources:\n"
	"    - 10.0.0.0/8\n"
	"    - 0.0.0.0/0\n"
	"    - fd00::/8\n"
	"    - ::/0\n"
	"    - ::1\n";

static void on_finding(void *ctx, const struct lint_finding *f)
{
	char *got = ctx, line[64];

	(void)snprintf(line, sizeof(line), "%s%u:%u %s\n",
		       f->ask == LINT_SAY ? "" : "? ", f->line + 1,
		       f->column + 1, f->code);
	put(got, 1024, line);
}

static void test_config(void **state)
{
	struct config_error err = { "" };
	struct lint_finding f = { .line = 7, .column = 8 };
	struct config *c = NULL;
	char got[1024] = "";

	(void)state;
	if (config_parse("t.yaml", slice_str(whole), &c, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(lint_config(c, 10, on_finding, got), 0);
	assert_string_equal(got, "? 9:9 unresolved\n"
				 "? 10:9 unresolved\n"
				 "? 11:9 unresolved\n"
				 "12:9 wide\n"
				 "13:9 private\n"
				 "14:9 clear\n"
				 "? 14:9 unresolved\n"
				 "15:9 wide\n"
				 "16:9 expired\n"
				 "? 16:9 unresolved\n"
				 "17:9 expires\n"
				 "? 17:9 unresolved\n"
				 "9:9 unreachable\n"
				 "10:9 redundant\n"
				 "19:14 wide\n"
				 "25:7 wide\n"
				 "27:7 wide\n"
				 "18:3 unused\n"
				 "3:3 bare\n"
				 "21:3 unused\n"
				 "? 21:14 secret\n");
	f.line = 8;
	lint_text(c, &f, "so it is", &err);
	assert_string_equal(err.text, "t.yaml:9:9: warning: so it is\n"
				      "        - GET https://h.test/a\n"
				      "          ^");
	config_free(&c);
}

static void on_count(void *ctx, const struct lint_pair *pair)
{
	(void)pair;
	++*(unsigned int *)ctx;
}

/* Many rules at one place: all the same, and none like another, which ends
 * with the work's limit.
 */
static void test_many(void **state)
{
	(void)state;
	for (int same = 0; same < 2; same++) {
		struct ruleset *rs = NULL;
		struct rule_error err;
		unsigned int count = 0;
		char line[64];
		int rc;

		assert_int_equal(ruleset_new(&rs), 0);
		for (int i = 0; i < 20000; i++) {
			(void)snprintf(line, sizeof(line), "GET h.test/*-%d-*",
				       same ? 1 : i);
			assert_int_equal(ruleset_add(rs, VERDICT_ALLOW,
						     slice_str(line),
						     SLICE("x"), &err),
					 0);
		}
		rc = lint_rules(rs, 20000, on_count, &count);
		assert_int_equal(rc, same ? 0 : ERR_LIMIT);
		assert_true(same ? count == 19999 : count < 20000);
		ruleset_free(&rs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),  cmocka_unit_test(test_methods),
		cmocka_unit_test(test_config), cmocka_unit_test(test_many),
		cmocka_unit_test(test_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
