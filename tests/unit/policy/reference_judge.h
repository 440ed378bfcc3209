/* The naive judge itself, see reference.h. */
#ifndef TESTS_UNIT_POLICY_REFERENCE_JUDGE_H
#define TESTS_UNIT_POLICY_REFERENCE_JUDGE_H

#include "tests/unit/policy/reference.h"

struct ref_question {
	enum rule_scheme scheme;
	char method[12];
	char host[24];
	uint16_t port;
	char path[96];
	char query[128];
	uint64_t now_s;
};

struct ref_answer {
	enum verdict verdict;
	enum policy_reason reason;
	int rule;    /* or -1 */
	int options; /* or -1 */
	bool matched[32];
	bool named; /* the host, by something that is no deny */
};

static inline bool ref_raw(enum rule_scheme s)
{
	return s == RULE_TCP || s == RULE_TLS;
}

static inline bool ref_host(const char *pattern, const char *host)
{
	size_t n = strlen(pattern), m = strlen(host);
	unsigned int a, b;
	int bits;

	if (!strcmp(pattern, "*"))
		return true;
	if (sscanf(pattern, "10.0.0.%u/%d", &a, &bits) == 2)
		return sscanf(host, "10.0.0.%u", &b) == 1 &&
		       a >> (32 - bits) == b >> (32 - bits);
	if (!strncmp(pattern, "*.", 2))
		return m > n - 1 && !strcmp(host + m - (n - 1), pattern + 1);
	if (pattern[0] == '.')
		return !strcmp(host, pattern + 1) ||
		       (m > n && !strcmp(host + m - n, pattern));
	return !strcmp(host, pattern);
}

static inline bool ref_method(const char *list, const char *method)
{
	bool head = !strcmp(method, "HEAD");

	if (!strcmp(list, "any"))
		return true;
	while (*list) {
		size_t n = strcspn(list, ",");

		if ((n == strlen(method) && !strncmp(list, method, n)) ||
		    (head && n == 3 && !strncmp(list, "GET", 3)))
			return true;
		list += n + (list[n] != '\0');
	}
	return false;
}

static inline bool ref_scheme(const struct ref_rule *r, enum rule_scheme s)
{
	if (r->verdict == VERDICT_DENY && s == RULE_WSS)
		return r->scheme == RULE_WSS || r->scheme == RULE_HTTPS;
	if (r->verdict == VERDICT_DENY && s == RULE_WS)
		return r->scheme == RULE_WS || r->scheme == RULE_HTTP;
	return r->scheme == s;
}

static inline bool ref_in_force(const struct ref_rule *r, uint64_t now_s)
{
	if (!r->until_s)
		return true;
	return now_s ? now_s < r->until_s : r->verdict == VERDICT_DENY;
}

/* 0 does not match, 3 under all readings, less under some alone. */
static inline int ref_target(const struct ref_rule *r,
			     const struct ref_target *t,
			     const struct ref_question *q)
{
	bool socket = q->scheme == RULE_WSS || q->scheme == RULE_WS;
	bool all, any;

	if (ref_raw(q->scheme))
		return 3;
	if (!ref_method(t->method, socket ? "GET" : q->method))
		return 0;
	all = ref_query(t->query, q->query, false, "&") &&
	      ref_query(t->query, q->query, false, "&;");
	any = ref_query(t->query, q->query, true, "&") ||
	      ref_query(t->query, q->query, true, "&;");
	if (r->verdict == VERDICT_ALLOW ? !all : !any)
		return 0;
	if (r->verdict == VERDICT_ASK && !all)
		return ref_readings(t->path, q->path) > 0;
	return ref_readings(t->path, q->path);
}

/* Greater is more specific; the place in the file is the caller's. */
static inline uint64_t ref_weight(const struct ref_rule *r,
				  const struct ref_target *t)
{
	const char *name = r->host + strspn(r->host, "*.");
	bool wild = name != r->host;
	uint64_t host = strlen(name) * 2 + !wild, path = 0, query = 0;
	int bits;

	if (sscanf(r->host, "10.0.0.%*u/%d", &bits) == 1)
		host = (uint64_t)bits;
	else if (!strncmp(r->host, "10.", 3))
		host = 1000;
	for (const char *c = t->path; *c; c++)
		path += *c != '*';
	for (const char *c = t->query; *c; c++)
		query += *c != '&';
	return ((host * 1000 + path) * 1000 + query) * 2 +
	       (strcmp(t->method, "any") != 0);
}

struct ref_best {
	int rule;
	uint64_t weight;
};

static inline void ref_keep(struct ref_best *best, int rule, uint64_t weight)
{
	if (best->rule < 0 || weight > best->weight)
		*best = (struct ref_best){ rule, weight };
}

static inline void ref_judge(const struct ref_rule *rules, int len,
			     enum verdict fallback,
			     const struct ref_question *q,
			     struct ref_answer *ret)
{
	struct ref_best whole[3] = { { -1, 0 }, { -1, 0 }, { -1, 0 } };
	struct ref_best half[3] = { { -1, 0 }, { -1, 0 }, { -1, 0 } };
	struct ref_best by;

	*ret = (struct ref_answer){ .named = fallback != VERDICT_DENY };
	for (int i = 0; i < len; i++) {
		const struct ref_rule *r = &rules[i];

		if (!ref_in_force(r, q->now_s) || !ref_host(r->host, q->host))
			continue;
		ret->named = ret->named || r->verdict != VERDICT_DENY;
		if (!ref_scheme(r, q->scheme) || r->port != q->port)
			continue;
		for (int t = 0; t < r->targets; t++) {
			int found = ref_target(r, &r->target[t], q);
			bool deny = r->verdict == VERDICT_DENY;

			if (found == 3 || (found && deny))
				ret->matched[i] = true;
			if (found)
				ref_keep(found == 3 || deny ? &whole[r->verdict]
							    : &half[r->verdict],
					 i, ref_weight(r, &r->target[t]));
		}
	}
	ret->options = whole[VERDICT_ALLOW].rule;
	by = whole[VERDICT_DENY];
	if (by.rule < 0)
		by = whole[VERDICT_ASK];
	if (by.rule < 0 &&
	    (whole[VERDICT_ALLOW].rule >= 0 || fallback == VERDICT_ALLOW))
		by = half[VERDICT_ASK];
	if (by.rule < 0)
		by = whole[VERDICT_ALLOW];
	ret->rule = by.rule;
	ret->verdict = by.rule < 0 ? fallback : rules[by.rule].verdict;
	if (by.rule < 0 || ret->verdict == VERDICT_DENY)
		ret->options = -1;
	else if (ret->options < 0)
		ret->options = by.rule;
	ret->reason =
		by.rule >= 0		   ? POLICY_BY_RULE
		: fallback != VERDICT_DENY ? POLICY_BY_DEFAULT
		: half[VERDICT_ASK].rule >= 0 || half[VERDICT_ALLOW].rule >= 0
			? POLICY_READINGS
			: POLICY_NO_RULE;
}

#endif
