/* No message shows a secret, nor what a terminal would obey. */

#include "dir.h"

#include <errno.h>

#include "base/base.h"
#include "base/err.h"
#include "ship/secret.h"

static int read_text(const struct dir *d, const char *text, size_t len,
		     char ret[SECRET_MAX + 1])
{
	char path[100];

	dir_write(d, "s", text, len);
	(void)snprintf(path, sizeof(path), "%s/s", d->path);
	return secret_read(path, ret);
}

static void test_read(void **state)
{
	const struct dir *d = *state;
	char got[SECRET_MAX + 1], large[SECRET_MAX + 2];

	assert_int_equal(read_text(d, "hunter2\n", 8, got), 0);
	assert_string_equal(got, "hunter2");
	assert_int_equal(read_text(d, " a b ", 5, got), 0);
	assert_string_equal(got, " a b ");
	assert_int_equal(read_text(d, "A: b\nC: d\n", 10, got), 0);
	assert_string_equal(got, "A: b\nC: d");
	assert_int_equal(read_text(d, "", 0, got), ERR_SYNTAX);
	assert_int_equal(read_text(d, "\n", 1, got), ERR_SYNTAX);
	assert_int_equal(read_text(d, "a\r\n", 3, got), ERR_SYNTAX);
	assert_int_equal(read_text(d, "a\0b", 3, got), ERR_SYNTAX);
	assert_string_equal(got, "A: b\nC: d");
	memset(large, 'x', sizeof(large));
	assert_int_equal(read_text(d, large, SECRET_MAX, got), 0);
	assert_int_equal(read_text(d, large, SECRET_MAX + 1, got), ERR_LIMIT);
	assert_int_equal(read_text(d, large, SECRET_MAX + 2, got), ERR_LIMIT);
	assert_int_equal(secret_read("/nonexistent", got), -ENOENT);
	assert_int_equal(secret_read(NULL, got), 0);
	assert_string_equal(got, "");
}

static void test_phrase(void **state)
{
	static const char *const secrets[] = { "hunter2", "hunter2long", "abc",
					       "", NULL };
	static const struct {
		const char *what, *said;
	} t[] = {
		{ "", "" },
		{ "wrong password hunter2.", "wrong password ***." },
		{ "hunter2long hunter2hunter2", "*** ******" },
		{ "abc is too short to hide", "abc is too short to hide" },
		{ "\n  first\nsecond", "first" },
		{ "one\rtwo", "one" },
		{ "\x1b[31mred\t\xc3\xa9", "?[31mred???" },
	};
	char got[64], small[12];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		secret_phrase(t[i].what, secrets, got, sizeof(got));
		assert_string_equal(got, t[i].said);
	}
	secret_phrase("1234567hunter2", secrets, small, sizeof(small));
	assert_string_equal(small, "1234567***");
	secret_phrase("12345678hunter2", secrets, small, sizeof(small));
	assert_string_equal(small, "12345678");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, dir_setup,
						dir_teardown),
		cmocka_unit_test(test_phrase),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
