/* The rows of a transaction: what goes in, what it replaces, what fails. */

#include "audit/rows.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/id.h"

#define FACTS_OPEN  1
#define FACTS_DONE  2
#define FACTS_BREAK 3

static sqlite3 *db;
static struct rows *rows;

static void run(const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static int64_t number(const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t n = -1;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL),
			 SQLITE_OK);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return n;
}

/* The tables as rows.c knows them, facts of three outcomes, nothing sealed. */
static int setup(void **state)
{
	(void)state;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	run("CREATE TABLE facts(id INTEGER PRIMARY KEY, outcome INTEGER);"
	    "INSERT INTO facts VALUES(1, 0), (2, 1), (3, 5);"
	    "CREATE TABLE record(id INTEGER PRIMARY KEY, facts INTEGER NOT"
	    " NULL, skew_us, client_port, duration_us, bytes_up, bytes_down,"
	    " cut, path TEXT, query TEXT, detail TEXT);"
	    "CREATE TABLE late(seq INTEGER PRIMARY KEY, id INTEGER);");
	assert_int_equal(rows_open(db, &rows), SQLITE_OK);
	rows_guard(rows, 0, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rows_free(&rows);
	assert_null(rows);
	rows_free(&rows);
	assert_int_equal(sqlite3_close(db), SQLITE_OK); /* nothing is left */
	return 0;
}

static struct record record_of(uint64_t id)
{
	struct record r = {
		.id = id,
		.wall_us = id_wall_us(id) + 7,
		.duration_us = 11,
		.bytes_up = 12,
		.bytes_down = 13,
		.cut = 14,
	};

	r.text[RECORD_CLIENT] = SLICE("10.7.0.9:40112");
	r.text[RECORD_PATH] = SLICE("/a");
	return r;
}

static bool add(uint64_t id, int64_t facts)
{
	struct record r = record_of(id);

	return rows_add(rows, &r, facts);
}

static int64_t enter(void)
{
	int64_t changed = -1;

	assert_int_equal(rows_enter(rows, &changed), SQLITE_OK);
	return changed;
}

static void all_columns(void **state)
{
	struct record r = record_of((uint64_t)77 << 12);
	char text[8] = "detail";

	(void)state;
	r.text[RECORD_DETAIL] = slice_str(text);
	assert_true(rows_add(rows, &r, FACTS_DONE));
	memset(text, 'x', sizeof(text)); /* the caller's, for its next one */
	assert_int_equal(enter(), 1);
	assert_int_equal(number("SELECT count(*) FROM record WHERE"
				" id = 77 << 12 AND facts = 2 AND skew_us = 7"
				" AND client_port = 40112 AND duration_us = 11"
				" AND bytes_up = 12 AND bytes_down = 13"
				" AND cut = 14 AND path = '/a'"
				" AND query IS NULL AND detail = 'detail'"),
			 1);
}

static void nothing(void **state)
{
	(void)state;
	assert_int_equal(enter(), 0);
	assert_true(add(5, FACTS_DONE));
	rows_clear(rows);
	assert_int_equal(enter(), 0);
	assert_int_equal(number("SELECT count(*) FROM record"), 0);
}

/* As records come from two spools. */
static void any_order(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 500; i++)
		assert_true(add(i * 7919 % 500 + 1, FACTS_DONE));
	assert_int_equal(enter(), 500);
	assert_int_equal(number("SELECT sum(id) FROM record"), 500 * 501 / 2);
	for (uint64_t i = 0; i < 500; i++) /* entered once more */
		assert_true(add(i + 1, FACTS_DONE));
	assert_true(add(501, FACTS_DONE));
	assert_int_equal(enter(), 1);
	assert_int_equal(number("SELECT count(*) FROM record"), 501);
}

static int64_t facts_of(int id)
{
	char sql[64];

	(void)snprintf(sql, sizeof(sql), "SELECT facts FROM record WHERE id=%d",
		       id);
	return number(sql);
}

/* Two words about one id, in one batch and in two. */
static void later_word(void **state)
{
	(void)state;
	assert_true(add(1, FACTS_OPEN));
	assert_true(add(2, FACTS_DONE));
	assert_true(add(3, FACTS_BREAK));
	assert_true(add(1, FACTS_DONE));
	assert_true(add(2, FACTS_OPEN));
	assert_int_equal(enter(), 4);
	assert_int_equal(facts_of(1), FACTS_DONE);
	assert_int_equal(facts_of(2), FACTS_DONE);
	assert_true(add(1, FACTS_BREAK));
	assert_true(add(3, FACTS_OPEN));
	assert_int_equal(enter(), 1);
	assert_int_equal(facts_of(1), FACTS_DONE);
	assert_int_equal(facts_of(3), FACTS_OPEN);
}

/* What is sealed stays as it is; `late` says what of it is not sealed yet. */
static void sealed(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 4; i++)
		assert_true(add(i, FACTS_BREAK));
	assert_int_equal(enter(), 4);
	run("INSERT INTO late VALUES(6, 2), (7, 3)");
	rows_guard(rows, 3, 6);
	for (uint64_t i = 1; i <= 4; i++)
		assert_true(add(i, FACTS_DONE));
	assert_int_equal(enter(), 2);
	assert_int_equal(facts_of(1), FACTS_BREAK);
	assert_int_equal(facts_of(2), FACTS_BREAK); /* late, and sealed */
	assert_int_equal(facts_of(3), FACTS_DONE);
	assert_int_equal(facts_of(4), FACTS_DONE);
}

static void full_of_rows(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= ROWS_MAX; i++)
		assert_true(add(i, FACTS_DONE));
	assert_false(add(ROWS_MAX + 1, FACTS_DONE));
	assert_int_equal(enter(), ROWS_MAX);
	assert_true(add(ROWS_MAX + 1, FACTS_DONE));
	assert_int_equal(enter(), 1);
}

static void full_of_text(void **state)
{
	static char path[1280];
	struct record r = record_of(1);
	int n = 0;

	(void)state;
	memset(path, 'p', sizeof(path));
	r.text[RECORD_PATH] = slice_of(path, sizeof(path));
	for (; rows_add(rows, &r, FACTS_DONE); r.id++)
		n++;
	assert_in_range(n, 100, ROWS_MAX - 1);
	assert_int_equal(enter(), n);
	assert_int_equal(number("SELECT min(length(path)) FROM record"),
			 sizeof(path));
	assert_true(rows_add(rows, &r, FACTS_DONE));
}

static void failure(void **state)
{
	int64_t changed = 77;

	(void)state;
	assert_true(add(1, FACTS_DONE));
	run("ALTER TABLE record RENAME TO elsewhere");
	assert_int_not_equal(rows_enter(rows, &changed), SQLITE_OK);
	assert_int_equal(changed, 77);
	run("ALTER TABLE elsewhere RENAME TO record");
	assert_int_equal(enter(), 0); /* it is forgotten */
	assert_true(add(2, FACTS_DONE));
	assert_int_equal(enter(), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(all_columns), T(nothing),	 T(any_order),	  T(later_word),
		T(sealed),	T(full_of_rows), T(full_of_text), T(failure),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
