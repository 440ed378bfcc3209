/* The status file: exact text, read back, and what is skipped. */

#include "dir.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/err.h"
#include "ship/status.h"

static const struct status sample = {
	.time_us = 1795348343724755,
	.instance = "gw1-1f0c9a3e",
	.dests_len = 2,
	.dests = { { .name = "ch.eu",
		     .state = "ok",
		     .position = 812,
		     .rows_delivered = 40960,
		     .requests = 9 },
		   { .name = "pg",
		     .state = "refused",
		     .rows_behind = 5000,
		     .seconds_behind = 61,
		     .failures = 7,
		     .tries = 3,
		     .missed_batches = 2,
		     .error = "HTTP 401: no = such user" } },
};

static const char text[] = "time_us 1795348343724755\n"
			   "instance gw1-1f0c9a3e\n"
			   "ch.eu.state ok\n"
			   "ch.eu.position 812\n"
			   "ch.eu.rows_behind 0\n"
			   "ch.eu.seconds_behind 0\n"
			   "ch.eu.rows_delivered 40960\n"
			   "ch.eu.requests 9\n"
			   "ch.eu.failures 0\n"
			   "ch.eu.tries 0\n"
			   "ch.eu.missed_batches 0\n"
			   "pg.state refused\n"
			   "pg.position 0\n"
			   "pg.rows_behind 5000\n"
			   "pg.seconds_behind 61\n"
			   "pg.rows_delivered 0\n"
			   "pg.requests 0\n"
			   "pg.failures 7\n"
			   "pg.tries 3\n"
			   "pg.missed_batches 2\n"
			   "pg.error HTTP 401: no = such user\n";

static void test_round(void **state)
{
	const struct dir *d = *state;
	struct status got = { 0 };
	int fd;

	assert_int_equal(status_read(d->path, &got), -ENOENT);
	assert_int_equal(mkdirat(d->fd, "ship", 0700), 0);
	fd = openat(d->fd, "ship", O_RDONLY | O_DIRECTORY);
	status_write(fd, &sample);
	assert_string_equal(dir_text(d, STATUS_FILE), text);
	assert_int_equal(status_read(d->path, &got), 0);
	assert_memory_equal(&got, &sample, sizeof(got));
	status_write(fd, &sample); /* over the old one */
	assert_string_equal(dir_text(d, STATUS_FILE), text);
	(void)close(fd);
}

static void test_foreign(void **state)
{
	static const char other[] = "time_us 7\nfuture thing\n.x 1\n"
				    "a.state ok\na.new 5\na.position 3\n"
				    "b.error much";
	static const char bad[] = "time_us 7\nnonsense\n";
	const struct dir *d = *state;
	struct status got = { 0 };

	assert_int_equal(mkdirat(d->fd, "ship", 0700), 0);
	dir_write(d, STATUS_FILE, other, sizeof(other) - 1);
	assert_int_equal(status_read(d->path, &got), 0);
	assert_int_equal(got.time_us, 7);
	assert_int_equal(got.dests_len, 2);
	assert_int_equal(got.dests[0].position, 3);
	assert_string_equal(got.dests[1].error, "much");
	dir_write(d, STATUS_FILE, bad, sizeof(bad) - 1);
	assert_int_equal(status_read(d->path, &got), ERR_SYNTAX);
	assert_int_equal(got.dests_len, 2);
}

/* More destinations than there can be, and names that are too long. */
static void test_many(void **state)
{
	const struct dir *d = *state;
	struct status got = { 0 };
	char many[4096];
	int len = 0;

	assert_int_equal(mkdirat(d->fd, "ship", 0700), 0);
	for (int i = 0; i < 20; i++)
		len += snprintf(many + len, sizeof(many) - (size_t)len,
				"d%d.state %080d\n", i, i);
	len += snprintf(many + len, sizeof(many) - (size_t)len,
			"%0100d.state ok\n", 1);
	dir_write(d, STATUS_FILE, many, (size_t)len);
	assert_int_equal(status_read(d->path, &got), 0);
	assert_int_equal(got.dests_len, STATUS_MAX);
	assert_int_equal(strlen(got.dests[7].state), 15);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, dir_setup, dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_round),
		TEST(test_foreign),
		TEST(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
