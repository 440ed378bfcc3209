/* audit/query_find.c - find rows, and those that come while one looks.
 *
 * Rows do not arrive in the order of their ids: an id is given when a request
 * begins and its row is entered when it ends. Who follows looks back
 * FOLLOW_BACK_US each time and leaves out what it has had; rows that come
 * later than that are listed by the writer in `late`.
 */

#include "audit/query.h"

#include <stdlib.h>

#include "audit/find.h"
#include "audit/query_private.h"
#include "base/base.h"
#include "base/clock.h"

#define FOLLOW_BACK_US 6000000ull /* what comes after 2 s is in `late` */

int query_begin(struct query *q)
{
	(void)sqlite3_reset(q->row);
	q->found.len = q->at = 0;
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

struct found {
	struct ids *ids;
	size_t limit;
};

static int found_take(void *ctx, sqlite3_stmt *row)
{
	struct found *found = ctx;
	int err = ids_add(found->ids, (uint64_t)sqlite3_column_int64(row, 0));

	return err ? err : found->ids->len >= found->limit;
}

int query_find(struct query *q, const struct query_filter *filter)
{
	struct found found = {
		.ids = &q->found,
		.limit = filter->limit ? MIN(filter->limit, QUERY_ROWS_MAX)
				       : QUERY_ROWS_MAX,
	};
	struct find f = {
		.q = q, .filter = filter, .take = found_take, .ctx = &found
	};
	int err = find_all(&f);

	if (!filter->first)
		ids_reverse(&q->found);
	return err;
}

/* How far `late` goes. */
static int query_late_seq(struct query *q, int64_t *ret)
{
	sqlite3_stmt *stmt;
	int err = query_prepare(q, "SELECT max(seq) FROM late", &stmt);

	if (err)
		return err;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		*ret = sqlite3_column_int64(stmt, 0);
	return sqlite3_finalize(stmt) == SQLITE_OK ? 0 : query_fail(q);
}

int query_follow(struct query *q)
{
	struct query_filter all = { .since_us = clock_us(CLOCK_REALTIME) -
						FOLLOW_BACK_US,
				    .first = true };
	struct ids t;
	int n = query_late_seq(q, &q->late_seq);

	if (!n)
		n = query_find(q, &all);
	if (n < 0)
		return n;
	t = q->had;
	q->had = q->found;
	q->found = t;
	q->found.len = 0;
	return 0;
}

/* Rows that came late and fit, appended to found. The first fresh_len of found
 * are there already.
 */
static int find_late(struct find *f, size_t fresh_len)
{
	struct query *q = f->q;
	sqlite3_stmt *stmt;
	int err = query_prepare(q,
				"SELECT seq, id FROM late WHERE seq > ?1"
				" ORDER BY seq",
				&stmt);

	if (err)
		return err;
	(void)sqlite3_bind_int64(stmt, 1, q->late_seq);
	while (!err && sqlite3_step(stmt) == SQLITE_ROW) {
		struct ids fresh = { .mem = q->found.mem, .len = fresh_len };
		uint64_t id = (uint64_t)sqlite3_column_int64(stmt, 1);

		q->late_seq = sqlite3_column_int64(stmt, 0);
		if (!ids_have(&fresh, id))
			err = find_scan(f, id, id);
	}
	if (sqlite3_finalize(stmt) != SQLITE_OK && !err)
		err = query_fail(q);
	return err;
}

/* found holds the rows of the last seconds that fit: keep those that are new,
 * add the late ones.
 */
static int find_new(struct find *f)
{
	struct query *q = f->q;
	struct ids window = q->found;
	int err = 0;

	q->found = (struct ids){ 0 };
	for (size_t i = 0; i < window.len && !err; i++)
		if (!ids_have(&q->had, window.mem[i]))
			err = ids_add(&q->found, window.mem[i]);
	if (!err)
		err = find_late(f, q->found.len);
	free(q->had.mem);
	q->had = window;
	/* What was opened and ended since the last call was late twice. */
	ids_sort_once(&q->found);
	return err;
}

int query_find_new(struct query *q, const struct query_filter *filter)
{
	struct found found = { .ids = &q->found, .limit = QUERY_ROWS_MAX };
	struct query_filter recent = *filter;
	struct find f = {
		.q = q, .filter = &recent, .take = found_take, .ctx = &found
	};
	int err = query_begin(q);

	if (err)
		return err;
	recent.since_us = clock_us(CLOCK_REALTIME) - FOLLOW_BACK_US;
	recent.until_us = recent.after_id = 0;
	recent.first = true;
	err = find_begin(&f);
	if (!err)
		err = find_rows(&f, f.from, f.to);
	if (!err)
		err = find_new(&f);
	find_done(&f);
	return query_end(q, err);
}
