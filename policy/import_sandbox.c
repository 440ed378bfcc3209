/* policy/import_sandbox.c - policies of agent-sandbox.
 *
 *   services:  [NAME | { name: github, readonly: true, repos: [OWNER/REPO],
 *                        surfaces: [api, git] }]
 *   domains:   [HOST | { host: HOST, rules: [RULE] }]
 *   RULE:      { scheme(s): [http, https], method(s): [NAME],
 *                path: { exact: PATH } | { prefix: TEXT },
 *                query: { exact: { KEY: VALUE } } }
 *
 * "*.NAME" is the name and all below it. A prefix is one of octets, not of
 * segments. No scheme means both. A query there names every key that there
 * is, which no rule of ours does.
 */

#include <errno.h>

#include "base/base.h"
#include "policy/fields.h"
#include "policy/importer.h"
#include "policy/profile.h"
#include "policy/text.h"

struct sandbox {
	struct importer *im;
	struct import_at at;
};

static void stand_at(struct sandbox *s, const struct doc_node *node)
{
	const struct doc_node *shown = fields_get(node, "host");

	shown = shown ? shown : fields_get(node, "name");
	shown = shown ? shown : node;
	s->at.line = node->line + 1;
	s->at.column = node->column + 1;
	s->at.text = shown->kind == DOC_SCALAR ? shown->text : SLICE("");
}

static bool all_known(const struct doc_node *map, const char *const *keys,
		      size_t len)
{
	for (const struct doc_node *k = map->first; k; k = k->next->next) {
		size_t i = 0;

		while (i < len && (k->kind != DOC_SCALAR ||
				   !slice_eq(k->text, slice_str(keys[i]))))
			i++;
		if (i == len)
			return false;
	}
	return true;
}

/* Each scalar of a list or a scalar on its own, one after another. */
static const struct doc_node *first_of(const struct doc_node *node)
{
	return node && node->kind == DOC_LIST ? node->first : node;
}

static const struct doc_node *next_of(const struct doc_node *list,
				      const struct doc_node *node)
{
	return list->kind == DOC_LIST ? node->next : NULL;
}

static bool put_host(struct text *t, struct slice host)
{
	if (slice_starts(host, SLICE("*.")))
		host = slice_skip(host, 1);
	text_put(t, host);
	return host.len > 0;
}

static void put_upper(struct text *t, struct slice word)
{
	for (size_t i = 0; i < word.len; i++) {
		char c = word.ptr[i];

		text_put_char(t, c >= 'a' && c <= 'z' ? (char)(c - 32) : c);
	}
}

/* A path as it is, in which a star is no wildcard. */
static void put_path(struct text *t, struct slice path)
{
	for (size_t i = 0; i < path.len; i++)
		if (path.ptr[i] == '*')
			text_put_str(t, "%2a");
		else
			text_put_char(t, path.ptr[i]);
}

/* Returns NULL or why the path cannot be said. */
static const char *read_path(const struct doc_node *path, struct text *t)
{
	const struct doc_node *exact = fields_get(path, "exact");
	const struct doc_node *prefix = fields_get(path, "prefix");
	const struct doc_node *value = exact ? exact : prefix;

	if (!path)
		return NULL;
	if (!value || value->kind != DOC_SCALAR || (exact && prefix) ||
	    !slice_starts(value->text, SLICE("/")))
		return "expected path: {exact: PATH} or {prefix: PATH}";
	put_path(t, value->text);
	if (exact)
		return NULL;
	if (slice_ends(value->text, SLICE("/")))
		text_put_str(t, "**");
	else
		text_put_str(t, "*/**");
	return NULL;
}

static void put_methods(struct text *t, const struct doc_node *rule)
{
	static const char *const keys[] = { "method", "methods" };
	bool any = true;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct doc_node *list = fields_get(rule, keys[i]);
		const struct doc_node *n = first_of(list);

		for (; n; n = next_of(list, n)) {
			text_put_str(t, any ? "" : ",");
			put_upper(t, n->text);
			any = false;
		}
	}
	text_put_str(t, any ? "any " : " ");
}

static bool has_scheme(const struct doc_node *rule, const char *scheme)
{
	static const char *const keys[] = { "scheme", "schemes" };
	bool said = false;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct doc_node *list = fields_get(rule, keys[i]);
		const struct doc_node *n = first_of(list);

		said = said || list;
		for (; n; n = next_of(list, n))
			if (slice_ieq(n->text, slice_str(scheme)))
				return true;
	}
	return !said;
}

static void read_rule(struct sandbox *s, struct slice host,
		      const struct doc_node *rule)
{
	static const char *const known[] = { "scheme",	"schemes", "method",
					     "methods", "path",	   "query" };
	static const char *const schemes[] = { "https", "http" };
	const struct doc_node *query = fields_get(rule, "query");
	const char *why = NULL;

	if (!rule || rule->kind != DOC_MAP ||
	    !all_known(rule, known, ARRAY_SIZE(known)))
		why = "a rule with a key that is not known here";
	else if (query)
		why = "a query that has these keys and no others; a rule here "
		      "cannot forbid further keys";
	for (size_t i = 0; i < ARRAY_SIZE(schemes) && !why; i++) {
		char mem[IMPORT_LINE_MAX];
		struct text t = text_in(mem, sizeof(mem));

		if (!has_scheme(rule, schemes[i]))
			continue;
		put_methods(&t, rule);
		text_put_str(&t, schemes[i]);
		text_put_str(&t, "://");
		(void)put_host(&t, host);
		why = read_path(fields_get(rule, "path"), &t);
		if (!why && t.cut)
			why = "longer than a rule may be";
		if (!why)
			(void)import_rule(s->im, &s->at, VERDICT_ALLOW,
					  text_since(&t, 0), NULL);
	}
	if (why)
		import_left(s->im, &s->at, why);
}

static void read_domain(struct sandbox *s, const struct doc_node *node)
{
	static const char *const known[] = { "host", "rules" };
	static const struct doc_node none = { .kind = DOC_MAP };
	const struct doc_node *host = fields_get(node, "host");
	const struct doc_node *rules = fields_get(node, "rules");

	stand_at(s, node);
	if (node->kind == DOC_SCALAR) {
		read_rule(s, node->text, &none);
		return;
	}
	if (node->kind != DOC_MAP || !host || host->kind != DOC_SCALAR ||
	    !rules || rules->kind != DOC_LIST) {
		import_left(s->im, &s->at, "expected a host and its rules");
		return;
	}
	if (!all_known(node, known, ARRAY_SIZE(known)))
		import_left(s->im, &s->at,
			    "a key besides host and rules; what it says is "
			    "not in the rules that follow");
	for (const struct doc_node *r = rules->first; r; r = r->next) {
		s->at.line = r->line + 1;
		s->at.column = r->column + 1;
		read_rule(s, host->text, r);
	}
}

static bool is_profile(struct slice name)
{
	for (size_t i = 0; i < profiles_len; i++)
		if (slice_eq(name, slice_str(profiles[i].name)))
			return true;
	return false;
}

static void read_repo(struct sandbox *s, const struct doc_node *service,
		      struct slice repo)
{
	const struct doc_node *surfaces = fields_get(service, "surfaces");
	const struct doc_node *only = fields_get(service, "readonly");
	bool reads = only && slice_eq(only->text, SLICE("true"));
	const struct doc_node *n = first_of(surfaces);

	for (; n; n = next_of(surfaces, n)) {
		char mem[IMPORT_LINE_MAX];
		struct text t = text_in(mem, sizeof(mem));
		bool api = slice_eq(n->text, SLICE("api"));

		if (!api && !slice_eq(n->text, SLICE("git"))) {
			import_left(s->im, &s->at,
				    "expected the surfaces api and git");
			continue;
		}
		if (api)
			text_put_str(&t, reads ? "GET" : "any");
		else
			text_put_str(&t, reads ? "git:read" : "git:write");
		text_put_str(&t, api ? " https://api.github.com/repos/"
				     : " https://github.com/");
		put_path(&t, repo);
		text_put_str(&t, api ? "/**" : "");
		(void)import_rule(s->im, &s->at, VERDICT_ALLOW,
				  text_since(&t, 0), NULL);
	}
}

static void read_service(struct sandbox *s, const struct doc_node *node)
{
	static const char *const known[] = { "name", "readonly", "repos",
					     "surfaces" };
	const struct doc_node *name = fields_get(node, "name");
	const struct doc_node *repos = fields_get(node, "repos");
	const struct doc_node *only = fields_get(node, "readonly");
	struct slice text = node->kind == DOC_SCALAR ? node->text
			    : name		     ? name->text
						     : SLICE("");

	stand_at(s, node);
	if (node->kind == DOC_MAP && !all_known(node, known, ARRAY_SIZE(known)))
		import_left(s->im, &s->at,
			    "a service with a key that is not known here");
	else if (repos && slice_eq(text, SLICE("github")))
		for (const struct doc_node *n = first_of(repos); n;
		     n = next_of(repos, n))
			read_repo(s, node, n->text);
	else if (only && slice_eq(only->text, SLICE("true")))
		import_left(s->im, &s->at,
			    "a service for reading only; take the rules of the "
			    "profile that are meant");
	else if (!is_profile(text))
		import_left(s->im, &s->at,
			    "no profile has this name; penstock policy list "
			    "shows them");
	else
		import_say(s->im, &s->at, IMPORT_USE, text,
			   "the profile is ours: its hosts may be others");
}

static void read_other(struct sandbox *s, const struct doc_node *key)
{
	s->at = (struct import_at){ key->line + 1, key->column + 1, key->text };
	import_left(s->im, &s->at, "a key that is not known here");
}

static int read_root(struct sandbox *s, const struct doc_node *root)
{
	if (root->kind != DOC_MAP) {
		stand_at(s, root);
		return import_fail(s->im, &s->at,
				   "expected services: and domains:");
	}
	for (const struct doc_node *k = root->first; k; k = k->next->next) {
		bool services = slice_eq(k->text, SLICE("services"));
		const struct doc_node *list = k->next;

		if (!services && !slice_eq(k->text, SLICE("domains"))) {
			read_other(s, k);
			continue;
		}
		if (fields_is_empty(list))
			continue;
		if (list->kind != DOC_LIST) {
			stand_at(s, list);
			return import_fail(s->im, &s->at, "expected a list");
		}
		for (const struct doc_node *n = list->first; n; n = n->next)
			if (services)
				read_service(s, n);
			else
				read_domain(s, n);
	}
	return 0;
}

int import_agent_sandbox(struct importer *im)
{
	struct sandbox s = { .im = im };
	struct doc_node *root = NULL;
	struct arena arena;
	int rc;

	arena_init(&arena, SIZE_MAX);
	rc = doc_read(&im->src, &arena, &root, im->err);
	if (rc == 0 && root)
		rc = read_root(&s, root);
	arena_done(&arena);
	return rc;
}
