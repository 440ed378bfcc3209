/* tests/unit/gateway/writers_test.c - numbers that do not come again soon. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/writers.h"

static char dir[] = "/tmp/writers_test.XXXXXX";
static char path[sizeof(dir) + 20];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/" WRITERS_FILE, dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

/* Opened anew before each, as after a SIGKILL: none comes twice in WRITERS. */
static void test_restarts(void **state)
{
	bool had[ID_WRITERS] = { false };

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		struct writers w;
		uint16_t n;

		assert_int_equal(writers_open(&w, path), 0);
		n = writers_next(&w);
		writers_done(&w);
		assert_true(n <= ID_WRITERS - ID_TURNS);
		assert_int_equal(n % ID_TURNS, 0);
		assert_false(had[n]);
		had[n] = true;
	}
}

/* What is in the file is not believed to be a number that can be. */
static void test_nonsense(void **state)
{
	struct writers w;
	FILE *f = fopen(path, "w");

	(void)state;
	assert_non_null(f);
	assert_int_equal(fwrite("\xff\xff\xff\xff", 1, 4, f), 4);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(writers_open(&w, path), 0);
	assert_true(writers_next(&w) <= ID_WRITERS - ID_TURNS);
	writers_done(&w);
}

/* Without a file there are numbers all the same. */
static void test_no_file(void **state)
{
	struct writers w;
	uint16_t n;

	(void)state;
	assert_int_equal(writers_open(&w, "/nowhere/writers"), -ENOENT);
	n = writers_next(&w);
	assert_int_equal(n % ID_TURNS, 0);
	assert_int_not_equal(writers_next(&w), n);
	writers_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restarts),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
