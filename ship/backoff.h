/* ship/backoff.h - how long to wait before trying again. Private to ship/. */
#ifndef SHIP_BACKOFF_H
#define SHIP_BACKOFF_H

#include <stdint.h>

#define BACKOFF_FIRST_MS 250u
#define BACKOFF_MAX_MS	 60000u

/* The wait before try number `tries` (from 1) after a failure that may pass:
 * doubled each time up to BACKOFF_MAX_MS, and of that a part between a half
 * and the whole, chosen by random, so that many senders do not come back at
 * once.
 */
uint32_t backoff_ms(uint32_t tries, uint32_t random);

#endif
