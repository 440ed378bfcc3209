/* Tests of gateway/login.c. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/base.h"
#include "gateway/login.h"

static void test_good(void **state)
{
	static const struct {
		struct slice value, user, token;
	} rows[] = {
		/* RFC 7617, section 2. */
		{ SLICE("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), SLICE("Aladdin"),
		  SLICE("open sesame") },
		{ SLICE("basic YTpi"), SLICE("a"), SLICE("b") },
		{ SLICE("BASIC YTpiOmM="), SLICE("a"), SLICE("b:c") },
		{ SLICE("Basic Og=="), SLICE(""), SLICE("") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct login l;

		assert_true(login_basic(rows[i].value, &l));
		assert_true(
			slice_eq(slice_of(l.user, l.user_len), rows[i].user));
		assert_true(slice_eq(slice_of(l.token, l.token_len),
				     rows[i].token));
		login_done(&l);
		assert_int_equal(l.token_len, 0);
		assert_int_equal(l.token[0], 0);
	}
}

static void test_bad(void **state)
{
	static const struct slice rows[] = {
		SLICE(""),
		SLICE("Basic"),
		SLICE("Basic "),
		SLICE("Basic  YTpi"),
		SLICE("Bearer YTpi"),
		SLICE("Basic YTp"),
		SLICE("Basic YTpi "),
		SLICE("Basic YTpi===="),
		SLICE("Basic YT=pi"),
		SLICE("Basic YTpi="),
		SLICE("Basic YWI="),	 /* no colon */
		SLICE("Basic YT-pYTpi"), /* the other alphabet */
		SLICE("Basic YTpi\0\0\0\0"),
	};
	char wide[1024];
	struct login l;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_false(login_basic(rows[i], &l));
		assert_int_equal(l.user_len + l.token_len, 0);
	}
	memset(wide, 'Y', sizeof(wide));
	memcpy(wide, "Basic ", 6);
	for (size_t n = 6; n <= sizeof(wide); n++)
		assert_false(login_basic(slice_of(wide, n), &l));
}

static void test_proves(void **state)
{
	char token[TOKEN_MAX] = "0123456789abcdef";
	char none[TOKEN_MAX] = "";
	char full[TOKEN_MAX];
	struct login l;

	(void)state;
	assert_true(login_set(SLICE("ci"), SLICE("0123456789abcdef"), &l));
	assert_true(login_proves(&l, token, 16));
	assert_false(login_proves(&l, none, 0));
	token[15] = 'g';
	assert_false(login_proves(&l, token, 16));
	assert_true(login_set(SLICE("ci"), SLICE("0123456789abcde"), &l));
	token[15] = 0;
	assert_false(login_proves(&l, token, 16));
	assert_true(login_proves(&l, token, 15));
	assert_true(login_set(SLICE("ci"), SLICE(""), &l));
	assert_false(login_proves(&l, none, 0));
	memset(full, 'x', sizeof(full));
	assert_true(login_set(SLICE("ci"), slice_of(full, TOKEN_MAX), &l));
	assert_true(login_proves(&l, full, TOKEN_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_proves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
