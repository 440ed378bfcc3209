/* What goes into a record cannot forge a line, and secrets stay out. */

#include "audit/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

static void expect(enum text_kind kind, struct slice in, const char *want)
{
	char got[512];
	bool cut = false;
	size_t n = text_copy(kind, in, got, sizeof(got) - 1, &cut);

	got[n] = '\0';
	assert_false(cut);
	assert_string_equal(got, want);
	assert_true(text_is_clean(slice_of(got, n)));
}

static void escapes(void **state)
{
	(void)state;
	expect(TEXT_PLAIN, SLICE(""), "");
	expect(TEXT_PLAIN, SLICE("plain ~!"), "plain ~!");
	expect(TEXT_PLAIN, SLICE("a\r\nb"), "a\\x0d\\x0ab");
	expect(TEXT_PLAIN, SLICE("\0\x1b[31m\x7f"), "\\x00\\x1b[31m\\x7f");
	expect(TEXT_PLAIN, SLICE("back\\slash"), "back\\x5cslash");
	expect(TEXT_PLAIN, SLICE("\\x0a"), "\\x5cx0a");
	expect(TEXT_PLAIN, SLICE("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
	expect(TEXT_PLAIN, SLICE("\xf0\x9f\x90\x91"), "\xf0\x9f\x90\x91");
}

static void escapes_bad_utf8(void **state)
{
	(void)state;
	expect(TEXT_PLAIN, SLICE("\xff\xfe"), "\\xff\\xfe");
	expect(TEXT_PLAIN, SLICE("\xc3"), "\\xc3");
	expect(TEXT_PLAIN, SLICE("\xc0\xaf"), "\\xc0\\xaf");
	expect(TEXT_PLAIN, SLICE("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");
	expect(TEXT_PLAIN, SLICE("\xed\xa0\x80"), "\\xed\\xa0\\x80");
	expect(TEXT_PLAIN, SLICE("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
	expect(TEXT_PLAIN, SLICE("\xe2\x82"), "\\xe2\\x82");
}

/* C1 controls, separators, direction changes, tags, byte order mark. */
static void escapes_tricks(void **state)
{
	(void)state;
	expect(TEXT_PLAIN, SLICE("\xc2\x9b"), "\\xc2\\x9b");
	expect(TEXT_PLAIN, SLICE("\xe2\x80\xa8"), "\\xe2\\x80\\xa8");
	expect(TEXT_PLAIN, SLICE("\xe2\x80\xae"), "\\xe2\\x80\\xae");
	expect(TEXT_PLAIN, SLICE("\xe2\x81\xa6"), "\\xe2\\x81\\xa6");
	expect(TEXT_PLAIN, SLICE("\xef\xbb\xbf"), "\\xef\\xbb\\xbf");
	expect(TEXT_PLAIN, SLICE("\xf3\xa0\x81\x81"), "\\xf3\\xa0\\x81\\x81");
}

/* Looked at sixteen octets at a time: at every length, in every place. */
static void plain_or_not(void **state)
{
	static const char odd[] = "\\\x7f\x1f\x80\xff\n";
	char text[50];

	(void)state;
	for (size_t n = 0; n <= sizeof(text); n++) {
		struct slice s = slice_of(text, n);

		memset(text, '~', sizeof(text));
		assert_true(text_is_plain(s));
		for (size_t i = 0; i < n; i++) {
			for (size_t k = 0; k < sizeof(odd); k++) {
				text[i] = odd[k]; /* the last one is NUL */
				assert_false(text_is_plain(s));
			}
			text[i] = ' ';
			assert_true(text_is_plain(s));
		}
		memset(text, '\n', sizeof(text));
		memset(text, '~', n);
		assert_true(text_is_plain(s)); /* no octet behind it counts */
	}
}

/* The same way: an octet that calls for a look, or nineteen in a row without
 * a break.
 */
static void needs_mask_or_not(void **state)
{
	static const char mask[] = "=@%";
	char text[80];

	(void)state;
	for (size_t n = 0; n <= sizeof(text); n++) {
		struct slice s = slice_of(text, n);

		memset(text, 'x', sizeof(text));
		for (size_t i = 0; i < n; i += 10)
			text[i] = " !/.,+"[i / 10 % 6];
		assert_false(text_needs_mask(s));
		for (size_t i = 0; i < n; i++) {
			char was = text[i];

			for (size_t k = 0; k < sizeof(mask) - 1; k++) {
				text[i] = mask[k];
				assert_true(text_needs_mask(s));
				assert_true(text_is_plain(s));
			}
			text[i] = was;
		}
		memset(text, '/', sizeof(text));
		memset(text + n, 'x', sizeof(text) - n);
		assert_false(text_needs_mask(s)); /* nor what is behind it */
		for (size_t i = 0; i + 19 <= n; i++) {
			memset(text, '/', n);
			memcpy(text + i, "sk-0123456789_ABCxyz", 19);
			assert_true(text_needs_mask(s));
		}
	}
}

static void masks(void **state)
{
	static const struct {
		const char *in;
		const char *want;
	} cases[] = {
		{ "a=b&c=d", "a=b&c=d" },
		{ "token=hunter2&q=1", "token=***&q=1" },
		{ "q=1&TOKEN=x", "q=1&TOKEN=***" },
		{ "access_token=x;refresh-token=y",
		  "access_token=***;refresh-token=***" },
		{ "key=1&api_key=2&apikey=3&Ocp-Apim-Subscription-Key=4",
		  "key=***&api_key=***&apikey=***&Ocp-Apim-Subscription-Key="
		  "***" },
		{ "secret=x&client_secret=y", "secret=***&client_secret=***" },
		{ "password=x&passwd=y&pwd=z",
		  "password=***&passwd=***&pwd=***" },
		{ "auth=x&sig=y&signature=z&credential=w",
		  "auth=***&sig=***&signature=***&credential=***" },
		{ "code=x&session=y&jwt=z", "code=***&session=***&jwt=***" },
		{ "X-Amz-Signature=ab&X-Amz-Credential=AK%2Fx&"
		  "X-Amz-Security-Token=q&X-Amz-Date=20260101",
		  "X-Amz-Signature=***&X-Amz-Credential=***&"
		  "X-Amz-Security-Token=***&X-Amz-Date=20260101" },
		{ "tok%65n=x", "tok%65n=***" },
		{ "token%3Dx%26q=1", "token%3D***%26q=1" },
		{ "token=", "token=" },
		{ "token=a=b&q=1", "token=***&q=1" },
		{ "token=a/b+c&q=1", "token=***&q=1" },
		{ "token", "token" },
		{ "&&=&", "&&=&" },
		{ "q=keyword&author=me", "q=keyword&author=me" },
		{ "u=https://me:pw@h.test/x", "u=https://***@h.test/x" },
		{ "u=https%3A%2F%2Fme%3Apw%40h.test%2F%3Ftoken%3Dz&b=1",
		  "u=https%3A%2F%2F***%40h.test%2F%3Ftoken%3D***&b=1" },
		{ "u=https://h.test/a@b", "u=https://h.test/a@b" },
		{ "x=eyJhbGciOiJIUzI1NiJ9.e30.sig", "x=eyJ***" },
		{ "x=ghp_0123456789abcdef", "x=ghp_***" },
		{ "%", "%" },
		{ "a=%4", "a=%4" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect(TEXT_QUERY, slice_str(cases[i].in), cases[i].want);
}

static void masks_long_key(void **state)
{
	char in[200], want[200];

	(void)state;
	memset(in, 'k', sizeof(in));
	memcpy(in + 100, "=v", 3);
	memset(want, 'k', sizeof(want));
	memcpy(want + 100, "=***", 5);
	expect(TEXT_QUERY, slice_str(in), want);
}

static void masks_path(void **state)
{
	(void)state;
	expect(TEXT_PATH, SLICE("/a/b;jsessionid=1/c"),
	       "/a/b;jsessionid=***/c");
	expect(TEXT_PATH, SLICE("/proxy/https://u:p@h/x"),
	       "/proxy/https://***@h/x");
	expect(TEXT_PATH, SLICE("/@scope%2fname"), "/@scope%2fname");
	expect(TEXT_PATH, SLICE("/tokens/list"), "/tokens/list");
	expect(TEXT_PATH, SLICE("/token=a%20b/c"), "/token=***/c");
	expect(TEXT_PATH, SLICE("GET https://h.test/a;token=b c=d"),
	       "GET https://h.test/a;token=*** c=d");
	expect(TEXT_PATH, SLICE("see http://me:pw@h.test/ or (a=b)"),
	       "see http://***@h.test/ or (a=b)");
}

/* A bound cuts between characters and escapes, and says so. */
static void cuts(void **state)
{
	char got[64];

	(void)state;
	for (size_t max = 0; max < 16; max++) {
		bool cut = false;
		size_t n = text_copy(TEXT_PLAIN, SLICE("ab\n\xc3\xbcz"), got,
				     max, &cut);

		assert_true(n <= max);
		assert_true(text_is_clean(slice_of(got, n)));
		assert_int_equal(cut, max < 9);
		assert_memory_equal(got, "ab\\x0a\xc3\xbcz", n);
	}
}

/* Whatever comes in, what comes out is clean, for any octets at any bound. */
static void always_clean(void **state)
{
	uint64_t x = 88172645463325252ull;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		static const char dice[] = "&;=@/%:?#\\x0aA2F4key\xc3\xbc\n";
		char in[48], got[64];
		bool cut = false;
		size_t n = (size_t)round % sizeof(in);

		for (size_t i = 0; i < n; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			in[i] = (x >> 40) & 3 ? dice[x % (sizeof(dice) - 1)]
					      : (char)x;
		}
		n = text_copy((enum text_kind)(round % 3), slice_of(in, n), got,
			      sizeof(got), &cut);
		assert_true(text_is_clean(slice_of(got, n)));
	}
}

static void unclean(void **state)
{
	(void)state;
	assert_false(text_is_clean(SLICE("a\nb")));
	assert_false(text_is_clean(SLICE("\\")));
	assert_false(text_is_clean(SLICE("\\x0")));
	assert_false(text_is_clean(SLICE("\\x\n1")));
	assert_false(text_is_clean(SLICE("\xff")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_or_not),
		cmocka_unit_test(needs_mask_or_not),
		cmocka_unit_test(escapes),
		cmocka_unit_test(escapes_bad_utf8),
		cmocka_unit_test(escapes_tricks),
		cmocka_unit_test(masks),
		cmocka_unit_test(masks_long_key),
		cmocka_unit_test(masks_path),
		cmocka_unit_test(cuts),
		cmocka_unit_test(always_clean),
		cmocka_unit_test(unclean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
