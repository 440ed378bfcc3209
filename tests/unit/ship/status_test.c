/* The status file: its exact text. */

#include "dir.h"

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

static void test_write(void **state)
{
	const struct dir *d = *state;

	status_write(d->fd, &sample);
	assert_string_equal(dir_text(d, "ship.status"), text);
	status_write(d->fd, &sample); /* over the old one */
	assert_string_equal(dir_text(d, "ship.status"), text);
	assert_string_equal(dir_text(d, "ship.status.new"), "");
}

/* A directory that has gone is nothing to fail for. */
static void test_nowhere(void **state)
{
	(void)state;
	status_write(-1, &sample);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, dir_setup, dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_write),
		cmocka_unit_test(test_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
