/* audit/rows.c - the rows of a transaction, entered together.
 *
 * A statement for each row spends more than half of its time on itself: to
 * bind, to open a cursor, to find the end of the table again. So the rows are
 * collected and then read by SQLite through a virtual table, `pending`, which
 * exists in this connection only:
 *
 *	INSERT INTO record SELECT * FROM pending …
 *
 * They are sorted by id, as records come in the order in which requests end,
 * spool by spool. Then each page of the table is written from its beginning to
 * its end, and the pages that a batch touches are few and next to each other.
 * The sort is stable: of two words about one id the later one stays the later.
 */

#include "audit/rows.h"

#include <stdlib.h>
#include <string.h>

#include "audit/dict.h"
#include "base/base.h"
#include "base/id.h"

#define TEXT_MAX (1 << 19) /* octets of their texts; 256 for each */

/* Columns of table record, in order. */
#define ROWS_COLUMNS                                                           \
	"id, facts, skew_us, client_port, duration_us, bytes_up, bytes_down,"  \
	" cut, path, query, detail"

enum rows_column {
	COLUMN_ID,
	COLUMN_FACTS,
	COLUMN_SKEW_US,
	COLUMN_CLIENT_PORT,
	COLUMN_DURATION_US,
	COLUMN_BYTES_UP,
	COLUMN_BYTES_DOWN,
	COLUMN_CUT,
	COLUMN_PATH, /* the first text */
	COLUMN_QUERY,
	COLUMN_DETAIL,

	COLUMNS,
};

struct row {
	int64_t number[COLUMN_PATH];
	struct slice text[COLUMNS - COLUMN_PATH]; /* in rows.text */
};

struct rows {
	sqlite3 *db;	   /* borrowed */
	sqlite3_stmt *put; /* owned */
	uint32_t len;
	uint32_t text_len;
	uint32_t order[ROWS_MAX]; /* indexes of row */
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
	const struct row *row; /* borrowed; which one stands at at */
	uint32_t at;	       /* index in order */
};

static int pending_connect(sqlite3 *db, void *rows, int argc,
			   const char *const *argv, sqlite3_vtab **ret,
			   char **ret_error)
{
	struct pending *p;
	int rc = sqlite3_declare_vtab(db,
				      "CREATE TABLE pending(" ROWS_COLUMNS ")");

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

static int pending_go(sqlite3_vtab_cursor *base, uint32_t at)
{
	const struct rows *rows = pending_rows(base);
	struct pending_cursor *c = pending_cursor(base);

	c->at = at;
	c->row = at < rows->len ? &rows->row[rows->order[at]] : NULL;
	return SQLITE_OK;
}

static int pending_filter(sqlite3_vtab_cursor *base, int index, const char *how,
			  int argc, sqlite3_value **argv)
{
	(void)index;
	(void)how;
	(void)argc;
	(void)argv;
	return pending_go(base, 0);
}

static int pending_next(sqlite3_vtab_cursor *base)
{
	return pending_go(base, pending_cursor(base)->at + 1);
}

static int pending_eof(sqlite3_vtab_cursor *base)
{
	return !pending_cursor(base)->row;
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
	*ret = pending_cursor(base)->row->number[COLUMN_ID];
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
	/* "WHERE true": or ON would be read as part of a join. */
	static const char put[] =
		"INSERT INTO record(" ROWS_COLUMNS ") SELECT * FROM pending"
		" WHERE true ON CONFLICT(id) DO UPDATE SET"
		" facts = excluded.facts, duration_us = excluded.duration_us,"
		" bytes_up = excluded.bytes_up,"
		" bytes_down = excluded.bytes_down, cut = excluded.cut,"
		" detail = excluded.detail WHERE (SELECT CASE outcome"
		" WHEN 0 THEN true WHEN 5 THEN CASE WHEN record.id > ?1"
		" THEN true ELSE EXISTS (SELECT 1 FROM late WHERE seq > ?2"
		" AND id = record.id) END ELSE false END"
		" FROM facts f WHERE f.id = record.facts)";
	int rc = sqlite3_create_module(rows->db, "pending", &pending_module,
				       rows);

	static_assert(AUDIT_OPEN == 0 && AUDIT_INTERRUPTED == 5,
		      "the numbers in the statement");
	if (rc != SQLITE_OK)
		return rc;
	return sqlite3_prepare_v3(rows->db, put, -1, SQLITE_PREPARE_PERSISTENT,
				  &rows->put, NULL);
}

int rows_open(sqlite3 *db, struct rows **ret)
{
	struct rows *rows = malloc(sizeof(*rows));
	int rc;

	if (!rows)
		return SQLITE_NOMEM;
	rows->db = db;
	rows->put = NULL;
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
	(void)sqlite3_create_module((*rows)->db, "pending", NULL, NULL);
	free(*rows);
	*rows = NULL;
}

void rows_clear(struct rows *rows)
{
	rows->len = 0;
	rows->text_len = 0;
}

void rows_guard(struct rows *rows, int64_t sealed_id, int64_t late_seq)
{
	(void)sqlite3_bind_int64(rows->put, 1, sealed_id);
	(void)sqlite3_bind_int64(rows->put, 2, late_seq);
}

static struct slice rows_keep(struct rows *rows, struct slice s)
{
	char *to = rows->text + rows->text_len;

	if (s.len)
		memcpy(to, s.ptr, s.len);
	rows->text_len += (uint32_t)s.len;
	return slice_of(to, s.len);
}

bool rows_add(struct rows *rows, const struct record *r, int64_t facts)
{
	const struct slice *text = r->text;
	size_t len = text[RECORD_PATH].len + text[RECORD_QUERY].len +
		     text[RECORD_DETAIL].len;
	struct row *row = &rows->row[rows->len];
	uint16_t port;

	if (rows->len == ROWS_MAX || len > TEXT_MAX - rows->text_len)
		return false;
	(void)dict_client(text[RECORD_CLIENT], &port);
	row->number[COLUMN_ID] = (int64_t)r->id;
	row->number[COLUMN_FACTS] = facts;
	row->number[COLUMN_SKEW_US] =
		(int64_t)r->wall_us - (int64_t)id_wall_us(r->id);
	row->number[COLUMN_CLIENT_PORT] = port;
	row->number[COLUMN_DURATION_US] = (int64_t)r->duration_us;
	row->number[COLUMN_BYTES_UP] = (int64_t)r->bytes_up;
	row->number[COLUMN_BYTES_DOWN] = (int64_t)r->bytes_down;
	row->number[COLUMN_CUT] = r->cut;
	row->text[0] = rows_keep(rows, text[RECORD_PATH]);
	row->text[1] = rows_keep(rows, text[RECORD_QUERY]);
	row->text[2] = rows_keep(rows, text[RECORD_DETAIL]);
	rows->order[rows->len] = rows->len;
	rows->len++;
	return true;
}

static int rows_compare(const void *a, const void *b, void *arg)
{
	const uint32_t *x = a, *y = b;
	const struct row *row = arg;
	int64_t i = row[*x].number[COLUMN_ID], j = row[*y].number[COLUMN_ID];

	if (i != j)
		return i < j ? -1 : 1;
	return *x < *y ? -1 : 1;
}

int rows_enter(struct rows *rows, int64_t *ret_changed)
{
	int64_t before = sqlite3_total_changes64(rows->db);
	int rc;

	if (!rows->len) {
		*ret_changed = 0;
		return SQLITE_OK;
	}
	qsort_r(rows->order, rows->len, sizeof(rows->order[0]), rows_compare,
		rows->row);
	(void)sqlite3_step(rows->put);
	rc = sqlite3_reset(rows->put);
	rows_clear(rows);
	if (rc == SQLITE_OK)
		*ret_changed = sqlite3_total_changes64(rows->db) - before;
	return rc;
}
