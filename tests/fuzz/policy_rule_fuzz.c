/* tests/fuzz/policy_rule_fuzz.c - any octets as a rule; what is accepted
 * prints to a text that parses to itself, and compiles.
 */

#include <assert.h>

#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void again(struct slice text)
{
	struct ruleset *rs = NULL;
	struct rule_error err;
	struct policy *policy = NULL;

	assert(ruleset_new(&rs) == 0);
	assert(ruleset_add(rs, VERDICT_ALLOW, text, SLICE("fuzz"), &err) == 0);
	assert(slice_eq(rule_text(ruleset_at(rs, 0)), text));
	assert(policy_compile(rs, &policy) == 0);
	policy_free(&policy);
	ruleset_free(&rs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ruleset *rs = NULL;
	struct rule_error err;

	assert(ruleset_new(&rs) == 0);
	if (ruleset_add(rs, VERDICT_ALLOW, slice_of(data, len), SLICE("fuzz"),
			&err) == 0)
		again(rule_text(ruleset_at(rs, 0)));
	else
		assert(err.column >= 1 && err.column <= len + 1);
	ruleset_free(&rs);
	return 0;
}
