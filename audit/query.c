/* audit/query.c - read the ledger: open it, put rows together. How rows are
 * found is in audit/query_find.c.
 */

#include "audit/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/query_private.h"
#include "audit/schema.h"
#include "base/base.h"
#include "base/err.h"

#define TEXT_OF(name) "(SELECT text FROM text WHERE id = f." name "), "

static const char row_sql[] =
	"SELECT ((r.entry - r.delay) >> 12) + r.skew_us + 1704067200000000,"
	" r.duration_us,"
	" r.bytes_up, r.bytes_down, f.kind, f.verdict, f.outcome, f.status,"
	" f.port, r.client_port, f.generation, r.cut, r.path, r.query,"
	" r.detail, " TEXT_OF("sandbox") TEXT_OF("client") TEXT_OF(
		"protocol") TEXT_OF("tls") TEXT_OF("method") TEXT_OF("scheme")
		TEXT_OF("host") TEXT_OF("user_agent") TEXT_OF("reason") TEXT_OF(
			"rule") TEXT_OF("rule_where") TEXT_OF("content_type")
			TEXT_OF("upstream") TEXT_OF("up_protocol") TEXT_OF(
				"up_tls") "(SELECT value FROM ledger WHERE key = 'instance')"
					  " FROM record r JOIN facts f ON f.id = r.facts WHERE r.entry = ?";

#define ROW_FIRST_TEXT 12

/* Where the texts of the statement go, in its order. */
static const size_t row_text[] = {
	offsetof(struct query_row, path),
	offsetof(struct query_row, query),
	offsetof(struct query_row, detail),
	offsetof(struct query_row, sandbox),
	offsetof(struct query_row, client),
	offsetof(struct query_row, protocol),
	offsetof(struct query_row, tls),
	offsetof(struct query_row, method),
	offsetof(struct query_row, scheme),
	offsetof(struct query_row, host),
	offsetof(struct query_row, user_agent),
	offsetof(struct query_row, reason),
	offsetof(struct query_row, rule),
	offsetof(struct query_row, rule_where),
	offsetof(struct query_row, content_type),
	offsetof(struct query_row, upstream),
	offsetof(struct query_row, up_protocol),
	offsetof(struct query_row, up_tls),
	offsetof(struct query_row, instance),
};

const char *query_error(const struct query *q)
{
	return q->error;
}

int query_fail(struct query *q)
{
	(void)snprintf(q->error, sizeof(q->error), "%s", sqlite3_errmsg(q->db));
	return sqlite3_errcode(q->db) == SQLITE_NOMEM ? -ENOMEM : -EIO;
}

int query_prepare(struct query *q, const char *sql, sqlite3_stmt **ret)
{
	if (sqlite3_prepare_v2(q->db, sql, -1, ret, NULL) == SQLITE_OK)
		return 0;
	return query_fail(q);
}

/* Returns 0 or as query_open(). */
static int query_check(struct query *q)
{
	int n = schema_check(q->db);

	if (!n)
		return -ENOENT; /* made a moment ago, without tables yet */
	return n < 0 ? n : 0;
}

/* A ledger of an older version is read as it is until penstock-audit brings it
 * up to date: its rows have their ids for keys, which is what entries without
 * delay are, and its summaries are not looked at.
 */
static int query_look(struct query *q)
{
	static const char views[] =
		"CREATE TEMP VIEW record AS SELECT id AS entry, 0 AS delay,"
		" facts, skew_us, client_port, duration_us, bytes_up,"
		" bytes_down, cut, path, query, detail FROM main.record;"
		"CREATE TEMP VIEW late AS SELECT seq, id AS entry"
		" FROM main.late;"
		"CREATE TEMP VIEW stray AS SELECT 0 AS id, 0 AS entry"
		" WHERE false;";
	sqlite3_stmt *stmt;
	int err = query_prepare(q, "PRAGMA user_version", &stmt);

	if (err)
		return err;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		q->summaries = sqlite3_column_int(stmt, 0) >= SCHEMA_ENTRY;
	if (sqlite3_finalize(stmt) != SQLITE_OK)
		return query_fail(q);
	if (!q->summaries &&
	    sqlite3_exec(q->db, views, NULL, NULL, NULL) != SQLITE_OK)
		return query_fail(q);
	return 0;
}

static int query_setup(struct query *q, const char *path)
{
	int err;

	if (sqlite3_open_v2(path, &q->db,
			    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK)
		return -EIO;
	(void)sqlite3_busy_timeout(q->db, 2000);
	(void)sqlite3_db_config(q->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
				NULL);
	err = query_check(q);
	if (!err)
		err = query_look(q);
	if (!err)
		err = query_prepare(q, row_sql, &q->row);
	if (!err)
		err = query_prepare(q,
				    "SELECT second FROM seen WHERE facts = ?1"
				    " AND second >= ?2 ORDER BY second LIMIT 1",
				    &q->next_up);
	if (!err)
		err = query_prepare(q,
				    "SELECT second FROM seen WHERE facts = ?1"
				    " AND second <= ?2 ORDER BY second DESC"
				    " LIMIT 1",
				    &q->next_down);
	return err;
}

int query_open(const char *ledger_path, struct query **ret)
{
	struct query *q;
	int err;

	if (access(ledger_path, R_OK))
		return errno == EACCES || errno == ENOENT ? -errno : -EIO;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	err = query_setup(q, ledger_path);
	if (err)
		query_free(&q);
	else
		*ret = q;
	return err;
}

const char *query_open_str(int err)
{
	switch (err) {
	case -ENOENT:
		return "no ledger yet; penstock up or penstock run begins one";
	case ERR_STALE:
		return "written by a newer version of penstock";
	case ERR_PROTO:
		return "this is no ledger of penstock";
	default:
		return err_str(err);
	}
}

void query_free(struct query **q)
{
	if (!*q)
		return;
	(void)sqlite3_finalize((*q)->row);
	(void)sqlite3_finalize((*q)->next_up);
	(void)sqlite3_finalize((*q)->next_down);
	(void)sqlite3_finalize((*q)->words);
	for (size_t i = 0; i < QUERY_BY_MAX; i++)
		(void)sqlite3_finalize((*q)->text[i]);
	sums_done(&(*q)->groups);
	(void)sqlite3_close((*q)->db);
	free((*q)->found.mem);
	free(*q);
	*q = NULL;
}

struct slice query_text(sqlite3_stmt *stmt, int column)
{
	const void *p = sqlite3_column_text(stmt, column);

	return slice_of(p, p ? (size_t)sqlite3_column_bytes(stmt, column) : 0);
}

static void query_fill(sqlite3_stmt *stmt, uint64_t id, struct query_row *ret)
{
	*ret = (struct query_row){
		.id = id,
		.wall_us = (uint64_t)sqlite3_column_int64(stmt, 0),
		.duration_us = (uint64_t)sqlite3_column_int64(stmt, 1),
		.bytes_up = (uint64_t)sqlite3_column_int64(stmt, 2),
		.bytes_down = (uint64_t)sqlite3_column_int64(stmt, 3),
		.kind = (enum audit_kind)sqlite3_column_int(stmt, 4),
		.verdict = (enum audit_verdict)sqlite3_column_int(stmt, 5),
		.outcome = (enum audit_outcome)sqlite3_column_int(stmt, 6),
		.status = (uint16_t)sqlite3_column_int(stmt, 7),
		.port = (uint16_t)sqlite3_column_int(stmt, 8),
		.client_port = (uint16_t)sqlite3_column_int(stmt, 9),
		.generation = (uint32_t)sqlite3_column_int64(stmt, 10),
		.cut = sqlite3_column_int64(stmt, 11) != 0,
	};
	for (size_t i = 0; i < ARRAY_SIZE(row_text); i++) {
		struct slice *to =
			(struct slice *)(void *)((char *)ret + row_text[i]);

		*to = query_text(stmt, ROW_FIRST_TEXT + (int)i);
	}
}

int query_next(struct query *q, struct query_row *ret)
{
	(void)sqlite3_reset(q->row);
	while (q->at < q->found.len) {
		const struct place *p = &q->found.mem[q->at++];
		int rc;

		(void)sqlite3_bind_int64(q->row, 1, p->entry);
		rc = sqlite3_step(q->row);
		if (rc == SQLITE_ROW) {
			query_fill(q->row, p->id, ret);
			return 1;
		}
		(void)sqlite3_reset(q->row);
		if (rc != SQLITE_DONE)
			return query_fail(q);
		/* It has grown too old between finding and reading. */
	}
	return 0;
}
