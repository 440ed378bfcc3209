/* policy/option.h - what stands behind the target of a rule. Private to
 * policy/.
 */
#ifndef POLICY_OPTION_H
#define POLICY_OPTION_H

#include "policy/rule.h"

/* A line being read: its options begin at pos. rule has verdict, scheme and
 * host already; out has the canonical text so far.
 */
struct option_reader {
	struct slice line;
	size_t pos;
	uint64_t now_s; /* for for=; 0: there is no now */
	struct rule *rule;
	struct text *out;
	struct rule_error *err;
};

/* Read the options up to the end of the line into rule, and append them to out
 * in the one order in which they are printed. Returns 0 or ERR_SYNTAX with
 * *err filled.
 */
int option_read_all(struct option_reader *r);

#endif
