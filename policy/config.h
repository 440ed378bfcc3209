/* policy/config.h - what a configuration holds, and how it is read. Private to
 * policy/.
 *
 * A policy stays the part of the document that says it; its rules are parsed
 * when the file is checked, and again when somebody asks for them.
 */
#ifndef POLICY_CONFIG_H
#define POLICY_CONFIG_H

#include "policy/doc.h"
#include "policy/probe.h"
#include "policy/rule.h"

#define CONFIG_NAMES_MAX 1000 /* policies, sandboxes, secrets */
#define CONFIG_USE_DEPTH 32   /* of policies that use policies */
#define CONFIG_PROBES	 9    /* placeholders */

struct config_policy {
	const char *name;
	const struct doc_source *src;
	const struct doc_node *map; /* NULL: empty, or not read yet */
	bool on_path;		    /* while looking for cycles */
	bool checked;		    /* no cycle begins here */
};

/* What is found out only when asked for, and then kept. */
struct config_cache {
	struct arena arena;
	struct config_policy *profiles;		 /* as many as we ship */
	struct doc_source *sources;		 /* of them */
	struct probe_bases bases[CONFIG_PROBES]; /* as the placeholders */
	bool known[CONFIG_PROBES];
};

struct config {
	struct arena arena;
	struct doc_source src;
	const struct doc_node *root; /* NULL: an empty text */
	struct config_policy *policies;
	size_t policies_len;
	struct config_sandbox *sandboxes;
	size_t sandboxes_len;
	struct config_secret *secrets;
	size_t secrets_len;
	struct config_settings settings;
	struct config_cache *cache; /* owned */
	const struct config *outer; /* borrowed; where more policies are, or
				     * NULL */
};

/* A configuration being read. Errors are reported and reading goes on, so one
 * run shows them all.
 */
struct load {
	struct config *c;
	const struct doc_source *src;
	const struct config *outer;	/* for c */
	struct config_sandbox *sandbox; /* being read */
	struct config_secret *secret;	/* the same */
	enum verdict verdict;		/* of the rules being read */
	struct config_error *err;	/* the first error */
	config_error_fn *fn;		/* gets each; may be NULL */
	void *ctx;
	unsigned int errors;
	bool no_memory;
};

#define LOAD_ERRORS_MAX 100 /* reported of one file */

/* Report what is wrong with node, at its octet at. */
void load_fail(struct load *l, const struct doc_node *node, size_t at,
	       const char *what);
/* The same with a name behind, and a suggestion if there is one. */
void load_fail_name(struct load *l, const struct doc_node *node,
		    const char *what, const char *suggestion);

/* Read the whole file into l->c. Errors are in l. */
void schema_read(struct load *l, const struct doc_node *root);
/* Check what has the keys of a policy. */
void schema_check_policy(struct load *l, const struct doc_node *map);

/* Read a list of destinations into the settings. */
void schema_ship(struct load *l, const struct doc_node *list);

/* A policy by name: of the file, of the outer configuration, a profile. NULL
 * with *ret_near the nearest name (or NULL) when there is none.
 */
struct config_policy *config_find(const struct config *c, const char *name,
				  const char **ret_near);
/* Its number among all of them, below config_count(). */
size_t config_index(const struct config *c, const struct config_policy *p);
size_t config_count(const struct config *c);

/* Append the rules of a policy, and of all it uses. */
int gather_rules(const struct config *c, const struct config_policy *p,
		 struct ruleset *rs, struct config_error *ret_err);
/* The same, and call back with each rule's policy and node as it is added. */
typedef void gather_fn(void *ctx, const struct config_policy *p,
		       const struct doc_node *node);
struct gather_job {
	const struct config *c;
	const struct config_policy *p;
	gather_fn *fn;
	void *ctx;
};
int gather_each(const struct gather_job *job, struct ruleset *rs,
		struct config_error *ret_err);
/* Does the line begin its target with a placeholder? */
bool gather_is_open(struct slice line);
/* Parse a line, placeholders replaced by an example. Returns as rule_new(). */
int gather_check(struct slice line, enum verdict verdict, struct rule **ret,
		 struct rule_error *ret_err);

/* Read "secrets:". */
void secret_read_all(struct load *l, const struct doc_node *map);

#endif
