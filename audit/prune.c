/* audit/prune.c - take the oldest rows away.
 *
 * Whole batches of the chain (audit/seal.c) go, the oldest first. Age: those
 * whose last entry is older than keep_s; and where that says a time to come, as
 * after a while in which the clock was ahead, those after which one was sealed
 * that long ago. Size: while the file without its free pages is larger than
 * bytes_max. A few thousand rows in a transaction, so that the writer's next
 * pass waits milliseconds; and in the same transaction a signed statement takes
 * the place of the batches, so that what is left still has a beginning that can
 * be verified. Rows in no batch stay. Whole pages come free and are used again
 * by new rows; only when more than a tenth of the file is free are some given
 * back.
 *
 * Texts and facts carry the last day that used them. What was last used before
 * the day of the oldest row left is used by no row. Each call looks at a
 * stretch of ids and begins again behind the last one.
 */

#include "audit/store.h"

#include <inttypes.h>
#include <stdio.h>

#include "audit/schema.h"
#include "audit/store_private.h"
#include "audit/walk.h"
#include "base/base.h"
#include "base/id.h"

#define SWEEP_IDS    500   /* texts and facts looked at in one call */
#define VACUUM_PAGES 256   /* given back in one call */
#define LATE_ROWS    10000 /* arrivals kept for those who follow */

/* Now, and the lowest entry that may stay on account of its age. */
struct prune_clock {
	uint64_t wall_us;
	uint64_t oldest;
};

static uint64_t prune_oldest_entry(const struct store_limits *limits,
				   uint64_t wall_us)
{
	uint64_t wall_s = wall_us / 1000000;

	return limits->keep_s < wall_s
		       ? id_at(wall_us - limits->keep_s * 1000000)
		       : 0;
}

static int prune_is_big(struct store *s, uint64_t bytes_max, bool *ret)
{
	int64_t pages = 0, unused = 0, size = 0;
	int err = store_ask(s, "PRAGMA page_count", 0, &pages);

	if (!err)
		err = store_ask(s, "PRAGMA freelist_count", 0, &unused);
	if (!err)
		err = store_ask(s, "PRAGMA page_size", 4096, &size);
	if (!err)
		*ret = (uint64_t)((pages - unused) * size) > bytes_max;
	return err;
}

/* The oldest batch. Returns 1, 0 when there is none, or as store_commit(). */
static int prune_oldest(struct store *s, struct chain_batch *ret)
{
	sqlite3_stmt *stmt;
	int n = 0;
	int rc = sqlite3_prepare_v2(
		s->db, "SELECT " WALK_BATCH " FROM batch ORDER BY seq LIMIT 1",
		-1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return store_fail(s, "the oldest batch", rc);
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		walk_batch(stmt, 0, ret);
		n = 1;
	}
	rc = sqlite3_finalize(stmt);
	return rc == SQLITE_OK ? n : store_fail(s, "the oldest batch", rc);
}

#define IN_RANGE                                                               \
	" FROM record WHERE entry >= ?1 AND entry <= ?2 AND entry NOT IN"      \
	" (SELECT entry FROM batch_late WHERE entry >= ?1 AND entry <= ?2)"    \
	" AND entry NOT IN (SELECT entry FROM late WHERE seq > ?3)"            \
	" AND (SELECT outcome FROM facts f WHERE f.id = record.facts)"         \
	" IS NOT 0"
#define IN_BATCH                                                               \
	" FROM record WHERE entry IN"                                          \
	" (SELECT entry FROM batch_late WHERE batch = ?4)"

/* Delete the rows of a batch, and the batch. Rows of its range that are of
 * another one, or of none yet, stay. Returns how many rows went.
 */
static int prune_batch(struct store *s, const struct chain_batch *b)
{
	const int64_t n[] = { b->first, b->last, seal_late_seq(s->seal),
			      b->seq };
	static const char *const sql[] = {
		"DELETE FROM stray WHERE id IN (SELECT entry - delay" IN_RANGE
		" AND delay NOT BETWEEN 0 AND 16384000000)",
		"DELETE FROM stray WHERE id IN (SELECT entry - delay" IN_BATCH
		")",
		"DELETE" IN_RANGE,
		"DELETE" IN_BATCH,
		"DELETE FROM batch_late WHERE batch = ?4",
		"DELETE FROM batch WHERE seq = ?4",
	};
	int gone = 0;

	static_assert(SCHEMA_NEAR == 16384000000,
		      "the number in the statement");
	for (size_t i = 0; i < ARRAY_SIZE(sql); i++) {
		sqlite3_stmt *stmt;
		int rc = sqlite3_prepare_v2(s->db, sql[i], -1, &stmt, NULL);

		for (int k = 0; k < (int)ARRAY_SIZE(n) && rc == SQLITE_OK; k++)
			(void)sqlite3_bind_int64(stmt, k + 1, n[k]);
		if (rc == SQLITE_OK) {
			(void)sqlite3_step(stmt);
			rc = sqlite3_finalize(stmt);
		}
		if (rc != SQLITE_OK)
			return store_fail(s, sql[i], rc);
		if (i == 2 || i == 3)
			gone += sqlite3_changes(s->db);
	}
	return gone;
}

/* Batches are sealed one after the other: what was sealed before one that is
 * old is old as well.
 */
static int prune_is_old(struct store *s, const struct prune_clock *clock,
			const struct chain_batch *b, bool *ret)
{
	int64_t sealed_us = INT64_MAX;
	char sql[160];
	int err;

	*ret = (uint64_t)b->last < clock->oldest;
	if (*ret || id_wall_us((uint64_t)b->last) <= clock->wall_us)
		return 0;
	(void)snprintf(sql, sizeof(sql),
		       "SELECT sealed_us FROM batch WHERE seq >= %" PRId64
		       " AND sealed_us <= %" PRId64 " ORDER BY seq LIMIT 1",
		       b->seq, (int64_t)clock->wall_us);
	err = store_ask(s, sql, INT64_MAX, &sealed_us);
	*ret = (uint64_t)sealed_us < id_wall_us(clock->oldest);
	return err;
}

/* Must this batch go? Returns 1, 0, or as store_commit(). */
static int prune_must(struct store *s, const struct store_limits *limits,
		      const struct prune_clock *clock,
		      const struct chain_batch *b)
{
	bool big = false, old = false;
	int err = prune_is_big(s, limits->bytes_max, &big);

	if (!err)
		err = prune_is_old(s, clock, b, &old);
	if (err)
		return err;
	if (limits->ships && (uint64_t)b->last > limits->shipped) {
		if (big)
			s->unshipped += (uint64_t)b->rows;
		return big;
	}
	return big || old;
}

/* Whole batches from the front, until rows_max rows went. */
static int prune_rows(struct store *s, const struct store_limits *limits,
		      uint64_t wall_us, uint32_t rows_max)
{
	const struct prune_clock clock = {
		.wall_us = wall_us,
		.oldest = prune_oldest_entry(limits, wall_us),
	};
	struct chain_batch last = { 0 }, b = { 0 };
	int gone = 0, n = 1;

	while (n > 0 && gone < (int)MIN(rows_max, INT32_MAX)) {
		n = prune_oldest(s, &b);
		if (n > 0)
			n = prune_must(s, limits, &clock, &b);
		if (n <= 0)
			break;
		n = prune_batch(s, &b);
		if (n < 0)
			break;
		gone += n;
		n = 1;
		last = b;
	}
	if (n >= 0 && last.seq)
		n = seal_say_pruned(s, &last, wall_us);
	return n < 0 ? n : gone;
}

/* One stretch of table: ids from *swept on, last used before day. */
static int prune_sweep(struct store *s, const char *table, int64_t day,
		       int64_t *swept)
{
	int64_t last = 0, end = *swept + SWEEP_IDS;
	char sql[256];
	int err;

	(void)snprintf(sql, sizeof(sql), "SELECT max(id) FROM %s", table);
	err = store_ask(s, sql, 0, &last);
	if (err)
		return err;
	(void)snprintf(sql, sizeof(sql),
		       "DELETE FROM %s WHERE id > %" PRId64
		       " AND id <= %" PRId64 " AND last_day < %" PRId64,
		       table, *swept, end, day);
	err = store_exec(s, sql);
	*swept = end >= last ? 0 : end;
	return err;
}

/* `seen` of a stretch of facts: the seconds before the oldest row. Comes
 * before the facts themselves go.
 */
static int prune_seen(struct store *s, int64_t second)
{
	int64_t end = s->swept_facts + SWEEP_IDS;
	char sql[200];

	(void)snprintf(sql, sizeof(sql),
		       "DELETE FROM seen WHERE facts IN (SELECT id FROM facts"
		       " WHERE id > %" PRId64 " AND id <= %" PRId64
		       ") AND second < %" PRId64,
		       s->swept_facts, end, second);
	return store_exec(s, sql);
}

/* What only rows that are gone have used. */
static int prune_words(struct store *s)
{
	int64_t oldest = 0, changes = sqlite3_total_changes64(s->db);
	int err = store_ask(s, "SELECT min(entry) FROM record", INT64_MAX,
			    &oldest);
	int64_t day;

	if (err)
		return err;
	day = dict_day(oldest);
	err = prune_seen(s, SCHEMA_SECOND(oldest));
	if (!err)
		err = prune_sweep(s, "facts", day, &s->swept_facts);
	if (!err)
		err = prune_sweep(s, "text", day, &s->swept_text);
	if (sqlite3_total_changes64(s->db) != changes) {
		dict_clear(s->dict);
		seal_forget(s->seal);
	}
	return err;
}

/* Those that follow are served by the last ones; the chain needs those that it
 * has not looked at.
 */
static int prune_late(struct store *s)
{
	char sql[160];

	(void)snprintf(sql, sizeof(sql),
		       "DELETE FROM late WHERE seq <= (SELECT max(seq) FROM"
		       " late) - %d AND seq <= %" PRId64,
		       LATE_ROWS, seal_late_seq(s->seal));
	return store_exec(s, sql);
}

/* Give file space back when much of it lies idle. */
static int prune_vacuum(struct store *s)
{
	int64_t pages = 0, unused = 0;
	char sql[64];
	int err = store_ask(s, "PRAGMA page_count", 0, &pages);

	if (!err)
		err = store_ask(s, "PRAGMA freelist_count", 0, &unused);
	if (err || unused <= pages / 10)
		return err;
	(void)snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%d)",
		       VACUUM_PAGES);
	return store_exec(s, sql);
}

static int prune_inside(struct store *s, const struct store_limits *limits,
			uint64_t wall_us, uint32_t rows_max)
{
	int gone = prune_rows(s, limits, wall_us, rows_max);
	int err = MIN(gone, 0);

	if (!err)
		err = prune_words(s);
	if (!err)
		err = prune_late(s);
	if (!err)
		err = prune_vacuum(s);
	return err ? err : gone;
}

int store_sealed_us(struct store *s, uint64_t before_us, uint64_t *ret)
{
	sqlite3_stmt *stmt;
	uint64_t least = UINT64_MAX;
	int rc = sqlite3_prepare_v2(
		s->db, "SELECT sealed_us FROM batch ORDER BY seq DESC", -1,
		&stmt, NULL);

	if (rc != SQLITE_OK)
		return store_fail(s, "when rows were sealed", rc);
	while (least > before_us && sqlite3_step(stmt) == SQLITE_ROW)
		least = MIN(least, (uint64_t)sqlite3_column_int64(stmt, 0));
	rc = sqlite3_finalize(stmt);
	if (rc != SQLITE_OK)
		return store_fail(s, "when rows were sealed", rc);
	*ret = least == UINT64_MAX ? 0 : least;
	return 0;
}

int store_prune(struct store *s, const struct store_limits *limits,
		uint64_t wall_us, uint32_t rows_max)
{
	uint64_t unshipped = s->unshipped;
	int n = store_begin(s, wall_us);

	if (!n)
		n = prune_inside(s, limits, wall_us, rows_max);
	if (n >= 0) {
		int err = store_commit(s);

		n = err ? err : n;
	}
	if (n < 0) {
		store_rollback(s);
		s->unshipped = unshipped;
	}
	return n;
}
