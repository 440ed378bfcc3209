#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/uri.h"

static void escapes(void **state)
{
	static const struct {
		struct slice text;
		int value;
	} rows[] = {
		{ SLICE("%2f"), '/' }, { SLICE("%2Fx"), '/' },
		{ SLICE("%00"), 0 },   { SLICE("%fF"), 255 },
		{ SLICE("%2"), -1 },   { SLICE("2f0"), -1 },
		{ SLICE("%g0"), -1 },  { SLICE("%0g"), -1 },
		{ SLICE(""), -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(uri_escape(rows[i].text), rows[i].value);
}

static void decodes(void **state)
{
	static const struct {
		const char *text, *once, *fully;
	} rows[] = {
		{ "", "", "" },
		{ "/a%2fb", "/a/b", "/a/b" },
		{ "%252e%252E", "%2e%2E", ".." },
		{ "%%32e", "%2e", "." },
		{ "%2%65", "%2e", "." },
		{ "%25%32%65", "%2e", "." },
		{ "%2525252e", "%25252e", "." },
		{ "100%", "100%", "100%" },
		{ "%zz%2", "%zz%2", "%zz%2" },
	};
	char mem[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct slice text = slice_str(rows[i].text);
		size_t len = uri_decode(text, mem);

		assert_true(
			slice_eq(slice_of(mem, len), slice_str(rows[i].once)));
		len = uri_decode_fully(text, mem);
		assert_true(
			slice_eq(slice_of(mem, len), slice_str(rows[i].fully)));
	}
}

static void dots(void **state)
{
	static const char *const with[] = { "/.",	"/..",	   "/../a",
					    "/a/./b",	"/a/..",   "..",
					    "/a\\..\\", "/..;v=1", "/.;",
					    "/a/..;/b", "/a/..\\" };
	static const char *const without[] = { "",	 "/",	   "//",
					       "/...",	 "/a.",	   "/.a",
					       "/..a",	 "/a;..x", "/..%",
					       "/....;", "/;/a;." };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(with); i++)
		assert_true(uri_has_dots(slice_str(with[i])));
	for (size_t i = 0; i < ARRAY_SIZE(without); i++)
		assert_false(uri_has_dots(slice_str(without[i])));
}

static void numbers(void **state)
{
	static const char *const with[] = { "1",    "0177", "0x7f",
					    "0XAf", "0x",   "4294967296" };
	static const char *const without[] = { "", "a1", "1a", "0xg", "x1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(with); i++)
		assert_true(uri_is_number(slice_str(with[i])));
	for (size_t i = 0; i < ARRAY_SIZE(without); i++)
		assert_false(uri_is_number(slice_str(without[i])));
}

static void overlong(void **state)
{
	static const char *const with[] = { "\xc0\xae",	       "a\xc0\xaf",
					    "\xc1\x9c",	       "/\xc0\x80/",
					    "\xe0\x80\xae",    "\xe0\x81\x9c",
					    "\xf0\x80\x80\xaf" };
	static const char *const without[] = {
		"",	    "\xae",	"\x80\xae",	"\x80\x80\xae",
		"\xc0\xb4", "\xc2\xae", "\xe0\xa4\xae", "\xf0\x90\x80\xae",
		"\xc0.\xae"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(with); i++)
		assert_true(uri_has_overlong(slice_str(with[i])));
	for (size_t i = 0; i < ARRAY_SIZE(without); i++)
		assert_false(uri_has_overlong(slice_str(without[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes),  cmocka_unit_test(decodes),
		cmocka_unit_test(dots),	    cmocka_unit_test(numbers),
		cmocka_unit_test(overlong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
