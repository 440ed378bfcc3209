/* audit/sql.c - statements of the operator's own over the ledger, read-only.
 *
 * Three locks: the file is opened read-only; PRAGMA query_only; and SQLite's
 * authorizer, which sees what each statement does before it runs and refuses
 * all but reading. It also keeps ATTACH, and functions that touch files, from
 * reaching anything else.
 */

#include "audit/sql.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/schema.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/err.h"

#define PROGRESS_OPS 10000 /* steps of SQLite's machine: some 0.1 ms */

struct sql {
	sqlite3 *db;			   /* owned */
	sqlite3_stmt *stmt;		   /* owned */
	const volatile sig_atomic_t *stop; /* borrowed; or NULL */
	uint32_t limit_ms;
	uint64_t end_ms; /* of the statement at work; 0: none */
	const char *refused;
	char error[400];
};

static int sql_progress(void *ctx)
{
	const struct sql *s = ctx;

	return (s->stop && *s->stop) ||
	       (s->end_ms && clock_ms(CLOCK_MONOTONIC) > s->end_ms);
}

static bool word_in(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (!strcasecmp(word, *words))
			return true;
	return false;
}

/* Pragmas that tell; those that are told something are not asked. */
static bool pragma_reads(const char *name, const char *value)
{
	static const char *const with_value[] = {
		"table_info",  "table_xinfo",	  "table_list",
		"index_list",  "index_info",	  "index_xinfo",
		"quick_check", "integrity_check", "foreign_key_list",
		NULL,
	};
	static const char *const without[] = {
		"application_id", "user_version",    "schema_version",
		"page_count",	  "page_size",	     "freelist_count",
		"encoding",	  "database_list",   "function_list",
		"collation_list", "compile_options", "pragma_list",
		"journal_mode",	  "auto_vacuum",     NULL,
	};

	return word_in(name, with_value) || (!value && word_in(name, without));
}

static bool function_reads(const char *name)
{
	static const char *const files[] = { "load_extension", "readfile",
					     "writefile",      "edit",
					     "fts3_tokenizer", NULL };

	return !word_in(name, files);
}

/* What the statement would do, in a word, if that is more than reading. */
static const char *action_refused(int action, const char *a, const char *b)
{
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return NULL;
	case SQLITE_FUNCTION:
		return function_reads(b) ? NULL : "this function";
	case SQLITE_PRAGMA:
		return pragma_reads(a, b) ? NULL : "this PRAGMA";
	case SQLITE_INSERT:
		return "INSERT";
	case SQLITE_UPDATE:
		/* How SQLite names a table-valued function to itself; of a
		 * statement it would refuse that by itself.
		 */
		return strcmp(a, "sqlite_master") != 0 ? "UPDATE" : NULL;
	case SQLITE_DELETE:
		return "DELETE";
	case SQLITE_ATTACH:
	case SQLITE_DETACH:
		return "ATTACH";
	case SQLITE_TRANSACTION:
	case SQLITE_SAVEPOINT:
		return "a transaction";
	default:
		return "a change of the schema";
	}
}

static int sql_authorize(void *ctx, int action, const char *a, const char *b,
			 const char *db, const char *trigger)
{
	struct sql *s = ctx;
	const char *refused = action_refused(action, a, b);
	(void)db;
	(void)trigger;
	if (!refused)
		return SQLITE_OK;
	/* CREATE and DROP insert into the schema: the first word says more. */
	if (!s->refused)
		s->refused = refused;
	return SQLITE_DENY;
}

static int sql_fail(struct sql *s)
{
	(void)snprintf(s->error, sizeof(s->error), "%s", sqlite3_errmsg(s->db));
	return -EIO;
}

static int sql_setup(struct sql *s, const char *path)
{
	int err;

	if (sqlite3_open_v2(path, &s->db,
			    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK)
		return -EIO;
	(void)sqlite3_busy_timeout(s->db, 2000);
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
				NULL);
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	err = schema_check(s->db);
	if (err <= 0)
		return err ? err : -ENOENT;
	if (sqlite3_exec(s->db,
			 "PRAGMA query_only = 1; PRAGMA temp_store = MEMORY",
			 NULL, NULL, NULL) != SQLITE_OK)
		return sql_fail(s);
	sqlite3_progress_handler(s->db, PROGRESS_OPS, sql_progress, s);
	return sqlite3_set_authorizer(s->db, sql_authorize, s) == SQLITE_OK
		       ? 0
		       : sql_fail(s);
}

int sql_open(const char *ledger_path, struct sql **ret)
{
	struct sql *s;
	int err;

	if (access(ledger_path, R_OK))
		return errno == EACCES || errno == ENOENT ? -errno : -EIO;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	err = sql_setup(s, ledger_path);
	if (err)
		sql_free(&s);
	else
		*ret = s;
	return err;
}

void sql_free(struct sql **s)
{
	if (!*s)
		return;
	(void)sqlite3_finalize((*s)->stmt);
	(void)sqlite3_close((*s)->db);
	free(*s);
	*s = NULL;
}

void sql_limit(struct sql *s, uint32_t ms)
{
	s->limit_ms = ms;
}

void sql_watch(struct sql *s, const volatile sig_atomic_t *stop)
{
	s->stop = stop;
}

const char *sql_error(const struct sql *s)
{
	return s->error;
}

static int sql_refused(struct sql *s)
{
	(void)snprintf(s->error, sizeof(s->error),
		       "the ledger is read-only here: %s is refused",
		       s->refused ? s->refused : "this");
	return -EROFS;
}

int sql_begin(struct sql *s, const char *text, const char **ret_rest)
{
	int rc;

	(void)sqlite3_finalize(s->stmt);
	s->stmt = NULL;
	s->refused = NULL;
	s->end_ms = s->limit_ms ? clock_ms(CLOCK_MONOTONIC) + s->limit_ms : 0;
	rc = sqlite3_prepare_v2(s->db, text, -1, &s->stmt, ret_rest);
	if (rc == SQLITE_OK)
		return s->stmt != NULL;
	if (s->refused)
		return sql_refused(s);
	(void)sql_fail(s);
	return rc == SQLITE_ERROR ? ERR_SYNTAX : -EIO;
}

size_t sql_columns(const struct sql *s)
{
	return (size_t)sqlite3_column_count(s->stmt);
}

const char *sql_column(const struct sql *s, size_t i)
{
	const char *name = sqlite3_column_name(s->stmt, (int)i);

	return name ? name : "?";
}

static int sql_ended(struct sql *s, bool stopped)
{
	(void)snprintf(s->error, sizeof(s->error), "%s",
		       stopped ? "interrupted"
			       : "it takes longer than the time limit");
	return stopped ? -EINTR : -ETIME;
}

int sql_step(struct sql *s)
{
	switch (sqlite3_step(s->stmt) & 0xff) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	case SQLITE_INTERRUPT:
		return sql_ended(s, s->stop && *s->stop);
	case SQLITE_AUTH:
		return sql_refused(s);
	default:
		return sql_fail(s);
	}
}

struct sql_value sql_value(const struct sql *s, size_t i)
{
	struct sql_value v = { .kind = SQL_NULL };
	int column = (int)i;

	switch (sqlite3_column_type(s->stmt, column)) {
	case SQLITE_INTEGER:
		v.kind = SQL_INTEGER;
		v.integer = sqlite3_column_int64(s->stmt, column);
		break;
	case SQLITE_FLOAT:
		v.kind = SQL_REAL;
		v.real = sqlite3_column_double(s->stmt, column);
		break;
	case SQLITE_TEXT:
		v.kind = SQL_TEXT;
		v.text.ptr = (const char *)sqlite3_column_text(s->stmt, column);
		v.text.len = (size_t)sqlite3_column_bytes(s->stmt, column);
		break;
	case SQLITE_BLOB:
		v.kind = SQL_BLOB;
		v.text.ptr = sqlite3_column_blob(s->stmt, column);
		v.text.len = (size_t)sqlite3_column_bytes(s->stmt, column);
		break;
	default:
		break;
	}
	return v;
}

bool sql_is_whole(const char *text)
{
	return sqlite3_complete(text) != 0;
}
