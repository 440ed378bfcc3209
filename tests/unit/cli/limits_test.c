/* limits_test.c - sizes and numbers of processors, as people write them. */

#include "cli/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"

static void test_memory(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "16M", 16ull << 20 },	    { "512M", 512ull << 20 },
		{ "512MiB", 512ull << 20 }, { "4G", 4ull << 30 },
		{ "4GB", 4ull << 30 },	    { "1T", 1ull << 40 },
		{ "16384K", 16ull << 20 },  { "16777216", 16ull << 20 },
	};
	static const char *const bad[] = {
		"",
		"M",
		"0",
		"15M",
		"16777215",
		"-512M",
		"+1G",
		" 1G",
		"1g",
		"1 G",
		"1.5G",
		"1GG",
		"1Gi",
		"1GiBB",
		"1P",
		"0x1000M",
		"99999999999999999999",
		"9223372036854775807T",
		"8388608T",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		uint64_t got = 0;

		assert_int_equal(limits_parse_memory(good[i].text, &got), 0);
		assert_int_equal(got, good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t got = 7;

		assert_int_equal(limits_parse_memory(bad[i], &got), ERR_SYNTAX);
		assert_int_equal(got, 7);
	}
}

static void test_cpus(void **state)
{
	static const struct {
		const char *text;
		unsigned int milli;
	} good[] = {
		{ "1", 1000 },	     { "2", 2000 },  { "0.5", 500 },
		{ "1.25", 1250 },    { "0.01", 10 }, { "1.005", 1005 },
		{ "1000", 1000000 },
	};
	static const char *const bad[] = {
		"",	  "0",	 "0.009", "0.0", ".5",	   "1.",
		"1.2345", "-1",	 "1,5",	  "1e3", "1000.1", "10000",
		"99999",  "50%", "two",	  " 1",	 "1 ",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		unsigned int got = 0;

		assert_int_equal(limits_parse_cpus(good[i].text, &got), 0);
		assert_int_equal(got, good[i].milli);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		unsigned int got = 7;

		assert_int_equal(limits_parse_cpus(bad[i], &got), ERR_SYNTAX);
		assert_int_equal(got, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
