/* tests/unit/audit/age_test.c - a clock that says that all is old. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "audit/age.h"

#define DAY_S  UINT64_C(86400)
#define KEEP_S (30 * DAY_S)
#define NOW_S  UINT64_C(1800000000)

static struct age age;

/* What is said when the clock stands at NOW_S + wall_s, minutes after the
 * start.
 */
static uint64_t ahead(int64_t wall_s, uint64_t minutes)
{
	return age_ahead_s(&age, KEEP_S,
			   (uint64_t)((int64_t)NOW_S + wall_s) * 1000000,
			   minutes * 60000 + 7);
}

static void begin(uint64_t last_s)
{
	age_begin(&age, last_s * 1000000, NOW_S * 1000000, 7);
}

static void test_right(void **state)
{
	(void)state;
	begin(0);
	assert_int_equal(ahead(0, 0), 0);
	assert_int_equal(ahead(60, 1), 0);
	/* Steps of hours, either way. */
	assert_int_equal(ahead(36000, 2), 0);
	assert_int_equal(ahead(-36000, 3), 0);
	/* Asleep for a year: counted, so no step. */
	assert_int_equal(ahead(365 * 86400, UINT64_C(365) * 1440), 0);
}

static void test_minute_ahead(void **state)
{
	const int64_t years_s = 3650 * 86400;

	(void)state;
	begin(NOW_S - 10);
	assert_int_equal(ahead(60, 1), 0);
	assert_int_equal(ahead(years_s + 120, 2), years_s);
	assert_int_equal(ahead(years_s + 180, 3), years_s);
	assert_int_equal(ahead(240, 4), 0);
	/* The next time it is doubted for as long again. */
	assert_int_equal(ahead(years_s + 3660, 61), years_s);
	assert_int_equal(ahead(years_s + 7200 - 60, 119), years_s);
	/* An hour: then it is so. */
	assert_int_equal(ahead(years_s + 7260, 121), 0);
	assert_int_equal(ahead(years_s + 7320, 122), 0);
}

/* Started while the clock is ahead, or after a long pause. */
static void test_start(void **state)
{
	const uint64_t year_s = 365 * DAY_S;

	(void)state;
	begin(NOW_S - year_s);
	assert_int_equal(ahead(0, 0), year_s);
	assert_int_equal(ahead(59 * 60, 59), year_s);
	assert_int_equal(ahead(60 * 60, 60), 0);
	/* Rows that say they were sealed tomorrow prove nothing. */
	begin(NOW_S + year_s);
	assert_int_equal(ahead(0, 0), 0);
	assert_int_equal(ahead((int64_t)year_s, 1), year_s - 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_minute_ahead),
		cmocka_unit_test(test_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
