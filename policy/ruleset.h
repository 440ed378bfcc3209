/* policy/ruleset.h - what a ruleset holds. Private to policy/. */
#ifndef POLICY_RULESET_H
#define POLICY_RULESET_H

#include "policy/rule.h"

struct ruleset {
	struct rule **rules; /* owned, each of them too; in order */
	size_t len;
	size_t cap;
	enum verdict fallback; /* the default; deny unless somebody said */
	bool has_default;      /* somebody said; the strictest is kept */
};

#endif
