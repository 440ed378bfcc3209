/* ship/status.h - how the shipping goes, for `penstock status` and
 * `penstock metrics`. Private to ship/.
 *
 * The file ship.status in the directory `ship` of the run directory, replaced
 * once a second, lines of "NAME VALUE":
 *
 *   time_us 1795348343724755	when it was written; an old one is a dead one's
 *   instance gw1-1f0c9a3e	what the rows carry as `instance`
 *   DESTINATION.state ok	ok, retrying, refused
 *   DESTINATION.position 812	the last batch that it has as a whole
 *   DESTINATION.rows_behind 0
 *   DESTINATION.seconds_behind 0
 *   DESTINATION.rows_delivered 40960	since penstock-ship started, as below
 *   DESTINATION.requests 9
 *   DESTINATION.failures 1
 *   DESTINATION.tries 0		failures in a row
 *   DESTINATION.missed_batches 0	taken away before they were sent
 *   DESTINATION.error …		the last failure; may be missing
 */
#ifndef SHIP_STATUS_H
#define SHIP_STATUS_H

#include <stddef.h>
#include <stdint.h>

#define STATUS_MAX 8 /* destinations */

struct status_dest {
	char name[64];
	char state[16];
	uint64_t position;
	uint64_t rows_behind;
	uint64_t seconds_behind;
	uint64_t rows_delivered;
	uint64_t requests;
	uint64_t failures;
	uint64_t tries;
	uint64_t missed_batches;
	char error[200];
};

struct status {
	uint64_t time_us;
	char instance[80];
	struct status_dest dests[STATUS_MAX];
	size_t dests_len;
};

/* dir: a descriptor of the directory of the file. What fails is tried again a
 * second later.
 */
void status_write(int dir, const struct status *s);

#endif
