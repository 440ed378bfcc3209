/* cli/when.h - a point in time, as people write it. */
#ifndef CLI_WHEN_H
#define CLI_WHEN_H

#include <stdbool.h>
#include <stdint.h>

/* "10m", "2h", "1h30m" ago; "now", "today", "yesterday"; "2026-11-22",
 * "2026-11-22T10:00:05.25", with Z for UTC or a zone as "+01:00"; "10:00" of
 * today; "11-22 10:00:05", the last such day. In microseconds since 1970. False
 * when it is no such thing; *ret_us is untouched then.
 */
bool when_parse(const char *text, uint64_t *ret_us);

#endif
