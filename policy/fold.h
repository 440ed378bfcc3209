/* policy/fold.h - from requests to the rules that would allow them.
 *
 * Pure. Requests are put in; what comes out are rule lines, few and readable:
 * segments that look like numbers and hashes become "*", so do many siblings,
 * and many patterns below one place become "**". What git asks becomes git:read
 * or git:write. The rules allow what was put in, and more; how much more is
 * what a person must look at.
 */
#ifndef POLICY_FOLD_H
#define POLICY_FOLD_H

#include <stdint.h>

#include "policy/policy.h"

/* How much is drawn together. */
enum fold_how {
	FOLD_EXACT, /* each path as it was */
	FOLD_PATHS, /* as above */
	FOLD_HOSTS, /* a line for each host and its methods */
};

#define FOLD_REQUESTS_MAX 20000 /* distinct ones */

struct fold;

/* Returns 0 or -ENOMEM. */
int fold_new(enum fold_how how, struct fold **ret);
void fold_free(struct fold **f);

/* A request, seen count times; all of it is copied. Returns 0, ERR_LIMIT or
 * -ENOMEM.
 */
int fold_add(struct fold *f, const struct policy_question *q, uint64_t count);

/* Each rule, those of one host together; count is how many requests made it. A
 * line is valid for the call. Returns 0 or -ENOMEM. May be called once.
 */
typedef void fold_rule_fn(void *ctx, struct slice line, uint64_t count);
int fold_rules(struct fold *f, fold_rule_fn *fn, void *ctx);

#endif
