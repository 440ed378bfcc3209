/* What counts as a damaged ledger, and where it goes. */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "audit/rescue.h"
#include "base/base.h"
#include "base/err.h"

#define NOON 1795348800000000ull /* 2026-11-22T12:00:00Z, in µs */

static void put(const char *path, const char *octets, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, octets, len), len);
	(void)close(fd);
}

static void wanted(void **state)
{
	struct fixture *f = *state;

	assert_false(rescue_wanted(f->ledger, ERR_PROTO)); /* not there */
	put(f->ledger, "", 0);
	assert_false(rescue_wanted(f->ledger, ERR_PROTO));
	put(f->ledger, "short", 5);
	assert_true(rescue_wanted(f->ledger, ERR_PROTO));
	put(f->ledger, "SQLite format 3", 16);
	assert_false(rescue_wanted(f->ledger, ERR_PROTO));
	assert_false(rescue_wanted(f->ledger, ERR_STALE));
	assert_false(rescue_wanted(f->ledger, -ENOSPC));
	assert_false(rescue_wanted(f->ledger, 0));
	assert_true(rescue_wanted(f->ledger, -EUCLEAN));
	assert_int_equal(unlink(f->ledger), 0);
	assert_int_equal(mkdir(f->ledger, 0700), 0);
	assert_false(rescue_wanted(f->ledger, ERR_PROTO));
	assert_int_equal(rmdir(f->ledger), 0);
}

static void move(void **state)
{
	struct fixture *f = *state;
	char to[300] = "untouched", wal[304], want[300];

	(void)snprintf(wal, sizeof(wal), "%s-wal", f->ledger);
	(void)snprintf(want, sizeof(want), "%s.damaged-20261122T120000Z",
		       f->ledger);
	assert_int_equal(rescue_move(f->ledger, NOON, to, sizeof(to)), -ENOENT);
	assert_string_equal(to, "untouched");
	put(f->ledger, "one", 3);
	put(wal, "log", 3);
	assert_int_equal(rescue_count(f->ledger), 0);
	assert_int_equal(rescue_move(f->ledger, NOON, to, sizeof(to)), 0);
	assert_string_equal(to, want);
	assert_int_equal(access(f->ledger, F_OK), -1);
	assert_int_equal(access(wal, F_OK), -1);
	assert_int_equal(access(to, F_OK), 0);
	(void)snprintf(wal, sizeof(wal), "%s-wal", to);
	assert_int_equal(access(wal, F_OK), 0);
	assert_int_equal(rescue_count(f->ledger), 1);
	/* Not over another one. */
	put(f->ledger, "two", 3);
	assert_int_equal(rescue_move(f->ledger, NOON, to, sizeof(to)), -EEXIST);
	assert_int_equal(access(f->ledger, F_OK), 0);
	for (uint64_t i = 1; i < RESCUE_MAX; i++) {
		put(f->ledger, "more", 4);
		assert_int_equal(rescue_move(f->ledger, NOON + i * 1000000, to,
					     sizeof(to)),
				 0);
	}
	put(f->ledger, "last", 4);
	assert_int_equal(
		rescue_move(f->ledger, NOON + 1000000000, to, sizeof(to)),
		-EMFILE);
	assert_int_equal(access(f->ledger, F_OK), 0);
	assert_int_equal(rescue_count(f->ledger), RESCUE_MAX);
}

int main(void)
{
#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = { T(wanted), T(move) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
