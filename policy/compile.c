/* policy/compile.c - from rules as written to a policy that judges fast.
 *
 * Memory is linear in the text of the rules: each rule is copied once, each
 * pattern stands once (twice where its two readings differ), and each label or
 * literal segment is at most one node and one edge.
 */

#include "policy/compile.h"

#include <errno.h>
#include <stdlib.h>

#include "base/base.h"
#include "policy/host.h"
#include "policy/ruleset.h"
#include "policy/text.h"

/* An entry stands at a node. Sorted into slots at the end. */
struct place {
	uint32_t node;
	uint32_t entry;
};

struct builder {
	struct policy *p;
	struct place *places;
	uint32_t len;
	uint32_t cap;
	uint32_t ranges_cap;
};

/* Room for one more of an array that doubles. */
static int grow(void **mem, uint32_t len, uint32_t *cap, size_t size)
{
	uint32_t more = *cap ? *cap * 2 : 64;
	void *grown;

	if (len < *cap)
		return 0;
	grown = reallocarray(*mem, more, size);
	if (!grown)
		return -ENOMEM;
	*mem = grown;
	*cap = more;
	return 0;
}

#define GROW(mem, len, cap)                                                    \
	__extension__({                                                        \
		void *mem_ = (mem);                                            \
		int rc_ = grow(&mem_, (len), (cap), sizeof(*(mem)));           \
		(mem) = mem_;                                                  \
		rc_;                                                           \
	})

/* Only the operator puts texts into the table, so no seed is needed: what a
 * sandbox asks for cannot make chains longer.
 */
static uint32_t hash_text(uint32_t parent, struct slice text)
{
	const uint64_t mul = 0x9e3779b97f4a7c15u;
	uint64_t h = (parent + 1) * mul ^ text.len;
	uint64_t word;

	for (; text.len >= 8; text = slice_skip(text, 8)) {
		memcpy(&word, text.ptr, 8);
		h = (h ^ word) * mul;
		h ^= h >> 32;
	}
	word = 0;
	for (size_t i = 0; i < text.len; i++)
		word = word << 8 | (unsigned char)text.ptr[i];
	h = (h ^ word) * mul;
	return (uint32_t)(h ^ h >> 32);
}

uint32_t policy_step(const struct policy *p, uint32_t parent, struct slice text)
{
	uint32_t at = hash_text(parent, text) & p->table_mask;

	for (; p->table[at] != POLICY_NONE; at = (at + 1) & p->table_mask) {
		const struct edge *e = &p->edges[p->table[at]];

		if (e->parent == parent && slice_eq(e->text, text))
			return e->child;
	}
	return POLICY_NONE;
}

static void table_put(struct policy *p, uint32_t edge)
{
	const struct edge *e = &p->edges[edge];
	uint32_t at = hash_text(e->parent, e->text) & p->table_mask;

	while (p->table[at] != POLICY_NONE)
		at = (at + 1) & p->table_mask;
	p->table[at] = edge;
}

/* Keep the table at most half full. */
static int table_grow(struct policy *p)
{
	uint32_t size = (p->table_mask + 1) * 2;
	uint32_t *table;

	if (p->edges_len < (p->table_mask + 1) / 2)
		return 0;
	table = reallocarray(NULL, size, sizeof(*table));
	if (!table)
		return -ENOMEM;
	memset(table, 0xff, size * sizeof(*table));
	free(p->table);
	p->table = table;
	p->table_mask = size - 1;
	for (uint32_t i = 0; i < p->edges_len; i++)
		table_put(p, i);
	return 0;
}

static int add_node(struct policy *p, uint32_t *ret)
{
	if (GROW(p->nodes, p->nodes_len, &p->nodes_cap) < 0)
		return -ENOMEM;
	p->nodes[p->nodes_len] =
		(struct node){ .exact = POLICY_NONE, .below = POLICY_NONE };
	*ret = p->nodes_len++;
	return 0;
}

/* The child along text, made if need be. text lives as long as the policy. */
static int step_or_add(struct policy *p, uint32_t *node, struct slice text)
{
	uint32_t child = policy_step(p, *node, text);

	if (child == POLICY_NONE) {
		if (add_node(p, &child) < 0 || table_grow(p) < 0 ||
		    GROW(p->edges, p->edges_len, &p->edges_cap) < 0)
			return -ENOMEM;
		p->edges[p->edges_len] = (struct edge){ text, *node, child };
		table_put(p, p->edges_len++);
	}
	*node = child;
	return 0;
}

static int add_place(struct builder *b, uint32_t node, uint32_t entry)
{
	if (GROW(b->places, b->len, &b->cap) < 0)
		return -ENOMEM;
	b->places[b->len++] = (struct place){ node, entry };
	return 0;
}

bool policy_fixed(const struct glob_segment *seg)
{
	return seg->kind == GLOB_LITERAL && seg->text.len &&
	       slice_find(seg->text, '/') < 0 &&
	       slice_find(seg->text, '\\') < 0;
}

/* Put the entry below the root of paths, as deep as its path is literal. */
static int place_path(struct builder *b, uint32_t root, uint32_t entry)
{
	const struct glob *g = b->p->entries[entry].path.opaque;
	uint32_t node = root;

	for (size_t i = 0; g && i < g->len && policy_fixed(&g->seg[i]); i++)
		if (step_or_add(b->p, &node, g->seg[i].text) < 0)
			return -ENOMEM;
	return add_place(b, node, entry);
}

/* The node of a host name, from the right. An IPv6 address is one label. */
static int host_node(struct policy *p, struct slice host, uint32_t *ret)
{
	uint32_t node = POLICY_ROOT;
	size_t end = host.len;

	for (size_t i = host.len; host.len && i-- > 0;) {
		if (i && host.ptr[i - 1] != '.')
			continue;
		if (step_or_add(p, &node, slice_of(host.ptr + i, end - i)) < 0)
			return -ENOMEM;
		end = i ? i - 1 : 0;
	}
	*ret = node;
	return 0;
}

/* Until when an entry makes its host a name that is answered. */
static uint64_t names_until(const struct entry *e)
{
	if (e->verdict == VERDICT_DENY)
		return 0;
	return e->rule->until_s ? e->rule->until_s : POLICY_EVER;
}

static int place_exact(struct builder *b, uint32_t node, uint32_t entry)
{
	struct policy *p = b->p;
	uint32_t root = p->nodes[node].exact;

	if (root == POLICY_NONE && add_node(p, &root) < 0)
		return -ENOMEM;
	p->nodes[node].exact = root;
	p->nodes[node].exact_until = MAX(p->nodes[node].exact_until,
					 names_until(&p->entries[entry]));
	return place_path(b, root, entry);
}

static int place_below(struct builder *b, uint32_t node, uint32_t entry)
{
	struct policy *p = b->p;
	uint32_t root = p->nodes[node].below;

	if (root == POLICY_NONE && add_node(p, &root) < 0)
		return -ENOMEM;
	p->nodes[node].below = root;
	p->nodes[node].below_until = MAX(p->nodes[node].below_until,
					 names_until(&p->entries[entry]));
	return place_path(b, root, entry);
}

static int place_range(struct builder *b, uint32_t entry)
{
	struct policy *p = b->p;

	if (GROW(p->ranges, p->ranges_len, &b->ranges_cap) < 0)
		return -ENOMEM;
	p->ranges[p->ranges_len++] = entry;
	return 0;
}

static int place_entry(struct builder *b, uint32_t entry)
{
	const struct rule *rule = b->p->entries[entry].rule;
	uint32_t node;
	int rc;

	if (rule->host_kind == RULE_CIDR)
		return place_range(b, entry);
	rc = host_node(b->p, rule_slice(rule, rule->host), &node);
	if (rc < 0)
		return rc;
	switch (rule->host_kind) {
	case RULE_NAME:
	case RULE_IP:
		return place_exact(b, node, entry);
	case RULE_TREE:
		rc = place_exact(b, node, entry);
		if (rc < 0)
			return rc;
		return place_below(b, node, entry);
	default:
		return place_below(b, node, entry);
	}
}

const char *policy_method_str(enum method_bit bit)
{
	static const char *const names[] = {
		[METHOD_GET] = "GET",	      [METHOD_HEAD] = "HEAD",
		[METHOD_POST] = "POST",	      [METHOD_PUT] = "PUT",
		[METHOD_DELETE] = "DELETE",   [METHOD_PATCH] = "PATCH",
		[METHOD_OPTIONS] = "OPTIONS",
	};

	static_assert(ARRAY_SIZE(names) == METHOD_OTHER, "a method unnamed");
	assert(bit < METHOD_OTHER);
	return names[bit];
}

enum method_bit policy_method(struct slice method)
{
	for (int i = 0; i < METHOD_OTHER; i++) {
		enum method_bit bit = (enum method_bit)i;

		if (slice_eq(method, slice_str(policy_method_str(bit))))
			return bit;
	}
	return METHOD_OTHER;
}

static uint8_t method_bits(struct slice list)
{
	unsigned int bits = list.len ? 0 : METHODS_ALL;
	struct slice name;

	while (list.len) {
		(void)slice_cut(list, ',', &name, &list);
		bits |= BIT(policy_method(name));
	}
	if (bits & BIT(METHOD_GET))
		bits |= BIT(METHOD_HEAD);
	return (uint8_t)bits;
}

/* A WebSocket handshake is a GET of https: who denies that denies this. */
static uint8_t scheme_bits(const struct rule *rule)
{
	unsigned int bits = BIT(rule->scheme);

	if (rule->verdict == VERDICT_DENY && rule->scheme == RULE_HTTPS)
		bits |= BIT(RULE_WSS);
	if (rule->verdict == VERDICT_DENY && rule->scheme == RULE_HTTP)
		bits |= BIT(RULE_WS);
	return (uint8_t)bits;
}

/* Longer literal host, longer literal path, longer query, named methods,
 * first in the file: 10 + 12 + 12 + 1 + 17 bits.
 */
static uint64_t rank_of(const struct entry *e, uint16_t query_literal,
			uint32_t index)
{
	const struct rule *rule = e->rule;
	uint64_t rank = rule->host.len * 2u;

	static_assert(RULES_MAX < 1 << 17, "the order does not fit");
	static_assert(RULE_LINE_MAX < 1 << 12, "a literal does not fit");
	if (rule->host_kind == RULE_NAME)
		rank |= 1;
	else if (rule->host_kind == RULE_IP)
		rank = RULE_HOST_MAX * 2 + 1;
	else if (rule->host_kind == RULE_CIDR)
		rank = rule->prefix_bits;
	rank = rank << 12 | e->path.literal;
	rank = rank << 12 | query_literal;
	rank = rank << 1 | (e->methods != METHODS_ALL);
	return rank << 17 | (RULES_MAX - index);
}

/* One thing to match: these methods, path and query of the rule's host. */
static int add_entry(struct builder *b, const struct rule *rule,
		     struct slice methods, struct slice path,
		     struct slice query)
{
	struct policy *p = b->p;
	uint16_t query_literal = 0;
	struct entry e = {
		.rule = rule,
		.port = rule->port,
		.methods = method_bits(methods),
		.schemes = scheme_bits(rule),
		.verdict = (uint8_t)rule->verdict,
		.params = slice_find(path, ';') >= 0,
	};

	if (methods.len && e.methods & BIT(METHOD_OTHER))
		e.others = methods;
	if (path.len && glob_path_new(&p->arena, path, &e.path) < 0)
		return -ENOMEM;
	if (query.len &&
	    glob_query_new(&p->arena, query, &e.query, &query_literal) < 0)
		return -ENOMEM;
	if (GROW(p->entries, p->entries_len, &p->entries_cap) < 0)
		return -ENOMEM;
	e.rank = rank_of(&e, query_literal, p->rules_len);
	p->entries[p->entries_len] = e;
	return place_entry(b, p->entries_len++);
}

struct git_step {
	enum rule_git git;
	struct slice method;
	struct slice path; /* behind the repository's */
	struct slice query;
};

/* What git asks of a server over HTTP. The LFS batch is one path for both
 * ways; the transfers that it answers with have rules of their own.
 */
static const struct git_step git_steps[] = {
	{ RULE_GIT_READ, SLICE("GET"), SLICE("/info/refs"),
	  SLICE("service=git-upload-pack") },
	{ RULE_GIT_READ, SLICE("POST"), SLICE("/git-upload-pack"), SLICE("") },
	{ RULE_GIT_READ, SLICE("POST"), SLICE("/info/lfs/objects/batch"),
	  SLICE("") },
	{ RULE_GIT_WRITE, SLICE("GET"), SLICE("/info/refs"),
	  SLICE("service=git-receive-pack") },
	{ RULE_GIT_WRITE, SLICE("POST"), SLICE("/git-receive-pack"),
	  SLICE("") },
	{ RULE_GIT_WRITE, SLICE("POST"), SLICE("/info/lfs/locks/verify"),
	  SLICE("") },
};

static int add_git_path(struct builder *b, const struct rule *rule,
			struct slice repo, struct slice suffix)
{
	for (size_t i = 0; i < ARRAY_SIZE(git_steps); i++) {
		const struct git_step *step = &git_steps[i];
		size_t size = repo.len + suffix.len + step->path.len + 1;
		struct text path;
		char *mem;

		/* To allow pushing is to allow reading; to deny or to ask
		 * about pushing says nothing about reading.
		 */
		if (step->git != rule->git && !(rule->git == RULE_GIT_WRITE &&
						rule->verdict == VERDICT_ALLOW))
			continue;
		mem = arena_alloc(&b->p->arena, size);
		if (!mem)
			return -ENOMEM;
		path = text_in(mem, size);
		text_put(&path, repo);
		text_put(&path, suffix);
		text_put(&path, step->path);
		if (add_entry(b, rule, step->method, text_since(&path, 0),
			      step->query) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* A repository answers with and without ".git"; a wildcard at the end covers
 * both already.
 */
static int add_git(struct builder *b, const struct rule *rule)
{
	struct slice repo = rule_slice(rule, rule->path);

	if (repo.len == 1)
		repo.len = 0;
	if (slice_ends(repo, SLICE(".git")) && repo.len > 5)
		repo.len -= 4;
	if (add_git_path(b, rule, repo, SLICE("")) < 0)
		return -ENOMEM;
	if (!repo.len || repo.ptr[repo.len - 1] == '*')
		return 0;
	return add_git_path(b, rule, repo, SLICE(".git"));
}

static int add_rule(struct builder *b, const struct rule *source)
{
	struct policy *p = b->p;
	struct rule *rule = rule_copy(source, &p->arena);
	uint32_t first = p->entries_len;
	int rc;

	if (!rule)
		return -ENOMEM;
	if (rule->git)
		rc = add_git(b, rule);
	else
		rc = add_entry(b, rule, rule_slice(rule, rule->methods),
			       rule_slice(rule, rule->path),
			       rule_slice(rule, rule->query));
	if (rc < 0)
		return rc;
	p->rules[p->rules_len++] =
		(struct policy_rule){ rule, first, p->entries_len - first };
	return 0;
}

/* Group the places by node: a counting sort. */
static int sort_places(struct builder *b)
{
	struct policy *p = b->p;
	uint32_t first = 0;

	p->slots = reallocarray(NULL, b->len + 1u, sizeof(*p->slots));
	if (!p->slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < b->len; i++)
		p->nodes[b->places[i].node].len++;
	for (uint32_t i = 0; i < p->nodes_len; i++) {
		p->nodes[i].first = first;
		first += p->nodes[i].len;
		p->nodes[i].len = 0;
	}
	for (uint32_t i = 0; i < b->len; i++) {
		struct node *n = &p->nodes[b->places[i].node];

		p->slots[n->first + n->len++] = b->places[i].entry;
	}
	return 0;
}

static int build(struct builder *b, const struct ruleset *rs)
{
	struct policy *p = b->p;
	uint32_t root;

	arena_init(&p->arena, SIZE_MAX);
	p->fallback = rs->fallback;
	p->rules = reallocarray(NULL, rs->len + 1, sizeof(*p->rules));
	if (!p->rules || table_grow(p) < 0 || add_node(p, &root) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < rs->len; i++)
		if (add_rule(b, rs->rules[i]) < 0)
			return -ENOMEM;
	return sort_places(b);
}

int policy_compile(const struct ruleset *rs, struct policy **ret)
{
	struct builder b = { .p = calloc(1, sizeof(struct policy)) };
	int rc;

	if (!b.p)
		return -ENOMEM;
	rc = build(&b, rs);
	free(b.places);
	if (rc < 0) {
		policy_free(&b.p);
		return rc;
	}
	*ret = b.p;
	return 0;
}

void policy_free(struct policy **policy)
{
	struct policy *p = *policy;

	if (!p)
		return;
	arena_done(&p->arena);
	free(p->rules);
	free(p->entries);
	free(p->slots);
	free(p->ranges);
	free(p->nodes);
	free(p->edges);
	free(p->table);
	free(p);
	*policy = NULL;
}
