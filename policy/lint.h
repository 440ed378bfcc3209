/* policy/lint.h - what a policy says in vain, and what it says too much.
 *
 * Pure but for what is asked of the configuration it is given. What only the
 * outside world knows (does a name resolve, who may read a file) is left to
 * the caller, as a finding that asks.
 */
#ifndef POLICY_LINT_H
#define POLICY_LINT_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/load.h"
#include "policy/policy.h"

/* Comparisons of rules; beyond them a file is not looked at further. */
#define LINT_WORK_MAX 20000000u

#define LINT_WHAT_MAX 320 /* octets, with the NUL */

/* One rule that does nothing, as another one decides wherever it matches. */
struct lint_pair {
	size_t rule; /* its number in the ruleset */
	size_t by;   /* of a stricter verdict, or of the same */
};
typedef void lint_pair_fn(void *ctx, const struct lint_pair *pair);

/* Call back with each of the first own rules that may be taken away, one or
 * all of them, without any verdict changing, nor the options that a request
 * goes on with. What it calls idle is idle; not all that is idle is found.
 * Returns 0, -ENOMEM, or ERR_LIMIT when LINT_WORK_MAX was reached.
 */
int lint_rules(const struct ruleset *rs, size_t own, lint_pair_fn *fn,
	       void *ctx);

enum lint_ask {
	LINT_SAY,  /* it is so */
	LINT_NAME, /* if the host called subject does not resolve */
	LINT_FILE, /* if the file called subject is missing or open to all */
};

struct lint_finding {
	enum lint_ask ask;
	const char *code;	  /* one word: "unreachable"; static */
	char what[LINT_WHAT_MAX]; /* a sentence; cut to fit */
	uint32_t line;		  /* from 0, as column */
	uint32_t column;
	struct slice rule;    /* canonical; empty: not about a rule */
	struct slice subject; /* see ask */
};
typedef void lint_fn(void *ctx, const struct lint_finding *finding);

/* Call back with what is worth a warning in the file. Slices live as long as
 * the call. now_s: seconds since 1970. Returns as lint_rules().
 */
int lint_config(const struct config *c, uint64_t now_s, lint_fn *fn, void *ctx);

/* Does a rule name an unknown method that is nearly one of those in daily use?
 * Then *ret says so. Such a rule is legal, as methods of one's own are.
 */
bool lint_method(const struct rule *rule, char ret[LINT_WHAT_MAX]);

/* "FILE:LINE:COLUMN: warning: what", the line and the caret. */
void lint_text(const struct config *c, const struct lint_finding *finding,
	       const char *what, struct config_error *ret);

#endif
