/* audit/audit.c - the words of a record. */

#include "audit/audit.h"

#include "audit/text.h"
#include "base/base.h"

static const char *const kind_name[] = {
	[AUDIT_REQUEST] = "request",   [AUDIT_TUNNEL] = "tunnel",
	[AUDIT_DNS] = "dns",	       [AUDIT_HANDSHAKE] = "handshake",
	[AUDIT_PROTOCOL] = "protocol",
};
static_assert(ARRAY_SIZE(kind_name) == AUDIT_KINDS, "a kind without a name");

static const char *const verdict_name[] = {
	[AUDIT_DENY] = "deny",
	[AUDIT_ASK] = "ask",
	[AUDIT_ALLOW] = "allow",
	[AUDIT_NONE] = "none",
};
static_assert(ARRAY_SIZE(verdict_name) == AUDIT_VERDICTS,
	      "a verdict without a name");

static const char *const outcome_name[] = {
	[AUDIT_OPEN] = "open",	     [AUDIT_DONE] = "done",
	[AUDIT_REFUSED] = "refused", [AUDIT_FAILED] = "failed",
	[AUDIT_CUT] = "cut",	     [AUDIT_INTERRUPTED] = "interrupted",
};
static_assert(ARRAY_SIZE(outcome_name) == AUDIT_OUTCOMES,
	      "an outcome without a name");

const char *audit_kind_str(enum audit_kind k)
{
	return k < AUDIT_KINDS ? kind_name[k] : "unknown";
}

const char *audit_verdict_str(enum audit_verdict v)
{
	return v < AUDIT_VERDICTS ? verdict_name[v] : "unknown";
}

const char *audit_outcome_str(enum audit_outcome o)
{
	return o < AUDIT_OUTCOMES ? outcome_name[o] : "unknown";
}

size_t audit_masked(struct slice s, char *ret, size_t max)
{
	bool cut;

	return text_copy(TEXT_PATH, s, ret, max, &cut);
}
