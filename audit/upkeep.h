/* audit/upkeep.h - what the ledger's writer does between its passes.
 *
 * Private to audit/main.c: seal and sign the chain, take away what is too old
 * or too much, and what an operator asks to have taken away.
 */
#ifndef AUDIT_UPKEEP_H
#define AUDIT_UPKEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/age.h"
#include "audit/request.h"
#include "audit/store.h"

#define UPKEEP_SHIPPED "ship.cursor" /* state; the last id shipped, decimal */

struct upkeep {
	const char *state_dir; /* borrowed */
	struct store *store;   /* borrowed */
	struct store_limits limits;
	struct age age;
	bool doubts;	/* the clock, and has said so */
	bool caught_up; /* all spools have been looked at */
	bool asked;	/* a request is being worked off */
	struct request request;
	uint64_t request_rows;
	uint64_t seal_due_ms;
	uint64_t sign_due_ms;
	uint64_t sum_due_ms;
	uint64_t prune_due_ms;
	uint64_t request_due_ms;
};

/* After a pass that went well and entered so many records. Returns 1 when there
 * is more to do at once, 0, or the store's last error; what failed is tried
 * again.
 */
int upkeep_turn(struct upkeep *u, int entered, uint64_t now_ms);

/* How far rows have been shipped, if they are. A file that cannot be read
 * counts as nothing shipped: bytes_max holds all the same.
 */
void upkeep_shipped(const char *state_dir, struct store_limits *ret);

/* At the end: all that is finished is sealed and signed. */
void upkeep_end(struct upkeep *u);

#endif
