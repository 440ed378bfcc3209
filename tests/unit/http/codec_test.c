/* Tests of http/codec.c: the list of streams with news. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "http/codec_impl.h"

static void assert_next(struct http_codec *c, const struct http_stream *s,
			unsigned int news)
{
	unsigned int got = 0;

	assert_ptr_equal(http_codec_next(c, &got), s);
	assert_int_equal(got, news);
}

static void test_order(void **state)
{
	struct http_codec c = { .version = HTTP_2 };
	struct http_stream s[3] = { 0 };

	(void)state;
	assert_next(&c, NULL, 0);
	http_codec_tell(&c, &s[1], HTTP_NEWS_HEAD);
	http_codec_tell(&c, &s[0], HTTP_NEWS_BODY);
	http_codec_tell(&c, &s[2], HTTP_NEWS_ROOM);
	http_codec_tell(&c, &s[1], HTTP_NEWS_BODY);
	assert_next(&c, &s[1], HTTP_NEWS_HEAD | HTTP_NEWS_BODY);
	http_codec_tell(&c, &s[1], HTTP_NEWS_CLOSED);
	assert_next(&c, &s[0], HTTP_NEWS_BODY);
	assert_next(&c, &s[2], HTTP_NEWS_ROOM);
	assert_next(&c, &s[1], HTTP_NEWS_CLOSED);
	assert_next(&c, NULL, 0);
	assert_int_equal(http_codec_version(&c), HTTP_2);
}

/* Take out each of three, then add it again: the others stay in order. */
static void test_untell(void **state)
{
	(void)state;
	for (size_t out = 0; out < 3; out++) {
		struct http_codec c = { 0 };
		struct http_stream s[3] = { 0 };

		for (size_t i = 0; i < 3; i++)
			http_codec_tell(&c, &s[i], HTTP_NEWS_HEAD);
		http_codec_untell(&c, &s[out]);
		assert_false(s[out].ready);
		assert_int_equal(s[out].news, 0);
		http_codec_untell(&c, &s[out]);
		http_codec_tell(&c, &s[out], HTTP_NEWS_BODY);
		for (size_t i = 0; i < 3; i++)
			if (i != out)
				assert_next(&c, &s[i], HTTP_NEWS_HEAD);
		assert_next(&c, &s[out], HTTP_NEWS_BODY);
		assert_next(&c, NULL, 0);
		assert_null(c.ready_head);
		assert_null(c.ready_tail);
	}
}

static void test_untell_only(void **state)
{
	struct http_codec c = { 0 };
	struct http_stream s = { 0 };

	(void)state;
	http_codec_tell(&c, &s, HTTP_NEWS_HEAD);
	http_codec_untell(&c, &s);
	assert_null(c.ready_head);
	assert_null(c.ready_tail);
	assert_next(&c, NULL, 0);
}

static void test_free_nothing(void **state)
{
	struct http_codec *none = NULL;

	(void)state;
	http_codec_free(&none);
	assert_null(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_untell),
		cmocka_unit_test(test_untell_only),
		cmocka_unit_test(test_free_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
