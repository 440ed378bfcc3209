#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"
#include "base/file.h"

static char path[] = "/tmp/file_test.XXXXXX";
static int dir = -1;

static int begin(void **state)
{
	(void)state;
	dir = mkdtemp(path) ? open(path, O_RDONLY | O_DIRECTORY) : -1;
	return dir < 0;
}

static int end(void **state)
{
	(void)state;
	(void)unlinkat(dir, "a", 0);
	(void)unlinkat(dir, "link", 0);
	(void)unlinkat(dir, "sub/x", 0);
	(void)unlinkat(dir, "sub", AT_REMOVEDIR);
	file_close(&dir);
	return rmdir(path);
}

static void replaces(void **state)
{
	char text[16];
	struct stat st;

	(void)state;
	assert_int_equal(file_replace(dir, "t", "a", 0640, SLICE("one\n")), 0);
	assert_int_equal(file_text(dir, "a", 0, text, sizeof(text)), 0);
	assert_string_equal(text, "one\n");
	assert_int_equal(fstatat(dir, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	/* What a writer before us left behind is no hindrance. */
	assert_int_equal(symlinkat("a", dir, "t"), 0);
	assert_int_equal(file_replace(dir, "t", "a", 0600, SLICE("two")), 0);
	assert_int_equal(file_text(dir, "a", 0, text, sizeof(text)), 0);
	assert_string_equal(text, "two");
	assert_int_equal(faccessat(dir, "t", F_OK, AT_SYMLINK_NOFOLLOW), -1);
}

/* The name keeps what it had, and nothing is left beside it. */
static void fails_whole(void **state)
{
	int at;

	(void)state;
	assert_int_equal(mkdirat(dir, "sub", 0700), 0);
	at = openat(dir, "sub/x", O_WRONLY | O_CREAT, 0600);
	file_close(&at);
	assert_int_equal(at, -1);
	assert_int_equal(file_replace(dir, "t", "sub", 0600, SLICE("x")),
			 -EISDIR);
	assert_int_equal(faccessat(dir, "sub/x", F_OK, 0), 0);
	assert_int_equal(faccessat(dir, "t", F_OK, 0), -1);
	assert_int_equal(file_replace(dir, "none/t", "a", 0600, SLICE("x")),
			 -ENOENT);
}

static void reads(void **state)
{
	char mem[4] = "...", small[3] = "..";
	size_t len = 77;
	int fd;

	(void)state;
	assert_int_equal(file_replace(dir, "t", "a", 0600, SLICE("abcd")), 0);
	assert_int_equal(file_text(dir, "a", 0, small, sizeof(small)), 0);
	assert_string_equal(small, "ab");
	assert_int_equal(file_text(dir, "none", 0, small, sizeof(small)),
			 -ENOENT);
	assert_int_equal(symlinkat("a", dir, "link"), 0);
	assert_int_equal(
		file_text(dir, "link", O_NOFOLLOW, small, sizeof(small)),
		-ELOOP);
	assert_string_equal(small, "ab");
	fd = openat(dir, "a", O_RDONLY);
	assert_int_equal(file_slurp(fd, mem, 3, &len), ERR_LIMIT);
	assert_int_equal(len, 77);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(file_slurp(fd, mem, 4, &len), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(mem, "abcd", 4);
	file_close(&fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaces),
		cmocka_unit_test(fails_whole),
		cmocka_unit_test(reads),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
