/* The ledger: foreign and newer files, failures that lose nothing, pruning. */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "audit/schema.h"
#include "base/base.h"
#include "base/err.h"
#include "base/log.h"

static void sql(struct fixture *f, const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->ledger, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	(void)sqlite3_close(db);
}

/* n rows, gap_us apart, begun at microsecond `first` of the fixture's day, left
 * in a spool.
 */
static void write_rows(struct fixture *f, uint64_t first, uint64_t gap_us,
		       int n)
{
	struct audit_end end = fixture_end();
	struct spool *s;
	char path[80];

	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	for (int i = 0; i < n; i++) {
		uint64_t id = fixture_id(first + (uint64_t)i * gap_us);
		struct audit_begin begin = fixture_begin(id);

		(void)snprintf(path, sizeof(path), "/row/%d", i);
		begin.path = slice_str(path);
		while (spool_write(s, &begin, &end))
			assert_true(drain_scan(f->drain) == 0 &&
				    drain_all(f->drain, 1) == 0);
	}
	spool_close(&s);
}

/* The same, each entered when it began. */
static void put_rows(struct fixture *f, uint64_t first, uint64_t gap_us, int n)
{
	struct audit_end end = fixture_end();
	struct spool *s;

	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	for (int i = 0; i < n; i++) {
		uint64_t id = fixture_id(first + (uint64_t)i * gap_us);
		struct audit_begin begin = fixture_begin(id);

		assert_int_equal(spool_write(s, &begin, &end), 0);
		fixture_drain_at(f, id);
	}
	spool_close(&s);
	fixture_drain_at(f, fixture_id(first + (uint64_t)n * gap_us));
}

static int drain(struct fixture *f)
{
	assert_int_equal(drain_scan(f->drain), 0);
	return drain_all(f->drain, 1);
}

static void new_ledger(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char text[1024];

	fixture_open(f);
	assert_int_equal(stat(f->ledger, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fixture_number(f, "PRAGMA application_id"),
			 SCHEMA_APPLICATION);
	assert_int_equal(fixture_number(f, "PRAGMA user_version"),
			 SCHEMA_VERSION);
	assert_int_equal(fixture_number(f, "PRAGMA auto_vacuum"), 2);
	assert_string_equal(fixture_text(f, "PRAGMA journal_mode", text),
			    "wal");
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM migration"),
			 SCHEMA_VERSION);
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM migration"),
			 SCHEMA_VERSION);
}

static void newer(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	fixture_close(f);
	sql(f, "PRAGMA user_version = 99");
	assert_int_equal(store_open(f->ledger, "x", &f->store), ERR_STALE);
	assert_null(f->store);
	assert_non_null(strstr(store_error(NULL), "newer version"));
	assert_int_equal(fixture_number(f, "PRAGMA user_version"), 99);
}

static void foreign(void **state)
{
	struct fixture *f = *state;
	FILE *file;
	char line[64];

	sql(f, "CREATE TABLE theirs(x); INSERT INTO theirs VALUES(1)");
	assert_int_equal(store_open(f->ledger, "x", &f->store), ERR_PROTO);
	assert_non_null(strstr(store_error(NULL), "not a penstock ledger"));
	assert_int_equal(fixture_number(f, "SELECT x FROM theirs"), 1);
	assert_int_equal(unlink(f->ledger), 0);
	file = fopen(f->ledger, "w");
	assert_non_null(file);
	for (int i = 0; i < 200; i++)
		(void)fputs("this is a letter to my grandmother\n", file);
	(void)fclose(file);
	assert_int_equal(store_open(f->ledger, "x", &f->store), ERR_PROTO);
	assert_null(f->store);
	file = fopen(f->ledger, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	assert_string_equal(line, "this is a letter to my grandmother\n");
	(void)fclose(file);
}

static void no_directory(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(store_open("/nonexistent/ledger.db", "x", &f->store),
			 -ENOENT);
	assert_null(f->store);
}

/* Somebody else holds the ledger: nothing is lost, later it goes on. */
static void locked(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db;

	fixture_open(f);
	write_rows(f, 0, 1000, 10);
	assert_int_equal(sqlite3_open(f->ledger, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(drain(f), -EBUSY);
	assert_string_not_equal(store_error(f->store), "");
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL),
			 SQLITE_OK);
	(void)sqlite3_close(db);
	assert_int_equal(drain(f), 0);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"), 10);
}

/* Run in a child, which may limit itself as it likes. */
static void in_child(struct fixture *f, int (*run)(struct fixture *f))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		status = run(f);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The file may not grow; then it may. */
static int run_limited(struct fixture *f)
{
	struct rlimit small = { 200000, RLIM_INFINITY };
	struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	int err;

	(void)signal(SIGXFSZ, SIG_IGN);
	fixture_open(f);
	write_rows(f, 0, 1000, 4000);
	if (setrlimit(RLIMIT_FSIZE, &small))
		return 2;
	err = drain(f);
	if (err != -ENOSPC && err != -EIO)
		return 3;
	for (int i = 0; i < 10; i++)
		if (drain_pass(f->drain, 1) >= 0)
			return 4;
	if (setrlimit(RLIMIT_FSIZE, &none) || drain(f))
		return 5;
	return fixture_number(f, "SELECT count(*) FROM record") != 4000;
}

static void file_limit(void **state)
{
	in_child(*state, run_limited);
}

/* A disk that is full, as root in a mount namespace of our own. */
static int run_full(struct fixture *f)
{
	char disk[96], filler[128], block[4096] = { 0 };
	struct spool *s;
	int fd;

	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return 0; /* not root: the file limit has said as much */
	(void)snprintf(disk, sizeof(disk), "%s/disk", f->dir);
	if (mkdir(disk, 0700) || mount("tmpfs", disk, "tmpfs", 0, "size=1m"))
		return 2;
	(void)snprintf(f->ledger, sizeof(f->ledger), "%s/ledger.db", disk);
	fixture_open(f);
	write_rows(f, 0, 1000, 500);
	(void)snprintf(filler, sizeof(filler), "%s/filler", disk);
	fd = open(filler, O_WRONLY | O_CREAT, 0600);
	while (write(fd, block, sizeof(block)) > 0)
		;
	if (drain(f) != -ENOSPC && drain_pass(f->drain, 1) >= 0)
		return 3;
	/* A spool on a full disk is an answer, and no signal. */
	if (spool_open(disk, 1, &s) != -ENOSPC)
		return 4;
	if (ftruncate(fd, 0))
		return 6;
	if (drain(f))
		return 5;
	return fixture_number(f, "SELECT count(*) FROM record") != 500;
}

static void full_disk(void **state)
{
	in_child(*state, run_full);
}

/* The spool's file system fills up while records are written. */
static int run_full_spool(struct fixture *f)
{
	struct audit_begin begin = fixture_begin(fixture_id(1));
	char disk[96];
	struct spool *s;
	uint32_t slot;
	int n = 0, err;

	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return 0;
	(void)snprintf(disk, sizeof(disk), "%s/disk", f->dir);
	if (mkdir(disk, 0700) || mount("tmpfs", disk, "tmpfs", 0, "size=256k"))
		return 2;
	if (spool_open(disk, 1, &s))
		return 3;
	while (!(err = spool_begin(s, &begin, &slot)))
		n++;
	return err == -ENOSPC && n >= 16 && n < 64 ? 0 : 4;
}

static void full_spool(void **state)
{
	in_child(*state, run_full_spool);
}

/* Not root: the directory is read-only. */
static int run_read_only(struct fixture *f)
{
	struct store *s = NULL;

	if (chmod(f->dir, 0500) ||
	    (!geteuid() && setresuid(65534, 65534, 65534)))
		return 2;
	return store_open(f->ledger, "x", &s) >= 0 || s;
}

static void read_only(void **state)
{
	struct fixture *f = *state;

	in_child(f, run_read_only);
	(void)chmod(f->dir, 0700);
}

/* Damage in the middle of the file is an error each time, and no crash. */
static void corrupt(void **state)
{
	struct fixture *f = *state;
	char noise[4096];
	int fd, err;

	fixture_open(f);
	write_rows(f, 0, 1000, 3000);
	assert_int_equal(drain(f), 0);
	fixture_close(f);
	memset(noise, 0xa5, sizeof(noise));
	fd = open(f->ledger, O_WRONLY);
	for (off_t at = 4096 * 3; at < 4096 * 40; at += 4096)
		assert_int_equal(pwrite(fd, noise, sizeof(noise), at),
				 sizeof(noise));
	(void)close(fd);
	err = store_open(f->ledger, "x", &f->store);
	if (err)
		return;
	assert_int_equal(drain_open(f->spools, f->store, &f->drain), 0);
	write_rows(f, 4000000, 1000, 10);
	assert_true(drain(f) < 0);
	assert_true(drain(f) < 0);
}

/* All of them, so many in a batch. */
static void seal_all(struct fixture *f, uint64_t now_us, uint32_t rows)
{
	int n;

	while ((n = store_seal(f->store, now_us, rows)) > 0)
		;
	assert_int_equal(n, 0);
}

static void prune_age(void **state)
{
	struct fixture *f = *state;
	/* 1000 rows a minute apart; keep the last 100 minutes. */
	struct store_limits limits = { .keep_s = 6000,
				       .bytes_max = UINT64_MAX };
	uint64_t end_us = fixture_us(fixture_id(1000ull * 60000000));
	int n, total = 0;

	fixture_open(f);
	put_rows(f, 0, 60000000, 1000);
	/* What is in no batch stays. */
	assert_int_equal(store_prune(f->store, &limits, end_us, 300), 0);
	seal_all(f, end_us, 100);
	assert_int_equal(store_prune(f->store, &limits, end_us, 300), 300);
	while ((n = store_prune(f->store, &limits, end_us, 300)) > 0)
		total += n;
	assert_int_equal(n, 0);
	assert_int_equal(total, 600);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests"),
			 100);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM"
					   " requests_by_facts"),
			 100);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM seen"), 100);
}

/* A clock that is ten years ahead for some rows, then right again: they are
 * sealed, later ones are sealed, and all go when they are old.
 */
static void clock_was_ahead(void **state)
{
	struct fixture *f = *state;
	const uint64_t minute = 60000000, years = 3650 * 1440 * minute;
	struct store_limits limits = { .keep_s = 6000,
				       .bytes_max = UINT64_MAX };
	const uint64_t zero_us = fixture_us(fixture_id(0));
	uint64_t sealed_us = 0;

	fixture_open(f);
	assert_int_equal(store_sealed_us(f->store, zero_us, &sealed_us), 0);
	assert_int_equal(sealed_us, 0);
	put_rows(f, 0, minute, 10);
	seal_all(f, zero_us + 20 * minute, 100);
	put_rows(f, years, minute, 10);
	assert_int_equal(store_seal(f->store, zero_us + years + 5 * minute, 3),
			 3);
	/* Right again: what it left is sealed, and what comes. */
	put_rows(f, 30 * minute, minute, 10);
	seal_all(f, zero_us + 50 * minute, 100);
	assert_int_equal(fixture_number(f, "SELECT sum(rows) FROM batch"), 30);
	/* The last batch that was sealed by then, as no later one denies. */
	assert_int_equal(
		store_sealed_us(f->store, zero_us + years * 2, &sealed_us), 0);
	assert_int_equal(sealed_us, zero_us + 50 * minute);
	assert_int_equal(
		store_sealed_us(f->store, zero_us + 40 * minute, &sealed_us),
		0);
	assert_int_equal(sealed_us, zero_us + 20 * minute);
	/* A hundred minutes are kept. */
	assert_int_equal(
		store_prune(f->store, &limits, zero_us + 125 * minute, 1000),
		10);
	assert_int_equal(
		store_prune(f->store, &limits, zero_us + 149 * minute, 1000),
		0);
	assert_int_equal(
		store_prune(f->store, &limits, zero_us + 151 * minute, 1000),
		20);
}

/* Texts and facts that no row uses any more go too, those in use stay. */
static void prune_words(void **state)
{
	struct fixture *f = *state;
	struct store_limits limits = { .keep_s = 5 * 86400,
				       .bytes_max = UINT64_MAX };
	struct audit_end end = fixture_end();
	struct spool *s;
	uint64_t day = 86400ull * 1000000;
	char host[32];

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	for (uint64_t i = 0; i < 50; i++) {
		struct audit_begin begin = fixture_begin(fixture_id(i * day));

		(void)snprintf(host, sizeof(host), "host%d.test", (int)i);
		begin.host = slice_str(host);
		assert_int_equal(spool_write(s, &begin, &end), 0);
		fixture_drain_at(f, begin.id);
	}
	spool_close(&s);
	seal_all(f, fixture_us(fixture_id(50 * day)), 1);
	for (int i = 0; i < 5; i++)
		assert_true(store_prune(f->store, &limits,
					fixture_us(fixture_id(50 * day)),
					1000) >= 0);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"), 5);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM facts"), 5);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM text"
					   " WHERE text GLOB 'host*'"),
			 5);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests"
					   " WHERE host IS NULL OR user_agent"
					   " IS NULL"),
			 0);
	/* And the cache knows of what went. */
	put_rows(f, 51 * day, 1, 1);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests WHERE"
					   " host = 'api.github.com'"),
			 1);
}

static void prune_size(void **state)
{
	struct fixture *f = *state;
	struct store_limits limits = { .keep_s = UINT64_MAX,
				       .bytes_max = 600000 };
	struct stat before, after;
	int n;

	fixture_open(f);
	put_rows(f, 0, 1000, 20000);
	seal_all(f, 1ull << 60, 1000);
	sql(f, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(stat(f->ledger, &before), 0);
	assert_true(before.st_size > 1000000);
	while ((n = store_prune(f->store, &limits, 1ull << 60, 1000)) > 0)
		;
	assert_int_equal(n, 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(
			store_prune(f->store, &limits, 1ull << 60, 1000), 0);
	sql(f, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(stat(f->ledger, &after), 0);
	assert_true(after.st_size < 700000);
	/* The oldest went, the newest stayed. */
	assert_true(fixture_number(f, "SELECT count(*) FROM record") > 1000);
	assert_int_equal(fixture_number(f, "SELECT max(id) FROM requests"),
			 (int64_t)fixture_id(19999 * 1000));
}

int main(void)
{
#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(new_ledger),	 T(newer),	     T(foreign),
		T(no_directory), T(locked),	     T(file_limit),
		T(full_disk),	 T(full_spool),	     T(read_only),
		T(corrupt),	 T(prune_age),	     T(prune_words),
		T(prune_size),	 T(clock_was_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
