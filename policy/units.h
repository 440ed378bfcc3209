/* policy/units.h - numbers with a unit. */
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

/* The same, or octets alone, or with the short units k, M, G: "512k". */
bool units_octets(struct slice text, uint64_t *ret);

/* Digits alone, at most max. */
bool units_count(struct slice text, uint32_t max, uint32_t *ret);

/* An instant in UTC, RFC 3339 without fractions, or the day alone, on whose
 * first second it begins: "2026-12-01T00:00:00Z", "2026-12-01". Years 1970 to
 * 9999; no leap second. False when it is no such thing; *ret_s is untouched.
 */
bool units_time(struct slice text, uint64_t *ret_s);

/* The same printed whole; ret has UNITS_TIME octets. s is before the year
 * 10000.
 */
#define UNITS_TIME     21
#define UNITS_TIME_END UINT64_C(253402300800) /* the year 10000 */
void units_print_time(uint64_t s, char ret[UNITS_TIME]);

#endif
