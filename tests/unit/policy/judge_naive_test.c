/* Rules and questions out of small alphabets, hundreds of thousands of them:
 * the compiled judge against the naive one. Each policy has a seed of its own,
 * which a failure prints; PENSTOCK_SEED=N PENSTOCK_ROUNDS=1 asks it again.
 */

#include "tests/unit/policy/random.h"

#define ROUNDS	  4000
#define QUESTIONS 150
#define RULES	  14

struct looks {
	const struct policy *p;
	size_t len;
	bool matched[32];
};

static void on_look(void *ctx, const struct rule *rule, bool matched,
		    const char *why)
{
	struct looks *l = ctx;

	assert_non_null(why);
	assert_ptr_equal(rule, policy_at(l->p, l->len));
	l->matched[l->len++] = matched;
}

static int index_of(const struct policy *p, const struct rule *rule)
{
	for (size_t i = 0; i < policy_len(p); i++)
		if (policy_at(p, i) == rule)
			return (int)i;
	return -1;
}

static bool explains(const struct policy *p, const struct policy_question *q,
		     const struct ref_answer *r)
{
	struct looks looks = { .p = p };
	struct policy_answer a;

	policy_explain(p, q, on_look, &looks, &a);
	return looks.len == policy_len(p) &&
	       !memcmp(looks.matched, r->matched, sizeof(looks.matched));
}

static bool agree(const struct policy *p, const struct ref_question *q,
		  const struct ref_answer *r)
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
	struct policy_answer a;

	policy_judge(p, &real, &a);
	return a.verdict == r->verdict && a.reason == r->reason &&
	       index_of(p, a.rule) == r->rule &&
	       index_of(p, a.options) == r->options &&
	       policy_names_host(p, real.host, real.now_s) == r->named &&
	       explains(p, &real, r);
}

static void print_failure(uint64_t seed, const struct policy *p,
			  const struct ref_question *q,
			  const struct ref_answer *r)
{
	for (size_t i = 0; i < policy_len(p); i++) {
		const struct rule *rule = policy_at(p, i);
		struct slice text = rule_text(rule);

		print_error("%zu %s %.*s\n", i, verdict_str(rule_verdict(rule)),
			    (int)text.len, text.ptr);
	}
	fail_msg("PENSTOCK_SEED=%llu: %s %s://%s:%u%s?%s at %llu: by reference "
		 "%s by %d, reason %d, options of %d",
		 (unsigned long long)seed, q->method,
		 rule_scheme_str(q->scheme), q->host, q->port, q->path,
		 q->query, (unsigned long long)q->now_s,
		 verdict_str(r->verdict), r->rule, (int)r->reason, r->options);
}

static void ask_both(uint64_t seed, unsigned int counts[POLICY_REASONS])
{
	static const enum verdict fallbacks[] = { VERDICT_DENY, VERDICT_DENY,
						  VERDICT_ASK, VERDICT_ALLOW };
	struct ref_rule rules[RULES];
	char lines[RULES][256];
	const char *list[RULES + 1] = { 0 };
	enum verdict fallback;
	struct policy *p;
	int len;

	random_state = seed * 0x9e3779b97f4a7c15u;
	fallback = PICK(fallbacks);
	len = 1 + (int)rnd(RULES);
	for (int i = 0; i < len; i++) {
		random_rule(&rules[i], lines[i]);
		list[i] = lines[i];
	}
	p = compile(list, fallback);
	for (int i = 0; i < QUESTIONS; i++) {
		struct ref_question q;
		struct ref_answer r;

		random_question(&q);
		if (rnd(4))
			aim(&q, &rules[rnd((uint32_t)len)]);
		ref_judge(rules, len, fallback, &q, &r);
		if (!agree(p, &q, &r))
			print_failure(seed, p, &q, &r);
		counts[r.reason]++;
	}
	policy_free(&p);
}

static void test_naive(void **state)
{
	const char *seed = getenv("PENSTOCK_SEED");
	const char *rounds = getenv("PENSTOCK_ROUNDS");
	uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;
	uint64_t n = rounds ? strtoull(rounds, NULL, 10) : ROUNDS;
	unsigned int counts[POLICY_REASONS] = { 0 };

	(void)state;
	for (uint64_t i = 0; i < n; i++)
		ask_both(first + i, counts);
	print_message("by rule %u, none %u, readings %u, default %u\n",
		      counts[POLICY_BY_RULE], counts[POLICY_NO_RULE],
		      counts[POLICY_READINGS], counts[POLICY_BY_DEFAULT]);
	if (n >= ROUNDS) /* the questions are no empty ones */
		for (int i = 0; i < POLICY_REASONS; i++)
			assert_true(counts[i] > 1000 || i == POLICY_BAD_PATH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_naive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
