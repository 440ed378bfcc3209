/* policy/lint.c - which rules do nothing.
 *
 * A rule is idle when another one, of a verdict at least as strict, matches
 * whatever it matches, under each reading of a path that it matches under.
 * Each part of the wider rule then contains that part of the narrower: scheme,
 * port, host, methods, path, query, time. A pattern contains another when it
 * matches the other's text with stars taken for octets that only a star
 * matches, which is enough, if not always needed.
 *
 * The wider rule stands in the compiled trie at a node on the way to the
 * narrower one, so only those on the way are looked at.
 */

#include "policy/lint.h"

#include <errno.h>

#include "base/base.h"
#include "base/err.h"
#include "policy/compile.h"
#include "policy/host.h"

struct search {
	const struct policy *p;
	size_t own;		   /* rules whose idleness is of interest */
	uint32_t rule;		   /* the narrower one */
	const struct entry *entry; /* its first */
	bool mixed; /* not all permissions have one set of options */
	uint64_t work;
	uint32_t by; /* found; POLICY_NONE: nothing yet */
};

static uint32_t index_of(const struct entry *e)
{
	return RULES_MAX - (uint32_t)(e->rank & ((1u << 17) - 1));
}

static bool name_below(struct slice name, struct slice top)
{
	return name.len > top.len && slice_ends(name, top) &&
	       name.ptr[name.len - top.len - 1] == '.';
}

static bool host_covers(const struct rule *w, const struct rule *n)
{
	struct slice wide = rule_slice(w, w->host);
	struct slice name = rule_slice(n, n->host);
	bool named = n->host_kind == RULE_NAME || n->host_kind == RULE_BELOW ||
		     n->host_kind == RULE_TREE;
	bool same = slice_eq(wide, name), below = name_below(name, wide);

	switch (w->host_kind) {
	case RULE_ANY_HOST:
		return true;
	case RULE_NAME:
	case RULE_IP:
		return n->host_kind == w->host_kind && same;
	case RULE_BELOW:
		return named && (below || (same && n->host_kind == RULE_BELOW));
	case RULE_TREE:
		return named && (below || same);
	case RULE_CIDR:
		if (n->host_kind != RULE_IP && n->host_kind != RULE_CIDR)
			return false;
		return (n->host_kind == RULE_IP ||
			n->prefix_bits >= w->prefix_bits) &&
		       host_in_prefix(n->addr, n->addr_len, w->addr,
				      w->addr_len, w->prefix_bits);
	}
	return false;
}

static bool methods_cover(const struct entry *w, const struct entry *n)
{
	unsigned int methods = n->methods;
	struct slice list = n->others, name;

	/* The handshake of a WebSocket is judged as a GET. */
	if (!(n->schemes & ~(BIT(RULE_WSS) | BIT(RULE_WS))))
		methods = BIT(METHOD_GET);
	if (methods & ~(unsigned int)w->methods)
		return false;
	if (!(methods & BIT(METHOD_OTHER)) || !w->others.len)
		return true;
	if (!list.len)
		return false;
	while (list.len) {
		(void)slice_cut(list, ',', &name, &list);
		if (policy_method(name) == METHOD_OTHER &&
		    !slice_lists(w->others, ',', name))
			return false;
	}
	return true;
}

static bool path_covers(const struct entry *w, const struct entry *n)
{
	if (!w->path.opaque || !n->path.opaque)
		return w->path.opaque == n->path.opaque;
	/* Without them the narrower path is another one to w. */
	if (n->params && !w->params)
		return false;
	return glob_covers(w->path.opaque, n->path.opaque) &&
	       glob_covers(w->path.decoded, n->path.decoded);
}

/* Whatever the wider one asks of a key, the narrower one asks too. */
static bool query_covers(const struct entry *w, const struct entry *n)
{
	for (const struct glob_query *a = w->query; a; a = a->next) {
		const struct glob_query *b = n->query;

		while (b && !(slice_eq(a->key, b->key) &&
			      glob_text_match(a->value, b->value)))
			b = b->next;
		if (!b)
			return false;
	}
	return true;
}

static bool entry_covers(const struct entry *w, const struct entry *n)
{
	return !(n->schemes & ~(unsigned int)w->schemes) &&
	       w->port == n->port && methods_cover(w, n) && path_covers(w, n) &&
	       query_covers(w, n);
}

static bool time_covers(const struct rule *w, const struct rule *n)
{
	return !w->until_s || (n->until_s && n->until_s <= w->until_s);
}

static bool rule_covers(const struct policy *p, uint32_t w, uint32_t n)
{
	const struct policy_rule *wide = &p->rules[w], *narrow = &p->rules[n];

	if (!host_covers(wide->rule, narrow->rule) ||
	    !time_covers(wide->rule, narrow->rule))
		return false;
	for (uint32_t i = 0; i < narrow->len; i++) {
		const struct entry *e = &p->entries[narrow->first + i];
		uint32_t k = 0;

		while (k < wide->len &&
		       !entry_covers(&p->entries[wide->first + k], e))
			k++;
		if (k == wide->len)
			return false;
	}
	return true;
}

/* Do the rules put a request on in the same way? A rate counts each rule's
 * requests, so two are never the same.
 */
static bool same_options(const struct rule *a, const struct rule *b)
{
	return rule_private(a) == rule_private(b) &&
	       a->max_body == b->max_body &&
	       a->max_response == b->max_response && !a->rate_s && !b->rate_s &&
	       slice_eq(rule_slice(a, a->inject), rule_slice(b, b->inject));
}

static bool hosts_meet(const struct rule *a, const struct rule *b)
{
	bool numbers = a->host_kind == RULE_CIDR || b->host_kind == RULE_CIDR;
	struct slice x = rule_slice(a, a->host), y = rule_slice(b, b->host);

	return numbers || a->host_kind == RULE_ANY_HOST ||
	       b->host_kind == RULE_ANY_HOST || slice_eq(x, y) ||
	       name_below(x, y) || name_below(y, x);
}

/* Might a third rule, with options of its own, step in where this one goes? */
static bool others_step_in(struct search *s, const struct rule *n)
{
	for (uint32_t i = 0; s->mixed && i < s->p->rules_len; i++) {
		const struct rule *x = s->p->rules[i].rule;

		s->work++;
		if (x != n && x->verdict != VERDICT_DENY &&
		    x->scheme == n->scheme && x->port == n->port &&
		    hosts_meet(x, n) && !same_options(x, n))
			return true;
	}
	return false;
}

static void visit(struct search *s, const struct entry *e)
{
	const struct rule *n = s->p->rules[s->rule].rule;
	uint32_t wide = index_of(e);

	s->work++;
	if (s->by != POLICY_NONE || wide == s->rule ||
	    e->rule->verdict > n->verdict || !rule_covers(s->p, wide, s->rule))
		return;
	if (e->rule->verdict != VERDICT_DENY &&
	    (!same_options(e->rule, n) || others_step_in(s, n)))
		return;
	/* Of two that say the same, the later one is idle. */
	if (e->rule->verdict == n->verdict && wide > s->rule && wide < s->own &&
	    rule_covers(s->p, s->rule, wide))
		return;
	s->by = wide;
}

static void visit_node(struct search *s, uint32_t node)
{
	const struct node *n = &s->p->nodes[node];

	for (uint32_t i = 0;
	     i < n->len && s->by == POLICY_NONE && s->work < LINT_WORK_MAX; i++)
		visit(s, &s->p->entries[s->p->slots[n->first + i]]);
}

static void walk_path(struct search *s, uint32_t root)
{
	const struct glob *g = s->entry->path.opaque;
	uint32_t node = root;

	if (root == POLICY_NONE)
		return;
	visit_node(s, node);
	for (size_t i = 0; g && i < g->len && policy_fixed(&g->seg[i]); i++) {
		node = policy_step(s->p, node, g->seg[i].text);
		if (node == POLICY_NONE)
			return;
		visit_node(s, node);
	}
}

static void walk_host(struct search *s, const struct rule *rule)
{
	struct slice host = rule_slice(rule, rule->host);
	const struct policy *p = s->p;
	uint32_t node = POLICY_ROOT;
	size_t end = host.len;

	if (rule->host_kind == RULE_CIDR)
		host.len = 0;
	for (size_t i = host.len; i-- > 0;) {
		if (i && host.ptr[i - 1] != '.')
			continue;
		walk_path(s, p->nodes[node].below);
		node = policy_step(p, node, slice_of(host.ptr + i, end - i));
		if (node == POLICY_NONE)
			return;
		end = i ? i - 1 : 0;
	}
	walk_path(s, p->nodes[node].exact);
	if (rule->host_kind != RULE_NAME && rule->host_kind != RULE_IP)
		walk_path(s, p->nodes[node].below);
}

static void walk(struct search *s)
{
	const struct rule *rule = s->p->rules[s->rule].rule;
	bool number =
		rule->host_kind == RULE_IP || rule->host_kind == RULE_CIDR;

	s->by = POLICY_NONE;
	s->entry = &s->p->entries[s->p->rules[s->rule].first];
	walk_host(s, rule);
	for (uint32_t i = 0;
	     number && i < s->p->ranges_len && s->work < LINT_WORK_MAX; i++)
		visit(s, &s->p->entries[s->p->ranges[i]]);
}

static bool is_mixed(const struct policy *p)
{
	const struct rule *first = NULL;

	for (uint32_t i = 0; i < p->rules_len; i++) {
		const struct rule *rule = p->rules[i].rule;

		if (rule->verdict == VERDICT_DENY)
			continue;
		if (first && !same_options(first, rule))
			return true;
		first = rule;
	}
	return false;
}

int lint_rules(const struct ruleset *rs, size_t own, lint_pair_fn *fn,
	       void *ctx)
{
	struct policy *p = NULL;
	struct search s = { .own = own };
	int rc = policy_compile(rs, &p);

	if (rc < 0)
		return rc;
	assert(own <= policy_len(p));
	s.p = p;
	s.mixed = is_mixed(p);
	for (s.rule = 0; s.rule < own && s.work < LINT_WORK_MAX; s.rule++) {
		walk(&s);
		if (s.by != POLICY_NONE) {
			const struct lint_pair pair = { s.rule, s.by };

			fn(ctx, &pair);
		}
	}
	policy_free(&p);
	return s.work < LINT_WORK_MAX ? 0 : ERR_LIMIT;
}
