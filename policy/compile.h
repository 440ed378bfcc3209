/* policy/compile.h - a compiled policy. Private to policy/.
 *
 * One trie holds everything: from the root down the labels of a host from
 * right to left, and from a host's node down the literal segments with which
 * its rules' paths begin. A rule stands at the node where its literal beginning
 * ends; what follows there is matched as a pattern. So a judgement looks only
 * at rules of this host whose path begins like the request's.
 *
 * All edges are in one hash table, keyed by parent node and text.
 */
#ifndef POLICY_COMPILE_H
#define POLICY_COMPILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "policy/glob.h"
#include "policy/rule.h"

#define POLICY_NONE UINT32_MAX
#define POLICY_ROOT 0
#define POLICY_EVER UINT64_MAX /* as a time */

enum method_bit {
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_DELETE,
	METHOD_PATCH,
	METHOD_OPTIONS,
	METHOD_OTHER, /* any that has no bit; compared by name */

	METHODS,
};
#define METHODS_ALL ((1u << METHODS) - 1)

/* One thing to match. A rule is one entry; a git rule is several. */
struct entry {
	/* Which of two matching entries is more specific: the greater. Holds
	 * host, path, query, method, and the order in the file. 0 is none.
	 */
	uint64_t rank;
	const struct rule *rule;
	struct slice others; /* "PROPFIND,MKCOL": methods without a bit */
	struct glob_path path;
	const struct glob_query *query; /* NULL: any */
	uint16_t port;
	uint8_t methods; /* bits of enum method_bit */
	uint8_t schemes; /* bits of enum rule_scheme that it speaks for */
	uint8_t verdict;
	bool params; /* the path names parameters: not for the bare reading */
};

struct node {
	/* Of a host: where the paths begin of rules for exactly this name, and
	 * of those for names below it. POLICY_NONE: there are none.
	 */
	uint32_t exact;
	uint32_t below;
	/* Of a path: its entries, slots[first] on. */
	uint32_t first;
	uint32_t len;
	/* Of a host: until when an allow or ask names it, or names below it;
	 * seconds since 1970, 0 for never.
	 */
	uint64_t exact_until;
	uint64_t below_until;
};

struct edge {
	struct slice text; /* borrowed from the arena */
	uint32_t parent;
	uint32_t child;
};

/* A rule of the policy's own, and which entries are its. */
struct policy_rule {
	const struct rule *rule;
	uint32_t first;
	uint32_t len;
};

struct policy {
	struct arena arena; /* rules, patterns, texts */
	struct policy_rule *rules;
	uint32_t rules_len;
	struct entry *entries;
	uint32_t entries_len;
	uint32_t entries_cap;
	uint32_t *slots;  /* numbers of entries, grouped by node */
	uint32_t *ranges; /* entries of address ranges */
	uint32_t ranges_len;
	struct node *nodes;
	uint32_t nodes_len;
	uint32_t nodes_cap;
	struct edge *edges;
	uint32_t edges_len;
	uint32_t edges_cap;
	uint32_t *table; /* edge numbers by hash; POLICY_NONE is free */
	uint32_t table_mask;
	enum verdict fallback;
};

/* The child of parent along text, or POLICY_NONE. */
uint32_t policy_step(const struct policy *p, uint32_t parent,
		     struct slice text);

/* A segment that all readings see alike: paths that match the rule have it in
 * each.
 */
bool policy_fixed(const struct glob_segment *seg);

/* The bit of a method, by its name; and the other way, but for the last. */
enum method_bit policy_method(struct slice method);
const char *policy_method_str(enum method_bit bit);

#endif
