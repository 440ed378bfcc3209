/* audit/query_find.c - find rows, and those that come while one looks.
 *
 * Rows come at the end of the table, and a row that was open when it came
 * changes once more, which the writer notes in `late`. So who follows asks for
 * what is behind the last row he knows, and for those of `late`.
 */

#include "audit/query.h"

#include <errno.h>
#include <stdlib.h>

#include "audit/find.h"
#include "audit/ids.h"
#include "audit/query_private.h"
#include "audit/schema.h"
#include "base/base.h"

int query_begin(struct query *q)
{
	(void)sqlite3_reset(q->row);
	q->found.len = q->at = 0;
	q->reached = 0;
	if (sqlite3_exec(q->db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return query_fail(q);
}

int query_end(struct query *q, int err)
{
	(void)sqlite3_exec(q->db, "COMMIT", NULL, NULL, NULL);
	if (err)
		q->found.len = 0;
	return err ? err : (int)q->found.len;
}

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->entry > y->entry) - (x->entry < y->entry);
}

/* In order of time, each once. */
static void found_sort(struct place_list *l)
{
	size_t len = 0;

	if (!l->len)
		return;
	qsort(l->mem, l->len, sizeof(*l->mem), compare_places);
	for (size_t i = 1; i < l->len; i++)
		if (l->mem[i].entry != l->mem[len].entry)
			l->mem[++len] = l->mem[i];
	l->len = len + 1;
}

static int found_add(struct query *q, uint64_t id, int64_t entry)
{
	q->reached = MAX(q->reached, (uint64_t)entry);
	return place_list_add(&q->found, id, entry);
}

struct found {
	struct query *q;
	size_t limit;
};

static int found_take(void *ctx, const struct find_row *row)
{
	struct found *found = ctx;
	int err = found_add(found->q, row->id, row->entry);

	return err ? err : found->q->found.len >= found->limit;
}

int query_find(struct query *q, const struct query_filter *filter)
{
	struct found found = {
		.q = q,
		.limit = filter->limit ? MIN(filter->limit, QUERY_ROWS_MAX)
				       : QUERY_ROWS_MAX,
	};
	struct find f = {
		.q = q, .filter = filter, .take = found_take, .ctx = &found
	};
	int err = find_all(&f);

	found_sort(&q->found);
	return err;
}

uint64_t query_reached(const struct query *q)
{
	return q->reached;
}

int query_find_id(struct query *q, uint64_t id)
{
	static const char sql[] =
		"SELECT entry FROM record WHERE entry >= ?1"
		" AND entry <= ?1 + ?2 AND entry - delay = ?1 UNION ALL"
		" SELECT entry FROM stray WHERE id = ?1 LIMIT 1";
	sqlite3_stmt *stmt;
	int err = query_begin(q);

	if (!err)
		err = query_prepare(q, sql, &stmt);
	if (err)
		return query_end(q, err);
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
	(void)sqlite3_bind_int64(stmt, 2, SCHEMA_NEAR);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		err = found_add(q, id, sqlite3_column_int64(stmt, 0));
	if (sqlite3_finalize(stmt) != SQLITE_OK && !err)
		err = query_fail(q);
	return query_end(q, err);
}

int query_follow(struct query *q)
{
	sqlite3_stmt *stmt;
	int err = query_prepare(q,
				"SELECT (SELECT max(entry) FROM record),"
				" (SELECT max(seq) FROM late)",
				&stmt);

	if (err)
		return err;
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		q->after = (uint64_t)sqlite3_column_int64(stmt, 0);
		q->late_seq = sqlite3_column_int64(stmt, 1);
	}
	return sqlite3_finalize(stmt) == SQLITE_OK ? 0 : query_fail(q);
}

/* Rows that fit and have changed since the last time; those that are new are
 * found as such.
 */
static int find_changed(struct find *f)
{
	struct query *q = f->q;
	sqlite3_stmt *stmt;
	int err = query_prepare(q,
				"SELECT entry FROM late WHERE seq > ?1"
				" AND entry <= ?2",
				&stmt);

	if (err)
		return err;
	(void)sqlite3_bind_int64(stmt, 1, q->late_seq);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)q->after);
	while (!err && sqlite3_step(stmt) == SQLITE_ROW) {
		uint64_t entry = (uint64_t)sqlite3_column_int64(stmt, 0);

		err = find_scan(f, entry, entry);
	}
	if (sqlite3_finalize(stmt) != SQLITE_OK && !err)
		err = query_fail(q);
	return err;
}

int query_find_new(struct query *q, const struct query_filter *filter)
{
	struct found found = { .q = q, .limit = QUERY_ROWS_MAX };
	struct query_filter recent = *filter;
	struct find f = {
		.q = q, .filter = &recent, .take = found_take, .ctx = &found
	};
	int err = query_begin(q);

	if (err)
		return err;
	recent.since_us = recent.until_us = 0;
	recent.after = q->after;
	recent.first = true;
	err = find_begin(&f);
	if (!err)
		err = find_rows(&f, f.from, f.to);
	if (!err)
		err = find_changed(&f);
	if (!err)
		err = query_follow(q);
	find_done(&f);
	found_sort(&q->found);
	return query_end(q, err);
}
