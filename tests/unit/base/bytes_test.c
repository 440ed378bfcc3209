/* tests/unit/base/bytes_test.c - the cursor whose error sticks. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bytes.h"

static void test_big_endian(void **state)
{
	const uint8_t in[] = { 1, 2, 3, 0xff, 0, 0, 4, 0, 0, 0, 0, 0, 0, 1, 2 };
	struct bytes b = bytes_of(in, sizeof(in));

	(void)state;
	assert_int_equal(bytes_u8(&b), 1);
	assert_int_equal(bytes_u16(&b), 0x0203);
	assert_int_equal(bytes_u32(&b), 0xff000004u);
	assert_int_equal(bytes_u64(&b), 0x0102);
	assert_int_equal(bytes_left(&b), 0);
	assert_false(b.bad);
}

static void test_error_sticks(void **state)
{
	const uint8_t in[] = { 1, 2, 3 };
	struct bytes b = bytes_of(in, sizeof(in));

	(void)state;
	(void)bytes_u32(&b);
	assert_true(b.bad);
	assert_int_equal(bytes_u8(&b), 0);
	assert_null(bytes_take(&b, 1));
	assert_int_equal(bytes_left(&b), 0);
}

static void test_strings(void **state)
{
	const uint8_t in[] = { 0, 2, 'h', 'i', 0, 0, 0, 3, 'a', 'b' };
	struct bytes b = bytes_of(in, sizeof(in));

	(void)state;
	assert_true(slice_eq(bytes_str(&b), SLICE("hi")));
	assert_int_equal(bytes_str(&b).len, 0);
	assert_false(b.bad);
	assert_int_equal(bytes_str(&b).len, 0);
	assert_true(b.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_big_endian),
		cmocka_unit_test(test_error_sticks),
		cmocka_unit_test(test_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
