/* audit/rows.c - the rows of a transaction, entered together.
 *
 * A statement for each row spends more than half of its time on itself: to
 * bind, to open a cursor, to find the end of the table again. So the rows are
 * collected and then read by SQLite through a virtual table, `pending`, which
 * exists in this connection only:
 *
 *	INSERT INTO record SELECT NULL, … FROM pending
 *
 * That is for runs of usual rows: each one's entry follows on that of the one
 * before, so it leaves it to SQLite, which for NULL takes the highest key and
 * one more. It then knows that the row goes to the end of the table, where its
 * cursor stands, and need not look for its place from the root, a third of what
 * a row would cost. Any other row, as the first of a transaction or one with a
 * text that was cut, goes in by itself.
 */

#include "audit/rows.h"

#include <stdlib.h>
#include <string.h>

#include "audit/dict.h"
#include "base/base.h"
#include "base/id.h"

#define TEXT_MAX (1 << 19) /* octets of their texts; 256 for each */

/* What `pending` has of a row: numbers, then texts. */
enum rows_column {
	COLUMN_FACTS,
	COLUMN_SKEW_US,
	COLUMN_CLIENT_PORT,
	COLUMN_DURATION_US,
	COLUMN_BYTES_UP,
	COLUMN_BYTES_DOWN,
	COLUMN_DELAY,
	COLUMN_PATH, /* the first text */
	COLUMN_QUERY,
	COLUMN_DETAIL,

	COLUMNS,
};

struct row {
	int64_t entry;
	int64_t cut;
	int64_t number[COLUMN_PATH];
	struct slice text[COLUMNS - COLUMN_PATH]; /* in rows.text */
};

struct rows {
	sqlite3 *db;	   /* borrowed */
	sqlite3_stmt *put; /* owned, as the others */
	sqlite3_stmt *put_run;
	sqlite3_stmt *change;
	uint32_t run;	  /* what `pending` has: from here … */
	uint32_t run_end; /* … to before here */
	uint32_t len;
	uint32_t text_len;
	struct row row[ROWS_MAX];
	char text[TEXT_MAX];
};

/* The virtual table: one per connection, its rows are those of a struct rows.
 */
struct pending {
	sqlite3_vtab base;
	struct rows *rows; /* borrowed */
};

struct pending_cursor {
	sqlite3_vtab_cursor base;
	const struct row *row; /* borrowed */
	const struct row *end; /* behind the last */
};

static int pending_connect(sqlite3 *db, void *rows, int argc,
			   const char *const *argv, sqlite3_vtab **ret,
			   char **ret_error)
{
	struct pending *p;
	int rc = sqlite3_declare_vtab(
		db, "CREATE TABLE pending(facts, skew_us, client_port,"
		    " duration_us, bytes_up, bytes_down, delay, path, query,"
		    " detail)");

	(void)argc;
	(void)argv;
	(void)ret_error;
	if (rc != SQLITE_OK)
		return rc;
	p = calloc(1, sizeof(*p));
	if (!p)
		return SQLITE_NOMEM;
	p->rows = rows;
	*ret = &p->base;
	return SQLITE_OK;
}

static int pending_disconnect(sqlite3_vtab *base)
{
	free(CONTAINER_OF(base, struct pending, base));
	return SQLITE_OK;
}

static int pending_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	(void)base;
	info->estimatedCost = ROWS_MAX;
	return SQLITE_OK;
}

static int pending_open(sqlite3_vtab *base, sqlite3_vtab_cursor **ret)
{
	struct pending_cursor *c = calloc(1, sizeof(*c));

	(void)base;
	if (!c)
		return SQLITE_NOMEM;
	*ret = &c->base;
	return SQLITE_OK;
}

static struct pending_cursor *pending_cursor(sqlite3_vtab_cursor *base)
{
	return CONTAINER_OF(base, struct pending_cursor, base);
}

static struct rows *pending_rows(sqlite3_vtab_cursor *base)
{
	return CONTAINER_OF(base->pVtab, struct pending, base)->rows;
}

static int pending_close(sqlite3_vtab_cursor *base)
{
	free(pending_cursor(base));
	return SQLITE_OK;
}

static int pending_filter(sqlite3_vtab_cursor *base, int index, const char *how,
			  int argc, sqlite3_value **argv)
{
	const struct rows *rows = pending_rows(base);
	struct pending_cursor *c = pending_cursor(base);

	(void)index;
	(void)how;
	(void)argc;
	(void)argv;
	c->row = &rows->row[rows->run];
	c->end = &rows->row[rows->run_end];
	return SQLITE_OK;
}

static int pending_next(sqlite3_vtab_cursor *base)
{
	pending_cursor(base)->row++;
	return SQLITE_OK;
}

static int pending_eof(sqlite3_vtab_cursor *base)
{
	const struct pending_cursor *c = pending_cursor(base);

	return c->row == c->end;
}

static int pending_column(sqlite3_vtab_cursor *base, sqlite3_context *context,
			  int column)
{
	const struct row *row = pending_cursor(base)->row;
	struct slice s;

	if (column < COLUMN_PATH) {
		sqlite3_result_int64(context, row->number[column]);
		return SQLITE_OK;
	}
	s = row->text[column - COLUMN_PATH];
	if (s.len) /* else it stays NULL */
		sqlite3_result_text(context, s.ptr, (int)s.len, SQLITE_STATIC);
	return SQLITE_OK;
}

static int pending_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
	*ret = pending_cursor(base)->row->entry;
	return SQLITE_OK;
}

static const sqlite3_module pending_module = {
	.xConnect = pending_connect,
	.xBestIndex = pending_best_index,
	.xDisconnect = pending_disconnect,
	.xOpen = pending_open,
	.xClose = pending_close,
	.xFilter = pending_filter,
	.xNext = pending_next,
	.xEof = pending_eof,
	.xColumn = pending_column,
	.xRowid = pending_rowid,
};

static int rows_prepare(struct rows *rows)
{
	/* In the order of the table: then SQLite copies none of them. */
	struct {
		sqlite3_stmt **stmt;
		const char *sql;
	} all[] = {
		{ &rows->put, "INSERT INTO record(entry, facts, skew_us,"
			      " client_port, duration_us, bytes_up, bytes_down,"
			      " cut, path, query, detail, delay)"
			      " VALUES(?10, ?1, ?2, ?3, ?4, ?5, ?6, ?11, ?7,"
			      " ?8, ?9, ?12)" },
		{ &rows->put_run,
		  "INSERT INTO record(entry, facts, skew_us, client_port,"
		  " duration_us, bytes_up, bytes_down, cut, path, query,"
		  " detail, delay) SELECT NULL, facts, skew_us, client_port,"
		  " duration_us, bytes_up, bytes_down, 0, path, query, detail,"
		  " delay FROM pending" },
		{ &rows->change,
		  "UPDATE record SET facts = ?1, duration_us = ?2,"
		  " bytes_up = ?3, bytes_down = ?4, cut = ?5, detail = ?6"
		  " WHERE entry = ?7 AND (SELECT CASE outcome WHEN 0 THEN true"
		  " WHEN 5 THEN entry > ?8 OR EXISTS (SELECT 1 FROM late"
		  " WHERE seq > ?9 AND entry = ?7) ELSE false END"
		  " FROM facts f WHERE f.id = record.facts)" },
	};
	int rc = sqlite3_create_module(rows->db, "pending", &pending_module,
				       rows);

	static_assert(AUDIT_OPEN == 0 && AUDIT_INTERRUPTED == 5,
		      "the numbers in the statement");
	for (size_t i = 0; i < ARRAY_SIZE(all) && rc == SQLITE_OK; i++)
		rc = sqlite3_prepare_v3(rows->db, all[i].sql, -1,
					SQLITE_PREPARE_PERSISTENT, all[i].stmt,
					NULL);
	return rc;
}

int rows_open(sqlite3 *db, struct rows **ret)
{
	struct rows *rows = malloc(sizeof(*rows));
	int rc;

	if (!rows)
		return SQLITE_NOMEM;
	rows->db = db;
	rows->put = rows->put_run = rows->change = NULL;
	rows_clear(rows);
	rc = rows_prepare(rows);
	if (rc == SQLITE_OK)
		*ret = rows;
	else
		rows_free(&rows);
	return rc;
}

void rows_free(struct rows **rows)
{
	if (!*rows)
		return;
	(void)sqlite3_finalize((*rows)->put);
	(void)sqlite3_finalize((*rows)->put_run);
	(void)sqlite3_finalize((*rows)->change);
	(void)sqlite3_create_module((*rows)->db, "pending", NULL, NULL);
	free(*rows);
	*rows = NULL;
}

void rows_clear(struct rows *rows)
{
	rows->len = 0;
	rows->text_len = 0;
}

void rows_guard(struct rows *rows, int64_t sealed, int64_t late_seq)
{
	(void)sqlite3_bind_int64(rows->change, 8, sealed);
	(void)sqlite3_bind_int64(rows->change, 9, late_seq);
}

static struct slice rows_keep(struct rows *rows, struct slice s)
{
	char *to = rows->text + rows->text_len;

	if (s.len)
		memcpy(to, s.ptr, s.len);
	rows->text_len += (uint32_t)s.len;
	return slice_of(to, s.len);
}

bool rows_add(struct rows *rows, const struct record *r, int64_t entry,
	      int64_t facts)
{
	const struct slice *text = r->text;
	size_t len = text[RECORD_PATH].len + text[RECORD_QUERY].len +
		     text[RECORD_DETAIL].len;
	struct row *row = &rows->row[rows->len];
	uint16_t port;

	if (rows->len == ROWS_MAX || len > TEXT_MAX - rows->text_len)
		return false;
	(void)dict_client(text[RECORD_CLIENT], &port);
	row->entry = entry;
	row->cut = r->cut;
	row->number[COLUMN_FACTS] = facts;
	row->number[COLUMN_SKEW_US] =
		(int64_t)r->wall_us - (int64_t)id_wall_us(r->id);
	row->number[COLUMN_CLIENT_PORT] = port;
	row->number[COLUMN_DURATION_US] = (int64_t)r->duration_us;
	row->number[COLUMN_BYTES_UP] = (int64_t)r->bytes_up;
	row->number[COLUMN_BYTES_DOWN] = (int64_t)r->bytes_down;
	row->number[COLUMN_DELAY] = entry - (int64_t)r->id;
	row->text[0] = rows_keep(rows, text[RECORD_PATH]);
	row->text[1] = rows_keep(rows, text[RECORD_QUERY]);
	row->text[2] = rows_keep(rows, text[RECORD_DETAIL]);
	rows->len++;
	return true;
}

bool rows_have(const struct rows *rows, int64_t entry)
{
	return rows->len && entry >= rows->row[0].entry;
}

static void rows_bind_text(sqlite3_stmt *stmt, int i, struct slice s)
{
	if (s.len)
		(void)sqlite3_bind_text(stmt, i, s.ptr, (int)s.len,
					SQLITE_STATIC);
	else
		(void)sqlite3_bind_null(stmt, i);
}

/* One row by itself. */
static int rows_put(struct rows *rows, const struct row *row)
{
	const int64_t more[] = { row->entry, row->cut,
				 row->number[COLUMN_DELAY] };

	for (int i = 0; i < COLUMN_DELAY; i++)
		(void)sqlite3_bind_int64(rows->put, i + 1, row->number[i]);
	for (int i = 0; i < (int)ARRAY_SIZE(row->text); i++)
		rows_bind_text(rows->put, COLUMN_DELAY + i + 1, row->text[i]);
	for (int i = 0; i < (int)ARRAY_SIZE(more); i++)
		(void)sqlite3_bind_int64(rows->put, 10 + i, more[i]);
	static_assert(COLUMN_DELAY == 6 && COLUMNS == 10,
		      "the parameters of the statement");
	(void)sqlite3_step(rows->put);
	return sqlite3_reset(rows->put);
}

/* Does it follow on the one before, none of its texts being cut? */
static bool rows_goes_on(const struct row *row)
{
	return row->entry == row[-1].entry + 1 && !row->cut;
}

/* Those of run to run_end. */
static int rows_put_run(struct rows *rows)
{
	int rc;

	if (rows->run == rows->run_end)
		return SQLITE_OK;
	(void)sqlite3_step(rows->put_run);
	rc = sqlite3_reset(rows->put_run);
	assert(rc != SQLITE_OK || sqlite3_last_insert_rowid(rows->db) ==
					  rows->row[rows->run_end - 1].entry);
	return rc;
}

int rows_enter(struct rows *rows, int64_t *ret_rows)
{
	int rc = SQLITE_OK;

	for (uint32_t i = 0; i < rows->len && rc == SQLITE_OK;
	     i = rows->run_end) {
		rc = rows_put(rows, &rows->row[i]);
		rows->run = rows->run_end = i + 1;
		while (rows->run_end < rows->len &&
		       rows_goes_on(&rows->row[rows->run_end]))
			rows->run_end++;
		if (rc == SQLITE_OK)
			rc = rows_put_run(rows);
	}
	*ret_rows = rows->len;
	rows_clear(rows);
	return rc;
}

int rows_change(struct rows *rows, const struct record *r, int64_t entry,
		int64_t facts, bool *ret_changed)
{
	const int64_t number[] = { facts, (int64_t)r->duration_us,
				   (int64_t)r->bytes_up, (int64_t)r->bytes_down,
				   r->cut };
	int rc;

	for (int i = 0; i < (int)ARRAY_SIZE(number); i++)
		(void)sqlite3_bind_int64(rows->change, i + 1, number[i]);
	rows_bind_text(rows->change, 6, r->text[RECORD_DETAIL]);
	(void)sqlite3_bind_int64(rows->change, 7, entry);
	(void)sqlite3_step(rows->change);
	*ret_changed = sqlite3_changes64(rows->db) > 0;
	rc = sqlite3_reset(rows->change);
	return rc;
}
