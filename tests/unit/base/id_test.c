/* tests/unit/base/id_test.c - ids never repeat and sort by time. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/id.h"

#define NEW_YEAR_2024 1704067200000000ull

static void test_layout(void **state)
{
	struct id_source src = { .writer = 4088 };

	(void)state;
	assert_int_equal(id_next(&src, NEW_YEAR_2024 + 5), 5 << 12 | 4088);
	assert_int_equal(id_wall_us(5 << 12 | 4088), NEW_YEAR_2024 + 5);
}

/* A clock that stands, goes back, or stands before 2024 or after 2095. */
static void test_monotonic(void **state)
{
	const uint64_t clock[] = {
		0,
		NEW_YEAR_2024 + 1000,
		NEW_YEAR_2024 + 1000,
		NEW_YEAR_2024 + 999,
		1,
		NEW_YEAR_2024 + (1ull << 51),
		UINT64_MAX,
		NEW_YEAR_2024 + 1002,
		NEW_YEAR_2024 + 2000,
	};
	struct id_source src = { .writer = 1 };
	uint64_t last = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(clock) / sizeof(*clock); i++) {
		uint64_t id = id_next(&src, clock[i]);

		assert_true(id > last);
		assert_int_equal(id & 0xfff, 1);
		last = id;
	}
	assert_int_equal(id_wall_us(last), NEW_YEAR_2024 + 2000);
}

/* Set back by more than a minute: under another number with the clock, until
 * there is none; no id comes twice, whatever the clock does.
 */
static void test_set_back(void **state)
{
	const uint64_t hour = 3600000000, noon = NEW_YEAR_2024 + 12 * hour;
	struct id_source src = { .writer = 16 };
	uint64_t id[3 * (ID_TURNS + 2)];
	size_t n = 0;

	(void)state;
	for (uint64_t i = 0; i < ID_TURNS + 2; i++) {
		uint64_t from = n ? id[n - 1] : 0;

		/* The same three microseconds each time, then far ahead. */
		for (uint64_t us = 0; us < 3; us++) {
			src.last_us += us ? 0 : i < ID_TURNS ? 87600 * hour : 1;
			id[n++] = id_next(&src, noon + us);
			assert_true((id[n - 1] & 0xfff) >= 16);
			assert_true((id[n - 1] & 0xfff) < 16 + ID_TURNS);
		}
		if (i + 1 < ID_TURNS)
			assert_int_equal(id_wall_us(id[n - 1]), noon + 2);
		else /* it counts on */
			assert_true(id[n - 3] > from);
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			assert_true(id[i] != id[k]);
}

/* A machine that starts in 1970 each time. */
static void test_no_clock(void **state)
{
	struct id_source first = { .writer = 8 }, second = { .writer = 8 };

	(void)state;
	assert_true(id_next(&first, 1000001) != id_next(&second, 1000002));
	assert_true(id_wall_us(id_next(&first, 2000000)) > NEW_YEAR_2024);
}

static void test_text(void **state)
{
	const struct {
		uint64_t id;
		const char *text;
	} golden[] = {
		{ 0, "0000000000000" },
		{ 31, "000000000000Z" },
		{ 32, "0000000000010" },
		{ 0x123456789abcdefull, "028T5CY4TQKFF" },
		{ INT64_MAX, "7ZZZZZZZZZZZZ" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(golden) / sizeof(*golden); i++) {
		char text[ID_TEXT];
		uint64_t id;

		id_print(golden[i].id, text);
		assert_string_equal(text, golden[i].text);
		assert_int_equal(id_parse(slice_str(text), &id), 0);
		assert_true(id == golden[i].id);
		for (char *p = text; *p; p++)
			*p = ascii_lower(*p);
		assert_int_equal(id_parse(slice_str(text), &id), 0);
		assert_true(id == golden[i].id);
	}
}

static void test_text_sorts(void **state)
{
	struct id_source src = { 0 };
	char last[ID_TEXT] = "";

	(void)state;
	for (uint64_t us = NEW_YEAR_2024; us < NEW_YEAR_2024 * 2;
	     us += 987654321012ull) {
		char text[ID_TEXT];

		id_print(id_next(&src, us), text);
		assert_true(strcmp(last, text) < 0);
		memcpy(last, text, sizeof(last));
		if (src.last_us > (1ull << 50))
			break;
	}
}

static void test_must_reject(void **state)
{
	static const char *const bad[] = {
		"",
		"000000000000",
		"00000000000000",
		"8000000000000",
		"Z000000000000",
		"0000000000 00",
		"000000000000U",
		"000000000000I",
		"000000000000l",
		"000000000000o",
		"-000000000000",
		"000000000000\x80",
	};
	uint64_t id = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(id_parse(slice_str(bad[i]), &id), ERR_SYNTAX);
	assert_int_equal(id_parse(slice_of("0000000000\0"
					   "00",
					   13),
				  &id),
			 ERR_SYNTAX);
	assert_int_equal(id, 42);
}

static void test_at(void **state)
{
	const uint64_t us = NEW_YEAR_2024 + 123456789;

	(void)state;
	assert_int_equal(id_at(us), (uint64_t)123456789 << 12);
	assert_int_equal(id_wall_us(id_at(us)), us);
	assert_int_equal(id_at(NEW_YEAR_2024), 0);
	assert_int_equal(id_at(NEW_YEAR_2024 - 1), 0);
	assert_int_equal(id_at(0), 0);
	assert_int_equal(id_at(UINT64_MAX), INT64_MAX - 4095);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_monotonic),
		cmocka_unit_test(test_set_back),
		cmocka_unit_test(test_no_clock),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_sorts),
		cmocka_unit_test(test_must_reject),
		cmocka_unit_test(test_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
