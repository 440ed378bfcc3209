#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/hex.h"

static void digits(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		static const char all[] = "0123456789abcdef0123456789ABCDEF";
		const char *at = c ? strchr(all, c) : NULL;

		assert_int_equal(hex_value((char)c), at ? (at - all) % 16 : -1);
	}
	for (unsigned int v = 0; v < 64; v++)
		assert_int_equal(hex_value(hex_digit(v)), v & 15);
}

static void texts(void **state)
{
	static const uint8_t octets[] = { 0x00, 0x9a, 0xff };
	static const char *const bad[] = { "",	     "009af",	"009aff0",
					   "009afg", "009a f ", "0x9aff" };
	char text[HEX_TEXT(sizeof(octets))];
	uint8_t back[sizeof(octets)];

	(void)state;
	hex_print(octets, sizeof(octets), text);
	assert_string_equal(text, "009aff");
	assert_true(hex_parse(SLICE("009AfF"), back, sizeof(back)));
	assert_memory_equal(back, octets, sizeof(back));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_false(hex_parse(slice_str(bad[i]), back, sizeof(back)));
		assert_memory_equal(back, octets, sizeof(back));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digits),
		cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
