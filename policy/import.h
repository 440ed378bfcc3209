/* policy/import.h - lists that other programs have, as rules. Pure.
 *
 * What is not said in our language is left out and said, never guessed. What
 * is imported may still be wider or narrower than it was there; then that is
 * said too.
 */
#ifndef POLICY_IMPORT_H
#define POLICY_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/load.h"
#include "policy/policy.h"

enum import_format {
	IMPORT_PEN,	      /* http-allowlist.txt, network-allowlist.txt */
	IMPORT_PENT,	      /* pent.toml */
	IMPORT_AGENT_SANDBOX, /* policy.yaml: services, domains */
	IMPORT_SQUID,	      /* squid.conf: acl, http_access */

	IMPORT_FORMATS,
};

const char *import_format_str(enum import_format format);

enum import_kind {
	IMPORT_RULE,	 /* line is a rule with a verdict */
	IMPORT_USE,	 /* line is the name of a profile */
	IMPORT_DEFAULT,	 /* everything else is allowed */
	IMPORT_LEFT,	 /* why says why not */
	IMPORT_NEEDLESS, /* left out, and nothing is lost; why says why */
};

struct import_item {
	enum import_kind kind;
	enum verdict verdict;
	struct slice line; /* canonical; lives for the call */
	uint32_t number;   /* line of the file, from 1 */
	uint32_t column;   /* from 1 */
	struct slice text; /* what stands there; for the call */
	const char *why;   /* of a rule: how it differs, or NULL */
};
typedef void import_fn(void *ctx, const struct import_item *item);

/* A file in memory. */
struct import_source {
	enum import_format format;
	const char *name; /* for messages */
	struct slice text;
};

/* Call back with each item in the order of the file. Returns 0, -ENOMEM, or
 * ERR_SYNTAX with *ret_err filled when the file is none of this format.
 */
int import_text(const struct import_source *source, import_fn *fn, void *ctx,
		struct config_error *ret_err);

#endif
