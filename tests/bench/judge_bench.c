/* What a judgement costs in nanoseconds, and a rule in octets: rules over many
 * hosts and all on one host, paths plain and encoded, allowed and not.
 */

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/slice.h"
#include "policy/policy.h"

#define TURNS	  40
#define TURN	  (40 * QUESTIONS)
#define QUESTIONS 256

/* Of this process alone: what else the machine does is not meant. */
static double now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static size_t heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static struct ruleset *make_rules(int rules, int hosts)
{
	struct ruleset *rs = NULL;
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
	return rs;
}

struct asked {
	char host[64];
	char path[64];
	struct policy_question q;
};

static void make_questions(struct asked *a, int rules, int hosts,
			   const char *tail)
{
	for (int i = 0; i < QUESTIONS; i++, a++) {
		int n = (int)((int64_t)i * 7919 % rules);

		(void)snprintf(a->host, sizeof(a->host),
			       "api.host%d.example.com", n % hosts);
		(void)snprintf(a->path, sizeof(a->path), "/repos/acme%d%s", n,
			       tail);
		a->q = (struct policy_question){
			.scheme = RULE_HTTPS,
			.method = SLICE("GET"),
			.host = slice_str(a->host),
			.port = 443,
			.path = slice_str(a->path),
			.now_s = 1,
		};
	}
}

/* The best of a few rounds: others share caches and the processor's speed. */
static double judge_all(const struct policy *p, const struct asked *a,
			unsigned int *ret_allowed)
{
	double best = 1e9;

	for (int turn = 0; turn < TURNS; turn++) {
		double start = now_ns(), took;

		*ret_allowed = 0;
		for (int i = 0; i < TURN; i++) {
			struct policy_answer answer;

			policy_judge(p, &a[i % QUESTIONS].q, &answer);
			*ret_allowed += answer.verdict == VERDICT_ALLOW;
		}
		took = (now_ns() - start) / TURN;
		best = took < best ? took : best;
	}
	return best;
}

static void measure(int rules, int hosts, const char *tail)
{
	static struct asked asked[QUESTIONS];
	struct ruleset *rs = make_rules(rules, hosts);
	struct policy *p = NULL;
	size_t before = heap();
	double start = now_ns(), compiled, ns;
	unsigned int allowed;

	if (policy_compile(rs, &p) < 0)
		abort();
	compiled = now_ns() - start;
	before = heap() - before;
	ruleset_free(&rs);
	make_questions(asked, rules, hosts, tail);
	ns = judge_all(p, asked, &allowed);
	printf("%6d rules %6d hosts  %-14s %4.0f ns/judgement  %3.0f%% allowed"
	       "  %4zu octets/rule  compiled in %.1f ms\n",
	       rules, hosts, tail, ns, allowed * 100.0 / ((double)TURN),
	       before / (size_t)rules, compiled / 1e6);
	policy_free(&p);
}

int main(void)
{
	static const int sizes[] = { 1000, 10000, 100000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		measure(sizes[i], sizes[i] / 5, "/x/issues");
		measure(sizes[i], sizes[i] / 5, "/x/is%73ues");
		measure(sizes[i], 1, "/site/issues");
		measure(sizes[i], 1, "x/other");
	}
	return 0;
}
