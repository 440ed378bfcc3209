/* audit/verify_ledger.c - is the ledger what was written?
 *
 * One read transaction, so what a running penstock-audit does meanwhile is not
 * seen. Which rows are of a batch stands in audit/seal.c. Besides the rows,
 * everything that decides what a reader gets to see of them is looked at: the
 * tables and views are those of this version; `seen` and `stray`, by which
 * rows are found, name them all; summaries, by which paths are found and rows
 * counted, are what their rows come to.
 */

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/ids.h"
#include "audit/schema.h"
#include "audit/summary.h"
#include "audit/verify_private.h"
#include "audit/walk.h"
#include "base/base.h"
#include "base/err.h"
#include "base/id.h"

#define INSTANCE_MAX 512

struct look {
	struct verify v;
	sqlite3 *db; /* owned, as what follows */
	struct walk *walk;
	sqlite3_stmt *seen;
	sqlite3_stmt *stray;
	struct ids found; /* ids of the batch under way */
	uint8_t *marks;	  /* theirs */
	size_t marks_cap; /* rows */
	char instance[INSTANCE_MAX];
};

/* The database said no. Damage is a finding, anything else is not. */
static bool look_failed(struct look *k)
{
	int rc = sqlite3_errcode(k->db) & 0xff;

	if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
		return verify_broken(&k->v, k->v.tip.seq + 1, 0,
				     "the file is damaged at or after batch "
				     "%" PRId64 ": %s",
				     k->v.tip.seq + 1, sqlite3_errmsg(k->db));
	return verify_unsure(&k->v, "%s", sqlite3_errmsg(k->db));
}

static bool look_prepare(struct look *k, const char *sql, sqlite3_stmt **ret)
{
	return sqlite3_prepare_v2(k->db, sql, -1, ret, NULL) == SQLITE_OK ||
	       look_failed(k);
}

static bool look_open(struct look *k, const char *path)
{
	int n;

	if (access(path, R_OK))
		return verify_unsure(&k->v, "%s: %s", path, strerror(errno));
	if (sqlite3_open_v2(path, &k->db,
			    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK)
		return verify_unsure(&k->v, "%s: cannot be opened", path);
	(void)sqlite3_busy_timeout(k->db, 2000);
	(void)sqlite3_db_config(k->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
				NULL);
	n = schema_check(k->db);
	if (n == ERR_STALE)
		return verify_unsure(&k->v,
				     "%s was written by a newer version of "
				     "penstock",
				     path);
	if (n == ERR_PROTO || n == 0)
		return verify_unsure(&k->v, "%s is not a penstock ledger",
				     path);
	if (n < 0)
		return look_failed(k);
	if (sqlite3_exec(k->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return look_failed(k);
	return true;
}

/* All of sqlite_schema without its blanks, in one text; NULL: no memory. */
static char *look_schema_text(sqlite3 *db)
{
	static const char sql[] =
		"SELECT group_concat(replace(replace(replace(name || sql, ' ',"
		" ''), char(9), ''), char(10), ''), char(10)) FROM"
		" (SELECT type, name, sql FROM sqlite_schema WHERE sql NOT NULL"
		" AND name NOT GLOB 'sqlite_*' ORDER BY name)";
	sqlite3_stmt *stmt;
	char *text = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return NULL;
	if (sqlite3_step(stmt) == SQLITE_ROW &&
	    sqlite3_column_type(stmt, 0) != SQLITE_NULL)
		text = strdup((const char *)sqlite3_column_text(stmt, 0));
	(void)sqlite3_finalize(stmt);
	return text;
}

/* Are tables and views those that this version makes? */
static bool look_schema(struct look *k)
{
	sqlite3 *ours = NULL;
	char *want = NULL, *have = NULL;
	bool same, known;

	if (sqlite3_open(":memory:", &ours) == SQLITE_OK &&
	    schema_migrate(ours, "", 0) == SQLITE_OK)
		want = look_schema_text(ours);
	(void)sqlite3_close(ours);
	have = look_schema_text(k->db);
	known = want && have;
	same = slice_eq(slice_str(want), slice_str(have));
	free(want);
	free(have);
	if (!known)
		return look_failed(k);
	return same || verify_broken(&k->v, 0, 0,
				     "a table or view is not the one that "
				     "penstock made: what it shows may differ "
				     "from what was sealed");
}

static bool look_version(struct look *k)
{
	sqlite3_stmt *stmt;
	int64_t version = 0;

	if (!look_prepare(k, "PRAGMA user_version", &stmt))
		return false;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		version = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return version == SCHEMA_VERSION ||
	       verify_unsure(&k->v,
			     "the ledger is of an older version, %" PRId64
			     ": penstock-audit brings it up to date when "
			     "it starts",
			     version);
}

static bool look_instance(struct look *k)
{
	sqlite3_stmt *stmt;

	if (!look_prepare(k, "SELECT value FROM ledger WHERE key = 'instance'",
			  &stmt))
		return false;
	if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_text(stmt, 0))
		(void)snprintf(k->instance, sizeof(k->instance), "%s",
			       (const char *)sqlite3_column_text(stmt, 0));
	k->v.instance = k->instance;
	return sqlite3_finalize(stmt) == SQLITE_OK || look_failed(k);
}

static void look_octets(sqlite3_stmt *stmt, int column, uint8_t *ret,
			size_t len)
{
	const void *p = sqlite3_column_blob(stmt, column);

	if (p && (size_t)sqlite3_column_bytes(stmt, column) == len)
		memcpy(ret, p, len);
}

static bool look_statements(struct look *k)
{
	sqlite3_stmt *stmt;
	bool good = true;

	if (!look_prepare(k,
			  "SELECT kind, batch, last, total, signed_us, hash,"
			  " key, signature FROM statement ORDER BY batch, kind",
			  &stmt))
		return false;
	while (good && sqlite3_step(stmt) == SQLITE_ROW) {
		struct chain_statement st = {
			.kind = sqlite3_column_int(stmt, 0) == CHAIN_PRUNED
					? CHAIN_PRUNED
					: CHAIN_CHECKPOINT,
			.batch = sqlite3_column_int64(stmt, 1),
			.last = sqlite3_column_int64(stmt, 2),
			.total = sqlite3_column_int64(stmt, 3),
			.signed_us = sqlite3_column_int64(stmt, 4),
		};

		look_octets(stmt, 5, st.hash, CHAIN_HASH);
		look_octets(stmt, 6, st.key, CHAIN_KEY);
		look_octets(stmt, 7, st.signature, CHAIN_SIGNATURE);
		good = verify_statement(&k->v, &st);
	}
	if (sqlite3_finalize(stmt) != SQLITE_OK && good)
		good = look_failed(k);
	return good;
}

static bool look_hidden(struct look *k, const struct walk_row *row,
			int64_t batch, const char *table)
{
	char id[ID_TEXT];

	id_print((uint64_t)row->row.id, id);
	return verify_broken(&k->v, batch, (uint64_t)row->row.id,
			     "row %s of batch %" PRId64
			     " is hidden: table %s does not name it",
			     id, batch, table);
}

/* Does `seen` name the row? Asked once for each facts and second. */
static bool look_seen(struct look *k, const struct walk_row *row, int64_t batch)
{
	int64_t second = SCHEMA_SECOND(row->entry);
	bool found;

	if (*row->second == second)
		return true;
	(void)sqlite3_bind_int64(k->seen, 1, row->facts_id);
	(void)sqlite3_bind_int64(k->seen, 2, second);
	found = sqlite3_step(k->seen) == SQLITE_ROW;
	if (sqlite3_reset(k->seen) != SQLITE_OK)
		return look_failed(k);
	*row->second = second;
	return found || look_hidden(k, row, batch, "seen");
}

/* Does `stray`, if it should? */
static bool look_stray(struct look *k, const struct walk_row *row,
		       int64_t batch)
{
	bool found;

	if (schema_is_near(row->entry, row->row.id))
		return true;
	(void)sqlite3_bind_int64(k->stray, 1, row->row.id);
	(void)sqlite3_bind_int64(k->stray, 2, row->entry);
	found = sqlite3_step(k->stray) == SQLITE_ROW;
	if (sqlite3_reset(k->stray) != SQLITE_OK)
		return look_failed(k);
	return found || look_hidden(k, row, batch, "stray");
}

/* Room for the mark of one more row. */
static bool look_room(struct look *k)
{
	size_t cap = k->marks_cap ? k->marks_cap * 2 : 8192;
	uint8_t *mem;

	if (k->found.len < k->marks_cap)
		return true;
	mem = realloc(k->marks, cap * CHAIN_MARK);
	if (!mem)
		return verify_unsure(&k->v, "%s", err_str(-ENOMEM));
	k->marks = mem;
	k->marks_cap = cap;
	return true;
}

/* Rows under the walk that are of this batch go into its content. */
static bool look_walk(struct look *k, int64_t batch)
{
	struct walk_row row;
	int rc;

	while ((rc = walk_next(k->walk, &row)) == SQLITE_ROW) {
		uint64_t id = (uint64_t)row.row.id;

		if (!look_seen(k, &row, batch) || !look_stray(k, &row, batch) ||
		    !look_room(k))
			return false;
		chain_row(k->v.chain, &row.row, row.facts,
			  k->marks + k->found.len * CHAIN_MARK);
		if (ids_add(&k->found, id))
			return verify_unsure(&k->v, "%s", err_str(-ENOMEM));
	}
	return rc == SQLITE_DONE || look_failed(k);
}

/* The rows are not what they were: say which differs first, by the marks that
 * the batch has of them.
 */
static bool look_name_row(struct look *k, const struct chain_batch *b,
			  const uint8_t *marks, size_t marks_len)
{
	size_t want = (size_t)b->rows, have = k->found.len, i = 0;
	char id[ID_TEXT] = "";

	if (marks_len == want * CHAIN_MARK)
		while (i < MIN(want, have) &&
		       !memcmp(marks + i * CHAIN_MARK,
			       k->marks + i * CHAIN_MARK, CHAIN_MARK))
			i++;
	if (i < have)
		id_print(k->found.mem[i], id);
	if (have < want)
		return verify_broken(&k->v, b->seq, 0,
				     "%zu of the rows of batch %" PRId64
				     " were removed, the first one %s%s",
				     want - have, b->seq,
				     i < have ? "before row " : "at its end",
				     id);
	if (have > want)
		return verify_broken(&k->v, b->seq,
				     i < have ? k->found.mem[i] : 0,
				     "%zu rows were inserted into batch "
				     "%" PRId64 ", the first one is row %s",
				     have - want, b->seq, id);
	if (i < have)
		return verify_broken(&k->v, b->seq, k->found.mem[i],
				     "row %s of batch %" PRId64 " was changed",
				     id, b->seq);
	return verify_broken(&k->v, b->seq, 0,
			     "rows of batch %" PRId64 " were changed", b->seq);
}

/* One batch: the statement's current row, marks in column 9. */
static bool look_batch(struct look *k, sqlite3_stmt *stmt)
{
	uint8_t content[CHAIN_HASH];
	struct chain_batch b;

	walk_batch(stmt, 0, &b);
	if (!verify_follows(&k->v, &b))
		return false;
	k->found.len = 0;
	chain_rows_begin(k->v.chain);
	walk_late(k->walk, b.seq);
	if (!look_walk(k, b.seq))
		return false;
	walk_range(k->walk, b.first, b.last);
	if (!look_walk(k, b.seq))
		return false;
	chain_rows_end(k->v.chain, content);
	if (k->found.len != (size_t)b.rows ||
	    memcmp(content, b.content, CHAIN_HASH) != 0)
		return look_name_row(k, &b, sqlite3_column_blob(stmt, 9),
				     (size_t)sqlite3_column_bytes(stmt, 9));
	return verify_batch(&k->v, &b, content);
}

static bool look_batches(struct look *k)
{
	sqlite3_stmt *stmt;
	bool good;

	if (!look_prepare(k,
			  "SELECT " WALK_BATCH ", marks FROM batch"
			  " ORDER BY seq",
			  &stmt))
		return false;
	good = verify_start(&k->v, NULL);
	while (good && sqlite3_step(stmt) == SQLITE_ROW)
		good = look_batch(k, stmt);
	walk_end(k->walk);
	if (sqlite3_finalize(stmt) != SQLITE_OK && good)
		good = look_failed(k);
	return good && verify_finish(&k->v);
}

/* Rows before the first batch that is left: pruning leaves those of a later
 * batch, and those of none yet.
 */
static bool look_before(struct look *k, int64_t pruned)
{
	struct walk_row row;
	char text[ID_TEXT];
	int rc;

	walk_range(k->walk, INT64_MIN, pruned);
	rc = walk_next(k->walk, &row);
	if (rc == SQLITE_ROW) {
		uint64_t id = (uint64_t)row.row.id;

		id_print(id, text);
		return verify_broken(&k->v, 0, id,
				     "row %s was inserted: all rows of that "
				     "time were pruned",
				     text);
	}
	return rc == SQLITE_DONE || look_failed(k);
}

/* What is in no batch yet. */
static bool look_rest(struct look *k)
{
	struct verify_report *r = k->v.report;
	sqlite3_stmt *stmt;
	bool good = look_prepare(
		k,
		"SELECT count(*) FILTER (WHERE outcome IS NOT 0),"
		" count(*) FILTER (WHERE outcome = 0) FROM (SELECT (SELECT"
		" outcome FROM facts f WHERE f.id = r.facts) AS outcome"
		" FROM record r WHERE r.entry > ?1)",
		&stmt);

	if (!good)
		return false;
	(void)sqlite3_bind_int64(stmt, 1, k->v.tip.last);
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		r->unsealed = sqlite3_column_int64(stmt, 0) +
			      (int64_t)walk_waiting(k->walk);
		r->open = sqlite3_column_int64(stmt, 1);
	}
	return sqlite3_finalize(stmt) == SQLITE_OK || look_failed(k);
}

static struct slice look_blob(sqlite3_stmt *stmt, int column)
{
	const void *p = sqlite3_column_blob(stmt, column);

	return slice_of(p, (size_t)sqlite3_column_bytes(stmt, column));
}

/* Does this summary, the statement's current row, say what its rows say? */
static bool look_summary(struct look *k, sqlite3_stmt *stmt)
{
	int64_t first = sqlite3_column_int64(stmt, 0);
	struct summary_octets o;
	char text[ID_TEXT];
	bool same;
	int err = summary_read(k->db, (uint64_t)first,
			       (uint64_t)sqlite3_column_int64(stmt, 1), &o);

	same = !err &&
	       slice_eq(slice_of(o.sums, o.sums_len), look_blob(stmt, 2)) &&
	       slice_eq(slice_of(o.paths, o.paths_len), look_blob(stmt, 3));
	summary_octets_done(&o);
	if (err == -EIO)
		return look_failed(k);
	if (err && err != ERR_LIMIT)
		return verify_unsure(&k->v, "%s", err_str(err));
	id_print((uint64_t)first, text);
	return same || verify_broken(&k->v, 0, 0,
				     "the summary of the rows from %s on is "
				     "not what they come to: counts and "
				     "searches for paths may leave rows out",
				     text);
}

static bool look_summaries(struct look *k)
{
	sqlite3_stmt *stmt;
	int64_t behind = 0;
	bool good = look_prepare(k,
				 "SELECT first, last, sums, paths FROM"
				 " summary ORDER BY first",
				 &stmt);

	if (!good)
		return false;
	while (good && sqlite3_step(stmt) == SQLITE_ROW) {
		if (sqlite3_column_int64(stmt, 0) < behind)
			good = verify_broken(&k->v, 0, 0,
					     "summaries of rows overlap");
		else
			good = look_summary(k, stmt);
		behind = sqlite3_column_int64(stmt, 1) + 1;
	}
	if (sqlite3_finalize(stmt) != SQLITE_OK && good)
		good = look_failed(k);
	return good;
}

static bool look_all(struct look *k, const char *path)
{
	if (!look_open(k, path) || !look_version(k) || !look_schema(k) ||
	    !look_instance(k) || !look_statements(k))
		return false;
	if (walk_new(k->db, k->v.chain, &k->walk) != SQLITE_OK ||
	    walk_apart(k->walk) != SQLITE_OK)
		return look_failed(k);
	if (!look_prepare(k,
			  "SELECT 1 FROM seen WHERE facts = ?1 AND second = ?2",
			  &k->seen) ||
	    !look_prepare(k, "SELECT 1 FROM stray WHERE id = ?1 AND entry = ?2",
			  &k->stray))
		return false;
	return look_batches(k) &&
	       look_before(k, (int64_t)k->v.report->pruned_id) &&
	       look_rest(k) && look_summaries(k);
}

void verify_ledger(const char *path, const struct verify_pins *pins,
		   struct verify_report *ret)
{
	struct look k = { .db = NULL };

	if (verify_init(&k.v, pins, ret))
		(void)look_all(&k, path);
	walk_free(&k.walk);
	(void)sqlite3_finalize(k.seen);
	(void)sqlite3_finalize(k.stray);
	(void)sqlite3_close(k.db);
	free(k.found.mem);
	free(k.marks);
	verify_done(&k.v);
}
