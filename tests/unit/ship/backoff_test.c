/* How long to wait: doubled, bounded, never less than a half. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "ship/backoff.h"

static void test_grows(void **state)
{
	static const uint32_t whole[] = { 250,	500,   1000,  2000,  4000,
					  8000, 16000, 32000, 60000, 60000 };

	(void)state;
	for (uint32_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		assert_int_equal(backoff_ms(i + 1, 0), whole[i] / 2);
		assert_int_equal(backoff_ms(i + 1, whole[i] / 2), whole[i]);
	}
}

static void test_bounds(void **state)
{
	(void)state;
	for (uint32_t tries = 1; tries < 100; tries++)
		for (uint32_t r = 1; r; r *= 3) {
			uint32_t ms = backoff_ms(tries, r);

			assert_true(ms >= BACKOFF_FIRST_MS / 2);
			assert_true(ms <= BACKOFF_MAX_MS);
			if (r > 3000000000u)
				break;
		}
	assert_in_range(backoff_ms(UINT32_MAX, UINT32_MAX), 30000, 60000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
