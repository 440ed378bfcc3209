/* Nanoseconds for one judgement with 10, 1,000 and 10,000 rules over many
 * hosts, and with all of them on one host; and what compiling took.
 */

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/slice.h"
#include "policy/policy.h"

#define ROUNDS 1000000

static double now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static struct policy *make_policy(int rules, int hosts)
{
	struct ruleset *rs = NULL;
	struct policy *p = NULL;
	struct rule_error err;
	char line[256];

	if (ruleset_new(&rs) < 0)
		abort();
	for (int i = 0; i < rules; i++) {
		int len = snprintf(line, sizeof(line),
				   "%s https://api.host%d.example.com"
				   "/repos/acme%d/%s",
				   i % 3 ? "GET" : "any", i % hosts, i,
				   i % 2 ? "**" : "*/issues");

		if (ruleset_add(rs, i % 50 ? VERDICT_ALLOW : VERDICT_DENY,
				slice_of(line, (size_t)len), SLICE("bench"),
				&err) < 0)
			abort();
	}
	if (policy_compile(rs, &p) < 0)
		abort();
	ruleset_free(&rs);
	return p;
}

static void measure(int rules, int hosts, const char *path_form)
{
	enum {
		QUESTIONS = 256
	};
	static char host[QUESTIONS][64], path[QUESTIONS][64];
	struct policy_question q[QUESTIONS];
	struct policy_answer a;
	double start = now_ns(), compiled;
	struct policy *p = make_policy(rules, hosts);
	unsigned int allowed = 0;

	compiled = now_ns() - start;
	for (int i = 0; i < QUESTIONS; i++) {
		int n = i * 37 % rules;

		(void)snprintf(host[i], 64, "api.host%d.example.com",
			       n % hosts);
		(void)snprintf(path[i], 64, path_form, n);
		q[i] = (struct policy_question){
			.scheme = RULE_HTTPS,
			.method = SLICE("GET"),
			.host = slice_str(host[i]),
			.port = 443,
			.path = slice_str(path[i]),
		};
	}
	start = now_ns();
	for (int i = 0; i < ROUNDS; i++) {
		policy_judge(p, &q[i % QUESTIONS], &a);
		allowed += a.verdict == VERDICT_ALLOW;
	}
	printf("%6d rules, %5d hosts, %-28s %6.0f ns  (%2.0f %% allowed; "
	       "compiled in %.1f ms)\n",
	       rules, hosts, path_form, (now_ns() - start) / ROUNDS,
	       allowed * 100.0 / ROUNDS, compiled / 1e6);
	policy_free(&p);
}

int main(void)
{
	static const int sizes[] = { 10, 1000, 10000, 100000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		measure(sizes[i], sizes[i] / 5, "/repos/acme%d/issues");
		measure(sizes[i], sizes[i] / 5, "/repos/acme%d/is%%73ues");
		measure(sizes[i], 1, "/repos/acme%d/site/issues");
	}
	return 0;
}
