/* policy/explain.c - the verdict in words: every rule and why, and the line
 * that would allow the request.
 *
 * The verdict itself comes from the judge; here the same tests are asked one
 * rule at a time, in the order of the file.
 */

#include "base/base.h"
#include "policy/judge.h"
#include "policy/text.h"
#include "policy/units.h"

#define SAY_MAX 64

static const char *const look_phrase[] = {
	[LOOK_SCHEME] = "another scheme",
	[LOOK_HOST] = "another host",
	[LOOK_PORT] = "another port",
	[LOOK_METHOD] = "another method",
	[LOOK_PATH] = "the path does not match",
	[LOOK_QUERY] = "the query does not match",
	[LOOK_SOME] = "the query matches in part",
	[LOOK_OPAQUE] = "the path matches as sent, but not when decoded",
	[LOOK_DECODED] = "the path matches when decoded, but not as sent",
	[LOOK_PARAMS] = "the path matches, but not without its parameters",
	[LOOK_BARE] = "the path matches without its parameters",
	[LOOK_MATCH] = "matches",
};
static_assert(ARRAY_SIZE(look_phrase) == LOOKS, "a look without a phrase");

static bool host_matches(const struct inquiry *in, const struct rule *rule)
{
	struct slice name = rule_slice(rule, rule->host);
	bool equal = slice_eq(in->host, name);
	bool below = in->host.len > name.len && slice_ends(in->host, name) &&
		     in->host.ptr[in->host.len - name.len - 1] == '.';

	switch (rule->host_kind) {
	case RULE_NAME:
	case RULE_IP:
		return equal;
	case RULE_BELOW:
		return below;
	case RULE_TREE:
		return equal || below;
	case RULE_CIDR:
		return in->addr_len &&
		       host_in_prefix(in->addr, in->addr_len, rule->addr,
				      rule->addr_len, rule->prefix_bits);
	case RULE_ANY_HOST:
		return in->host.len > 0;
	}
	return false;
}

static enum look look_at_entry(const struct inquiry *in, const struct entry *e)
{
	enum look look = inquiry_speaks(in, e);

	if (look == LOOK_SCHEME)
		return look;
	if (!host_matches(in, e->rule))
		return LOOK_HOST;
	return look == LOOK_MATCH ? inquiry_path(in, e) : look;
}

/* Of a git rule, the entry that came nearest. */
static enum look look_at_rule(const struct inquiry *in,
			      const struct policy_rule *rule)
{
	enum look best = LOOK_SCHEME;

	for (uint32_t i = 0; i < rule->len; i++) {
		enum look look =
			look_at_entry(in, &in->p->entries[rule->first + i]);

		best = MAX(best, look);
	}
	return best;
}

/* What would match, were it still in force. */
static const char *say_expired(const struct rule *rule, uint64_t now_s,
			       char mem[SAY_MAX])
{
	struct text t = text_in(mem, SAY_MAX);
	char time[UNITS_TIME];

	units_print_time(rule->until_s, time);
	text_put_str(&t, now_s ? "expired at " : "may have expired at ");
	text_put_str(&t, time);
	return mem;
}

static void explain_with(struct inquiry *in, const struct path *path,
			 policy_look_fn *look, void *ctx)
{
	uint64_t now_s = in->q->now_s;

	in->path = path;
	for (uint32_t i = 0; i < in->p->rules_len; i++) {
		const struct policy_rule *r = &in->p->rules[i];
		const struct rule *rule = r->rule;
		enum look found = look_at_rule(in, r);
		bool half = found >= LOOK_SOME && found < LOOK_MATCH;
		char mem[SAY_MAX];

		if (found >= LOOK_SOME &&
		    rule_expired(rule->until_s, rule->verdict, now_s))
			look(ctx, rule, false, say_expired(rule, now_s, mem));
		else
			look(ctx, rule,
			     found == LOOK_MATCH ||
				     (half && rule->verdict == VERDICT_DENY),
			     look_phrase[found]);
	}
}

void policy_explain(const struct policy *p, const struct policy_question *q,
		    policy_look_fn *look, void *ctx, struct policy_answer *ret)
{
	bool raw = q->scheme == RULE_TCP || q->scheme == RULE_TLS;
	char scratch[PATH_OCTETS_MAX];
	struct inquiry in;
	struct path path;
	const char *bad;

	policy_judge(p, q, ret);
	inquiry_init(&in, p, q);
	bad = raw ? NULL : path_read(q->path, scratch, &path);
	if (!bad) {
		explain_with(&in, raw ? NULL : &path, look, ctx);
		return;
	}
	for (uint32_t i = 0; i < p->rules_len; i++)
		look(ctx, p->rules[i].rule, false, bad);
}

size_t policy_len(const struct policy *p)
{
	return p->rules_len;
}

const struct rule *policy_at(const struct policy *p, size_t i)
{
	assert(i < p->rules_len);
	return p->rules[i].rule;
}

enum verdict policy_default(const struct policy *p)
{
	return p->fallback;
}

/* What rules cannot say is left out: "any" for a method with odd octets. */
static void suggest_method(struct text *t, struct slice method)
{
	text_put(t, rule_is_method(method) ? method : SLICE("any"));
	text_put_char(t, ' ');
}

void policy_suggest(const struct policy_question *q, char *ret, size_t len)
{
	struct text t = text_in(ret, len);
	bool raw = q->scheme == RULE_TCP || q->scheme == RULE_TLS;
	bool http = q->scheme == RULE_HTTPS || q->scheme == RULE_HTTP;
	bool v6 = slice_find(q->host, ':') >= 0;
	struct host h;
	size_t at;

	/* No rule could allow these, and their octets may be anything. */
	if (!v6 && (host_read(q->host, &h, &at) ||
		    (h.kind != RULE_NAME && h.kind != RULE_IP)))
		return;
	if (v6 && host_address(q->host, h.addr) != 16)
		return;
	if (!raw && path_check(q->path, &at))
		return;

	if (http)
		suggest_method(&t, q->method);
	text_put_str(&t, rule_scheme_str(q->scheme));
	text_put_str(&t, "://");
	text_put_str(&t, v6 ? "[" : "");
	text_put(&t, q->host);
	text_put_str(&t, v6 ? "]" : "");
	if (q->port != rule_default_port(q->scheme)) {
		text_put_char(&t, ':');
		text_put_number(&t, q->port);
	}
	for (size_t i = 0; !raw && i < q->path.len; i++)
		if (q->path.ptr[i] == '*')
			text_put_str(&t, "%2a");
		else
			text_put_char(&t, q->path.ptr[i]);
	if (t.cut) /* half a rule is another rule */
		ret[0] = '\0';
}
