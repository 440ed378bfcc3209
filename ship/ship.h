/* ship/ship.h - what the processes of penstock-ship share. Private to ship/.
 *
 *   supervisor	(main.c) reads the configuration, makes the links, starts the
 *		others, replaces a sender that dies; sees no octet of a row
 *   reader	(reader.c) the ledger, read-only, the cursors and the status;
 *		no network
 *   sender	(sender.c) one for each destination: the network and its own
 *		password; no ledger, no state directory
 */
#ifndef SHIP_SHIP_H
#define SHIP_SHIP_H

#include <stdint.h>

#include "policy/load.h"
#include "ship/cursor.h"
#include "ship/link.h"

#define SHIP_RUN "ship" /* directory of the run directory: ship.status */

struct ship_dest {
	const struct config_ship *config; /* borrowed */
	struct link link;
};

struct ship {
	const char *state_dir;
	const char *run_dir; /* NULL: no status is written */
	const char *ledger;  /* path */
	int cursors;	     /* directory of the cursors */
	int status;	     /* directory of the status; -1: none */
	int done;	     /* ship.cursor */
	char instance[CURSOR_INSTANCE_MAX];
	struct ship_dest dests[CONFIG_SHIP_MAX];
	size_t dests_len;
};

/* Never returns but with an exit status, when the supervisor has gone or the
 * ledger cannot be read.
 */
int reader_run(struct ship *s);

/* Never returns. generation is new for each sender of a destination. */
_Noreturn void sender_run(const struct ship *s, const struct ship_dest *d,
			  uint32_t generation);

#endif
