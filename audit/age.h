/* audit/age.h - how far the wall clock is believed when it says that rows are
 * old.
 *
 * Private to audit/. A clock that is years ahead for a minute would make all
 * rows too old to keep. So a step forward by more than a tenth of what rows are
 * kept counts as an error for AGE_DOUBT_MS: that long rows age as if the clock
 * had gone on as it was. What was not running, or slept, is no step: the time
 * that CLOCK_BOOTTIME counted is expected, and the first time comes from the
 * ledger.
 */
#ifndef AUDIT_AGE_H
#define AUDIT_AGE_H

#include <stdbool.h>
#include <stdint.h>

#define AGE_DOUBT_MS UINT64_C(3600000)

struct age {
	uint64_t wall_us; /* was believed … */
	uint64_t boot_ms; /* … at this time */
	uint64_t doubt_ms;
	bool begun;
	bool doubts; /* since doubt_ms */
};

/* last_us: a time at which rows are known to have been sealed, or 0. */
void age_begin(struct age *a, uint64_t last_us, uint64_t wall_us,
	       uint64_t boot_ms);

/* By how many seconds the clock is ahead of what is believed. 0: it is
 * believed. Never asks for a clock that went back: rows are kept longer then.
 */
uint64_t age_ahead_s(struct age *a, uint64_t keep_s, uint64_t wall_us,
		     uint64_t boot_ms);

#endif
