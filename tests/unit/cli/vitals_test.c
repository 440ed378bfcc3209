/* Facts as an instance says them: lines of a name and a value. */

#include "cli/vitals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

/* Large; not for the stack. */
static struct vitals vitals;

static void say(const char *text)
{
	memset(&vitals, 0, sizeof(vitals));
	vitals.len = strlen(text);
	assert_true(vitals.len < sizeof(vitals.text));
	memcpy(vitals.text, text, vitals.len);
}

static void test_numbers(void **state)
{
	static const char *const good[] = { "0",     "7",
					    "10",    "0.5",
					    "12.25", "18446744073709551615" };
	static const char *const bad[] = { "",	  "007", "1.2.3", "-1", ".5",
					   "5.",  "1e3", "ok",	  "1 ", " 1",
					   "0x1", "nan", "00",	  "1,0" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(vitals_is_number(slice_str(good[i])));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(vitals_is_number(slice_str(bad[i])));
}

static void test_lines(void **state)
{
	struct slice rest, name, value;

	(void)state;
	say("one 1\nnothing\n\ntwo with blanks in it\nthree 3");
	rest = slice_of(vitals.text, vitals.len);
	assert_true(vitals_next(&rest, &name, &value));
	assert_true(slice_eq(name, SLICE("one")));
	assert_true(slice_eq(value, SLICE("1")));
	assert_true(vitals_next(&rest, &name, &value));
	assert_true(slice_eq(name, SLICE("two")));
	assert_true(slice_eq(value, SLICE("with blanks in it")));
	assert_true(vitals_next(&rest, &name, &value));
	assert_true(slice_eq(name, SLICE("three")));
	assert_false(vitals_next(&rest, &name, &value));
	assert_false(vitals_next(&rest, &name, &value));
}

static void test_get(void **state)
{
	(void)state;
	say("rows 18446744073709551615\nstate stuck\nerror no 5\n");
	assert_int_equal(vitals_number(&vitals, "rows"), UINT64_MAX);
	assert_int_equal(vitals_number(&vitals, "state"), 0);
	assert_int_equal(vitals_number(&vitals, "none"), 0);
	assert_true(slice_eq(vitals_get(&vitals, "error"), SLICE("no 5")));
	assert_int_equal(vitals_get(&vitals, "row").len, 0);
	assert_int_equal(vitals_get(&vitals, "rows ").len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_get),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
