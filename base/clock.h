/* base/clock.h - what a clock of the system says, as one number.
 *
 * For those who have no loop: a turn of base/loop.h has one time for all of it.
 * Not for rooms that are pure.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* id is one that the kernel always has (CLOCK_REALTIME, CLOCK_MONOTONIC,
 * CLOCK_PROCESS_CPUTIME_ID). In 64 bits there is room until the year 2554.
 */
uint64_t clock_ns(clockid_t id);

static inline uint64_t clock_us(clockid_t id)
{
	return clock_ns(id) / 1000;
}

static inline uint64_t clock_ms(clockid_t id)
{
	return clock_ns(id) / 1000000;
}

#endif
