/* Tests of http/h1_head.c: what it records, and that it looks at each octet
 * once. What it refuses is in data/h1_*.tsv.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"
#include "http/h1_head.h"

static void test_facts(void **state)
{
	static const char text[] = "POST /x HTTP/1.1\r\nHost: a\r\n"
				   "Content-Length: 12\r\n\r\nbody";
	struct h1_head h;
	size_t len = 0;

	(void)state;
	h1_head_init(&h, H1_REQUEST, &http_limits_server);
	assert_int_equal(h1_head_scan(&h, slice_str(text), &len), 1);
	assert_int_equal(len, sizeof(text) - 1 - 4);
	assert_int_equal(h.seen, len);
	assert_true(h.v1_1);
	assert_int_equal(h.method_len, 4);
	assert_int_equal(h.target_len, 2);
	assert_int_equal(h.fields, 2);
	assert_int_equal(h.hosts, 1);
	assert_true(h.has_length);
	assert_false(h.chunked);
	assert_int_equal(h.length, 12);
}

/* Octet by octet; those before h.line are overwritten, so a second look at
 * them would fail.
 */
static void test_resumes(void **state)
{
	char text[] = "HTTP/1.0 404 not here\r\nA: b\r\nTransfer-Coding: x\r\n"
		      "\r\n";
	size_t whole = sizeof(text) - 1, len = 0;
	struct h1_head h;

	(void)state;
	h1_head_init(&h, H1_RESPONSE, &http_limits_client);
	for (size_t n = 0; n < whole; n++) {
		assert_int_equal(h1_head_scan(&h, slice_of(text, n), &len), 0);
		assert_int_equal(h.seen, n);
		memset(text, '\0', h.line);
	}
	assert_int_equal(len, 0);
	assert_int_equal(h1_head_scan(&h, slice_of(text, whole), &len), 1);
	assert_int_equal(len, whole);
	assert_int_equal(h.status, 404);
	assert_false(h.v1_1);
	assert_int_equal(h.fields, 2);
}

static void test_trailers(void **state)
{
	struct h1_head h;
	size_t len = 0;

	(void)state;
	h1_head_init(&h, H1_TRAILER, &http_limits_server);
	assert_int_equal(h1_head_scan(&h, SLICE("\r\n"), &len), 1);
	assert_int_equal(len, 2);
	h1_head_init(&h, H1_TRAILER, &http_limits_server);
	assert_int_equal(h1_head_scan(&h, SLICE("a: b\r\nc: d\r\n\r\nx"), &len),
			 1);
	assert_int_equal(len, 14);
	assert_int_equal(h.fields, 2);
}

static void test_failure(void **state)
{
	struct h1_head h;
	size_t len = 77;

	(void)state;
	h1_head_init(&h, H1_REQUEST, &http_limits_server);
	assert_int_equal(
		h1_head_scan(&h, SLICE("GET / HTTP/1.1\r\n\r\n"), &len),
		ERR_SYNTAX);
	assert_int_equal(len, 77);
	assert_int_equal(h.fault, HTTP_FAULT_SYNTAX);
	assert_string_equal(h.why, "no Host");
}

static void test_token(void **state)
{
	(void)state;
	assert_true(h1_is_token(SLICE("X-Hop_1.~!#$%&'*+^`|")));
	assert_false(h1_is_token(SLICE("")));
	assert_false(h1_is_token(SLICE("a b")));
	assert_false(h1_is_token(SLICE("a\xc3\xa4")));
	for (const char *c = "\"(),/:;<=>?@[\\]{} \t\x7f\x01"; *c; c++)
		assert_false(h1_is_token(slice_of(c, 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),	 cmocka_unit_test(test_resumes),
		cmocka_unit_test(test_trailers), cmocka_unit_test(test_failure),
		cmocka_unit_test(test_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
