/* policy/diff.h - from one set of rules to another. Pure. */
#ifndef POLICY_DIFF_H
#define POLICY_DIFF_H

#include "policy/policy.h"

/* Many rules at one place make each judgement long. */
#define DIFF_EXAMPLES_MAX 1000

enum diff_kind {
	DIFF_ADDED,
	DIFF_REMOVED,
	DIFF_OPTIONS, /* the same target and verdict */
	DIFF_VERDICT, /* the same target */
};

struct diff_change {
	enum diff_kind kind;
	const struct rule *was; /* NULL: added */
	const struct rule *now; /* NULL: removed */

	/* A request that the rule is about, as policy_suggest() prints one, and
	 * its verdict under either set. Empty: none was made, as of a change
	 * beyond DIFF_EXAMPLES_MAX.
	 */
	char example[512];
	enum verdict before;
	enum verdict after;
};
typedef void diff_fn(void *ctx, const struct diff_change *change);

/* Call back with each change, ordered by target. Neither order, place nor
 * spelling of rules makes one; a rule twice is a rule. now_s as in a question.
 * Returns 0 or -ENOMEM.
 */
int diff_rules(const struct ruleset *was, const struct ruleset *now,
	       uint64_t now_s, diff_fn *fn, void *ctx);

#endif
