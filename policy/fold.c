/* policy/fold.c - from requests to the rules that would allow them.
 *
 * Each site (scheme, host, port) has a tree of path segments, with the methods
 * and the number of requests at the nodes where paths end. The tree is folded
 * from the root down: children that look like identifiers become one child "*",
 * and so do the others of a node that has many. What is printed is a rule for
 * each node where paths end; a node with many of them below it is one rule that
 * ends in a double star.
 */

#include "policy/fold.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/err.h"
#include "base/hex.h"
#include "policy/rule.h"

#define FOLD_ARENA    (256u << 20)
#define FOLD_DEPTH    32 /* segments told apart; deeper ones are one */
#define FOLD_SIBLINGS 5	 /* so many become one, below the first segment */
#define FOLD_FIRST    20 /* the same for first segments, which say more */
#define FOLD_PATTERNS 8	 /* so many below one segment become one */
#define FOLD_METHODS  16 /* told apart at one node */
#define FOLD_HEX_MIN  8	 /* octets of a hash or an identifier */

struct method {
	struct slice name;
	struct method *next;
};

struct node {
	struct slice text; /* a segment */
	bool pattern;	   /* it is "*" or "**", and ours */
	struct node *child, *next;
	struct method *methods; /* where paths end */
	uint64_t count;		/* of requests that end here */
};

enum git {
	GIT_NONE,
	GIT_READ,
	GIT_WRITE,
};

struct repo {
	struct slice path; /* "/acme/site" */
	enum git git;
	uint64_t count;
	struct repo *next;
};

struct site {
	struct slice text; /* "https://api.github.com" */
	bool plain;	   /* no methods and no paths: tcp, tls */
	bool mute;	   /* no methods: ws, wss */
	struct node root;
	struct repo *repos;
	struct site *next;
};

struct fold {
	struct arena arena;
	enum fold_how how;
	struct site *sites;
	size_t len;
};

int fold_new(enum fold_how how, struct fold **ret)
{
	struct fold *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	arena_init(&f->arena, FOLD_ARENA);
	f->how = how;
	*ret = f;
	return 0;
}

void fold_free(struct fold **f)
{
	if (!*f)
		return;
	arena_done(&(*f)->arena);
	free(*f);
	*f = NULL;
}

/* Putting in. */

static struct site *fold_site(struct fold *f, const struct policy_question *q)
{
	struct policy_question at_root = *q;
	struct site **at = &f->sites;
	char line[RULE_HOST_MAX + 64];
	struct slice text, method;

	at_root.path = SLICE("/");
	at_root.method = SLICE("GET");
	line[0] = '\0';
	policy_suggest(&at_root, line, sizeof(line));
	text = slice_str(line);
	if (slice_find(text, ' ') >= 0)
		(void)slice_cut(text, ' ', &method, &text);
	if (slice_ends(text, SLICE("/")))
		text.len--;
	while (*at && !slice_eq((*at)->text, text))
		at = &(*at)->next;
	if (*at || !text.len)
		return *at;
	*at = arena_zalloc(&f->arena, sizeof(**at));
	if (!*at || arena_copy(&f->arena, text, &(*at)->text) < 0)
		return *at = NULL;
	(*at)->plain = q->scheme == RULE_TCP || q->scheme == RULE_TLS;
	(*at)->mute = q->scheme == RULE_WS || q->scheme == RULE_WSS;
	return *at;
}

static struct node *fold_child(struct fold *f, struct node *parent,
			       struct slice text, bool pattern)
{
	struct node **at = &parent->child;

	while (*at &&
	       ((*at)->pattern != pattern || !slice_eq((*at)->text, text)))
		at = &(*at)->next;
	if (*at)
		return *at;
	*at = arena_zalloc(&f->arena, sizeof(**at));
	if (*at && arena_copy(&f->arena, text, &(*at)->text) < 0)
		*at = NULL;
	if (!*at)
		return NULL;
	(*at)->pattern = pattern;
	f->len++;
	return *at;
}

/* GET allows HEAD too. More methods than are told apart are any. */
static int fold_method(struct fold *f, struct node *node, struct slice name)
{
	struct method **at = &node->methods;
	unsigned int n = 0;

	if (slice_eq(name, SLICE("HEAD")))
		name = SLICE("GET");
	for (; *at; at = &(*at)->next, n++)
		if (slice_eq((*at)->name, name))
			return 0;
	if (n == FOLD_METHODS)
		return 0;
	if (n == FOLD_METHODS - 1)
		name = SLICE("any");
	*at = arena_zalloc(&f->arena, sizeof(**at));
	if (!*at || arena_copy(&f->arena, name, &(*at)->name) < 0) {
		*at = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* "/acme/site.git/info/refs?service=…" and what follows it. */
static enum git fold_git(const struct policy_question *q, struct slice *ret)
{
	static const struct {
		struct slice end, query;
		enum git git;
	} forms[] = {
		{ SLICE("/info/refs"), SLICE("service=git-upload-pack"),
		  GIT_READ },
		{ SLICE("/info/refs"), SLICE("service=git-receive-pack"),
		  GIT_WRITE },
		{ SLICE("/git-upload-pack"), SLICE(""), GIT_READ },
		{ SLICE("/git-receive-pack"), SLICE(""), GIT_WRITE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (!slice_ends(q->path, forms[i].end) ||
		    !slice_eq(q->query, forms[i].query))
			continue;
		*ret = slice_of(q->path.ptr, q->path.len - forms[i].end.len);
		if (slice_ends(*ret, SLICE(".git")))
			ret->len -= 4;
		return ret->len > 1 ? forms[i].git : GIT_NONE;
	}
	return GIT_NONE;
}

static int fold_repo(struct fold *f, struct site *site, struct slice path,
		     enum git git, uint64_t count)
{
	struct repo **at = &site->repos;

	while (*at && !slice_eq((*at)->path, path))
		at = &(*at)->next;
	if (!*at) {
		*at = arena_zalloc(&f->arena, sizeof(**at));
		if (!*at || arena_copy(&f->arena, path, &(*at)->path) < 0) {
			*at = NULL;
			return -ENOMEM;
		}
		f->len++;
	}
	(*at)->git = MAX((*at)->git, git);
	(*at)->count += count;
	return 0;
}

static int fold_path(struct fold *f, struct site *site,
		     const struct policy_question *q, uint64_t count)
{
	struct slice rest = q->path, text;
	struct node *node = &site->root;
	unsigned int depth = 0;

	if (!site->plain)
		(void)slice_cut(rest, '/', &text, &rest); /* leads with one */
	if (f->how == FOLD_HOSTS || site->plain)
		rest = SLICE("");
	while (node && (rest.len || depth == 0)) {
		bool more = slice_cut(rest, '/', &text, &rest);

		if (depth == FOLD_DEPTH || (f->how == FOLD_HOSTS)) {
			node = fold_child(f, node, SLICE("**"), true);
			break;
		}
		node = fold_child(f, node, text, false);
		depth++;
		if (more && !rest.len && node) { /* it ends in a slash */
			node = fold_child(f, node, SLICE(""), false);
			break;
		}
	}
	if (!node)
		return -ENOMEM;
	node->count += count;
	return fold_method(f, node, q->method);
}

int fold_add(struct fold *f, const struct policy_question *q, uint64_t count)
{
	struct site *site;
	struct slice path;
	enum git git;

	if (f->len >= FOLD_REQUESTS_MAX)
		return ERR_LIMIT;
	site = fold_site(f, q);
	if (!site)
		return 0; /* no rule could allow it */
	git = q->scheme == RULE_HTTPS || q->scheme == RULE_HTTP
		      ? fold_git(q, &path)
		      : GIT_NONE;
	if (git && f->how != FOLD_HOSTS)
		return fold_repo(f, site, path, git, count);
	return fold_path(f, site, q, count);
}

/* Folding. */

/* Digits alone; or hexadecimal with dashes, long, with a digit in it; or so
 * long a mix of letters and digits that nobody chose it.
 */
static bool fold_is_id(struct slice s)
{
	size_t digits = 0, hex = 0, other = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		digits += ascii_is_digit(c);
		hex += hex_value(c) >= 0 || c == '-';
		other += !ascii_is_alnum(c) && c != '-' && c != '_';
	}
	if (!digits || other)
		return false;
	return digits == s.len || (hex == s.len && s.len >= FOLD_HEX_MIN) ||
	       (s.len >= 20 && digits >= 4);
}

static int fold_merge(struct fold *f, struct node *to, struct node *from)
{
	int rc = 0;

	to->count += from->count;
	for (struct method *m = from->methods; rc == 0 && m; m = m->next)
		rc = fold_method(f, to, m->name);
	for (struct node *c = from->child; rc == 0 && c; c = c->next) {
		struct node *same = fold_child(f, to, c->text, c->pattern);

		rc = same ? fold_merge(f, same, c) : -ENOMEM;
	}
	return rc;
}

/* Make one "*" of the children that are identifiers, or of all. */
static int fold_star(struct fold *f, struct node *node, bool all)
{
	struct node *star = NULL, **at = &node->child;
	int rc = 0;

	while (rc == 0 && *at) {
		struct node *c = *at;

		if (c->pattern || !c->text.len ||
		    (!all && !fold_is_id(c->text))) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		if (!star)
			star = arena_zalloc(&f->arena, sizeof(*star));
		rc = star ? fold_merge(f, star, c) : -ENOMEM;
	}
	if (!star || rc < 0)
		return rc;
	star->text = SLICE("*");
	star->pattern = true;
	for (struct node *c = node->child; c; c = c->next)
		if (c->pattern && slice_eq(c->text, star->text))
			return fold_merge(f, c, star);
	star->next = node->child;
	node->child = star;
	return 0;
}

static unsigned int fold_literals(const struct node *node)
{
	unsigned int n = 0;

	for (const struct node *c = node->child; c; c = c->next)
		n += !c->pattern && c->text.len;
	return n;
}

static unsigned int fold_patterns(const struct node *node)
{
	unsigned int n = node->methods != NULL;

	for (const struct node *c = node->child; c; c = c->next)
		n += fold_patterns(c);
	return n;
}

/* All below node is one pattern. */
static int fold_rest(struct fold *f, struct node *node)
{
	struct node *rest = arena_zalloc(&f->arena, sizeof(*rest));
	int rc = rest ? 0 : -ENOMEM;
	struct node all = { .child = node->child };

	/* Flatten: each node's requests and methods, whatever its depth. */
	while (rc == 0 && all.child) {
		struct node *c = all.child, **end = &all.child;

		while (*end)
			end = &(*end)->next;
		*end = c->child;
		c->child = NULL;
		all.child = c->next;
		rc = fold_merge(f, rest, c);
	}
	if (rc < 0)
		return rc;
	rest->text = SLICE("**");
	rest->pattern = true;
	node->child = rest;
	/* "a" followed by any number of segments is "a" too. */
	rc = fold_merge(f, rest,
			&(struct node){ .methods = node->methods,
					.count = node->count });
	node->methods = NULL;
	node->count = 0;
	return rc;
}

static int fold_node(struct fold *f, struct node *node, unsigned int depth)
{
	int rc = fold_star(f, node, false);

	if (rc == 0 &&
	    fold_literals(node) > (depth ? FOLD_SIBLINGS - 1 : FOLD_FIRST - 1))
		rc = fold_star(f, node, true);
	for (struct node *c = node->child; rc == 0 && c; c = c->next)
		rc = fold_node(f, c, depth + 1);
	if (rc == 0 && depth && fold_patterns(node) > FOLD_PATTERNS)
		rc = fold_rest(f, node);
	return rc;
}

/* Printing. */

struct line {
	char text[RULE_LINE_MAX];
	size_t len;
	bool full;
};

static void line_put(struct line *l, struct slice s)
{
	if (s.len >= sizeof(l->text) - l->len) {
		l->full = true;
		return;
	}
	memcpy(l->text + l->len, s.ptr, s.len);
	l->len += s.len;
}

static void line_methods(struct line *l, const struct site *site,
			 const struct method *methods)
{
	if (site->plain || site->mute)
		return;
	for (const struct method *m = methods; m; m = m->next)
		if (slice_eq(m->name, SLICE("any")))
			methods = m; /* nothing stands behind it */
	for (const struct method *m = methods; m; m = m->next) {
		line_put(l, m->name);
		line_put(l, m->next ? SLICE(",") : SLICE(" "));
	}
}

/* A star in what was asked for stands for itself. */
static void line_literal(struct line *l, struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		line_put(l, s.ptr[i] == '*' ? SLICE("%2a")
					    : slice_of(s.ptr + i, 1));
}

static void line_segment(struct line *l, const struct node *n)
{
	line_put(l, SLICE("/"));
	if (n->pattern)
		line_put(l, n->text);
	else
		line_literal(l, n->text);
}

struct print {
	const struct site *site;
	fold_rule_fn *fn;
	void *ctx;
	const struct node *path[FOLD_DEPTH + 3];
	size_t depth;
};

static void print_node(struct print *p, const struct node *node)
{
	if (node->methods) {
		struct line l = { .len = 0 };

		line_methods(&l, p->site, node->methods);
		line_put(&l, p->site->text);
		for (size_t i = 0; !p->site->plain && i < p->depth; i++)
			line_segment(&l, p->path[i]);
		if (!l.full)
			p->fn(p->ctx, slice_of(l.text, l.len), node->count);
	}
	for (const struct node *c = node->child; c; c = c->next) {
		p->path[p->depth++] = c;
		print_node(p, c);
		p->depth--;
	}
}

static void print_repos(const struct site *site, fold_rule_fn *fn, void *ctx)
{
	for (const struct repo *r = site->repos; r; r = r->next) {
		struct line l = { .len = 0 };

		line_put(&l, r->git == GIT_WRITE ? SLICE("git:write ")
						 : SLICE("git:read "));
		line_put(&l, site->text);
		line_literal(&l, r->path);
		if (!l.full)
			fn(ctx, slice_of(l.text, l.len), r->count);
	}
}

int fold_rules(struct fold *f, fold_rule_fn *fn, void *ctx)
{
	for (struct site *s = f->sites; s; s = s->next) {
		struct print p = { .site = s, .fn = fn, .ctx = ctx };

		if (f->how == FOLD_PATHS && fold_node(f, &s->root, 0) < 0)
			return -ENOMEM;
		print_repos(s, fn, ctx);
		print_node(&p, &s->root);
	}
	return 0;
}
