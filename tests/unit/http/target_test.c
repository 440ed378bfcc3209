/* Tests of http/target.c. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"
#include "http/target.h"
#include "tests/unit/http/vectors.h"

static void run_path(const struct vector *v)
{
	const char *why = target_check_path(slice_of(v->input, v->input_len));

	if ((why == NULL) != vector_accepts(v))
		fail_msg("path.tsv:%d: %s", v->line, why ? why : "accepted");
}

static void test_paths(void **state)
{
	(void)state;
	vectors_run(TEST_DIR "/unit/http/data/path.tsv", run_path);
}

static void assert_slice(struct slice s, const char *expected)
{
	assert_int_equal(s.len, strlen(expected));
	if (s.len)
		assert_memory_equal(s.ptr, expected, s.len);
}

struct good {
	const char *method, *text;
	enum target_form form;
	const char *scheme, *authority, *path_query, *path, *query;
};

static void test_forms(void **state)
{
	static const struct good good[] = {
		{ "GET", "/", TARGET_ORIGIN, "", "", "/", "/", "" },
		{ "GET", "/a?b=c", TARGET_ORIGIN, "", "", "/a?b=c", "/a",
		  "b=c" },
		{ "GET", "/a?", TARGET_ORIGIN, "", "", "/a?", "/a", "" },
		{ "GET", "/a?b?c", TARGET_ORIGIN, "", "", "/a?b?c", "/a",
		  "b?c" },
		{ "GET", "/a?/../%zz\\", TARGET_ORIGIN, "", "", "/a?/../%zz\\",
		  "/a", "/../%zz\\" },
		{ "GET", "//evil.com/x", TARGET_ORIGIN, "", "", "//evil.com/x",
		  "//evil.com/x", "" },
		{ "GET", "http://h", TARGET_ABSOLUTE, "http", "h", "/", "/",
		  "" },
		{ "GET", "HTTPS://H:8443/a?b", TARGET_ABSOLUTE, "HTTPS",
		  "H:8443", "/a?b", "/a", "b" },
		{ "GET", "http://[::1]:80/x", TARGET_ABSOLUTE, "http",
		  "[::1]:80", "/x", "/x", "" },
		{ "OPTIONS", "*", TARGET_ASTERISK, "", "", "*", "*", "" },
		{ "OPTIONS", "/x", TARGET_ORIGIN, "", "", "/x", "/x", "" },
		{ "CONNECT", "h:443", TARGET_AUTHORITY, "", "h:443", "", "",
		  "" },
		{ "CONNECT", "[::1]:22", TARGET_AUTHORITY, "", "[::1]:22", "",
		  "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		const struct good *g = &good[i];
		const char *why = NULL;
		struct target t;

		assert_int_equal(target_parse(slice_str(g->method),
					      slice_str(g->text), &t, &why),
				 0);
		assert_null(why);
		assert_int_equal(t.form, g->form);
		assert_slice(t.scheme, g->scheme);
		assert_slice(t.authority, g->authority);
		assert_slice(t.path_query, g->path_query);
		assert_slice(t.path, g->path);
		assert_slice(t.query, g->query);
	}
}

static void test_refused(void **state)
{
	static const char *const bad[][2] = {
		{ "GET", "" },
		{ "GET", "*" },
		{ "GET", "admin" },
		{ "GET", "h:443" },
		{ "GET", "?x" },
		{ "GET", "/a#b" },
		{ "GET", "/a?b#c" },
		{ "GET", "/a?b c" },
		{ "GET", "/a?b\x01" },
		{ "GET", "/a?\xc3\xa9" },
		{ "GET", "/../a" },
		{ "GET", "/%2e%2e/a?b" },
		{ "GET", "http:/h/" },
		{ "GET", "http:h/" },
		{ "GET", "http:///x" },
		{ "GET", "http://" },
		{ "GET", "ftp://h/" },
		{ "GET", "://h/" },
		{ "GET", "http://good@evil/" },
		{ "GET", "http://good?x@evil/" },
		{ "GET", "http://h?x" },
		{ "GET", "http://good#@evil/" },
		{ "GET", "http://h:/" },
		{ "GET", "http://127.1/" },
		{ "GET", "http://h/../x" },
		{ "GET", "http://h\\x/" },
		{ "CONNECT", "/" },
		{ "CONNECT", "h" },
		{ "CONNECT", "h:0" },
		{ "CONNECT", "*" },
		{ "CONNECT", "http://h:443/" },
		{ "CONNECT", "u@h:443" },
		{ "connect", "h:443" },
		{ "POST", "*" },
	};
	struct target t, before;

	(void)state;
	memset(&t, 0x5a, sizeof(t));
	before = t;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *why = NULL;

		assert_int_equal(target_parse(slice_str(bad[i][0]),
					      slice_str(bad[i][1]), &t, &why),
				 ERR_SYNTAX);
		assert_non_null(why);
		assert_memory_equal(&t, &before, sizeof(t));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
