/* Points in time, as people write them. */

#include "cli/when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/base.h"

#define NOON_US 1795348800000000ull /* 2026-11-22T12:00:00Z */

static void dates(void **state)
{
	static const struct {
		const char *text;
		uint64_t us;
	} all[] = {
		{ "2026-11-22T12:00:00Z", NOON_US },
		{ "2026-11-22T12:00:00.250001Z", NOON_US + 250001 },
		{ "2026-11-22 12:00:00.5Z", NOON_US + 500000 },
		{ "2026-11-22T12:00:00.123456789Z", NOON_US + 123456 },
		{ "2026-11-22T13:00:00+01:00", NOON_US },
		{ "2026-11-22T06:30-0530", NOON_US },
		{ "2026-11-22T12:00Z", NOON_US },
		{ "2026-11-22T12Z", NOON_US },
		{ "2026-11-22Z", NOON_US - 12 * 3600000000ull },
		{ "2026-11-22T14:00:00", NOON_US }, /* two hours east */
		{ "2026-11-22 14:00", NOON_US },
		{ "2024-02-29T00:00Z", 1709164800000000ull },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		uint64_t us = 0;

		assert_true(when_parse(all[i].text, &us));
		assert_int_equal(us, all[i].us);
	}
}

/* A few seconds may go by between two looks at the clock. */
static void near(const char *text, uint64_t want_s)
{
	uint64_t us = 0;

	assert_true(when_parse(text, &us));
	assert_in_range(us / 1000000, want_s, want_s + 30);
}

static void ages(void **state)
{
	uint64_t now = (uint64_t)time(NULL);

	(void)state;
	near("now", now);
	near("0s", now);
	near("10m", now - 600);
	near("2h", now - 7200);
	near("1h30m", now - 5400);
	near("1d12h", now - 129600);
	near("1w", now - 604800);
}

static uint64_t midnight_s(int days)
{
	time_t now = time(NULL);
	struct tm tm;

	assert_non_null(localtime_r(&now, &tm));
	tm.tm_mday += days;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	return (uint64_t)mktime(&tm);
}

static void words(void **state)
{
	(void)state;
	near("today", midnight_s(0));
	near("yesterday", midnight_s(-1));
	near("00:00", midnight_s(0));
	near("13:05", midnight_s(0) + 47100);
	near("13:05:20", midnight_s(0) + 47120);
}

/* What a line of penstock log shows: of this year, or of the last. */
static void shown(void **state)
{
	uint64_t now = (uint64_t)time(NULL);

	(void)state;
	for (uint64_t ago = 60; ago < 360ull * 86400; ago += 13ull * 86400) {
		time_t t = (time_t)(now - ago);
		char text[40];
		uint64_t us = 0;
		struct tm tm;

		assert_non_null(localtime_r(&t, &tm));
		if (tm.tm_mon == 1 && tm.tm_mday == 29)
			continue;
		assert_true(
			strftime(text, sizeof(text), "%m-%d %H:%M:%S", &tm));
		assert_true(when_parse(text, &us));
		assert_int_equal(us, (now - ago) * 1000000);
	}
}

static void bad(void **state)
{
	static const char *const all[] = {
		"",
		" ",
		"10",
		"10x",
		"m",
		"-1h",
		"1h-30m",
		"1h 30m",
		"99999999d",
		"99999999999999999999s",
		"tomorrow",
		"2026",
		"2026-13-01",
		"2026-02-31",
		"2026-02-29T10:00Z",
		"2026-11-22T25:00",
		"2026-11-22T10:00:00.",
		"2026-11-22T10:00.5Z",
		"2026-11-22T10:00:00 Z",
		"2026-11-22T10:00:00+1",
		"2026-11-22x",
		"1969-01-01",
		"24:61",
		"10:00Z",
		"02-31 10:00",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		uint64_t us = 7;

		if (when_parse(all[i], &us))
			fail_msg("'%s' was read", all[i]);
		assert_int_equal(us, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates), cmocka_unit_test(ages),
		cmocka_unit_test(words), cmocka_unit_test(shown),
		cmocka_unit_test(bad),
	};

	/* No summer time, and not UTC. */
	if (setenv("TZ", "EET-2", 1))
		return 1;
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
