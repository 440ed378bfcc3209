/* cli/vitals.h - what an instance says about itself, as names and values.
 *
 * From the control door (gateway/stats.h), from the status files that audit
 * ("audit_NAME") and ship ("ship.DESTINATION.NAME") leave in the run directory,
 * and the size of the ledger. `status` and `metrics` print the same facts.
 */
#ifndef CLI_VITALS_H
#define CLI_VITALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct vitals_sandbox {
	char name[64];
	uint64_t requests;
	uint64_t denied;
};

/* Large; not for the stack. Begins as zero. */
struct vitals {
	char text[32768]; /* lines "name value" */
	size_t len;
	struct vitals_sandbox *sandboxes; /* owned */
	size_t sandboxes_len;
};

/* Ask the instance that runs here. Returns 0 or an exit status, with a message
 * on standard error: "penstock COMMAND: …".
 */
int vitals_read(const char *command, struct vitals *ret);
void vitals_free(struct vitals *v);

/* The next fact of *rest, which begins as all of the text. False at the end. */
bool vitals_next(struct slice *rest, struct slice *ret_name,
		 struct slice *ret_value);

/* A fact's value; empty when it is not there. */
struct slice vitals_get(const struct vitals *v, const char *name);

/* Its value as a number; 0 when it is none. */
uint64_t vitals_number(const struct vitals *v, const char *name);

/* Is it a number as JSON and Prometheus read it? */
bool vitals_is_number(struct slice value);

#endif
