/* tests/unit/base/pages_test.c - pages come, go and come back empty. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/pages.h"

#define LEN 16394 /* octets; no whole number of pages */

static void test_pages(void **state)
{
	unsigned char *p = pages_new(LEN);

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < LEN; i++)
		assert_int_equal(p[i], 0);
	memset(p, 0xaa, LEN);
	pages_drop(p, LEN);
	for (size_t i = 0; i < LEN; i++)
		assert_int_equal(p[i], 0);
	memset(p, 0x55, LEN);
	pages_free(p, LEN);
	pages_free(NULL, LEN);
}

static void test_too_many(void **state)
{
	(void)state;
	assert_null(pages_new(SIZE_MAX / 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
