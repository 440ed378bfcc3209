/* tests/unit/base/table_test.c - no reference outlives its object. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/table.h"

static void test_generation(void **state)
{
	uint32_t index, gen, again, newer;
	struct table t;
	int a, b;

	(void)state;
	table_init(&t, 10);
	assert_int_equal(table_add(&t, &a, &index, &gen), 0);
	assert_ptr_equal(table_get(&t, index, gen), &a);
	assert_null(table_get(&t, index, gen + 1));
	assert_null(table_get(&t, index + 1, gen));
	table_remove(&t, index);
	assert_null(table_get(&t, index, gen));
	assert_null(table_at(&t, index));

	assert_int_equal(table_add(&t, &b, &again, &newer), 0);
	assert_int_equal(again, index);
	assert_int_not_equal(newer, gen);
	assert_null(table_get(&t, index, gen));
	assert_ptr_equal(table_get(&t, index, newer), &b);
	table_done(&t);
}

/* A reference of all zero is nobody's, also after 2^24 tenants. */
static void test_generation_wraps_past_zero(void **state)
{
	struct table t;
	int obj;

	(void)state;
	table_init(&t, 1);
	for (uint32_t i = 0; i < (1u << 24) + 2; i++) {
		uint32_t index, gen;

		if (table_add(&t, &obj, &index, &gen) || !gen || gen >> 24)
			fail();
		table_remove(&t, index);
	}
	table_done(&t);
}

static void test_bound(void **state)
{
	uint32_t index = 77, gen = 88;
	struct table t;
	int obj;

	(void)state;
	table_init(&t, 100);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(table_add(&t, &obj, &index, &gen), 0);
		assert_int_equal(index, i);
		assert_true(t.cap <= 100);
	}
	index = 77;
	gen = 88;
	assert_int_equal(table_add(&t, &obj, &index, &gen), -ENOBUFS);
	assert_int_equal(index, 77);
	assert_int_equal(gen, 88);
	table_remove(&t, 50);
	assert_int_equal(table_add(&t, &obj, &index, &gen), 0);
	assert_int_equal(index, 50);
	assert_int_equal(t.count, 100);
	table_done(&t);
}

static void test_walk(void **state)
{
	uint32_t index, gen, seen = 0;
	struct table t;
	int obj[5];

	(void)state;
	table_init(&t, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(table_add(&t, &obj[i], &index, &gen), 0);
	table_remove(&t, 1);
	table_remove(&t, 3);
	for (uint32_t i = 0; i < t.len; i++)
		if (table_at(&t, i))
			seen |= 1u << i;
	assert_int_equal(seen, 1u << 0 | 1u << 2 | 1u << 4);
	assert_null(table_at(&t, t.len));
	table_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generation),
		cmocka_unit_test(test_generation_wraps_past_zero),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
