/* audit/seal.c - the chain, as its one writer carries it on.
 *
 * Rows are sealed in batches, each a range of entries that begins where the one
 * before ended and ends with its last row. As rows come at the end of the table
 * none comes into a range that is sealed. A row that is still open when its
 * range is sealed changes once more: then it is in `late` (audit/store.c writes
 * that down of every row that changes), the next batch takes it in, and
 * `batch_late` says so. `late_seq` in table ledger is how far `late` has been
 * looked at.
 *
 * So each finished row up to the end of the last range is either in the batch
 * of its range, or in `batch_late`, or still waits in `late`; that is how
 * audit/verify.c finds the rows of a batch again. A row that is sealed never
 * changes: what could change is open, or interrupted and held back by
 * audit/main.c until all living writers have spoken, and audit/store.c refuses
 * the rest.
 *
 * A batch is one transaction, so a death at any moment leaves the chain as it
 * was before or after it.
 */

#include "audit/seal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/store.h"
#include "audit/store_private.h"
#include "audit/walk.h"
#include "base/base.h"
#include "base/err.h"

#define CHECKPOINTS_KEPT 1440 /* one a minute: of a day */
#define INSTANCE_MAX	 512
#define KEY_NAME	 "audit.key"
#define PATH_LEN_MAX	 512

struct seal {
	struct chain *chain; /* owned, as the others */
	struct chain_key *key;
	struct walk *walk;
	struct chain_batch tip; /* the last batch; seq 0: none yet */
	int64_t late_seq;
	int64_t signed_seq; /* the last batch with a checkpoint */
	char instance[INSTANCE_MAX];
	/* Late rows and those of the range, as many of each. */
	uint8_t marks[2 * STORE_SEAL_ROWS * CHAIN_MARK];
};

int64_t seal_late_seq(const struct seal *seal)
{
	return seal->late_seq;
}

void seal_forget(struct seal *seal)
{
	if (seal)
		walk_forget(seal->walk);
}

void seal_free(struct seal **seal)
{
	if (!*seal)
		return;
	walk_free(&(*seal)->walk);
	chain_free(&(*seal)->chain);
	chain_key_free(&(*seal)->key);
	free(*seal);
	*seal = NULL;
}

static int seal_prepare(struct store *s, const char *sql, sqlite3_stmt **ret)
{
	int rc = sqlite3_prepare_v2(s->db, sql, -1, ret, NULL);

	return rc == SQLITE_OK ? 0 : store_fail(s, "the chain", rc);
}

/* Run a statement that gives no rows, and be done with it. */
static int seal_run(struct store *s, sqlite3_stmt *stmt)
{
	int rc;

	(void)sqlite3_step(stmt);
	rc = sqlite3_finalize(stmt);
	return rc == SQLITE_OK ? 0 : store_fail(s, "the chain", rc);
}

/* Store's own statement asks what is sealed. */
static void seal_tell_store(struct store *s)
{
	s->sealed = s->seal->tip.last;
	rows_guard(s->pending, s->sealed, s->seal->late_seq);
}

/* The end of the chain: its last batch, or else where pruning left it. */
static int seal_load_tip(struct store *s)
{
	sqlite3_stmt *stmt;
	int err = seal_prepare(
		s,
		"SELECT " WALK_BATCH " FROM batch UNION ALL SELECT batch, 0,"
		" last, 0, 0, total, 0, NULL, hash FROM statement WHERE"
		" kind = 1 ORDER BY seq DESC LIMIT 1",
		&stmt);

	static_assert(CHAIN_PRUNED == 1, "the number in the statement");
	if (err)
		return err;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		walk_batch(stmt, 0, &s->seal->tip);
	return seal_run(s, stmt);
}

static int seal_load_rest(struct store *s)
{
	sqlite3_stmt *stmt;
	int err = seal_prepare(
		s,
		"SELECT (SELECT value FROM ledger WHERE key = 'late_seq'),"
		" (SELECT max(batch) FROM statement WHERE kind = 0),"
		" (SELECT value FROM ledger WHERE key = 'instance')",
		&stmt);

	if (err)
		return err;
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		const void *name = sqlite3_column_text(stmt, 2);

		s->seal->late_seq = sqlite3_column_int64(stmt, 0);
		s->seal->signed_seq = sqlite3_column_int64(stmt, 1);
		(void)snprintf(s->seal->instance, INSTANCE_MAX, "%s",
			       name ? (const char *)name : "");
	}
	return seal_run(s, stmt);
}

static int seal_load_key(struct store *s, const char *path)
{
	const char *slash = strrchr(path, '/');
	int dir = slash ? (int)(slash - path) + 1 : 0;
	char key[PATH_LEN_MAX];
	int err;

	if (snprintf(key, sizeof(key), "%.*s" KEY_NAME, dir, path) >=
	    PATH_LEN_MAX)
		return -ENAMETOOLONG;
	err = chain_key_open(key, true, &s->seal->key);
	if (err)
		(void)snprintf(s->error, sizeof(s->error), KEY_NAME ": %s",
			       err == ERR_SYNTAX
				       ? "no Ed25519 private key; move it away "
					 "to have a new one made"
			       : err == -EPERM ? "others may read it; chmod 600"
					       : err_str(err));
	return err;
}

int seal_open(struct store *s, const char *path)
{
	struct seal *seal = calloc(1, sizeof(*seal));
	int err, rc;

	if (!seal)
		return -ENOMEM;
	s->seal = seal;
	err = chain_new(&seal->chain);
	if (err)
		return err;
	rc = walk_new(s->db, seal->chain, &seal->walk);
	if (rc != SQLITE_OK)
		return store_fail(s, "the chain", rc);
	err = seal_load_tip(s);
	if (!err)
		err = seal_load_rest(s);
	if (!err)
		err = seal_load_key(s, path);
	if (!err)
		seal_tell_store(s);
	return err;
}

/* A batch that is being put together. */
struct seal_work {
	struct chain_batch batch;
	uint32_t rows_max;
	int64_t late_seq; /* `late` was looked at up to here */
	bool late_all;	  /* that is its end */
};

/* How far to look into `late` this time. Those with entries of no range yet are
 * passed over: their range will have them.
 */
static int seal_late_span(struct store *s, struct seal_work *w)
{
	sqlite3_stmt *stmt;
	int err = seal_prepare(
		s,
		"SELECT count(*), max(seq), (SELECT max(seq) FROM late) FROM"
		" (SELECT seq FROM late WHERE seq > ?1 AND entry <= ?3"
		" ORDER BY seq LIMIT ?2)",
		&stmt);

	if (err)
		return err;
	(void)sqlite3_bind_int64(stmt, 1, s->seal->late_seq);
	(void)sqlite3_bind_int64(stmt, 2, w->rows_max);
	(void)sqlite3_bind_int64(stmt, 3, s->seal->tip.last);
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		w->late_all = sqlite3_column_int64(stmt, 0) < w->rows_max;
		w->late_seq = sqlite3_column_int64(stmt, w->late_all ? 2 : 1);
		w->late_seq = MAX(w->late_seq, s->seal->late_seq);
	}
	return seal_run(s, stmt);
}

/* Of the late ones those that are finished are this batch's. */
static int seal_late_rows(struct store *s, struct seal_work *w)
{
	sqlite3_stmt *stmt;
	int err;

	if (w->late_seq == s->seal->late_seq)
		return 0;
	err = seal_prepare(
		s,
		"INSERT OR IGNORE INTO batch_late(entry, batch)"
		" SELECT r.entry, ?1 FROM record r WHERE r.entry IN"
		" (SELECT entry FROM late WHERE seq > ?2 AND seq <= ?3)"
		" AND r.entry <= ?4 AND"
		" (SELECT outcome FROM facts f WHERE f.id = r.facts) IS NOT 0",
		&stmt);
	if (err)
		return err;
	(void)sqlite3_bind_int64(stmt, 1, w->batch.seq);
	(void)sqlite3_bind_int64(stmt, 2, s->seal->late_seq);
	(void)sqlite3_bind_int64(stmt, 3, w->late_seq);
	(void)sqlite3_bind_int64(stmt, 4, s->seal->tip.last);
	err = seal_run(s, stmt);
	if (!err)
		w->batch.late = sqlite3_changes64(s->db);
	return err;
}

/* Take up to max finished rows off the walk. Returns 1 when there may be more,
 * 0 at the end, or as store_commit(). *ret_last is the entry of the last one.
 */
static int seal_take(struct store *s, struct seal_work *w, int64_t max,
		     int64_t *ret_last)
{
	struct seal *seal = s->seal;
	struct walk_row row;
	int rc = SQLITE_DONE;

	while (max > 0 && (rc = walk_next(seal->walk, &row)) == SQLITE_ROW) {
		if (row.open)
			continue;
		chain_row(seal->chain, &row.row, row.facts,
			  seal->marks + w->batch.rows * CHAIN_MARK);
		*ret_last = row.entry;
		w->batch.rows++;
		max--;
	}
	walk_end(seal->walk);
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		return store_fail(s, "the chain", rc);
	return rc == SQLITE_ROW;
}

/* The rows themselves: late ones, then those that no batch has. */
static int seal_rows(struct store *s, struct seal_work *w)
{
	struct seal *seal = s->seal;
	int64_t last = 0;
	int n;

	assert(w->batch.late <= STORE_SEAL_ROWS);
	chain_rows_begin(seal->chain);
	if (w->batch.late) {
		walk_late(seal->walk, w->batch.seq);
		n = seal_take(s, w, w->batch.late, &last);
		if (n < 0)
			return n;
	}
	/* What still waits in `late` may be of this range: not yet, then. */
	w->batch.last = seal->tip.last;
	if (w->late_all) {
		int64_t before = w->batch.rows;

		walk_range(seal->walk, w->batch.first, INT64_MAX);
		n = seal_take(s, w, w->rows_max, &last);
		if (n < 0)
			return n;
		if (w->batch.rows > before)
			w->batch.last = last;
	}
	chain_rows_end(seal->chain, w->batch.content);
	return 0;
}

static int seal_enter(struct store *s, const struct seal_work *w)
{
	const struct chain_batch *b = &w->batch;
	const int64_t number[] = { b->seq,  b->first, b->last,	   b->rows,
				   b->late, b->total, b->sealed_us };
	sqlite3_stmt *stmt;
	int err = seal_prepare(
		s, "INSERT INTO batch VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		&stmt);

	if (err)
		return err;
	for (int i = 0; i < (int)ARRAY_SIZE(number); i++)
		(void)sqlite3_bind_int64(stmt, i + 1, number[i]);
	(void)sqlite3_bind_blob(stmt, 8, b->content, CHAIN_HASH, SQLITE_STATIC);
	(void)sqlite3_bind_blob(stmt, 9, b->hash, CHAIN_HASH, SQLITE_STATIC);
	(void)sqlite3_bind_blob64(stmt, 10, s->seal->marks,
				  (uint64_t)b->rows * CHAIN_MARK,
				  SQLITE_STATIC);
	return seal_run(s, stmt);
}

static int seal_enter_late_seq(struct store *s, int64_t seq)
{
	char sql[100];

	(void)snprintf(sql, sizeof(sql),
		       "UPDATE ledger SET value = '%" PRId64
		       "' WHERE key = 'late_seq'",
		       seq);
	return store_exec(s, sql);
}

/* Sign where a batch stands and write it down. */
static int seal_say(struct store *s, enum chain_kind kind,
		    const struct chain_batch *b, uint64_t wall_us)
{
	struct chain_statement st = { .kind = kind,
				      .batch = b->seq,
				      .last = b->last,
				      .total = b->total,
				      .signed_us = (int64_t)wall_us };
	sqlite3_stmt *stmt;
	int err;

	memcpy(st.hash, b->hash, sizeof(st.hash));
	err = chain_key_sign(s->seal->key, s->seal->instance, &st);
	if (err) {
		(void)snprintf(s->error, sizeof(s->error), "cannot sign");
		return err;
	}
	err = seal_prepare(s,
			   "INSERT OR REPLACE INTO statement"
			   " VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
			   &stmt);
	if (err)
		return err;
	(void)sqlite3_bind_int(stmt, 1, (int)kind);
	(void)sqlite3_bind_int64(stmt, 2, st.batch);
	(void)sqlite3_bind_int64(stmt, 3, st.last);
	(void)sqlite3_bind_int64(stmt, 4, st.total);
	(void)sqlite3_bind_int64(stmt, 5, st.signed_us);
	(void)sqlite3_bind_blob(stmt, 6, st.hash, CHAIN_HASH, SQLITE_STATIC);
	(void)sqlite3_bind_blob(stmt, 7, st.key, CHAIN_KEY, SQLITE_STATIC);
	(void)sqlite3_bind_blob(stmt, 8, st.signature, CHAIN_SIGNATURE,
				SQLITE_STATIC);
	return seal_run(s, stmt);
}

/* A later checkpoint says all that an earlier one does: old ones go. */
static int seal_say_checkpoint(struct store *s, const struct chain_batch *b,
			       uint64_t wall_us)
{
	char sql[200];
	int err = seal_say(s, CHAIN_CHECKPOINT, b, wall_us);

	if (err)
		return err;
	(void)snprintf(sql, sizeof(sql),
		       "DELETE FROM statement WHERE kind = 0 AND batch <"
		       " (SELECT batch FROM statement WHERE kind = 0"
		       " ORDER BY batch DESC LIMIT 1 OFFSET %d)",
		       CHECKPOINTS_KEPT);
	return store_exec(s, sql);
}

int seal_say_pruned(struct store *s, const struct chain_batch *b,
		    uint64_t wall_us)
{
	char sql[160];
	int err = seal_say(s, CHAIN_PRUNED, b, wall_us);

	if (err)
		return err;
	(void)snprintf(sql, sizeof(sql),
		       "DELETE FROM statement WHERE batch < %" PRId64
		       " OR (kind = 0 AND batch = %" PRId64 ")",
		       b->seq, b->seq);
	return store_exec(s, sql);
}

/* Everything of one batch. w->batch.rows stays 0 when there was none. */
static int seal_inside(struct store *s, struct seal_work *w, uint64_t wall_us)
{
	struct seal *seal = s->seal;
	int err = seal_late_span(s, w);

	if (!err)
		err = seal_late_rows(s, w);
	if (!err)
		err = seal_rows(s, w);
	if (!err && w->late_seq != seal->late_seq)
		err = seal_enter_late_seq(s, w->late_seq);
	if (err || !w->batch.rows)
		return err;
	w->batch.total += w->batch.rows;
	chain_batch_hash(seal->chain, &w->batch, seal->tip.hash, w->batch.hash);
	if (!chain_is_good(seal->chain))
		return -ENOMEM;
	err = seal_enter(s, w);
	if (!err && !seal->tip.seq) /* no chain without a signature */
		err = seal_say_checkpoint(s, &w->batch, wall_us);
	return err;
}

static void seal_done(struct store *s, const struct seal_work *w)
{
	struct seal *seal = s->seal;

	seal->late_seq = w->late_seq;
	if (w->batch.rows) {
		if (!seal->tip.seq)
			seal->signed_seq = w->batch.seq;
		seal->tip = w->batch;
	}
	seal_tell_store(s);
}

int store_seal(struct store *s, uint64_t wall_us, uint32_t rows_max)
{
	struct seal_work w = {
		.batch = { .seq = s->seal->tip.seq + 1,
			   .first = s->seal->tip.last + 1,
			   .total = s->seal->tip.total,
			   .sealed_us = (int64_t)wall_us },
		.rows_max = rows_max,
	};
	int err;

	assert(rows_max <= STORE_SEAL_ROWS);
	err = store_begin(s, wall_us);
	if (!err)
		err = seal_inside(s, &w, wall_us);
	if (!err)
		err = store_commit(s);
	if (err) {
		store_rollback(s);
		return err;
	}
	seal_done(s, &w);
	return (int)w.batch.rows;
}

int store_checkpoint(struct store *s, uint64_t wall_us)
{
	struct seal *seal = s->seal;
	int err;

	if (seal->signed_seq >= seal->tip.seq)
		return 0;
	err = store_begin(s, wall_us);
	if (!err)
		err = seal_say_checkpoint(s, &seal->tip, wall_us);
	if (!err)
		err = store_commit(s);
	if (err) {
		store_rollback(s);
		return err;
	}
	seal->signed_seq = seal->tip.seq;
	return 1;
}

const char *store_instance(const struct store *s)
{
	return s->seal->instance;
}

struct store_chain store_chain(const struct store *s)
{
	return (struct store_chain){ .batches = s->seal->tip.seq,
				     .rows = s->seal->tip.total };
}
