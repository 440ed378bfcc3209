/* audit/summary.c - what many rows come to, kept beside them.
 *
 * To count ten million rows by host one would have to read them all. So for
 * each SUMMARY_ROWS rows that have settled, table `summary` holds how many
 * there are of which facts, with their octets and the ids of the first and the
 * last (audit/sums.h has the form). Whoever counts reads these, and only the
 * rows that no summary covers (audit/query_group.c). It also holds which parts
 * of its rows may have a path that begins in some way (audit/paths.h), so that
 * whoever looks for one need not read the others (audit/cover.c).
 *
 * A summary says that within its range of entries there is nothing else. It is
 * taken away, in the same transaction, when a row of its range is entered,
 * changed or deleted, whoever does it: SQLite tells us of each change of a
 * row. That is rare, as ranges end SUMMARY_LAG ago; what takes longer than
 * that costs a summary when it ends. It is made anew when there is time.
 */

#include "audit/summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/paths.h"
#include "audit/schema.h"
#include "audit/store.h"
#include "audit/store_private.h"
#include "audit/sums.h"
#include "base/base.h"
#include "base/err.h"
#include "base/id.h"

#define SUMMARY_ROWS 65536		 /* read in some 30 ms */
#define SUMMARY_LAG  (60000000ull << 12) /* of entries: a minute */

static_assert(SUMMARY_ROWS == PATHS_ROWS * PATHS_PARTS, "a part for each row");

/* Where a summary could be made. */
struct gap {
	uint64_t first;
	uint64_t last;
	bool end; /* it is the end of the ledger, which grows */
};

static void on_change(void *ctx, int operation, const char *db,
		      const char *table, sqlite3_int64 rowid)
{
	struct summary *m = &((struct store *)ctx)->summary;
	uint64_t entry = (uint64_t)rowid;

	(void)operation;
	(void)db;
	/* Nearly all rows are new, and so beyond all summaries. */
	if (entry > m->to || strcmp(table, "record") != 0)
		return;
	if (m->touched_len < SUMMARY_TOUCHED) {
		m->touched[m->touched_len++] = entry;
		return;
	}
	m->low = m->high ? MIN(m->low, entry) : entry;
	m->high = MAX(m->high, entry);
}

/* Run sql with these parameters. Returns SQLite's code; *ret is the first
 * column of the only row, if there is one.
 */
static int summary_ask(struct store *s, const char *sql, uint64_t a, uint64_t b,
		       uint64_t *ret)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return store_fail(s, sql, rc);
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)a);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)b);
	if (sqlite3_step(stmt) == SQLITE_ROW && ret)
		*ret = (uint64_t)sqlite3_column_int64(stmt, 0);
	rc = sqlite3_finalize(stmt);
	return rc == SQLITE_OK ? 0 : store_fail(s, sql, rc);
}

static int summary_reach(struct store *s)
{
	s->summary.to = 0;
	return summary_ask(s, "SELECT max(last) FROM summary", 0, 0,
			   &s->summary.to);
}

int summary_open(struct store *s)
{
	(void)sqlite3_update_hook(s->db, on_change, s);
	return summary_reach(s);
}

void summary_forget(struct store *s)
{
	s->summary.touched_len = 0;
	s->summary.high = 0;
}

static int summary_drop(struct store *s, uint64_t low, uint64_t high)
{
	return summary_ask(s,
			   "DELETE FROM summary WHERE last >= ?1"
			   " AND first <= ?2",
			   low, high, NULL);
}

int summary_settle(struct store *s)
{
	struct summary *m = &s->summary;
	int err = 0;

	for (size_t i = 0; i < m->touched_len && !err; i++)
		err = summary_drop(s, m->touched[i], m->touched[i]);
	if (!err && m->high)
		err = summary_drop(s, m->low, m->high);
	if (!err)
		summary_forget(s);
	return err;
}

/* Is there a row between these entries? */
static int gap_has_rows(struct store *s, uint64_t first, uint64_t last,
			bool *ret)
{
	uint64_t entry = 0;
	int err = summary_ask(s,
			      "SELECT entry FROM record WHERE entry >= ?1"
			      " AND entry <= ?2 ORDER BY entry LIMIT 1",
			      first, last, &entry);

	*ret = entry != 0;
	return err;
}

/* The first gap between summaries that has rows, or the end. */
static int gap_find(struct store *s, struct gap *ret)
{
	sqlite3_stmt *stmt;
	bool found = false;
	uint64_t at = 0;
	int err = 0;
	int rc = sqlite3_prepare_v2(s->db,
				    "SELECT first, last FROM summary"
				    " ORDER BY first",
				    -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return store_fail(s, "read the summaries", rc);
	while (!err && !found && sqlite3_step(stmt) == SQLITE_ROW) {
		uint64_t first = (uint64_t)sqlite3_column_int64(stmt, 0);

		*ret = (struct gap){ .first = at, .last = first - 1 };
		if (first > at)
			err = gap_has_rows(s, at, first - 1, &found);
		at = (uint64_t)sqlite3_column_int64(stmt, 1) + 1;
	}
	rc = sqlite3_finalize(stmt);
	if (rc != SQLITE_OK && !err)
		err = store_fail(s, "read the summaries", rc);
	if (!found)
		*ret = (struct gap){ .first = at,
				     .last = INT64_MAX,
				     .end = true };
	return err;
}

/* Make the gap as small as one summary. Returns 1, 0 if it is not worth one
 * yet, or as store_commit().
 */
static int gap_fit(struct store *s, struct gap *gap, uint64_t wall_us)
{
	/* Entries may be ahead of a clock that was set back. */
	uint64_t now = MAX(id_at(wall_us), (uint64_t)s->entry);
	uint64_t entry = 0;
	int err;

	if (now < SUMMARY_LAG)
		return 0;
	gap->last = MIN(gap->last, now - SUMMARY_LAG - 1);
	if (gap->last < gap->first)
		return 0;
	err = summary_ask(s,
			  "SELECT entry FROM record WHERE entry >= ?1"
			  " AND entry <= ?2 ORDER BY entry"
			  " LIMIT 1 OFFSET 65535",
			  gap->first, gap->last, &entry);
	static_assert(SUMMARY_ROWS == 65536, "the number in the statement");
	if (err)
		return err;
	if (entry)
		gap->last = entry;
	return entry || !gap->end;
}

/* Add the row that stmt stands on. */
static int summary_row(sqlite3_stmt *stmt, struct sums *sums,
		       struct paths *paths)
{
	uint64_t entry = (uint64_t)sqlite3_column_int64(stmt, 0);
	uint64_t id = (uint64_t)schema_id((int64_t)entry,
					  sqlite3_column_int64(stmt, 5));
	const void *path = sqlite3_column_text(stmt, 4);
	const struct sum sum = {
		.key = { sqlite3_column_int64(stmt, 1) },
		.rows = 1,
		.bytes_up = (uint64_t)sqlite3_column_int64(stmt, 2),
		.bytes_down = (uint64_t)sqlite3_column_int64(stmt, 3),
		.first_id = id,
		.last_id = id,
	};

	if (paths->rows == SUMMARY_ROWS)
		return ERR_LIMIT;
	paths_add(paths, entry,
		  slice_of(path, (size_t)sqlite3_column_bytes(stmt, 4)));
	return sums_add(sums, &sum);
}

/* Count the rows, and note their paths. */
static int summary_rows(sqlite3 *db, uint64_t first, uint64_t last,
			struct sums *sums, struct paths *paths)
{
	sqlite3_stmt *stmt;
	int err = 0;

	if (sqlite3_prepare_v2(
		    db,
		    "SELECT entry, facts, bytes_up, bytes_down, path, delay"
		    " FROM record WHERE entry >= ?1 AND entry <= ?2"
		    " ORDER BY entry",
		    -1, &stmt, NULL) != SQLITE_OK)
		return -EIO;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)first);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)last);
	while (!err && sqlite3_step(stmt) == SQLITE_ROW)
		err = summary_row(stmt, sums, paths);
	return sqlite3_finalize(stmt) == SQLITE_OK ? err : -EIO;
}

int summary_read(sqlite3 *db, uint64_t first, uint64_t last,
		 struct summary_octets *ret)
{
	struct sums sums = { .len = 0 };
	struct paths paths;
	int err = paths_init(&paths);

	*ret = (struct summary_octets){ .sums = NULL };
	if (!err)
		err = summary_rows(db, first, last, &sums, &paths);
	if (!err)
		err = sums_pack(&sums, first, &ret->sums, &ret->sums_len);
	if (!err)
		err = paths_pack(&paths, &ret->paths, &ret->paths_len);
	sums_done(&sums);
	paths_done(&paths);
	return err;
}

void summary_octets_done(struct summary_octets *o)
{
	free(o->sums);
	free(o->paths);
}

static int gap_enter(struct store *s, const struct gap *gap,
		     const struct summary_octets *o)
{
	static const char sql[] = "INSERT INTO summary(first, last, sums,"
				  " paths) VALUES(?, ?, ?, ?)";
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return store_fail(s, sql, rc);
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)gap->first);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)gap->last);
	(void)sqlite3_bind_blob64(stmt, 3, o->sums, o->sums_len, SQLITE_STATIC);
	(void)sqlite3_bind_blob64(stmt, 4, o->paths, o->paths_len,
				  SQLITE_STATIC);
	(void)sqlite3_step(stmt);
	rc = sqlite3_finalize(stmt);
	return rc == SQLITE_OK ? 0 : store_fail(s, sql, rc);
}

static int gap_sum_up(struct store *s, const struct gap *gap)
{
	struct summary_octets o;
	int err = summary_read(s->db, gap->first, gap->last, &o);

	if (err == -EIO)
		err = store_fail(s, "sum up rows", sqlite3_errcode(s->db));
	else if (err)
		(void)snprintf(s->error, sizeof(s->error), "sum up rows: %s",
			       err_str(err));
	else
		err = gap_enter(s, gap, &o);
	summary_octets_done(&o);
	return err;
}

/* Within a transaction. Returns as store_summarise(). */
static int summary_make(struct store *s, uint64_t wall_us)
{
	struct gap gap = { .end = true };
	int err, n = gap_find(s, &gap);

	if (!n)
		n = gap_fit(s, &gap, wall_us);
	if (n <= 0)
		return n;
	err = gap_sum_up(s, &gap);
	if (!err)
		err = store_commit(s);
	if (err)
		return err;
	s->summary.to = MAX(s->summary.to, gap.last);
	return 1;
}

int store_summarise(struct store *s, uint64_t wall_us)
{
	int n = store_begin(s, wall_us);

	if (n) {
		store_rollback(s);
		return n;
	}
	n = summary_make(s, wall_us);
	if (!n)
		n = store_commit(s); /* of nothing: cheaper than a rollback */
	if (n < 0)
		store_rollback(s);
	return n;
}
