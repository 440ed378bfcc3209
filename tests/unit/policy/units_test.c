/* Sizes, durations, times: what is read, what is not, and times there and back
 * beside the C library's calendar.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "policy/units.h"

static void check_time(uint64_t s)
{
	char text[UNITS_TIME], theirs[UNITS_TIME + 8];
	time_t t = (time_t)s;
	uint64_t again = 1;
	struct tm tm;

	units_print_time(s, text);
	assert_non_null(gmtime_r(&t, &tm));
	assert_int_equal(
		strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%SZ", &tm),
		UNITS_TIME - 1);
	assert_string_equal(text, theirs);
	assert_true(units_time(slice_str(text), &again));
	assert_true(again == s);
	assert_true(units_time(slice_of(text, 10), &again));
	assert_true(again == s - s % 86400);
}

/* The edges of every day for ten years around each change of the calendar, and
 * steps over all the rest.
 */
static void test_time(void **state)
{
	static const uint64_t around[] = { 0, 946684800, 4107542400,
					   13574563200, 253085990400 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(around); i++)
		for (uint64_t day = 0; day < 3650; day++) {
			check_time(around[i] + day * 86400);
			check_time(around[i] + day * 86400 + 86399);
		}
	for (uint64_t s = 0; s < UNITS_TIME_END; s += 7654321)
		check_time(s);
	check_time(UNITS_TIME_END - 1);
}

static void test_no_time(void **state)
{
	static const char *const bad[] = { "",
					   "2026",
					   "2026-12",
					   "2026-12-1",
					   "2026-00-01",
					   "2026-01-00",
					   "2026-01-32",
					   "2026-04-31",
					   "2026-02-29",
					   "2100-02-29",
					   "1969-12-31",
					   "02026-01-01",
					   "2026-12-01 00:00:00Z",
					   "2026-12-01T00:00Z",
					   "2026-12-01T00:00:00z",
					   "2026-12-01T25:00:00Z",
					   "2026-12-01T00:60:00Z",
					   "2026-12-01T00:00:60Z",
					   "2026-12-01T00:00:00Zx",
					   "2026-12-01T",
					   "+2026-12-01",
					   "2026-12-01Z" };
	uint64_t s = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (units_time(slice_str(bad[i]), &s))
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(s, 77);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t octets;
	} good[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "512k", 512u << 10 },
		{ "512K", 512u << 10 },
		{ "10M", 10u << 20 },
		{ "3G", UINT64_C(3) << 30 },
		{ "10MiB", 10u << 20 },
		{ "2TiB", UINT64_C(2) << 40 },
		{ "9223372036854775807", INT64_MAX },
	};
	static const char *const bad[] = {
		"",	     "k",  "1kb",  "1 k",  "1.5M",
		"-1",	     "1T", "0x10", "10MB", "9223372036854775808",
		"8388608TiB"
	};
	uint64_t n = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(units_octets(slice_str(good[i].text), &n));
		assert_true(n == good[i].octets);
	}
	n = 77;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (units_octets(slice_str(bad[i]), &n))
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(n, 77);
}

static void test_durations(void **state)
{
	static const char *const bad[] = {
		"", "1", "h", "1.5h", "1y", "-1s", "4294967296s", "1m30s"
	};
	uint32_t s = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(units_duration(slice_str(bad[i]), &s));
	assert_int_equal(s, 77);
	assert_true(units_duration(SLICE("90m"), &s));
	assert_int_equal(s, 5400);
	assert_true(units_duration(SLICE("2w"), &s));
	assert_int_equal(s, 1209600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_no_time),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
