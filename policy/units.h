/* policy/units.h - numbers with a unit. Private to policy/. */
#ifndef POLICY_UNITS_H
#define POLICY_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* "90d", "12h", "30m", "45s" into seconds. False when it is no such thing or
 * does not fit; *ret is untouched then.
 */
bool units_duration(struct slice text, uint32_t *ret_s);

/* "10GiB", "500MiB", "64KiB", "1TiB" into bytes; the same. */
bool units_size(struct slice text, uint64_t *ret_bytes);

/* Digits alone, at most max. */
bool units_count(struct slice text, uint32_t max, uint32_t *ret);

#endif
