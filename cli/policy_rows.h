/* cli/policy_rows.h - the ledger's rows as questions to the judge. */
#ifndef CLI_POLICY_ROWS_H
#define CLI_POLICY_ROWS_H

#include <stdbool.h>

#include "audit/query.h"
#include "policy/policy.h"

/* Which rows: the options that cases, replay and suggest share. */
struct policy_rows {
	const char *command; /* for messages */
	const char *ledger;  /* a file, or NULL: the instance's */
	const char *sandbox; /* or NULL: all */
	const char *host;    /* exact, or with * and ?; or NULL */
	uint64_t since_us;   /* 0: all */
	bool masked;	     /* those whose path is masked, too */
	/* Only those; NULL: all. What it does not want is not left out. */
	bool (*wants)(const struct query_row *row);
};

/* Take --since, --sandbox, --host or --ledger at argv[*i] and its value, and
 * move *i on to it. Returns 1 taken, 0 another option, or -1: it has no good
 * value, and that has been said.
 */
int policy_rows_option(struct policy_rows *rows, int argc, char **argv, int *i);

/* Call back with each row that asked something of a policy, oldest first: the
 * question as it was then, at the time it was, and the row. *ret_left_out
 * counts those that the ledger does not know well enough to ask again (a path
 * that was escaped, or masked, or a text that was cut). Returns 0 or an exit
 * status, with a message.
 */
typedef void policy_rows_fn(void *ctx, const struct policy_question *q,
			    const struct query_row *row);
int policy_rows_each(const struct policy_rows *rows, policy_rows_fn *fn,
		     void *ctx, uint64_t *ret_left_out);

/* Was part of the path masked? As far as one can see. */
bool policy_rows_masked(struct slice path);

/* In a rule that was made of such a path, put a "*" where the mask stands: it
 * may be anything within its segment. The rule gets shorter.
 */
void policy_rows_unmask(char *rule);

#endif
