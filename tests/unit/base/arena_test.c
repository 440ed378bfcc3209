/* tests/unit/base/arena_test.c - memory with one owner and one bound. */

#include <errno.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"

static void test_alignment_and_separation(void **state)
{
	struct arena a;
	char *last = NULL;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t len = 1; len < 300; len++) {
		char *p = arena_alloc(&a, len);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		memset(p, 'a', len);
		if (last)
			assert_int_equal(*last, 'b');
		*p = 'b';
		last = p;
	}
	arena_done(&a);
	assert_null(a.blocks);
}

static void test_bound(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1000);
	assert_null(arena_alloc(&a, 1001));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - 15));
	assert_non_null(arena_alloc(&a, 1000));
	assert_null(arena_alloc(&a, 1));
	arena_clear(&a);
	assert_non_null(arena_alloc(&a, 1000));
	arena_done(&a);
}

static void test_larger_than_a_block(void **state)
{
	struct arena a;
	unsigned char *p;

	(void)state;
	arena_init(&a, 1 << 20);
	p = arena_zalloc(&a, 100000);
	assert_non_null(p);
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(p[i], 0);
	memset(p, 0xff, 100000);
	arena_done(&a);
}

/* A busy owner allocates nothing: the first block stays. */
static void test_clear_keeps_the_first(void **state)
{
	struct arena_block *first;
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_non_null(arena_alloc(&a, 10));
	first = a.blocks;
	for (int i = 0; i < 10; i++)
		assert_non_null(arena_alloc(&a, 4000));
	assert_ptr_not_equal(a.blocks, first);
	arena_clear(&a);
	assert_ptr_equal(a.blocks, first);
	assert_int_equal(a.used, 0);
	arena_done(&a);
}

static void test_copy(void **state)
{
	struct slice copy = SLICE("untouched");
	struct arena a;

	(void)state;
	arena_init(&a, 8);
	assert_int_equal(arena_copy(&a, SLICE("12345678"), &copy), -ENOBUFS);
	assert_true(slice_eq(copy, SLICE("untouched")));
	assert_int_equal(arena_copy(&a, slice_of("x", SIZE_MAX), &copy),
			 -ENOBUFS);
	assert_int_equal(arena_copy(&a, SLICE("1234567"), &copy), 0);
	assert_int_equal(copy.len, 7);
	assert_string_equal(copy.ptr, "1234567");
	arena_clear(&a);
	assert_int_equal(arena_copy(&a, slice_of(NULL, 0), &copy), 0);
	assert_string_equal(copy.ptr, "");
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alignment_and_separation),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_larger_than_a_block),
		cmocka_unit_test(test_clear_keeps_the_first),
		cmocka_unit_test(test_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
