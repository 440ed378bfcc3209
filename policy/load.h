/* policy/load.h - penstock.yaml, the profiles, and names to rulesets.
 *
 * Cold code: reads files, runs no programs but those that tell where the
 * operator's package registries are ({npm.registry}, {go.proxy}).
 */
#ifndef POLICY_LOAD_H
#define POLICY_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/policy.h"

/* One error, ready to print: "FILE:LINE:COLUMN: what", the line, the caret. */
struct config_error {
	char text[1024];
};

struct config;

/* Read a configuration. A missing file gives -ENOENT. Returns 0, -errno or
 * ERR_SYNTAX; with any but -ENOMEM, ret_err says it in words.
 */
int config_load(const char *path, struct config **ret,
		struct config_error *ret_err);

/* The same from memory; name stands in messages. */
int config_parse(const char *name, struct slice text, struct config **ret,
		 struct config_error *ret_err);

/* Check a file and call back with each error in order, for `penstock policy
 * check`: a configuration, or only the keys of a policy (then *ret has one
 * policy without a name). Returns as config_load() does.
 */
typedef void config_error_fn(void *ctx, const struct config_error *err);
int config_check(const char *path, config_error_fn *fn, void *ctx,
		 struct config **ret);

/* A text that is one or the other. Returns as config_parse(). */
int config_parse_either(const char *name, struct slice text,
			struct config **ret, struct config_error *ret_err);

/* A file's text, to be freed; NUL behind it. Returns 0, -errno or ERR_LIMIT
 * (beyond 8 MiB) with *ret_err filled.
 */
int config_read(const char *path, char **ret, size_t *ret_len,
		struct config_error *ret_err);

/* The empty configuration: profiles only. */
int config_empty(struct config **ret);
void config_free(struct config **c);

/* A sandbox that the file names (for those that arrive by address). */
struct config_sandbox {
	const char *name;
	const char *const *from; /* addresses and prefixes, as text */
	size_t from_len;
	const char *const *policies;
	size_t policies_len;
	const char *token_file; /* what proves it to the proxy; or NULL */
	bool learn; /* mode: learn: what would be denied passes, recorded */
};

size_t config_sandboxes(const struct config *c);
void config_sandbox(const struct config *c, size_t i,
		    struct config_sandbox *ret);

#define CONFIG_SHIP_MAX 8

enum config_ship_kind {
	CONFIG_SHIP_CLICKHOUSE, /* over HTTP, JSONEachRow */
	CONFIG_SHIP_NDJSON,	/* any receiver of NDJSON over HTTP */
	CONFIG_SHIP_POSTGRESQL,
};

/* Where rows of the ledger are sent to; NULL where the file is silent. */
struct config_ship {
	enum config_ship_kind kind;
	const char *name;	   /* its own, unique; never NULL */
	const char *url;	   /* but for PostgreSQL */
	const char *conninfo;	   /* PostgreSQL; without a password */
	const char *table;	   /* never NULL */
	const char *user;	   /* ClickHouse */
	const char *password_file; /* ClickHouse, PostgreSQL */
	const char *headers_file;  /* NDJSON: further fields, a line each */
	const char *ca;		   /* PEM file to trust instead */
	bool plain;		   /* no gzip */
};

/* Plain settings; NULL or 0 where the file is silent. */
struct config_settings {
	const char *const *listen; /* "ADDR:PORT" transparent listeners */
	size_t listen_len;
	const char *const *proxy; /* "ADDR:PORT" of the explicit proxy */
	size_t proxy_len;
	const char *const *capture_interfaces; /* whose traffic is captured */
	size_t capture_interfaces_len;
	const char *const *capture_sources; /* prefixes */
	size_t capture_sources_len;
	uint16_t capture_port;		 /* 0: the usual one */
	const char *const *upstream_dns; /* resolvers, "ADDR[:PORT]" */
	size_t upstream_dns_len;
	const char *const *upstream_ca; /* further PEM files to trust */
	size_t upstream_ca_len;
	uint32_t workers;      /* 0: one per core */
	uint32_t audit_keep_s; /* retention, seconds */
	uint64_t audit_max_bytes;
	bool audit_when_full_count; /* "count" rather than "refuse" */
	const struct config_ship *ship;
	size_t ship_len;
	uint32_t ask_timeout_s; /* how long a question waits; 0: as usual */
};

void config_settings(const struct config *c, struct config_settings *ret);

/* A credential that rules put into requests by name (inject=NAME). Where it
 * is kept is said here; the content is never read in this room. Exactly one of
 * file and credential is given, and at least one of header and placeholder.
 */
struct config_secret {
	const char *name;
	const char *file;	  /* from the root; or NULL */
	const char *credential;	  /* of systemd, by name; or NULL */
	const char *header;	  /* lower case: set to prefix and content; or
				  * NULL */
	const char *prefix;	  /* as "Bearer "; empty without one */
	const char *placeholder;  /* what the sandbox sends and the content
				  * replaces; or NULL */
	const char *const *hosts; /* canonical; where the content may go */
	size_t hosts_len;
};

size_t config_secrets(const struct config *c);
void config_secret(const struct config *c, size_t i, struct config_secret *ret);

/* May this rule inject what it says? inject= is for an allow or ask of https
 * or wss to one host, which is among the hosts of a secret of this
 * configuration. Rules of the file are checked when it is read; this is for
 * rules that come later. Returns 0 (also when nothing is injected) or
 * ERR_SYNTAX with *ret_err filled, its column counted in rule_text().
 */
int config_check_inject(const struct config *c, const struct rule *rule,
			struct rule_error *ret_err);

/* The policies that the file names, and the profiles we ship. */
size_t config_policies(const struct config *c);
const char *config_policy_name(const struct config *c, size_t i);
bool config_has_policy(const struct config *c, const char *name);
size_t config_profiles(void);
const char *config_profile_name(size_t i);
struct slice config_profile_text(size_t i);

/* Append to rs the rules of a policy of the file, else of a profile we ship,
 * with all that it uses. Returns 0, ERR_UNKNOWN (ret_err suggests the nearest
 * name), ERR_SYNTAX, ERR_LIMIT, -ENOENT (a profile asks for a package registry
 * and none is configured on this machine; ret_err says what to do), or -errno.
 */
int config_rules(const struct config *c, const char *name, struct ruleset *rs,
		 struct config_error *ret_err);

/* The rules of a policy file on its own: either a whole configuration with one
 * policy in it, or only the keys of a policy (use, allow, ask, deny,
 * default). For `penstock run --policy FILE`.
 */
int config_policy_file(const struct config *c, const char *path,
		       struct ruleset *rs, struct config_error *ret_err);

#endif
