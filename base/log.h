/* base/log.h - lines for the operator, on standard error.
 *
 * Not the audit: that has its own room. Below warning nothing is written
 * unless asked for. Text that came from a peer goes through LOG_SLICE, which
 * escapes control and 8-bit octets, so that no peer writes a line of its own.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>

#include "base/slice.h"

enum log_level {
	LOG_LEVEL_ERROR, /* something of ours is broken */
	LOG_LEVEL_WARN,	 /* an operator should look */
	LOG_LEVEL_INFO,	 /* what the process does: start, reload, stop */
	LOG_LEVEL_DEBUG, /* each connection and state change */
};

/* name (borrowed, static) begins each line. With journal true lines begin with
 * the "<N>" that systemd's journal reads.
 */
void log_init(const char *name, enum log_level max, int journal);
enum log_level log_max(void);

/* At most LOG_BURST lines per call site and second; what was held back is
 * counted on the next line that passes. More than an operator reads, less than
 * a peer needs to fill a disk.
 */
#define LOG_BURST 20

struct log_site {
	unsigned long second;
	unsigned int count;
	unsigned int held;
};

void log_write(struct log_site *site, enum log_level level, const char *fmt,
	       ...) __attribute__((format(printf, 3, 4)));

#define LOG_AT(level, ...)                                                     \
	do {                                                                   \
		static struct log_site log_site_;                              \
		if ((level) <= log_max())                                      \
			log_write(&log_site_, (level), __VA_ARGS__);           \
	} while (0)
#define log_error(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Text of several lines, a log line for each: an error with its place in a
 * file.
 */
void log_lines(enum log_level level, const char *text);

/* A peer's text, escaped (\xHH) and cut to fit; for use as a %s argument. One
 * of four static buffers in turn.
 */
const char *log_slice(struct slice s);

#endif
