/* cli/when.c - a point in time, as people write it. */

#include "cli/when.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"

/* Seconds of a unit, or 0. */
static uint64_t when_unit_s(const char *text)
{
	static const struct {
		const char *unit;
		uint64_t s;
	} units[] = {
		{ "s", 1 },	{ "m", 60 },	 { "h", 3600 },
		{ "d", 86400 }, { "w", 604800 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(text, units[i].unit))
			return units[i].s;
	return 0;
}

/* "2026-11-22", "2026-11-22T10:00", "… 10:00:30", each with or without Z. */
static bool when_date(const char *text, uint64_t *ret_us)
{
	static const char *const formats[] = {
		"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
		"%Y-%m-%d %H:%M",    "%Y-%m-%dT%H",	  "%Y-%m-%d",
	};

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(text, formats[i], &tm);
		time_t t;

		if (!end || (*end && strcmp(end, "Z") != 0))
			continue;
		t = *end ? timegm(&tm) : mktime(&tm);
		if (t <= 0)
			return false;
		*ret_us = (uint64_t)t * 1000000;
		return true;
	}
	return false;
}

bool when_parse(const char *text, uint64_t *ret_us)
{
	uint64_t now = (uint64_t)time(NULL), s;
	unsigned long long n;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	s = when_unit_s(end);
	if (!s)
		return when_date(text, ret_us);
	if (errno || n > now / s)
		return false;
	*ret_us = (now - n * s) * 1000000;
	return true;
}
