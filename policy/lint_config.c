/* policy/lint_config.c - what in a configuration is worth a warning.
 *
 * Each policy is looked at with all that it uses, but only its own rules are
 * spoken of, where they stand.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/err.h"
#include "policy/config.h"
#include "policy/fields.h"
#include "policy/host.h"
#include "policy/compile.h"
#include "policy/lint.h"
#include "policy/near.h"
#include "policy/ruleset.h"
#include "policy/text.h"
#include "policy/units.h"

#define SOON_S	      (24u * 60 * 60) /* an end that is worth a word beforehand */
#define WIDE_4	      8 /* bits of a prefix that is no network of one's own */
#define WIDE_6	      32
#define WIDE_SOURCE_6 7 /* wider than fc00::/7, all that is private */

struct lint {
	const struct config *c;
	uint64_t now_s;
	lint_fn *fn;
	void *ctx;

	/* The policy being looked at. */
	const struct config_policy *p;
	const struct ruleset *rs;
	const struct doc_node **nodes; /* of its own rules; owned */
	size_t len;
	size_t cap;
	bool no_memory;
	bool *injected; /* by number of the secret; owned */
};

static void say(struct lint *l, const struct doc_node *node, const char *code,
		const char *what)
{
	struct lint_finding f = { .ask = LINT_SAY,
				  .code = code,
				  .line = node->line,
				  .column = node->column };
	struct text t = text_in(f.what, sizeof(f.what));

	text_put_str(&t, what);
	l->fn(l->ctx, &f);
}

static void say_rule(struct lint *l, size_t i, const char *code,
		     const char *what, struct slice detail)
{
	struct lint_finding f = { .ask = LINT_SAY,
				  .code = code,
				  .line = l->nodes[i]->line,
				  .column = l->nodes[i]->column,
				  .rule = rule_text(l->rs->rules[i]) };
	struct text t = text_in(f.what, sizeof(f.what));

	text_put_str(&t, what);
	text_put(&t, detail);
	l->fn(l->ctx, &f);
}

/* What a placeholder became is not what the file says. */
static bool is_open(const struct lint *l, size_t i)
{
	return gather_is_open(l->nodes[i]->text);
}

static void on_pair(void *ctx, const struct lint_pair *pair)
{
	struct lint *l = ctx;
	const struct rule *by = l->rs->rules[pair->by];
	bool same = by->verdict == l->rs->rules[pair->rule]->verdict;
	char mem[RULE_WHERE_MAX + 160];
	struct text t = text_in(mem, sizeof(mem));
	struct slice text = rule_text(by);

	if (is_open(l, pair->rule))
		return;
	text_put(&t, rule_where(by));
	text_put_str(&t, " (");
	text_put_str(&t, verdict_str(by->verdict));
	text_put_str(&t, " ");
	text_put(&t, slice_of(text.ptr, MIN(text.len, (size_t)120)));
	text_put_str(&t, ")");
	say_rule(l, pair->rule, same ? "redundant" : "unreachable",
		 same ? "this rule may go, as another one says as much: "
		      : "this rule never decides, as a stricter one matches "
			"all that it does: ",
		 text_since(&t, 0));
}

static const char *wide_host(const struct rule *rule)
{
	struct slice name = rule_slice(rule, rule->host);
	bool wild =
		rule->host_kind == RULE_BELOW || rule->host_kind == RULE_TREE;

	if (rule->host_kind == RULE_ANY_HOST)
		return "this allows any host; name those that are meant";
	if (wild && slice_find(name, '.') < 0)
		return "this allows all names below a top-level one; name the "
		       "domains that are meant";
	if (rule->host_kind == RULE_CIDR &&
	    rule->prefix_bits < (rule->addr_len == 4 ? WIDE_4 : WIDE_6))
		return "this range is wider than any network of one's own; "
		       "name the networks that are meant";
	if (wild && !rule->git && rule->scheme == RULE_HTTPS &&
	    !rule->methods.len && !rule->query.len &&
	    slice_eq(rule_slice(rule, rule->path), SLICE("/**")))
		return "this allows any method on any path of every name "
		       "below; name hosts, methods or paths";
	return NULL;
}

static bool only_reads(const struct rule *rule)
{
	struct slice list = rule_slice(rule, rule->methods), name;

	while (list.len) {
		(void)slice_cut(list, ',', &name, &list);
		if (!slice_eq(name, SLICE("GET")) &&
		    !slice_eq(name, SLICE("HEAD")))
			return false;
	}
	return rule->methods.len || rule->git == RULE_GIT_READ;
}

static void look_wide(struct lint *l, size_t i, const struct rule *rule)
{
	bool wild = rule->host_kind == RULE_BELOW ||
		    rule->host_kind == RULE_TREE ||
		    rule->host_kind == RULE_ANY_HOST;
	const char *what = wide_host(rule);

	if (rule->verdict != VERDICT_ALLOW)
		return;
	if (what)
		say_rule(l, i, "wide", what, SLICE(""));
	if (rule->scheme == RULE_HTTP && !only_reads(rule))
		say_rule(l, i, "clear",
			 "whoever stands on the way can read and change what "
			 "is sent in clear text; allow GET only, or https",
			 SLICE(""));
	if (wild && rule->is_private)
		say_rule(l, i, "private",
			 "whoever can give a name below this one an address "
			 "opens your own network; name the hosts that are "
			 "private",
			 SLICE(""));
}

/* Beside those in daily use, methods that are registered (RFC 9110, section
 * 18.2, and RFCs of WebDAV), or that caches and key stores know.
 */
static bool is_known_method(struct slice name)
{
	static const char *const known[] = {
		"ACL",	      "BAN",	 "BIND",       "CHECKIN",
		"CHECKOUT",   "CONNECT", "COPY",       "LABEL",
		"LINK",	      "LIST",	 "LOCK",       "MERGE",
		"MKCOL",      "MOVE",	 "NOTIFY",     "M-SEARCH",
		"PROPFIND",   "PURGE",	 "PROPPATCH",  "QUERY",
		"REBIND",     "REPORT",	 "SEARCH",     "SUBSCRIBE",
		"TRACE",      "UNBIND",	 "UNCHECKOUT", "UNLINK",
		"UNLOCK",     "UPDATE",	 "SOURCE",     "UNSUBSCRIBE",
		"MKCALENDAR",
	};

	if (policy_method(name) != METHOD_OTHER)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (slice_eq(name, slice_str(known[i])))
			return true;
	return false;
}

static const char *near_method(struct slice name)
{
	char text[16];
	struct near near;

	if (name.len >= sizeof(text) || is_known_method(name))
		return NULL;
	memcpy(text, name.ptr, name.len);
	text[name.len] = '\0';
	near = near_begin(text);
	for (int i = 0; i < METHOD_OTHER; i++)
		near_try(&near, policy_method_str((enum method_bit)i));
	return near.found;
}

bool lint_method(const struct rule *rule, char ret[LINT_WHAT_MAX])
{
	struct slice list = rule_slice(rule, rule->methods), name;
	const char *near = NULL;
	struct text t;

	while (list.len && !near) {
		(void)slice_cut(list, ',', &name, &list);
		near = near_method(name);
	}
	if (!near)
		return false;
	t = text_in(ret, LINT_WHAT_MAX);
	text_put(&t, name);
	text_put_str(&t, " is no known method; did you mean ");
	text_put_str(&t, near);
	text_put_char(&t, '?');
	return true;
}

static void look_method(struct lint *l, size_t i, const struct rule *rule)
{
	char what[LINT_WHAT_MAX];

	if (lint_method(rule, what))
		say_rule(l, i, "method", what, SLICE(""));
}

static void look_time(struct lint *l, size_t i, const struct rule *rule)
{
	char time[UNITS_TIME];

	if (!rule->until_s)
		return;
	units_print_time(rule->until_s, time);
	if (rule->until_s <= l->now_s)
		say_rule(l, i, "expired",
			 "this rule is over and may go; it ended at ",
			 slice_str(time));
	else if (rule->until_s - l->now_s <= SOON_S)
		say_rule(l, i, "expires", "this rule ends within a day, at ",
			 slice_str(time));
}

static void look_name(struct lint *l, size_t i, const struct rule *rule)
{
	struct lint_finding f = { .ask = LINT_NAME,
				  .code = "unresolved",
				  .line = l->nodes[i]->line,
				  .column = l->nodes[i]->column,
				  .rule = rule_text(rule),
				  .subject = rule_slice(rule, rule->host) };

	if (rule->host_kind == RULE_NAME && rule->verdict != VERDICT_DENY)
		l->fn(l->ctx, &f);
}

static void on_node(void *ctx, const struct config_policy *p,
		    const struct doc_node *node)
{
	struct lint *l = ctx;

	if (p != l->p || l->no_memory)
		return;
	if (l->len == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		const struct doc_node **more =
			reallocarray(l->nodes, cap, sizeof(struct doc_node *));

		if (!more) {
			l->no_memory = true;
			return;
		}
		l->nodes = more;
		l->cap = cap;
	}
	l->nodes[l->len++] = node;
}

static void mark_secret(struct lint *l, const struct rule *rule)
{
	struct slice name = rule_slice(rule, rule->inject);

	for (size_t i = 0; name.len && i < l->c->secrets_len; i++)
		if (slice_eq(name, slice_str(l->c->secrets[i].name)))
			l->injected[i] = true;
}

static int look_policy(struct lint *l, const struct config_policy *p)
{
	const struct gather_job job = { l->c, p, on_node, l };
	const struct doc_node *fallback = fields_get(p->map, "default");
	CLEANUP(ruleset_free) struct ruleset *rs = NULL;
	struct config_error err;
	int rc = ruleset_new(&rs);

	l->p = p;
	l->len = 0;
	if (rc == 0)
		rc = gather_each(&job, rs, &err);
	if (rc == -ENOMEM || l->no_memory)
		return -ENOMEM;
	l->rs = rs;
	for (size_t i = 0; i < rs->len; i++)
		mark_secret(l, rs->rules[i]);
	if (fallback && slice_eq(fallback->text, SLICE("allow")))
		say(l, fallback, "wide",
		    "what no rule names is allowed; name what is meant, and "
		    "let the rest be denied");
	for (size_t i = 0; i < l->len; i++) {
		if (is_open(l, i))
			continue;
		look_method(l, i, rs->rules[i]);
		look_wide(l, i, rs->rules[i]);
		look_time(l, i, rs->rules[i]);
		look_name(l, i, rs->rules[i]);
	}
	return lint_rules(rs, l->len, on_pair, l);
}

static bool list_has(const struct doc_node *list, const char *name)
{
	if (!list)
		return false;
	if (list->kind == DOC_SCALAR)
		return slice_eq(list->text, slice_str(name));
	for (const struct doc_node *n = list->first; n; n = n->next)
		if (n->kind == DOC_SCALAR && slice_eq(n->text, slice_str(name)))
			return true;
	return false;
}

static bool is_used(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->sandboxes_len; i++)
		for (size_t k = 0; k < c->sandboxes[i].policies_len; k++)
			if (!strcmp(c->sandboxes[i].policies[k], name))
				return true;
	for (size_t i = 0; i < c->policies_len; i++)
		if (list_has(fields_get(c->policies[i].map, "use"), name))
			return true;
	return false;
}

static const struct doc_node *first_key(const struct lint *l, const char *key)
{
	const struct doc_node *map = fields_get(l->c->root, key);

	return map && map->kind == DOC_MAP ? map->first : NULL;
}

static void look_source(struct lint *l, const struct doc_node *node)
{
	struct slice addr, prefix;
	uint8_t octets[16];
	uint32_t bits = 0;

	if (slice_cut(node->text, '/', &addr, &prefix) &&
	    units_count(prefix, 128, &bits) &&
	    bits < (host_address(addr, octets) == 4 ? WIDE_4 : WIDE_SOURCE_6))
		say(l, node, "wide",
		    "this captures connections to the host's own services "
		    "too, from whoever is in it; name the sandboxes' networks");
}

static void look_capture(struct lint *l)
{
	const struct doc_node *capture = fields_get(l->c->root, "capture");
	const struct doc_node *list = NULL;

	if (capture && capture->kind == DOC_MAP)
		list = fields_get(capture, "sources");
	if (!list)
		return;
	if (list->kind == DOC_SCALAR)
		look_source(l, list);
	for (const struct doc_node *n = list->first;
	     n && list->kind == DOC_LIST; n = n->next)
		look_source(l, n);
}

/* A file without sandboxes is a library: its policies are used by name. */
static void look_used(struct lint *l)
{
	for (const struct doc_node *k = first_key(l, "policies");
	     k && l->c->sandboxes_len; k = k->next->next)
		if (!is_used(l->c, k->text.ptr))
			say(l, k, "unused",
			    "no sandbox and no other policy uses this policy");
}

static void look_sandboxes(struct lint *l)
{
	for (const struct doc_node *k = first_key(l, "sandboxes"); k;
	     k = k->next->next) {
		const struct doc_node *list = fields_get(k->next, "policy");

		if (!list || fields_is_empty(list) ||
		    (list->kind == DOC_LIST && !list->first))
			say(l, k, "bare",
			    "this sandbox has no policy, so all is denied; "
			    "say policy: [NAME]");
	}
}

static bool is_injected(const struct lint *l, const char *name)
{
	for (size_t i = 0; i < l->c->secrets_len; i++)
		if (!strcmp(l->c->secrets[i].name, name))
			return l->injected[i];
	return false;
}

static void look_secrets(struct lint *l)
{
	for (const struct doc_node *k = first_key(l, "secrets"); k;
	     k = k->next->next) {
		const struct doc_node *file = fields_get(k->next, "file");

		if (!is_injected(l, k->text.ptr))
			say(l, k, "unused",
			    "no rule puts this secret in; say inject= in one, "
			    "or take it away");
		if (file) {
			struct lint_finding f = { .ask = LINT_FILE,
						  .code = "secret",
						  .line = file->line,
						  .column = file->column,
						  .subject = file->text };

			l->fn(l->ctx, &f);
		}
	}
}

int lint_config(const struct config *c, uint64_t now_s, lint_fn *fn, void *ctx)
{
	struct lint l = { .c = c, .now_s = now_s, .fn = fn, .ctx = ctx };
	int rc = 0, one = 0;

	l.injected = calloc(c->secrets_len + 1, sizeof(*l.injected));
	if (!l.injected)
		return -ENOMEM;
	for (size_t i = 0; i < c->policies_len && one != -ENOMEM; i++) {
		one = c->policies[i].map ? look_policy(&l, &c->policies[i]) : 0;
		rc = one < 0 ? one : rc;
	}
	free(l.nodes);
	if (one != -ENOMEM) {
		look_capture(&l);
		look_used(&l);
		look_sandboxes(&l);
		look_secrets(&l);
	}
	free(l.injected);
	return rc;
}

void lint_text(const struct config *c, const struct lint_finding *finding,
	       const char *what, struct config_error *ret)
{
	char mem[sizeof(finding->what) + 32];
	struct text t = text_in(mem, sizeof(mem));

	text_put_str(&t, "warning: ");
	text_put_str(&t, what);
	doc_error(&c->src, finding->line, finding->column, mem, ret);
}
