/* policy/judge.c - a question in, a verdict out.
 *
 * The walk down the trie meets every entry that could match; each is looked at
 * and the most specific of each verdict kept. Then the strictest verdict wins.
 *
 * An allow must match under all readings of the path and a deny under any. An
 * ask is both a permission and a bar: alone it must match under all readings,
 * but one that matches under any still holds back an allow.
 *
 * The walk follows the opaque reading, and where the others differ those too.
 * What matches under all readings is met on the first walk, since its literal
 * beginning is the same in all; the other walks only look for what matches
 * under one alone.
 */

#include "policy/judge.h"

#include "base/base.h"

/* What the walk has found: the most specific entry of each kind. */
struct findings {
	const struct inquiry *in;
	const struct entry *allow;
	const struct entry *ask;
	const struct entry *deny;
	const struct entry *half_ask;	/* not under all readings */
	const struct entry *half_allow; /* the same */
};

void inquiry_init(struct inquiry *in, const struct policy *p,
		  const struct policy_question *q)
{
	bool socket = q->scheme == RULE_WSS || q->scheme == RULE_WS;
	char last = q->host.len ? q->host.ptr[q->host.len - 1] : '\0';

	in->p = p;
	in->q = q;
	in->path = NULL;
	in->host = host_canonical(q->host, in->host_text);
	in->addr_len = 0;
	if (p->ranges_len &&
	    (slice_find(q->host, ':') >= 0 || ascii_is_digit(last)))
		in->addr_len = host_address(q->host, in->addr);
	in->scheme = (uint8_t)BIT(q->scheme);
	/* The handshake is a GET, or in HTTP/2 a CONNECT in its place. */
	in->method =
		(uint8_t)BIT(socket ? METHOD_GET : policy_method(q->method));
}

static bool method_matches(const struct inquiry *in, const struct entry *e)
{
	if (!in->path)
		return true;
	if (!(e->methods & in->method))
		return false;
	return !(in->method & BIT(METHOD_OTHER)) || !e->others.len ||
	       slice_lists(e->others, ',', in->q->method);
}

enum look inquiry_speaks(const struct inquiry *in, const struct entry *e)
{
	if (!(e->schemes & in->scheme))
		return LOOK_SCHEME;
	if (e->port != in->q->port)
		return LOOK_PORT;
	if (!method_matches(in, e))
		return LOOK_METHOD;
	return LOOK_MATCH;
}

enum look inquiry_path(const struct inquiry *in, const struct entry *e)
{
	const struct path *path = in->path;
	bool opaque, decoded, bare;

	if (!path)
		return LOOK_MATCH;
	opaque = glob_match(e->path.opaque, path, &path->opaque, 0);
	if (path->same && e->path.decoded == e->path.opaque)
		decoded = opaque;
	else
		decoded = glob_match(e->path.decoded, path, path_decoded(path),
				     0);
	bare = decoded;
	if (path->params && !e->params)
		bare = glob_match(e->path.decoded, path, &path->bare, 0);
	if (!opaque && !decoded && !bare)
		return LOOK_PATH;
	if (e->query && !glob_query_match(e->query, in->q->query,
					  e->verdict != VERDICT_DENY))
		return e->verdict == VERDICT_ASK &&
				       glob_query_match(e->query, in->q->query,
							false)
			       ? LOOK_SOME
			       : LOOK_QUERY;
	if (opaque == decoded)
		return opaque == bare ? LOOK_MATCH
		       : opaque	      ? LOOK_PARAMS
				      : LOOK_BARE;
	return opaque ? LOOK_OPAQUE : LOOK_DECODED;
}

static void keep(const struct entry **best, const struct entry *e)
{
	if (!*best || e->rank > (*best)->rank)
		*best = e;
}

static void look_at(struct findings *f, const struct entry *e)
{
	enum look look;
	bool whole;

	if (inquiry_speaks(f->in, e) != LOOK_MATCH)
		return;
	look = inquiry_path(f->in, e);
	if (look < LOOK_SOME ||
	    rule_expired(e->rule->until_s, e->rule->verdict, f->in->q->now_s))
		return;
	whole = look == LOOK_MATCH;
	switch (e->verdict) {
	case VERDICT_ALLOW:
		keep(whole ? &f->allow : &f->half_allow, e);
		break;
	case VERDICT_ASK:
		keep(whole ? &f->ask : &f->half_ask, e);
		break;
	default:
		keep(&f->deny, e);
	}
}

static void look_at_node(struct findings *f, uint32_t node)
{
	const struct policy *p = f->in->p;
	const struct node *n = &p->nodes[node];

	for (uint32_t i = 0; i < n->len; i++)
		look_at(f, &p->entries[p->slots[n->first + i]]);
}

static void walk_path(struct findings *f, uint32_t root,
		      const struct path_reading *reading)
{
	uint32_t node = root;

	look_at_node(f, node);
	for (size_t i = 0; reading && i < reading->len; i++) {
		struct slice seg = path_slice(f->in->path, reading->seg[i]);

		node = policy_step(f->in->p, node, seg);
		if (node == POLICY_NONE)
			return;
		look_at_node(f, node);
	}
}

static void walk_paths(struct findings *f, uint32_t root)
{
	const struct path *path = f->in->path;

	if (root == POLICY_NONE)
		return;
	walk_path(f, root, path ? &path->opaque : NULL);
	if (path && !path->same)
		walk_path(f, root, &path->decoded);
	if (path && path->params)
		walk_path(f, root, &path->bare);
}

/* Down the labels from the right. Each node on the way may have rules for
 * what lies below it; the last one those for exactly this name.
 */
static void walk_host(struct findings *f, struct slice host)
{
	const struct policy *p = f->in->p;
	uint32_t node = POLICY_ROOT;
	size_t end = host.len;

	for (size_t i = host.len; i-- > 0;) {
		if (i && host.ptr[i - 1] != '.')
			continue;
		walk_paths(f, p->nodes[node].below);
		node = policy_step(p, node, slice_of(host.ptr + i, end - i));
		if (node == POLICY_NONE)
			return;
		end = i ? i - 1 : 0;
	}
	walk_paths(f, p->nodes[node].exact);
}

static bool in_range(const struct inquiry *in, const struct rule *rule)
{
	return host_in_prefix(in->addr, in->addr_len, rule->addr,
			      rule->addr_len, rule->prefix_bits);
}

static void walk_ranges(struct findings *f)
{
	const struct inquiry *in = f->in;
	const struct policy *p = in->p;

	for (uint32_t i = 0; in->addr_len && i < p->ranges_len; i++) {
		const struct entry *e = &p->entries[p->ranges[i]];

		if (in_range(in, e->rule))
			look_at(f, e);
	}
}

static void decide(const struct findings *f, struct policy_answer *ret)
{
	const struct entry *by = f->deny;
	enum verdict fallback = f->in->p->fallback;

	if (!by)
		by = f->ask;
	if (!by && (f->allow || fallback == VERDICT_ALLOW))
		by = f->half_ask;
	if (!by)
		by = f->allow;
	if (by) {
		ret->verdict = (enum verdict)by->verdict;
		ret->reason = POLICY_BY_RULE;
		ret->rule = by->rule;
		ret->options = by->verdict == VERDICT_DENY ? NULL
			       : f->allow		   ? f->allow->rule
							   : by->rule;
		return;
	}
	ret->rule = NULL;
	ret->options = NULL;
	ret->verdict = fallback;
	if (fallback != VERDICT_DENY)
		ret->reason = POLICY_BY_DEFAULT;
	else if (f->half_ask || f->half_allow)
		ret->reason = POLICY_READINGS;
	else
		ret->reason = POLICY_NO_RULE;
}

static void judge_with(struct inquiry *in, const struct path *path,
		       struct policy_answer *ret)
{
	struct findings f = { .in = in };

	in->path = path;
	walk_host(&f, in->host);
	walk_ranges(&f);
	decide(&f, ret);
	in->path = NULL; /* it is the caller's, and goes with it */
}

static void judge_bad(struct policy_answer *ret)
{
	*ret = (struct policy_answer){ .verdict = VERDICT_DENY,
				       .reason = POLICY_BAD_PATH };
}

/* Out of line for its buffer; most paths have no escapes. */
static __attribute__((noinline)) void judge_encoded(struct inquiry *in,
						    struct policy_answer *ret)
{
	PATH_BARE char scratch[PATH_OCTETS_MAX];
	PATH_BARE struct path path;

	if (path_read(in->q->path, scratch, &path))
		judge_bad(ret);
	else
		judge_with(in, &path, ret);
}

static void judge_plain(struct inquiry *in, struct policy_answer *ret)
{
	PATH_BARE struct path path;

	if (path_read_plain(in->q->path, &path))
		judge_bad(ret);
	else
		judge_with(in, &path, ret);
}

void policy_judge(const struct policy *p, const struct policy_question *q,
		  struct policy_answer *ret)
{
	struct inquiry in;

	inquiry_init(&in, p, q);
	if (q->scheme == RULE_TCP || q->scheme == RULE_TLS)
		judge_with(&in, NULL, ret);
	else if (slice_find(q->path, '%') >= 0)
		judge_encoded(&in, ret);
	else
		judge_plain(&in, ret);
}

static bool names_in_trie(const struct policy *p, struct slice host,
			  uint64_t now_s)
{
	uint32_t node = POLICY_ROOT;
	size_t end = host.len;

	for (size_t i = host.len; i-- > 0;) {
		if (i && host.ptr[i - 1] != '.')
			continue;
		if (p->nodes[node].below_until > now_s)
			return true;
		node = policy_step(p, node, slice_of(host.ptr + i, end - i));
		if (node == POLICY_NONE)
			return false;
		end = i ? i - 1 : 0;
	}
	return host.len && p->nodes[node].exact_until > now_s;
}

bool policy_names_host(const struct policy *p, struct slice host,
		       uint64_t now_s)
{
	const struct policy_question q = { .scheme = RULE_TCP, .host = host };
	struct inquiry in;

	if (p->fallback != VERDICT_DENY)
		return true;
	inquiry_init(&in, p, &q);
	if (names_in_trie(p, in.host, now_s ? now_s : POLICY_EVER - 1))
		return true;
	for (uint32_t i = 0; in.addr_len && i < p->ranges_len; i++) {
		const struct rule *rule = p->entries[p->ranges[i]].rule;

		if (rule->verdict != VERDICT_DENY && in_range(&in, rule) &&
		    !rule_expired(rule->until_s, rule->verdict, now_s))
			return true;
	}
	return false;
}

uint64_t policy_next_expiry(const struct policy *p, uint64_t now_s)
{
	uint64_t next = POLICY_EVER;

	for (uint32_t i = 0; i < p->rules_len; i++) {
		uint64_t until_s = p->rules[i].rule->until_s;

		if (until_s > now_s && until_s < next)
			next = until_s;
	}
	return next == POLICY_EVER ? 0 : next;
}
