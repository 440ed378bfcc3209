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
	    "CREATE TABLE record(entry INTEGER PRIMARY KEY, facts INTEGER NOT"
	    " NULL, skew_us, client_port, duration_us, bytes_up, bytes_down,"
	    " cut, path TEXT, query TEXT, detail TEXT, delay);"
	    "CREATE TABLE late(seq INTEGER PRIMARY KEY, entry INTEGER);");
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
		.wall_us = id_wall_us(id),
		.duration_us = 11,
		.bytes_up = 12,
		.bytes_down = 13,
	};

	r.text[RECORD_CLIENT] = SLICE("10.7.0.9:40112");
	r.text[RECORD_PATH] = SLICE("/a");
	return r;
}

/* A row whose request began ten before it was entered. */
static bool add(int64_t entry, int64_t facts)
{
	struct record r = record_of((uint64_t)entry - 10);

	return rows_add(rows, &r, entry, facts);
}

static bool change(int64_t entry, int64_t facts)
{
	struct record r = record_of((uint64_t)entry - 10);
	bool changed;

	r.bytes_down = 99;
	r.text[RECORD_PATH] = SLICE("/other");
	assert_int_equal(rows_change(rows, &r, entry, facts, &changed),
			 SQLITE_OK);
	return changed;
}

static int64_t enter(void)
{
	int64_t n = -1;

	assert_int_equal(rows_enter(rows, &n), SQLITE_OK);
	return n;
}

/* One that is usual behind one that is not, and the other way round. */
static void all_columns(void **state)
{
	char text[8] = "detail";

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct record r = record_of((uint64_t)(77 + i) << 12);

		r.text[RECORD_DETAIL] = slice_str(text);
		r.text[RECORD_QUERY] = i < 2 ? SLICE("q=1") : SLICE("");
		if (i == 1)
			r.wall_us += 7;
		if (i == 2)
			r.cut = 14;
		assert_true(rows_add(rows, &r, (90 << 12) + i, FACTS_DONE));
	}
	memset(text, 'x', sizeof(text)); /* the caller's, for its next one */
	assert_int_equal(enter(), 4);
	assert_int_equal(
		number("SELECT count(*) FROM record WHERE"
		       " entry = (90 << 12) + (entry & 4095)"
		       " AND entry - delay = (77 << 12) + ((entry & 4095) << 12)"
		       " AND facts = 2 AND client_port = 40112"
		       " AND skew_us = CASE entry & 4095 WHEN 1 THEN 7 ELSE 0 END"
		       " AND cut = CASE entry & 4095 WHEN 2 THEN 14 ELSE 0 END"
		       " AND duration_us = 11 AND bytes_up = 12"
		       " AND bytes_down = 13 AND path = '/a' AND detail ="
		       " 'detail' AND ifnull(query, '') ="
		       " CASE WHEN entry & 4095 < 2 THEN 'q=1' ELSE '' END"),
		4);
}

static void nothing(void **state)
{
	(void)state;
	assert_int_equal(enter(), 0);
	assert_true(add(15, FACTS_DONE));
	rows_clear(rows);
	assert_int_equal(enter(), 0);
	assert_int_equal(number("SELECT count(*) FROM record"), 0);
}

/* Those that follow on each other, with gaps, and behind what is there. */
static void entries(void **state)
{
	static const int64_t groups[] = { 100, 500, 1000000000000,
					  1000000000300 };

	(void)state;
	for (size_t g = 0; g < ARRAY_SIZE(groups); g++)
		for (int64_t i = 0; i < 300; i++)
			assert_true(add(groups[g] + i, FACTS_DONE));
	assert_int_equal(enter(), 1200);
	assert_int_equal(number("SELECT count(*) FROM record WHERE"
				" entry BETWEEN 100 AND 399"),
			 300);
	assert_int_equal(number("SELECT count(*) FROM record WHERE entry"
				" BETWEEN 1000000000000 AND 1000000000599"),
			 600);
	assert_int_equal(number("SELECT count(*) FROM record WHERE delay = 10"),
			 1200);
	assert_true(add(1000000000600, FACTS_DONE));
	assert_true(add(1000000000601, FACTS_DONE));
	assert_false(rows_have(rows, 1000000000599));
	assert_true(rows_have(rows, 1000000000600));
	assert_int_equal(enter(), 2);
	assert_false(rows_have(rows, 1000000000600));
	assert_int_equal(number("SELECT max(entry) FROM record"),
			 1000000000601);
}

static int64_t facts_of(int entry)
{
	char sql[64];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT facts FROM record WHERE entry=%d", entry);
	return number(sql);
}

/* What is open or interrupted changes, and nothing else. */
static void later_word(void **state)
{
	(void)state;
	assert_true(add(11, FACTS_OPEN));
	assert_true(add(12, FACTS_DONE));
	assert_true(add(13, FACTS_BREAK));
	assert_int_equal(enter(), 3);
	assert_true(change(11, FACTS_OPEN));
	assert_true(change(11, FACTS_DONE));
	assert_false(change(11, FACTS_BREAK));
	assert_false(change(12, FACTS_OPEN));
	assert_true(change(13, FACTS_OPEN));
	assert_false(change(14, FACTS_DONE)); /* there is none */
	assert_int_equal(facts_of(11), FACTS_DONE);
	assert_int_equal(facts_of(12), FACTS_DONE);
	assert_int_equal(facts_of(13), FACTS_OPEN);
	assert_int_equal(number("SELECT count(*) FROM record WHERE"
				" path = '/a' AND bytes_down = 99"
				" AND entry IN (11, 13)"),
			 2);
}

/* What is sealed stays as it is; `late` says what of it is not sealed yet. */
static void sealed(void **state)
{
	(void)state;
	for (int64_t i = 11; i <= 14; i++)
		assert_true(add(i, FACTS_BREAK));
	assert_int_equal(enter(), 4);
	run("INSERT INTO late VALUES(6, 12), (7, 13)");
	rows_guard(rows, 13, 6);
	for (int64_t i = 11; i <= 14; i++)
		assert_int_equal(change(i, FACTS_DONE), i >= 13);
	assert_int_equal(facts_of(11), FACTS_BREAK);
	assert_int_equal(facts_of(12), FACTS_BREAK); /* late, and sealed */
	assert_int_equal(facts_of(13), FACTS_DONE);
	assert_int_equal(facts_of(14), FACTS_DONE);
}

static void full_of_rows(void **state)
{
	(void)state;
	for (int64_t i = 1; i <= ROWS_MAX; i++)
		assert_true(add(100 + i, FACTS_DONE));
	assert_false(add(ROWS_MAX + 101, FACTS_DONE));
	assert_int_equal(enter(), ROWS_MAX);
	assert_true(add(ROWS_MAX + 101, FACTS_DONE));
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
	while (rows_add(rows, &r, 100 + n, FACTS_DONE))
		n++;
	assert_in_range(n, 100, ROWS_MAX - 1);
	assert_int_equal(enter(), n);
	assert_int_equal(number("SELECT min(length(path)) FROM record"),
			 sizeof(path));
	assert_true(rows_add(rows, &r, 100 + n, FACTS_DONE));
}

static void failure(void **state)
{
	int64_t n;

	(void)state;
	assert_true(add(11, FACTS_DONE));
	run("ALTER TABLE record RENAME TO elsewhere");
	assert_int_not_equal(rows_enter(rows, &n), SQLITE_OK);
	run("ALTER TABLE elsewhere RENAME TO record");
	assert_int_equal(enter(), 0); /* it is forgotten */
	assert_true(add(12, FACTS_DONE));
	assert_int_equal(enter(), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(all_columns), T(nothing),	 T(entries),	  T(later_word),
		T(sealed),	T(full_of_rows), T(full_of_text), T(failure),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
