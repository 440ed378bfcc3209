/* Tests of gateway/socks.c. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"
#include "gateway/socks.h"

#define HELLO "\x05\x01\x00"

struct talk {
	struct socks socks;
	struct buf in, out;
	struct login login;
	struct authority to;
};

static void talk_init(struct talk *t)
{
	*t = (struct talk){ .to = { .port = 7 } };
	buf_init(&t->in, 1024);
	buf_init(&t->out, 1024);
}

static void talk_done(struct talk *t)
{
	buf_done(&t->in);
	buf_done(&t->out);
}

static int talk_say(struct talk *t, struct slice text)
{
	assert_int_equal(buf_append_slice(&t->in, text), 0);
	return socks_read(&t->socks, &t->in, &t->out, &t->login, &t->to);
}

static void test_good(void **state)
{
	static const struct {
		struct slice text;
		const char *host;
		uint16_t port;
	} rows[] = {
		{ SLICE(HELLO "\x05\x01\x00\x03\x09"
			      "h.Example\x00\x16"),
		  "h.example", 22 },
		{ SLICE(HELLO "\x05\x01\x00\x01\x0a\x00\x00\x05\x15\x38"),
		  "10.0.0.5", 5432 },
		{ SLICE("\x05\x02\x02\x00\x05\x01\x00\x04"
			"\x26\x00\x00\x11\x00\x00\x00\x00"
			"\x00\x00\x00\x00\x00\x00\x00\x03\x01\xbb"),
		  "2600:11::3", 443 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct talk t;

		/* Whole, and an octet at a time. */
		talk_init(&t);
		assert_int_equal(talk_say(&t, rows[i].text), 1);
		assert_string_equal(t.to.host, rows[i].host);
		assert_int_equal(t.to.port, rows[i].port);
		assert_int_equal(buf_len(&t.in), 0);
		assert_memory_equal(buf_data(&t.out), "\x05\x00", 2);
		talk_done(&t);

		talk_init(&t);
		for (size_t at = 0; at + 1 < rows[i].text.len; at++) {
			assert_int_equal(
				talk_say(&t,
					 slice_of(rows[i].text.ptr + at, 1)),
				0);
			assert_int_equal(t.to.port, 7); /* untouched */
		}
		assert_int_equal(
			talk_say(&t, slice_of(rows[i].text.ptr +
						      rows[i].text.len - 1,
					      1)),
			1);
		assert_string_equal(t.to.host, rows[i].host);
		talk_done(&t);
	}
}

static void test_bad(void **state)
{
	static const struct {
		struct slice text;
		int code; /* of the last reply; -1: none */
	} rows[] = {
		{ SLICE("\x04\x01\x00"), -1 },
		{ SLICE("\x05\x01\x01"), 0xff }, /* GSSAPI only */
		{ SLICE("\x05\x00"), 0xff },
		{ SLICE(HELLO "\x05\x02\x00\x01\x0a\x00\x00\x05\x15\x38"),
		  SOCKS_NO_COMMAND },
		{ SLICE(HELLO "\x05\x03\x00\x01\x0a\x00\x00\x05\x15\x38"),
		  SOCKS_NO_COMMAND },
		{ SLICE(HELLO "\x05\x01\x00\x09\x00\x00\x00"),
		  SOCKS_NO_ADDRESS },
		{ SLICE(HELLO "\x05\x01\x00\x03\x04"
			      "a:80\x00\x16"),
		  SOCKS_NO_ADDRESS },
		{ SLICE(HELLO "\x05\x01\x00\x03\x05"
			      "127.1\x00\x16"),
		  SOCKS_NO_ADDRESS },
		{ SLICE(HELLO "\x05\x01\x00\x03\x00\x00\x16"),
		  SOCKS_NO_ADDRESS },
		{ SLICE(HELLO "\x05\x01\x00\x01\x0a\x00\x00\x05\x00\x00"),
		  SOCKS_FAILED },
		{ SLICE(HELLO "\x04\x01\x00\x01\x0a\x00\x00\x05\x00\x16"), 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct talk t;
		struct slice out;

		talk_init(&t);
		assert_true(talk_say(&t, rows[i].text) < 0);
		assert_int_equal(t.to.port, 7);
		out = buf_slice(&t.out);
		if (rows[i].code < 0)
			assert_int_equal(out.len, 0);
		else
			assert_int_equal((uint8_t)out.ptr[out.len > 2 ? 3 : 1],
					 rows[i].code);
		talk_done(&t);
	}
}

#define LOGIN                                                                  \
	"\x01\x02"                                                             \
	"ci"                                                                   \
	"\x05"                                                                 \
	"12345"

static void test_login(void **state)
{
	static const char request[] =
		"\x05\x01\x00\x01\x0a\x00\x00\x05\x15\x38";
	const struct slice want = SLICE("\x05\x01\x02" LOGIN);
	struct talk t;

	(void)state;
	talk_init(&t);
	t.socks.must_login = true;
	for (size_t at = 0; at + 1 < want.len; at++)
		assert_int_equal(talk_say(&t, slice_of(want.ptr + at, 1)), 0);
	assert_int_equal(talk_say(&t, slice_of(want.ptr + want.len - 1, 1)),
			 SOCKS_LOGIN);
	assert_memory_equal(buf_data(&t.out), "\x05\x02", 2);
	assert_true(slice_eq(slice_of(t.login.user, t.login.user_len),
			     SLICE("ci")));
	assert_true(login_proves(&t.login, (char[TOKEN_MAX]){ "12345" }, 5));
	assert_int_equal(socks_admit(&t.socks, &t.out, true), 0);
	assert_memory_equal(buf_data(&t.out) + 2, "\x01\x00", 2);
	assert_int_equal(talk_say(&t, slice_of(request, sizeof(request) - 1)),
			 1);
	assert_string_equal(t.to.host, "10.0.0.5");
	talk_done(&t);
}

static void test_must_login(void **state)
{
	struct talk t;

	(void)state;
	talk_init(&t);
	t.socks.must_login = true;
	assert_true(talk_say(&t, SLICE(HELLO)) < 0);
	assert_memory_equal(buf_data(&t.out), "\x05\xff", 2);
	talk_done(&t);
	talk_init(&t);
	assert_true(talk_say(&t, SLICE("\x05\x01\x02\x05\x02"
				       "ci")) < 0);
	talk_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_must_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
