/* audit/spent.h - what the ledger's writer spends its CPU on.
 *
 * Private to audit/. One stretch of work is counted at a time: what begins
 * within another belongs to that one, so a batch of the chain counts as sealing
 * with its own commit, and all kinds add up to the whole. Each stretch costs
 * two system calls; there are some hundreds in a second.
 */
#ifndef AUDIT_SPENT_H
#define AUDIT_SPENT_H

#include <stdbool.h>
#include <stdint.h>

enum spent_work {
	SPENT_INSERT, /* SQLite's: rows, their commits, checkpoints of the WAL */
	SPENT_SEAL,   /* the chain and its signatures */
	SPENT_SUM,    /* summaries */
	SPENT_PRUNE,
	SPENT_OTHER, /* the rest: reading spools, facts, looking around */

	SPENT_WORKS,
};

struct spent {
	uint64_t ns[SPENT_OTHER];
	uint64_t since_ns;
	bool busy;
};

/* Returns false within other work; then pass that to spent_end(). */
bool spent_begin(struct spent *s);
void spent_end(struct spent *s, bool began, enum spent_work work);

/* What was spent on it so far, ns; of the rest up to now. */
uint64_t spent_ns(const struct spent *s, enum spent_work work);

const char *spent_work_str(enum spent_work work);

#endif
