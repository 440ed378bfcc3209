/* cli/when.c - a point in time, as people write it. */

#include "cli/when.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/slice.h"

/* Seconds of a unit, or 0. */
static uint64_t when_unit_s(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 604800;
	default:
		return 0;
	}
}

/* "10m", "1h30m" ago. */
static bool when_age(const char *text, time_t now, uint64_t *ret_us)
{
	uint64_t left = (uint64_t)now;

	do {
		unsigned long long n;
		uint64_t unit_s;
		char *end;

		if (!ascii_is_digit(*text))
			return false;
		errno = 0;
		n = strtoull(text, &end, 10);
		unit_s = when_unit_s(*end);
		if (errno || !unit_s || n > left / unit_s)
			return false;
		left -= n * unit_s;
		text = end + 1;
	} while (*text);
	*ret_us = left * 1000000;
	return true;
}

static bool when_midnight(struct tm tm, int days, uint64_t *ret_us)
{
	time_t t;

	tm.tm_mday += days;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	t = mktime(&tm);
	if (t <= 0)
		return false;
	*ret_us = (uint64_t)t * 1000000;
	return true;
}

static bool when_word(const char *text, time_t now, const struct tm *today,
		      uint64_t *ret_us)
{
	if (!strcmp(text, "today"))
		return when_midnight(*today, 0, ret_us);
	if (!strcmp(text, "yesterday"))
		return when_midnight(*today, -1, ret_us);
	if (strcmp(text, "now") != 0)
		return false;
	*ret_us = (uint64_t)now * 1000000;
	return true;
}

/* ".25" in µs, and what is behind it. */
static const char *when_fraction(const char *text, uint64_t *ret_us)
{
	uint64_t unit_us = 100000;

	if (*text != '.' || !ascii_is_digit(text[1]))
		return text;
	for (text++; ascii_is_digit(*text); text++, unit_us /= 10)
		*ret_us += (uint64_t)(*text - '0') * unit_us;
	return text;
}

/* The broken-down time, in the zone that rest names or else in ours. */
static bool when_time(struct tm *tm, const char *rest, uint64_t fraction_us,
		      uint64_t *ret_us)
{
	int mday = tm->tm_mday, mon = tm->tm_mon;
	time_t t;

	if (*rest) {
		const char *end = strptime(rest, "%z", tm);
		long east_s = tm->tm_gmtoff;

		if (!end || *end || *rest == ' ')
			return false;
		t = timegm(tm) - east_s;
	} else {
		t = mktime(tm);
	}
	/* There is no 31st of February. */
	if (t <= 0 || tm->tm_mday != mday || tm->tm_mon != mon)
		return false;
	*ret_us = (uint64_t)t * 1000000 + fraction_us;
	return true;
}

/* With a year; perhaps with fractions of a second, and a zone. */
static bool when_date(const char *text, uint64_t *ret_us)
{
	static const char *const formats[] = {
		"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
		"%Y-%m-%d %H:%M",    "%Y-%m-%dT%H",	  "%Y-%m-%d",
	};

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(text, formats[i], &tm);
		uint64_t fraction_us = 0;

		if (end && i < 2)
			end = when_fraction(end, &fraction_us);
		if (end && when_time(&tm, end, fraction_us, ret_us))
			return true;
	}
	return false;
}

/* Of today; or the last such day, as tables of the ledger print it. */
static bool when_clock(const char *text, time_t now, const struct tm *today,
		       uint64_t *ret_us)
{
	static const char *const formats[] = { "%H:%M:%S", "%H:%M",
					       "%m-%d %H:%M:%S",
					       "%m-%d %H:%M" };

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct tm tm = { .tm_year = today->tm_year,
				 .tm_mon = today->tm_mon,
				 .tm_mday = today->tm_mday,
				 .tm_isdst = -1 };
		const char *end = strptime(text, formats[i], &tm);
		struct tm last = tm;

		if (!end || *end)
			continue;
		if (i >= 2 && mktime(&last) > now)
			tm.tm_year--;
		return when_time(&tm, "", 0, ret_us);
	}
	return false;
}

bool when_parse(const char *text, uint64_t *ret_us)
{
	time_t now = time(NULL);
	struct tm today;
	uint64_t us;

	if (!localtime_r(&now, &today))
		return false;
	if (!when_word(text, now, &today, &us) && !when_age(text, now, &us) &&
	    !when_date(text, &us) && !when_clock(text, now, &today, &us))
		return false;
	*ret_us = us;
	return true;
}
