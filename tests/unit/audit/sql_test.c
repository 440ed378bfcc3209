/* What a statement over the ledger may do, and what it may not. */

#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>

#include "audit/sql.h"
#include "base/base.h"
#include "base/err.h"

static struct sql *seed(struct fixture *f)
{
	struct audit_begin begin = fixture_begin(fixture_id(1));
	struct audit_end end = fixture_end();
	struct spool *s;
	struct sql *q;

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	assert_int_equal(spool_write(s, &begin, &end), 0);
	fixture_drain(f, 1);
	spool_close(&s);
	assert_int_equal(sql_open(f->ledger, &q), 0);
	return q;
}

/* What the first column of the only row is, as a number. */
static int64_t number(struct sql *q, const char *text)
{
	const char *rest;
	int64_t n;

	if (sql_begin(q, text, &rest) != 1)
		fail_msg("%s: %s", text, sql_error(q));
	assert_string_equal(rest, "");
	assert_int_equal(sql_step(q), 1);
	n = sql_value(q, 0).integer;
	assert_int_equal(sql_step(q), 0);
	return n;
}

static void reads(void **state)
{
	struct sql *q = seed(*state);
	const char *rest;
	struct sql_value v;

	assert_int_equal(number(q, "SELECT count(*) FROM requests"), 1);
	assert_int_equal(number(q, "SELECT count(*) FROM denied"), 0);
	assert_int_equal(number(q, "SELECT status FROM requests_by_facts"),
			 200);
	assert_int_equal(number(q, "PRAGMA application_id"), 1346719315);
	assert_int_equal(number(q, "SELECT value FROM json_each('[7]')"), 7);
	assert_int_equal(number(q, "SELECT count(*) > 9 FROM"
				   " pragma_table_info('record')"),
			 1);
	assert_int_equal(number(q, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL"
				   " SELECT x + 1 FROM c WHERE x < 9)"
				   " SELECT max(x) FROM c"),
			 9);
	assert_int_equal(sql_begin(q,
				   "SELECT host, NULL, 1.5, x'00' AS b"
				   " FROM requests; SELECT 2",
				   &rest),
			 1);
	assert_string_equal(rest, " SELECT 2");
	assert_int_equal(sql_columns(q), 4);
	assert_string_equal(sql_column(q, 3), "b");
	assert_int_equal(sql_step(q), 1);
	v = sql_value(q, 0);
	assert_true(v.kind == SQL_TEXT &&
		    slice_eq(v.text, SLICE("api.github.com")));
	assert_int_equal(sql_value(q, 1).kind, SQL_NULL);
	assert_true(sql_value(q, 2).kind == SQL_REAL &&
		    sql_value(q, 2).real > 1.4);
	assert_true(sql_value(q, 3).kind == SQL_BLOB &&
		    sql_value(q, 3).text.len == 1);
	assert_int_equal(sql_begin(q, "  -- nothing\n", &rest), 0);
	sql_free(&q);
	assert_null(q);
}

/* Must be refused, each at once and with the same clear beginning. */
static void writes(void **state)
{
	static const char *const all[] = {
		"INSERT INTO late(id) VALUES(1)",
		"UPDATE record SET cut = 1",
		"DELETE FROM record",
		"REPLACE INTO ledger VALUES('instance', 'x')",
		"CREATE TABLE x(y)",
		"CREATE TEMP TABLE x(y)",
		"CREATE VIEW x AS SELECT 1",
		"CREATE INDEX x ON record(path)",
		"CREATE TRIGGER x AFTER INSERT ON late BEGIN SELECT 1; END",
		"CREATE VIRTUAL TABLE x USING fts5(y)",
		"DROP TABLE record",
		"DROP VIEW denied",
		"ALTER TABLE record RENAME TO x",
		"ATTACH ':memory:' AS x",
		"ATTACH 'x' AS y KEY 'z'",
		"DETACH main",
		"BEGIN",
		"BEGIN IMMEDIATE",
		"COMMIT",
		"SAVEPOINT x",
		"VACUUM",
		"VACUUM INTO 'x'",
		"REINDEX",
		"ANALYZE",
		"PRAGMA user_version = 9",
		"PRAGMA query_only = 0",
		"PRAGMA journal_mode = DELETE",
		"PRAGMA writable_schema = 1",
		"PRAGMA wal_checkpoint",
		"PRAGMA trusted_schema = 1",
		"PRAGMA temp_store_directory = 'x'",
		"PRAGMA incremental_vacuum(9)",
		"SELECT load_extension('x')",
		"WITH x AS (SELECT 1) DELETE FROM late",
	};
	struct fixture *f = *state;
	struct sql *q = seed(f);
	struct stat before, after;
	const char *rest;

	assert_int_equal(stat(f->ledger, &before), 0);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		int err = sql_begin(q, all[i], &rest);

		err = err == 1 ? sql_step(q) : err;
		if (err != -EROFS)
			fail_msg("%s: %d", all[i], err);
		assert_non_null(strstr(sql_error(q), "is read-only"));
	}
	assert_int_equal(sql_begin(q, "SELEC 1", &rest), ERR_SYNTAX);
	assert_int_equal(
		sql_begin(q, "UPDATE sqlite_master SET sql = ''", &rest),
		ERR_SYNTAX);
	assert_int_equal(number(q, "SELECT count(*) FROM requests"), 1);
	assert_int_equal(stat(f->ledger, &after), 0);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	sql_free(&q);
}

/* A statement without an end has one. */
static void ends(void **state)
{
	static const char forever[] =
		"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1"
		" FROM c) SELECT max(x) FROM c";
	volatile sig_atomic_t stop = 1;
	struct sql *q = seed(*state);
	const char *rest;

	sql_watch(q, &stop);
	assert_int_equal(sql_begin(q, forever, &rest), 1);
	assert_int_equal(sql_step(q), -EINTR);
	stop = 0;
	sql_limit(q, 50);
	assert_int_equal(sql_begin(q, forever, &rest), 1);
	assert_int_equal(sql_step(q), -ETIME);
	sql_limit(q, 0);
	assert_int_equal(sql_begin(q, "SELECT 1", &rest), 1);
	assert_int_equal(sql_step(q), 1);
	sql_free(&q);
}

static void whole(void **state)
{
	(void)state;
	assert_true(sql_is_whole("SELECT 1;"));
	assert_false(sql_is_whole("SELECT ';"));
	assert_false(sql_is_whole("SELECT 1"));
}

static void no_ledger(void **state)
{
	struct fixture *f = *state;
	struct sql *q = (struct sql *)(void *)f;
	sqlite3 *db;

	assert_int_equal(sql_open(f->ledger, &q), -ENOENT);
	assert_int_equal(sqlite3_open(f->ledger, &db), SQLITE_OK);
	(void)sqlite3_exec(db, "CREATE TABLE x(y)", NULL, NULL, NULL);
	(void)sqlite3_close(db);
	assert_int_equal(sql_open(f->ledger, &q), ERR_PROTO);
	assert_ptr_equal(q, f);
}

int main(void)
{
#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(reads), T(writes), T(ends), T(whole), T(no_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
