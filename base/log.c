/* base/log.c - lines for the operator, on standard error.
 *
 * A line is put together in one buffer and written by one write(), so that
 * lines of several processes do not mix. Whatever control octets are left in
 * it, by a %s that should have gone through log_slice(), are blotted out here:
 * a line of the log is always a line of ours.
 */

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/hex.h"

#define LOG_LINE    1024 /* octets, newline included */
#define LOG_SLICES  4	 /* results of log_slice() alive at a time */
#define LOG_SLICE_N 256	 /* octets of each, NUL included */

static struct {
	const char *name;
	enum log_level max;
	int journal;
} log_state = { .name = "penstock", .max = LOG_LEVEL_INFO };

/* The word before the text, and the number syslog has for it. */
static const struct {
	const char *word;
	int number;
} log_levels[] = {
	[LOG_LEVEL_ERROR] = { "error: ", 3 },
	[LOG_LEVEL_WARN] = { "warning: ", 4 },
	[LOG_LEVEL_INFO] = { "", 6 },
	[LOG_LEVEL_DEBUG] = { "debug: ", 7 },
};

void log_init(const char *name, enum log_level max, int journal)
{
	log_state.name = name;
	log_state.max = max;
	log_state.journal = journal;
}

enum log_level log_max(void)
{
	return log_state.max;
}

/* May this call site write now? *ret_held lines were kept back before. */
static int log_admit(struct log_site *site, unsigned int *ret_held)
{
	struct timespec now;
	unsigned long second;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	second = (unsigned long)now.tv_sec;
	if (site->second != second) {
		site->second = second;
		site->count = 0;
	}
	if (site->count >= LOG_BURST) {
		site->held++;
		return 0;
	}
	site->count++;
	*ret_held = site->held;
	site->held = 0;
	return 1;
}

/* How much of a line of room octets snprintf() filled, by its answer n. */
static size_t log_filled(int n, size_t room)
{
	return n < 0 ? 0 : MIN((size_t)n, room - 1);
}

/* What stands before the text. It is short: names are ours. */
static size_t log_begin(char *line, size_t room, enum log_level level,
			unsigned int held)
{
	char number[8] = "", not_shown[48] = "";
	int n;

	if (log_state.journal)
		(void)snprintf(number, sizeof(number), "<%d>",
			       log_levels[level].number);
	if (held)
		(void)snprintf(not_shown, sizeof(not_shown),
			       "(%u like this not shown) ", held);
	n = snprintf(line, room, "%s%s: %s%s", number, log_state.name,
		     log_levels[level].word, not_shown);
	return log_filled(n, room);
}

void log_write(struct log_site *site, enum log_level level, const char *fmt,
	       ...)
{
	const size_t room = LOG_LINE - 1; /* the newline's place is kept */
	char line[LOG_LINE];
	unsigned int held;
	va_list args;
	size_t len;

	if (!log_admit(site, &held))
		return;
	len = log_begin(line, room, level, held);
	va_start(args, fmt);
	len += log_filled(vsnprintf(line + len, room - len, fmt, args),
			  room - len);
	va_end(args);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len++] = '\n';
	/* Nowhere to complain to. */
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}

const char *log_slice(struct slice s)
{
	static char mem[LOG_SLICES][LOG_SLICE_N];
	static unsigned int turn;
	char *text = mem[turn++ % LOG_SLICES];
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		/* Room for one escape, the dots and the NUL. */
		if (len + 4 + 3 + 1 > LOG_SLICE_N) {
			memcpy(text + len, "...", 3);
			len += 3;
			break;
		}
		if (c >= 0x20 && c < 0x7f && c != '\\') {
			text[len++] = (char)c;
			continue;
		}
		text[len++] = '\\';
		text[len++] = 'x';
		text[len++] = hex_digit(c >> 4);
		text[len++] = hex_digit(c);
	}
	text[len] = '\0';
	return text;
}

void log_lines(enum log_level level, const char *text)
{
	struct slice rest = slice_str(text);

	while (rest.len) {
		struct slice line;

		(void)slice_cut(rest, '\n', &line, &rest);
		LOG_AT(level, "%.*s", (int)line.len, line.ptr);
	}
}
