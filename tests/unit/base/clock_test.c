/* tests/unit/base/clock_test.c - the system's clocks, which are ours here. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"

int clock_gettime(clockid_t clock, struct timespec *t)
{
	t->tv_sec = clock == CLOCK_REALTIME ? 1795348343 : 7;
	t->tv_nsec = 999999999;
	return 0;
}

static void units(void **state)
{
	(void)state;
	assert_true(clock_ns(CLOCK_REALTIME) == 1795348343999999999);
	assert_true(clock_us(CLOCK_REALTIME) == 1795348343999999);
	assert_true(clock_ms(CLOCK_REALTIME) == 1795348343999);
	assert_true(clock_ms(CLOCK_MONOTONIC) == 7999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
