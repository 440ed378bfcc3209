/* audit/outbox.c - the ledger as an outbox.
 *
 * The rows of a batch are the finished ones of its range, but for those that
 * another batch has taken in later or that still wait in `late`; and, of
 * earlier entries, those that it has taken in itself (audit/seal.c). All of it
 * is read within one view of the ledger, in which each finished row up to the
 * end of the last range is in exactly one of these places.
 */

#include "audit/outbox.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/schema.h"
#include "base/base.h"
#include "base/err.h"

#define OUTBOX_BUSY_MS 2000

struct outbox {
	sqlite3 *db; /* owned, as the statements */
	sqlite3_stmt *batch;
	sqlite3_stmt *entries;
	sqlite3_stmt *row[OUTBOX_FORMS];
	sqlite3_stmt *lag;
	sqlite3_stmt *mark;
	sqlite3_stmt *tip;
	char error[200];
};

/* clang-format off */
#define OUTBOX_COLUMNS(X)                                                      \
	X(id) X(time_us) X(sandbox) X(client) X(client_port) X(kind)           \
	X(verdict) X(outcome) X(status) X(method) X(scheme) X(host) X(port)    \
	X(path) X(query) X(reason) X(rule) X(rule_where) X(generation)         \
	X(detail) X(duration_us) X(bytes_up) X(bytes_down) X(content_type)     \
	X(user_agent) X(protocol) X(tls) X(upstream) X(up_protocol)            \
	X(up_tls) X(cut)
#define OUTBOX_NAME(name)   ", " #name
#define OUTBOX_MEMBER(name) ", '" #name "', " #name
#define OUTBOX_ROW(before)                                                     \
	"SELECT json_object(" before                                           \
	"'instance', ?2" OUTBOX_COLUMNS(OUTBOX_MEMBER)                         \
	") FROM requests WHERE entry = ?1"

static const char *const row_sql[] = {
	[OUTBOX_BARE] = OUTBOX_ROW(""),
	[OUTBOX_TIMED] = OUTBOX_ROW("'time', time, "),
	[OUTBOX_KEYED] = OUTBOX_ROW("'key', ?2 || '/' || id, 'time', time, "),
};
static_assert(ARRAY_SIZE(row_sql) == OUTBOX_FORMS, "a form, no statement");

static const char batch_sql[] =
	"SELECT seq, first, last,"
	" (SELECT value FROM ledger WHERE key = 'late_seq')"
	" FROM batch WHERE seq > ?1 ORDER BY seq LIMIT 1";
static const char entries_sql[] =
	"SELECT l.entry AS entry, r.entry - r.delay FROM batch_late l"
	" CROSS JOIN record r ON r.entry = l.entry"
	" WHERE l.batch = ?1 AND l.entry > ?4"
	" UNION ALL"
	" SELECT r.entry, r.entry - r.delay FROM record r"
	" WHERE r.entry >= max(?2, ?4 + 1) AND r.entry <= ?3"
	" AND (SELECT outcome FROM facts f WHERE f.id = r.facts) IS NOT 0"
	" AND r.entry NOT IN"
	" (SELECT entry FROM batch_late WHERE entry >= ?2 AND entry <= ?3)"
	" AND r.entry NOT IN (SELECT entry FROM late WHERE seq > ?5)"
	" ORDER BY 1 LIMIT ?6";
static const char lag_sql[] =
	"SELECT (SELECT total FROM batch ORDER BY seq DESC LIMIT 1)"
	" - (total - rows), sealed_us"
	" FROM batch WHERE seq > ?1 ORDER BY seq LIMIT 1";
static const char mark_sql[] =
	"SELECT hash, last FROM batch WHERE seq = ?1";
static const char last_sql[] =
	"SELECT max((SELECT ifnull(max(seq), 0) FROM batch),"
	" (SELECT ifnull(max(batch), 0) FROM statement WHERE kind = 1))";
/* clang-format on */

const char *outbox_columns(enum outbox_form form)
{
	return form == OUTBOX_BARE
		       ? "instance" OUTBOX_COLUMNS(OUTBOX_NAME)
		       : "time, instance" OUTBOX_COLUMNS(OUTBOX_NAME);
}

const char *outbox_error(const struct outbox *o)
{
	return o->error;
}

static int outbox_fail(struct outbox *o)
{
	(void)snprintf(o->error, sizeof(o->error), "%s", sqlite3_errmsg(o->db));
	return sqlite3_errcode(o->db) == SQLITE_NOMEM ? -ENOMEM : -EIO;
}

static int outbox_prepare(struct outbox *o, const char *sql, sqlite3_stmt **ret)
{
	return sqlite3_prepare_v3(o->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
				  ret, NULL) == SQLITE_OK
		       ? 0
		       : outbox_fail(o);
}

/* Not of an older version, which penstock-audit brings up to date first. */
static int outbox_check(struct outbox *o)
{
	sqlite3_stmt *stmt;
	int version = 0;
	int n = schema_check(o->db);

	if (n <= 0)
		return n < 0 ? n : -ENOENT;
	n = outbox_prepare(o, "PRAGMA user_version", &stmt);
	if (n)
		return n;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		version = sqlite3_column_int(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return version < SCHEMA_ENTRY ? -ENOENT : 0;
}

static int outbox_setup(struct outbox *o, const char *path,
			const char *instance)
{
	int err;

	if (sqlite3_open_v2(path, &o->db,
			    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK)
		return -EIO;
	(void)sqlite3_busy_timeout(o->db, OUTBOX_BUSY_MS);
	(void)sqlite3_db_config(o->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
				NULL);
	err = outbox_check(o);
	for (int i = 0; i < OUTBOX_FORMS && !err; i++) {
		err = outbox_prepare(o, row_sql[i], &o->row[i]);
		if (!err)
			(void)sqlite3_bind_text(o->row[i], 2, instance, -1,
						SQLITE_TRANSIENT);
	}
	if (!err)
		err = outbox_prepare(o, batch_sql, &o->batch);
	if (!err)
		err = outbox_prepare(o, entries_sql, &o->entries);
	if (!err)
		err = outbox_prepare(o, lag_sql, &o->lag);
	if (!err)
		err = outbox_prepare(o, mark_sql, &o->mark);
	if (!err)
		err = outbox_prepare(o, last_sql, &o->tip);
	return err;
}

int outbox_open(const char *ledger_path, const char *instance,
		struct outbox **ret)
{
	struct outbox *o;
	int err;

	if (access(ledger_path, R_OK))
		return errno == EACCES || errno == ENOENT ? -errno : -EIO;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	err = outbox_setup(o, ledger_path, instance);
	if (err)
		outbox_free(&o);
	else
		*ret = o;
	return err;
}

void outbox_free(struct outbox **outbox)
{
	struct outbox *o = *outbox;

	if (!o)
		return;
	for (int i = 0; i < OUTBOX_FORMS; i++)
		(void)sqlite3_finalize(o->row[i]);
	(void)sqlite3_finalize(o->batch);
	(void)sqlite3_finalize(o->entries);
	(void)sqlite3_finalize(o->lag);
	(void)sqlite3_finalize(o->mark);
	(void)sqlite3_finalize(o->tip);
	(void)sqlite3_close(o->db);
	free(o);
	*outbox = NULL;
}

/* Append a row. Returns 1, 0 when it does not fit any more, ERR_LIMIT when it
 * never will, or -EIO.
 */
static int outbox_add(struct outbox *o, sqlite3_stmt *row, int64_t entry,
		      uint64_t id, struct outbox_load *load)
{
	size_t len;
	int n = 1;

	(void)sqlite3_bind_int64(row, 1, entry);
	if (sqlite3_step(row) != SQLITE_ROW) {
		(void)sqlite3_reset(row);
		return outbox_fail(o);
	}
	len = (size_t)sqlite3_column_bytes(row, 0);
	if (len + 1 <= load->cap - load->len) {
		memcpy(load->mem + load->len, sqlite3_column_text(row, 0), len);
		load->len += len;
		load->mem[load->len++] = '\n';
		if (!load->rows++)
			load->first_id = id;
		load->last_id = id;
	} else {
		n = load->rows ? 0 : ERR_LIMIT;
	}
	(void)sqlite3_reset(row);
	return n;
}

struct outbox_batch {
	int64_t seq, first, last, late_seq;
};

/* The next batch. Returns 1, 0 for none, or -EIO. */
static int outbox_next(struct outbox *o, uint64_t after,
		       struct outbox_batch *ret)
{
	int n = 0;

	(void)sqlite3_bind_int64(o->batch, 1, (int64_t)after);
	if (sqlite3_step(o->batch) == SQLITE_ROW) {
		ret->seq = sqlite3_column_int64(o->batch, 0);
		ret->first = sqlite3_column_int64(o->batch, 1);
		ret->last = sqlite3_column_int64(o->batch, 2);
		ret->late_seq = sqlite3_column_int64(o->batch, 3);
		n = 1;
	}
	return sqlite3_reset(o->batch) == SQLITE_OK ? n : outbox_fail(o);
}

/* Rows of one batch behind at->entry. Returns 1 when it was read to its end, 0
 * when the load is full, or as outbox_add().
 */
static int outbox_read_batch(struct outbox *o, sqlite3_stmt *row,
			     const struct outbox_batch *b, struct outbox_at *at,
			     struct outbox_load *load)
{
	const int64_t bind[] = {
		b->seq,	     b->first,
		b->last,     (int64_t)at->entry,
		b->late_seq, (int64_t)load->rows_max - load->rows + 1
	};
	int n = 1;

	for (int i = 0; i < (int)ARRAY_SIZE(bind); i++)
		(void)sqlite3_bind_int64(o->entries, i + 1, bind[i]);
	while (n == 1 && sqlite3_step(o->entries) == SQLITE_ROW) {
		int64_t entry = sqlite3_column_int64(o->entries, 0);
		uint64_t id = (uint64_t)sqlite3_column_int64(o->entries, 1);

		n = 0;
		if (load->rows < load->rows_max)
			n = outbox_add(o, row, entry, id, load);
		if (n == 1)
			at->entry = (uint64_t)entry;
	}
	if (sqlite3_reset(o->entries) != SQLITE_OK && n >= 0)
		n = outbox_fail(o);
	return n;
}

/* Within one view of the ledger. */
static int outbox_fill(struct outbox *o, sqlite3_stmt *row,
		       struct outbox_at *at, struct outbox_load *load)
{
	struct outbox_batch b = { 0 };
	int n = 1;

	while (n == 1 && load->rows < load->rows_max) {
		n = outbox_next(o, at->batch, &b);
		if (n <= 0)
			break;
		if ((uint64_t)b.seq != at->batch + 1) {
			if (at->batch)
				load->skipped +=
					(uint64_t)b.seq - at->batch - 1;
			*at = (struct outbox_at){ (uint64_t)b.seq - 1, 0 };
		}
		n = outbox_read_batch(o, row, &b, at, load);
		if (n == 1)
			*at = (struct outbox_at){ (uint64_t)b.seq, 0 };
	}
	return MIN(n, 0);
}

int outbox_read(struct outbox *o, enum outbox_form form, struct outbox_at *at,
		struct outbox_load *load)
{
	struct outbox_at moved = *at;
	int err;

	assert(form < OUTBOX_FORMS && load->rows_max);
	load->len = 0;
	load->rows = 0;
	load->first_id = load->last_id = load->skipped = 0;
	if (sqlite3_exec(o->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return outbox_fail(o);
	err = outbox_fill(o, o->row[form], &moved, load);
	(void)sqlite3_exec(o->db, "COMMIT", NULL, NULL, NULL);
	if (err)
		return err;
	*at = moved;
	return (int)load->rows;
}

int outbox_lag(struct outbox *o, const struct outbox_at *at,
	       struct outbox_lag *ret)
{
	struct outbox_lag lag = { 0 };

	(void)sqlite3_bind_int64(o->lag, 1, (int64_t)at->batch);
	if (sqlite3_step(o->lag) == SQLITE_ROW) {
		lag.rows = (uint64_t)sqlite3_column_int64(o->lag, 0);
		lag.since_us = (uint64_t)sqlite3_column_int64(o->lag, 1);
	}
	if (sqlite3_reset(o->lag) != SQLITE_OK)
		return outbox_fail(o);
	*ret = lag;
	return 0;
}

int outbox_last(struct outbox *o, uint64_t *ret)
{
	uint64_t last = 0;

	if (sqlite3_step(o->tip) == SQLITE_ROW)
		last = (uint64_t)sqlite3_column_int64(o->tip, 0);
	if (sqlite3_reset(o->tip) != SQLITE_OK)
		return outbox_fail(o);
	*ret = last;
	return 0;
}

int outbox_mark(struct outbox *o, uint64_t batch, struct outbox_mark *ret)
{
	int n = 0;

	(void)sqlite3_bind_int64(o->mark, 1, (int64_t)batch);
	if (sqlite3_step(o->mark) == SQLITE_ROW &&
	    sqlite3_column_bytes(o->mark, 0) == OUTBOX_HASH_LEN) {
		memcpy(ret->hash, sqlite3_column_blob(o->mark, 0),
		       OUTBOX_HASH_LEN);
		ret->last = (uint64_t)sqlite3_column_int64(o->mark, 1);
		n = 1;
	}
	return sqlite3_reset(o->mark) == SQLITE_OK ? n : outbox_fail(o);
}
