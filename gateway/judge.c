/* gateway/judge.c - from a request head to a verdict. */

#include "gateway/judge.h"

#include <stdio.h>

#include "base/base.h"
#include "gateway/portal.h"

#define JUDGE_LINE_MAX 1024 /* octets of a suggested rule */
#define JUDGE_PATH_MAX 256  /* octets of a path in a sentence */

static struct slice judge_reason(enum policy_reason reason)
{
	switch (reason) {
	case POLICY_BY_RULE:
		return SLICE("rule");
	case POLICY_NO_RULE:
		return SLICE("no-rule");
	case POLICY_BAD_PATH:
		return SLICE("bad-path");
	case POLICY_READINGS:
		return SLICE("readings-differ");
	case POLICY_BY_DEFAULT:
		return SLICE("default");
	case POLICY_REASONS:
		break;
	}
	return SLICE("no-rule");
}

static bool judge_refuse(struct judgement *j, enum refusal_kind kind,
			 struct slice detail)
{
	j->refusal = kind;
	j->detail = detail;
	j->reason = refusal_slug(kind);
	return false;
}

/* Who is asked for, by one parser; TLS and the request must agree. */
static bool judge_names(const struct judge_facts *f,
			const struct http_head *head, struct arena *a,
			struct judgement *j)
{
	bool tls = slice_eq(head->scheme, SLICE("https"));

	if (authority_parse(head->authority, &j->host) < 0)
		return judge_refuse(j, REFUSAL_MALFORMED,
				    SLICE("The request names no valid host."));
	if (!j->host.port)
		j->host.port = tls ? 443 : 80;
	if (f->sni &&
	    !slice_eq(authority_host(f->sni), authority_host(&j->host))) {
		struct slice detail = SLICE("The names do not agree.");

		(void)refusal_say(a, &detail,
				  "%s %s, but the request is for %s; both must "
				  "be the same.",
				  tls ? "TLS was opened for"
				      : "The proxy was asked for",
				  f->sni->host, j->host.host);
		return judge_refuse(j, REFUSAL_MISDIRECTED, detail);
	}
	return true;
}

/* Host as it goes upstream: signatures over it leave the default port out. */
static bool judge_authority(bool tls, struct arena *a, struct judgement *j)
{
	bool v6 = j->host.kind == HOST_IPV6;
	char text[HOST_MAX + 16];
	int n;

	if (j->host.port == (tls ? 443 : 80))
		n = snprintf(text, sizeof(text), v6 ? "[%s]" : "%s",
			     j->host.host);
	else
		n = snprintf(text, sizeof(text), v6 ? "[%s]:%u" : "%s:%u",
			     j->host.host, j->host.port);
	return n > 0 &&
	       arena_copy(a, slice_of(text, (size_t)n), &j->authority) == 0;
}

static enum rule_scheme judge_scheme(const struct http_head *head, bool tls)
{
	if (head->version == HTTP_RAW)
		return slice_eq(head->scheme, SLICE("tls")) ? RULE_TLS
							    : RULE_TCP;
	if (head->upgrade)
		return tls ? RULE_WSS : RULE_WS;
	return tls ? RULE_HTTPS : RULE_HTTP;
}

static void judge_say(const struct judge_facts *f, const struct http_head *head,
		      struct arena *a, struct judgement *j)
{
	const struct rule *rule = j->answer.rule;
	struct slice text = rule ? rule_text(rule) : SLICE("");
	struct slice where = rule ? rule_where(rule) : SLICE("");
	/* Whole or not at all: half a secret is not known for one, and what is
	 * said here goes into the ledger.
	 */
	struct slice path =
		j->path.len <= JUDGE_PATH_MAX ? j->path : SLICE("/...");
	const char *verb = j->answer.verdict == VERDICT_ASK
				   ? "asks the operator about"
				   : "denies";
	bool bad = j->answer.reason == POLICY_BAD_PATH;
	const char *why = bad ? ": its path has no safe reading (encodings, "
				"dots, or more than 128 segments)"
			  : j->answer.reason == POLICY_READINGS
				  ? " (one reading of it is not allowed)"
				  : "";

	if (rule && j->answer.reason == POLICY_BY_RULE)
		(void)refusal_say(a, &j->detail,
				  "The rule '%.*s' (%.*s) of sandbox '%.*s' "
				  "%s %.*s %s://%.*s%.*s.",
				  (int)text.len, text.ptr, (int)where.len,
				  where.ptr, (int)f->sandbox.len,
				  f->sandbox.ptr, verb, (int)head->method.len,
				  head->method.ptr, head->scheme.ptr,
				  (int)head->authority.len, head->authority.ptr,
				  (int)path.len, path.ptr);
	else
		(void)refusal_say(a, &j->detail,
				  "No rule of sandbox '%.*s' %s "
				  "%.*s %s://%.*s%.*s%s.",
				  (int)f->sandbox.len, f->sandbox.ptr,
				  bad ? "could allow" : "allows",
				  (int)head->method.len, head->method.ptr,
				  head->scheme.ptr, (int)head->authority.len,
				  head->authority.ptr, (int)path.len, path.ptr,
				  why);
}

static void judge_suggest(const struct policy_question *q, struct arena *a,
			  struct judgement *j)
{
	char line[JUDGE_LINE_MAX];

	if (j->answer.reason != POLICY_NO_RULE)
		return;
	policy_suggest(q, line, sizeof(line));
	(void)arena_copy(a, slice_str(line), &j->to_allow);
}

/* The policy said no: why, and what would change it. */
static bool judge_deny(const struct judge_facts *f,
		       const struct http_head *head,
		       const struct policy_question *q, struct arena *a,
		       struct judgement *j)
{
	if (j->answer.verdict == VERDICT_ASK)
		j->refusal = REFUSAL_UNANSWERED;
	judge_say(f, head, a, j);
	judge_suggest(q, a, j);
	return false;
}

/* Does mode learn let through what this answer denies? Not what has no safe
 * reading: it has no rule that could be learned.
 */
static bool judge_learns(const struct judge_facts *f,
			 const struct policy_answer *a)
{
	return f->learn && a->verdict == VERDICT_DENY &&
	       a->reason != POLICY_BAD_PATH;
}

/* Ask the policy. */
static void judge_ask(const struct judge_facts *f,
		      const struct policy_question *q, struct judgement *j)
{
	policy_judge(f->policy, q, &j->answer);
	j->question = *q;
	j->judged = true;
	j->reason = judge_reason(j->answer.reason);
}

void judge_again(const struct judge_facts *f, const struct judgement *j,
		 struct policy_answer *ret, bool *ret_learned)
{
	struct policy_question q = j->question;

	assert(j->judged);
	q.now_s = f->now_s;
	policy_judge(f->policy, &q, ret);
	*ret_learned = judge_learns(f, ret);
}

/* Does the sandbox have any business with this host? */
static bool judge_host(const struct judge_facts *f, struct slice host)
{
	return f->learn || portal_is(host) ||
	       policy_names_host(f->policy, host, f->now_s);
}

/* CONNECT. A tcp:// rule makes it a tunnel; otherwise it only says where the
 * requests inside it go, and is let through if any of them could be allowed.
 */
static bool judge_connect(const struct judge_facts *f,
			  const struct http_head *head, struct arena *a,
			  struct judgement *j)
{
	struct slice host = authority_host(&j->host);
	struct policy_question q = { .scheme = RULE_TCP,
				     .host = host,
				     .port = j->host.port,
				     .now_s = f->now_s };
	bool by_rule;

	if (!f->proxy)
		return judge_refuse(j, REFUSAL_METHOD,
				    SLICE("This listener is no proxy: it takes "
					  "requests for sites, not CONNECT."));
	judge_ask(f, &q, j);
	by_rule = j->answer.reason == POLICY_BY_RULE;
	j->tunnel = by_rule && j->answer.verdict != VERDICT_DENY;
	j->carrier = !by_rule && judge_host(f, host);
	if (j->carrier || (j->tunnel && j->answer.verdict == VERDICT_ALLOW))
		return true;
	if (j->host.port == 443) {
		q.scheme = RULE_HTTPS;
		q.method = SLICE("GET");
		q.path = SLICE("/");
	}
	return judge_deny(f, head, &q, a, j);
}

bool judge_target(const struct judge_facts *f, const struct authority *target)
{
	struct slice host = authority_host(target);
	struct policy_question q = { .scheme = RULE_TCP,
				     .host = host,
				     .port = target->port,
				     .now_s = f->now_s };
	struct policy_answer answer;

	policy_judge(f->policy, &q, &answer);
	if (answer.reason == POLICY_BY_RULE)
		return answer.verdict != VERDICT_DENY;
	return judge_host(f, host);
}

static bool judge_portal(struct judgement *j)
{
	j->portal = true;
	j->judged = true;
	j->answer.verdict = VERDICT_ALLOW;
	j->reason = SLICE("portal");
	return true;
}

/* Allowed after all, and marked; the rule that denies it stays named. */
static bool judge_learn(struct judgement *j)
{
	j->answer.verdict = VERDICT_ALLOW;
	j->answer.options = NULL;
	j->to_allow = SLICE("");
	j->reason = SLICE("would-deny");
	return true;
}

bool judge_request(const struct judge_facts *f, const struct http_head *head,
		   struct arena *a, struct judgement *ret)
{
	bool tls = slice_eq(head->scheme, SLICE("https"));
	struct policy_question q;

	*ret = (struct judgement){ .refusal = REFUSAL_DENIED };
	(void)slice_cut(head->path, '?', &ret->path, &ret->query);
	if (!judge_names(f, head, a, ret))
		return false;
	if (!judge_authority(tls, a, ret))
		return judge_refuse(ret, REFUSAL_BUSY, SLICE("No memory."));
	if (slice_eq(head->method, SLICE("CONNECT")))
		return judge_connect(f, head, a, ret);
	if (portal_is(authority_host(&ret->host)))
		return judge_portal(ret);
	q = (struct policy_question){
		.scheme = judge_scheme(head, tls),
		.method = head->method,
		.host = authority_host(&ret->host),
		.port = ret->host.port,
		.path = ret->path,
		.query = ret->query,
		.now_s = f->now_s,
	};
	judge_ask(f, &q, ret);
	ret->learned = judge_learns(f, &ret->answer);
	if (ret->answer.verdict != VERDICT_ALLOW)
		(void)judge_deny(f, head, &q, a, ret);
	if (ret->learned)
		return judge_learn(ret);
	if (ret->answer.verdict != VERDICT_ALLOW)
		return false;
	ret->uninspected = q.scheme == RULE_TLS;
	if (ret->uninspected)
		ret->reason = SLICE("uninspected");
	return true;
}
