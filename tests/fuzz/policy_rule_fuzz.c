/* One line of the rule language; what parses must print and parse again to the
 * same, compile, and be judged, also with the line itself as a path.
 */

#include <stdlib.h>

#include "policy/policy.h"
#include "policy/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice line = slice_of(data, size);
	struct policy_question q = { .scheme = RULE_HTTPS,
				     .method = SLICE("GET"),
				     .host = SLICE("h.example"),
				     .port = 443,
				     .path = line };
	const struct rule_source source = { size % 7 ? VERDICT_ALLOW
						     : VERDICT_DENY,
					    SLICE("x"), 1796083200 };
	struct rule *rule = NULL, *again = NULL;
	struct ruleset *rs = NULL;
	struct policy *p = NULL;
	struct policy_answer a;
	struct rule_error err;
	char text[256];

	if (ruleset_new(&rs) < 0)
		return 0;
	ruleset_set_clock(rs, source.now_s);
	if (rule_new(&source, line, &rule, &err) == 0) {
		if (rule_new(&source, rule_text(rule), &again, &err) < 0 ||
		    !slice_eq(rule_text(rule), rule_text(again)))
			abort();
		(void)ruleset_add(rs, VERDICT_ALLOW, line, SLICE("x"), &err);
	}
	(void)ruleset_add(rs, VERDICT_DENY, SLICE("any h.example/a/*/**/b*"),
			  SLICE("x"), &err);
	if (policy_compile(rs, &p) == 0) {
		policy_judge(p, &q, &a);
		policy_suggest(&q, text, sizeof(text));
		q.query = line;
		q.host = line;
		policy_judge(p, &q, &a);
		(void)policy_names_host(p, line, 0);
	}
	policy_free(&p);
	ruleset_free(&rs);
	rule_free(&again);
	rule_free(&rule);
	return 0;
}
