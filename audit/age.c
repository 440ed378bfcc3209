/* audit/age.c - how far the wall clock is believed when it says that rows are
 * old.
 */

#include "audit/age.h"

#include "base/base.h"

#define AGE_PART                                                               \
	10 /* a step of so small a part of the time kept is no matter */

static void age_believe(struct age *a, uint64_t wall_us, uint64_t boot_ms)
{
	a->wall_us = wall_us;
	a->boot_ms = boot_ms;
	a->doubts = false;
}

void age_begin(struct age *a, uint64_t last_us, uint64_t wall_us,
	       uint64_t boot_ms)
{
	age_believe(a, last_us ? MIN(last_us, wall_us) : wall_us, boot_ms);
	a->begun = true;
}

uint64_t age_ahead_s(struct age *a, uint64_t keep_s, uint64_t wall_us,
		     uint64_t boot_ms)
{
	uint64_t expected_us = a->wall_us + (boot_ms - a->boot_ms) * 1000;
	uint64_t ahead_s =
		wall_us > expected_us ? (wall_us - expected_us) / 1000000 : 0;

	assert(a->begun && boot_ms >= a->boot_ms);
	if (!a->doubts && ahead_s > keep_s / AGE_PART) {
		a->doubts = true;
		a->doubt_ms = boot_ms;
	}
	if (ahead_s > keep_s / AGE_PART && boot_ms - a->doubt_ms < AGE_DOUBT_MS)
		return ahead_s;
	age_believe(a, wall_us, boot_ms);
	return 0;
}
