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
	uint64_t now_s;	       /* for for=; 0: no clock */
};

/* "deny", "ask", "allow". */
bool verdict_read(struct slice text, enum verdict *ret);

#endif
