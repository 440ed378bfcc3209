/* tests/unit/base/err_test.c - every code has a phrase of its own. */

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"

static void test_own_codes(void **state)
{
	(void)state;
	for (int a = ERR_SYNTAX; a >= ERR_STALE; a--) {
		assert_string_not_equal(err_str(a), "unknown error");
		for (int b = a - 1; b >= ERR_STALE; b--)
			assert_string_not_equal(err_str(a), err_str(b));
	}
}

static void test_errno(void **state)
{
	(void)state;
	assert_string_equal(err_str(-ENOENT), strerror(ENOENT));
	assert_string_equal(err_str(-ETIMEDOUT), strerror(ETIMEDOUT));
}

static void test_neither(void **state)
{
	(void)state;
	assert_string_equal(err_str(0), "no error");
	assert_string_equal(err_str(7), "no error");
	assert_string_equal(err_str(-4000), "unknown error");
	assert_string_equal(err_str(ERR_STALE - 1), "unknown error");
	assert_string_equal(err_str(INT_MIN), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_codes),
		cmocka_unit_test(test_errno),
		cmocka_unit_test(test_neither),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
