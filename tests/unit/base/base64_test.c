/* tests/unit/base/base64_test.c - RFC 4648, section 10 and beyond. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/base64.h"

static const struct {
	const char *plain, *code;
} golden[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "\xff\xfe\xfd", "//79" },
};

static void test_golden(void **state)
{
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
		struct slice plain = slice_str(golden[i].plain);
		struct slice code = slice_str(golden[i].code);

		assert_int_equal(BASE64_LEN(plain.len), code.len);
		base64_encode(plain, text);
		assert_memory_equal(text, code.ptr, code.len);
		assert_int_equal(base64_decode(code, text, sizeof(text)),
				 plain.len);
		assert_memory_equal(text, plain.ptr, plain.len);
		if (plain.len)
			assert_int_equal(
				base64_decode(code, text, plain.len - 1), -1);
	}
}

static void test_rejected(void **state)
{
	static const char *const bad[] = {
		"Z",	 "Zg",	     "Zg=",	 "Zg===",
		"=Zg=",	 "Zg==Zg==", "Zh==",	 "Zm9=",
		"Zm 9v", "Zm9v\n",   "Zm9-",	 "Zm_v",
		"====",	 "A===",     "Zm9vYh=A", "\x80\x80\x80\x80",
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
			base64_decode(slice_str(bad[i]), text, sizeof(text)),
			-1);
	assert_int_equal(
		base64_decode(slice_of("Zg\0=", 4), text, sizeof(text)), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
