/* tests/unit/base/slice_test.c - text as pointer and length. */

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/slice.h"

static const struct slice nothing;

static void test_equality(void **state)
{
	(void)state;
	assert_true(slice_eq(SLICE("ab"), slice_str("ab")));
	assert_false(slice_eq(SLICE("ab"), SLICE("aB")));
	assert_true(slice_ieq(SLICE("ab"), SLICE("aB")));
	assert_false(slice_ieq(SLICE("ab"), SLICE("abc")));
	assert_true(slice_eq(nothing, SLICE("")));
	assert_true(slice_eq(nothing, slice_str(NULL)));
	assert_false(slice_eq(SLICE("a\0b"), SLICE("a\0c")));
}

static void test_ends(void **state)
{
	(void)state;
	assert_true(slice_starts(SLICE("abc"), SLICE("ab")));
	assert_true(slice_starts(SLICE("abc"), nothing));
	assert_false(slice_starts(SLICE("ab"), SLICE("abc")));
	assert_true(slice_ends(SLICE("abc"), SLICE("bc")));
	assert_true(slice_ends(nothing, nothing));
	assert_false(slice_ends(nothing, SLICE("a")));
}

static void test_cut(void **state)
{
	struct slice head, tail;

	(void)state;
	assert_true(slice_cut(SLICE("a=b=c"), '=', &head, &tail));
	assert_true(slice_eq(head, SLICE("a")));
	assert_true(slice_eq(tail, SLICE("b=c")));
	assert_true(slice_cut(SLICE("a="), '=', &head, &tail));
	assert_int_equal(tail.len, 0);
	assert_false(slice_cut(SLICE("abc"), '=', &head, &tail));
	assert_true(slice_eq(head, SLICE("abc")));
	assert_int_equal(tail.len, 0);
	assert_int_equal(slice_find(nothing, 'a'), -1);
}

static void test_lists(void **state)
{
	(void)state;
	assert_true(slice_lists(SLICE("a,bc,d"), ',', SLICE("a")));
	assert_true(slice_lists(SLICE("a,bc,d"), ',', SLICE("bc")));
	assert_true(slice_lists(SLICE("a,bc,d"), ',', SLICE("d")));
	assert_false(slice_lists(SLICE("a,bc,d"), ',', SLICE("b")));
	assert_false(slice_lists(SLICE("a,bc,d"), ',', SLICE("a,bc")));
	assert_false(slice_lists(nothing, ',', nothing));
}

static void test_trim(void **state)
{
	(void)state;
	assert_true(slice_eq(slice_trim(SLICE(" \ta b\t ")), SLICE("a b")));
	assert_int_equal(slice_trim(SLICE("  ")).len, 0);
	assert_int_equal(slice_trim(nothing).len, 0);
	assert_int_equal(ascii_lower('Z'), 'z');
	assert_int_equal(ascii_lower('['), '[');
	for (int c = 0; c < 256; c++) {
		assert_int_equal(ascii_is_digit((char)c),
				 c < 128 && isdigit(c));
		assert_int_equal(ascii_is_alnum((char)c),
				 c < 128 && isalnum(c));
	}
}

static void test_number(void **state)
{
	static const struct {
		const char *text;
		uint64_t max, n;
	} good[] = {
		{ "0", 0, 0 },
		{ "007", 7, 7 },
		{ "65535", 65535, 65535 },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX },
	}, bad[] = {
		{ "", 9, 0 },	     { "1", 0, 0 },	 { "8", 7, 0 },
		{ "65536", 65535, 0 }, { "100", 99, 0 },	 { "+1", 9, 0 },
		{ "-1", UINT64_MAX, 0 }, { " 1", 9, 0 }, { "1 ", 9, 0 },
		{ "1x", 9, 0 },	     { "0x1", 9, 0 },
		{ "18446744073709551616", UINT64_MAX, 0 },
		{ "99999999999999999999", UINT64_MAX, 0 },
	};
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		n = 77;
		assert_true(
			slice_number(slice_str(good[i].text), good[i].max, &n));
		assert_true(n == good[i].n);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		n = 77;
		assert_false(
			slice_number(slice_str(bad[i].text), bad[i].max, &n));
		assert_true(n == 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equality), cmocka_unit_test(test_ends),
		cmocka_unit_test(test_cut),	 cmocka_unit_test(test_lists),
		cmocka_unit_test(test_trim),	 cmocka_unit_test(test_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
