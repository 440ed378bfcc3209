/* What is remembered of a destination: exact text, and what is no cursor. */

#include "dir.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/base.h"
#include "base/err.h"
#include "ship/cursor.h"

#define HASH                                                                   \
	"000102030405060708090a0b0c0d0e0f"                                     \
	"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"

static const struct cursor sample = {
	.batch = 18446744073709551615u,
	.hash = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
		  0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
		  0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7,
		  0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff },
};

static void test_round(void **state)
{
	const struct dir *d = *state;
	struct cursor c = { 0 };
	struct stat st;

	assert_int_equal(cursor_read(d->fd, "ch", &c), -ENOENT);
	assert_int_equal(cursor_write(d->fd, "ch", &sample), 0);
	assert_string_equal(dir_text(d, "ch.cursor"),
			    "18446744073709551615 " HASH "\n");
	assert_int_equal(cursor_read(d->fd, "ch", &c), 0);
	assert_memory_equal(&c, &sample, sizeof(c));
	assert_int_equal(fstatat(d->fd, "ch.cursor", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fstatat(d->fd, "ch.cursor.new", &st, 0), -1);
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"7\n",
		"7 \n",
		" 7 " HASH "\n",
		"-7 " HASH "\n",
		"7 " HASH,
		"7 " HASH "0\n",
		"7 " HASH "\n\n",
		"7  " HASH "\n",
		"99999999999999999999999 " HASH "\n",
		"7 0001\n",
		"7 zz0102030405060708090a0b0c0d0e0f"
		"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff\n",
	};
	const struct dir *d = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct cursor c = sample;

		dir_write(d, "x.cursor", bad[i], strlen(bad[i]));
		assert_int_equal(cursor_read(d->fd, "x", &c), ERR_SYNTAX);
		assert_memory_equal(&c, &sample, sizeof(c));
	}
}

static void test_done(void **state)
{
	const struct dir *d = *state;
	int fd = openat(d->fd, "ship.cursor", O_RDWR | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(cursor_write_done(fd, 377894017280364547), 0);
	assert_string_equal(dir_text(d, "ship.cursor"),
			    "00377894017280364547\n");
	assert_int_equal(cursor_write_done(fd, 5), 0);
	assert_string_equal(dir_text(d, "ship.cursor"),
			    "00000000000000000005\n");
	(void)close(fd);
	fd = open("/dev/full", O_WRONLY);
	assert_true(cursor_write_done(fd, 5) < 0);
	(void)close(fd);
}

static void test_instance(void **state)
{
	static const char *const bad[] = { "",	    "\n",    "a b\n",
					   "a\r\n", "a/b\n", "no-end" };
	const struct dir *d = *state;
	char first[CURSOR_INSTANCE_MAX], again[CURSOR_INSTANCE_MAX];

	assert_int_equal(cursor_instance(d->fd, first), 0);
	assert_true(strlen(first) > 9);
	assert_int_equal(cursor_instance(d->fd, again), 0);
	assert_string_equal(first, again);
	dir_write(d, "instance", "gw-1.example_2\n", 15);
	assert_int_equal(cursor_instance(d->fd, again), 0);
	assert_string_equal(again, "gw-1.example_2");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		dir_write(d, "instance", bad[i], strlen(bad[i]));
		assert_int_equal(cursor_instance(d->fd, again), ERR_SYNTAX);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, dir_setup, dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_round),
		TEST(test_bad),
		TEST(test_done),
		TEST(test_instance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
