/* policy/gather.c - from the name of a policy to its rules.
 *
 * A policy's rules come first, then those of the policies that it uses, each
 * policy once. Placeholders are resolved on the way: a rule that says
 * {npm.registry} becomes one rule for each address the operator's npm uses.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/err.h"
#include "policy/config.h"
#include "policy/fields.h"
#include "policy/near.h"
#include "policy/ruleset.h"
#include "policy/text.h"

struct placeholder {
	const char *name;
	void (*find)(const char *root, struct probe_bases *ret);
	const char *missing; /* what to do when nobody knows */
};

static void find_npm(const char *root, struct probe_bases *ret)
{
	(void)root;
	probe_npm(ret);
}

static void find_apt(const char *root, struct probe_bases *ret)
{
	(void)root;
	probe_apt("/etc/apt", ret);
}

static const struct placeholder placeholders[] = {
	{ "{npm.registry}", find_npm,
	  "no npm registry is configured on this machine; run "
	  "npm config set registry URL, or put registry=URL into ~/.npmrc or "
	  "/etc/npmrc" },
	{ "{apt.sources}", find_apt,
	  "no package source is configured on this machine; name one in "
	  "/etc/apt/sources.list or /etc/apt/sources.list.d" },
	{ "{apk.repositories}", probe_apk,
	  "no package source is configured on this machine; name one in "
	  "/etc/apk/repositories" },
	{ "{pip.index}", probe_pip,
	  "no Python package index is configured on this machine; run "
	  "pip config set global.index-url URL, or set PIP_INDEX_URL" },
	{ "{cargo.registry}", probe_cargo,
	  "no crate registry is configured on this machine; put "
	  "[source.NAME] with registry = \"sparse+URL\" into "
	  "~/.cargo/config.toml" },
	{ "{go.proxy}", probe_go,
	  "no module proxy is configured on this machine; run "
	  "go env -w GOPROXY=URL, or set GOPROXY" },
	{ "{gem.sources}", probe_gem,
	  "no gem source is configured on this machine; run "
	  "gem sources --add URL, or name it under :sources: in ~/.gemrc" },
	{ "{maven.repositories}", probe_maven,
	  "no Maven repository is configured on this machine; name a mirror "
	  "in ~/.m2/settings.xml or /etc/maven/settings.xml" },
	{ "{docker.registries}", probe_docker,
	  "no image registry is configured on this machine; name one in "
	  "/etc/docker/daemon.json (registry-mirrors) or "
	  "/etc/containers/registries.conf, or run docker login" },
};
static_assert(ARRAY_SIZE(placeholders) == CONFIG_PROBES, "as the cache has");

/* Stands for any address when a rule is only checked. */
#define EXAMPLE "https://example.invalid"

struct gather {
	const struct config *c;
	struct ruleset *rs;
	struct config_error *err;
	bool *seen;    /* by config_index() */
	gather_fn *fn; /* may be NULL */
	void *ctx;
};

static const struct placeholder *find_placeholder(struct slice line,
						  ptrdiff_t *ret_at)
{
	*ret_at = slice_find(line, '{');
	if (*ret_at < 0)
		return NULL;
	line = slice_skip(line, (size_t)*ret_at);
	for (size_t i = 0; i < ARRAY_SIZE(placeholders); i++)
		if (slice_starts(line, slice_str(placeholders[i].name)))
			return &placeholders[i];
	return NULL;
}

/* The line with base in place of the placeholder; false when it is too long. */
static bool replace(struct slice line, size_t at,
		    const struct placeholder *what, struct slice base,
		    struct text *ret)
{
	text_put(ret, slice_of(line.ptr, at));
	text_put(ret, base);
	text_put(ret, slice_skip(line, at + strlen(what->name)));
	return !ret->cut;
}

/* Only the beginning of a target can be a placeholder: elsewhere a brace is an
 * octet of a path.
 */
static bool begins_target(struct slice line, size_t at)
{
	return at == 0 || line.ptr[at - 1] == ' ';
}

bool gather_is_open(struct slice line)
{
	ptrdiff_t at = slice_find(line, '{');

	return at >= 0 && begins_target(line, (size_t)at);
}

static int fail_placeholder(struct slice text, size_t at,
			    struct rule_error *ret_err)
{
	char mem[32];
	struct text t = text_in(mem, sizeof(mem));
	struct near near;
	ptrdiff_t end = slice_find(text, '}');

	text_put(&t, slice_of(text.ptr, end < 0 ? text.len : (size_t)end + 1));
	near = near_begin(mem);
	for (size_t i = 0; i < ARRAY_SIZE(placeholders); i++)
		near_try(&near, placeholders[i].name);
	return rule_fail(ret_err, at,
			 near.found ? "not a placeholder; the nearest is "
				    : "not a placeholder, as {npm.registry}",
			 slice_str(near.found));
}

int gather_check(struct slice line, enum verdict verdict, struct rule **ret,
		 struct rule_error *ret_err)
{
	const struct rule_source source = { .verdict = verdict };
	char mem[RULE_LINE_MAX + 64];
	struct text t = text_in(mem, sizeof(mem));
	const struct placeholder *what;
	ptrdiff_t at;
	int rc;

	what = find_placeholder(line, &at);
	if (at < 0 || !begins_target(line, (size_t)at))
		return rule_new(&source, line, ret, ret_err);
	if (!what)
		return fail_placeholder(slice_skip(line, (size_t)at),
					(size_t)at, ret_err);
	if (!replace(line, (size_t)at, what, SLICE(EXAMPLE), &t))
		return rule_fail(ret_err, RULE_LINE_MAX,
				 "a rule has at most 2048 octets", SLICE(""));
	rc = rule_new(&source, text_since(&t, 0), ret, ret_err);
	if (rc == ERR_SYNTAX &&
	    ret_err->column > (size_t)at + sizeof(EXAMPLE) - 1) {
		ret_err->column += (unsigned int)strlen(what->name);
		ret_err->column -= (unsigned int)sizeof(EXAMPLE) - 1;
	}
	return rc;
}

static const struct probe_bases *resolve(const struct config *c,
					 const struct placeholder *what)
{
	size_t i = (size_t)(what - placeholders);
	struct config_cache *cache = c->cache;

	if (!cache->known[i])
		what->find("", &cache->bases[i]);
	cache->known[i] = true;
	return &cache->bases[i];
}

static int fail_node(const struct gather *g, const struct config_policy *p,
		     const struct doc_node *node, const char *what)
{
	doc_error(p->src, node->line, node->column, what, g->err);
	return ERR_SYNTAX;
}

static int add_line(struct gather *g, const struct config_policy *p,
		    const struct doc_node *node, enum verdict verdict,
		    struct slice line)
{
	char where[RULE_WHERE_MAX + 1];
	struct text t = text_in(where, sizeof(where));
	const char *name = strrchr(p->src->name, '/');
	struct rule_error err;
	int rc;

	text_put_str(&t, name ? name + 1 : p->src->name);
	text_put_char(&t, ':');
	text_put_number(&t, node->line + 1u);
	rc = ruleset_add(g->rs, verdict, line, text_since(&t, 0), &err);
	if (rc == ERR_SYNTAX)
		return fail_node(g, p, node, err.text);
	if (rc == ERR_LIMIT)
		(void)fail_node(g, p, node, "more than 100000 rules");
	if (rc == 0 && g->fn)
		g->fn(g->ctx, p, node);
	return rc;
}

static int add_rule(struct gather *g, const struct config_policy *p,
		    const struct doc_node *node, enum verdict verdict)
{
	char mem[RULE_LINE_MAX + PROBE_BASE_MAX];
	const struct placeholder *what;
	const struct probe_bases *bases;
	ptrdiff_t at;
	int rc = 0;

	what = find_placeholder(node->text, &at);
	if (!what || !begins_target(node->text, (size_t)at))
		return add_line(g, p, node, verdict, node->text);
	bases = resolve(g->c, what);
	if (!bases->len) {
		(void)fail_node(g, p, node, what->missing);
		return -ENOENT;
	}
	for (size_t i = 0; i < bases->len && rc == 0; i++) {
		struct text t = text_in(mem, sizeof(mem));

		(void)replace(node->text, (size_t)at, what,
			      slice_str(bases->base[i]), &t);
		rc = add_line(g, p, node, verdict, text_since(&t, 0));
	}
	return rc;
}

static int add_list(struct gather *g, const struct config_policy *p,
		    const char *key, enum verdict verdict)
{
	const struct doc_node *list = fields_get(p->map, key);
	int rc = 0;

	if (!list || fields_is_empty(list))
		return 0;
	if (list->kind == DOC_SCALAR)
		return add_rule(g, p, list, verdict);
	for (const struct doc_node *n = list->first; n && rc == 0; n = n->next)
		rc = add_rule(g, p, n, verdict);
	return rc;
}

/* The policy's own rules and default, without what it uses. */
static int add_own(struct gather *g, const struct config_policy *p)
{
	const struct doc_node *fallback = fields_get(p->map, "default");
	enum verdict verdict;
	int rc;

	if (fallback && verdict_read(fallback->text, &verdict))
		ruleset_set_default(g->rs, verdict);
	rc = add_list(g, p, "deny", VERDICT_DENY);
	if (rc == 0)
		rc = add_list(g, p, "ask", VERDICT_ASK);
	if (rc == 0)
		rc = add_list(g, p, "allow", VERDICT_ALLOW);
	return rc;
}

static int add_policy(struct gather *g, const struct config_policy *p,
		      unsigned int depth);

static int add_used(struct gather *g, const struct doc_node *name,
		    unsigned int depth)
{
	const char *near;
	const struct config_policy *next =
		config_find(g->c, name->text.ptr, &near);
	size_t index;

	assert(next); /* schema_check_policy() has seen it */
	index = config_index(g->c, next);
	if (g->seen[index])
		return 0;
	g->seen[index] = true;
	return add_policy(g, next, depth + 1);
}

/* Recursion ends: the depth is checked when a file is read (this one and an
 * outer one), and each policy is seen once.
 */
static int add_policy(struct gather *g, const struct config_policy *p,
		      unsigned int depth)
{
	const struct doc_node *use = fields_get(p->map, "use");
	int rc = add_own(g, p);

	assert(depth <= 2 * CONFIG_USE_DEPTH + 2);
	if (rc < 0 || !use || fields_is_empty(use))
		return rc;
	if (use->kind == DOC_SCALAR)
		return add_used(g, use, depth);
	for (const struct doc_node *n = use->first; n && rc == 0; n = n->next)
		rc = add_used(g, n, depth);
	return rc;
}

int gather_each(const struct gather_job *job, struct ruleset *rs,
		struct config_error *ret_err)
{
	const struct config *c = job->c;
	const struct config_policy *p = job->p;
	struct gather g = {
		.c = c, .rs = rs, .err = ret_err, .fn = job->fn, .ctx = job->ctx
	};
	int rc;

	g.seen = calloc(config_count(c) + 1, sizeof(*g.seen));
	if (!g.seen)
		return -ENOMEM;
	g.seen[config_index(c, p)] = true;
	rc = add_policy(&g, p, 0);
	free(g.seen);
	return rc;
}

int gather_rules(const struct config *c, const struct config_policy *p,
		 struct ruleset *rs, struct config_error *ret_err)
{
	const struct gather_job job = { .c = c, .p = p };

	return gather_each(&job, rs, ret_err);
}
