/* tests/unit/policy/name_test.c - how things may be called. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/base.h"
#include "policy/name.h"

static void test_good(void **state)
{
	static const char *const good[] = { "a",	"7",  "_", "_x",
					    "a-b_c.D9", "a.", "a-" };
	char longest[NAME_OCTETS_MAX];
	size_t at = 99;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_null(name_fault(slice_str(good[i]), &at));
	memset(longest, 'a', sizeof(longest));
	assert_null(name_fault(slice_of(longest, sizeof(longest)), &at));
	assert_int_equal(at, 99);
}

static void test_bad(void **state)
{
	static const struct {
		const char *name;
		size_t at;
		const char *fault;
	} bad[] = {
		{ "", 0, "octets" },
		{ "-a", 0, "begins with" },
		{ ".", 0, "begins with" },
		{ "..", 0, "begins with" },
		{ ".a", 0, "begins with" },
		{ "a/b", 1, "has letters" },
		{ "/a", 0, "has letters" },
		{ "ab c", 2, "has letters" },
		{ "a\n", 1, "has letters" },
		{ "a~", 1, "has letters" },
		{ "\xc3\xa4", 0, "has letters" },
	};
	char longer[NAME_OCTETS_MAX + 1];
	size_t at;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *fault = name_fault(slice_str(bad[i].name), &at);

		assert_non_null(fault);
		assert_non_null(strstr(fault, bad[i].fault));
		assert_int_equal(at, bad[i].at);
	}
	memset(longer, 'a', sizeof(longer));
	assert_non_null(name_fault(slice_of(longer, sizeof(longer)), &at));
	assert_int_equal(at, 0);
	/* A NUL is no end. */
	assert_non_null(name_fault(SLICE("a\0b"), &at));
	assert_int_equal(at, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
