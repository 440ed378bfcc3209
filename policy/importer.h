/* policy/importer.h - what the readers of foreign formats share. Private to
 * policy/.
 */
#ifndef POLICY_IMPORTER_H
#define POLICY_IMPORTER_H

#include "policy/doc.h"
#include "policy/import.h"
#include "policy/rule.h"

#define IMPORT_LINE_MAX 4096 /* octets; a longer line is left out */

struct importer {
	struct doc_source src;
	import_fn *fn;
	void *ctx;
	struct config_error *err;
	bool no_memory;
};

/* A place in the file. */
struct import_at {
	uint32_t line;
	uint32_t column; /* from 1 */
	struct slice text;
};

/* Say a rule, if it is one of ours; otherwise that it is left out and why. how
 * says how it differs from what it was, or NULL. Returns whether it was.
 */
bool import_rule(struct importer *im, const struct import_at *at,
		 enum verdict verdict, struct slice rule, const char *how);
void import_left(struct importer *im, const struct import_at *at,
		 const char *why);
void import_say(struct importer *im, const struct import_at *at,
		enum import_kind kind, struct slice line, const char *why);
int import_fail(struct importer *im, const struct import_at *at,
		const char *what);

/* The next line without its end, and its number; false after the last. */
bool import_line(struct slice *rest, uint32_t *number, struct slice *ret);

int import_squid(struct importer *im);
int import_agent_sandbox(struct importer *im);

#endif
