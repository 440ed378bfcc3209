/* tests/unit/base/buf_test.c - a queue that never passes its maximum. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"

static void test_append_and_consume(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_null(b.mem);
	assert_int_equal(buf_append(&b, "hello ", 6), 0);
	assert_int_equal(buf_append_slice(&b, SLICE("world")), 0);
	assert_true(slice_eq(buf_slice(&b), SLICE("hello world")));
	buf_consume(&b, 6);
	assert_true(slice_eq(buf_slice(&b), SLICE("world")));
	assert_int_equal(buf_room(&b), 95);
	buf_consume(&b, 5);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(b.pos, 0);
	buf_done(&b);
}

static void test_never_past_max(void **state)
{
	char data[100];
	struct buf b;

	(void)state;
	memset(data, 'x', sizeof(data));
	buf_init(&b, 64);
	assert_int_equal(buf_append(&b, data, 65), -ENOBUFS);
	assert_int_equal(buf_len(&b), 0);
	assert_null(b.mem);
	assert_int_equal(buf_append(&b, data, 64), 0);
	assert_int_equal(b.cap, 64);
	assert_int_equal(buf_append(&b, data, 1), -ENOBUFS);
	assert_null(buf_reserve(&b, 1));
	assert_int_equal(buf_len(&b), 64);
	assert_null(buf_reserve(&b, SIZE_MAX));
	buf_consume(&b, 1);
	assert_int_equal(buf_append(&b, "y", 1), 0);
	assert_int_equal(buf_data(&b)[63], 'y');
	buf_done(&b);
}

/* Every length up to a maximum that is no power of two: contents hold. */
static void test_growth(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10007);
	for (unsigned int i = 0; i < 10007; i++) {
		uint8_t c = (uint8_t)(i % 251);

		assert_int_equal(buf_append(&b, &c, 1), 0);
		assert_true(b.cap <= 10007);
	}
	assert_int_equal(buf_room(&b), 0);
	for (unsigned int i = 0; i < 10007; i++) {
		assert_int_equal(*buf_data(&b), i % 251);
		buf_consume(&b, 1);
	}
	buf_done(&b);
}

/* Bytes in front are moved down rather than memory asked for. */
static void test_slides(void **state)
{
	uint8_t data[2048] = { 0 };
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(buf_append(&b, data, sizeof(data)), 0);
	buf_consume(&b, 2000);
	assert_int_equal(buf_append(&b, data, 2000), 0);
	assert_int_equal(b.cap, 2048);
	assert_int_equal(b.pos, 0);
	assert_int_equal(buf_len(&b), 2048);
	buf_done(&b);
}

static void test_release(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_int_equal(buf_append(&b, "abc", 3), 0);
	buf_release(&b);
	assert_int_equal(buf_len(&b), 3);
	buf_consume(&b, 3);
	buf_release(&b);
	assert_null(b.mem);
	assert_int_equal(b.max, 10);
	assert_int_equal(buf_append(&b, "abc", 3), 0);
	buf_done(&b);
}

static void test_max_of_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	assert_int_equal(buf_append(&b, "", 0), 0);
	assert_int_equal(buf_append(&b, "a", 1), -ENOBUFS);
	assert_non_null(buf_reserve(&b, 0));
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_and_consume),
		cmocka_unit_test(test_never_past_max),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_slides),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_max_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
