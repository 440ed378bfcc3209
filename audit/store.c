/* audit/store.c - the ledger, as its one writer sees it.
 *
 * One connection writes and checkpoints; SQLite before 3.51.3 can damage a WAL
 * that two do. Everybody else opens read-only (audit/query.c).
 *
 * A row's key is when it was entered, so rows come at the end of the table. The
 * clock gives it, except that it never goes back: when the clock does, keys go
 * on at half its pace until it is there again.
 *
 * A row that stands as open, or as interrupted, gives way to a later word about
 * the same id; any other row is final, and so is one that is sealed
 * (audit/seal.c). Which rows there are a later word about, audit/again.c knows.
 *
 * synchronous=NORMAL: a commit survives the death of every process. What a
 * power failure may take is the last commits before it, as it takes the
 * spools; the file stays sound.
 */

#include "audit/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/dict.h"
#include "audit/schema.h"
#include "audit/store_private.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"

#define ENTRY_LAST (INT64_MAX / 2) /* that a clock gives: they go on */
#define ERROR_MAX  200

static char store_open_error[ERROR_MAX];

const char *store_error(const struct store *s)
{
	return s ? s->error : store_open_error;
}

uint64_t store_rows(const struct store *s)
{
	return s->rows;
}

uint64_t store_unshipped(const struct store *s)
{
	return s->unshipped;
}

int store_fail(struct store *s, const char *doing, int rc)
{
	(void)snprintf(s->error, sizeof(s->error), "%s: %s", doing,
		       rc == SQLITE_OK ? "no error" : sqlite3_errmsg(s->db));
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		return -EROFS;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	default:
		return -EIO;
	}
}

int store_exec(struct store *s, const char *sql)
{
	int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : store_fail(s, sql, rc);
}

int store_ask(struct store *s, const char *sql, int64_t fallback, int64_t *ret)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return store_fail(s, sql, rc);
	*ret = fallback;
	if (sqlite3_step(stmt) == SQLITE_ROW &&
	    sqlite3_column_type(stmt, 0) != SQLITE_NULL)
		*ret = sqlite3_column_int64(stmt, 0);
	rc = sqlite3_finalize(stmt);
	return rc == SQLITE_OK ? 0 : store_fail(s, sql, rc);
}

/* What must be said before the first table, and each time. */
static int store_settings(struct store *s)
{
	static const char *const settings[] = {
		"PRAGMA busy_timeout = 2000", /* ms; only readers recovering */
		"PRAGMA auto_vacuum = INCREMENTAL",
		"PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = NORMAL",
		"PRAGMA cache_size = -16000",		/* KiB */
		"PRAGMA journal_size_limit = 67108864", /* a WAL kept */
		"PRAGMA wal_autocheckpoint = 2000",	/* pages, 8 MB */
		"PRAGMA trusted_schema = OFF",
		"PRAGMA temp_store = MEMORY", /* no other directory is ours */
	};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(settings) && !err; i++)
		err = store_exec(s, settings[i]);
	return err;
}

static int store_prepare(struct store *s)
{
	struct {
		sqlite3_stmt **stmt;
		const char *sql;
	} all[] = {
		{ &s->late, "INSERT INTO late(entry) VALUES(?)" },
		{ &s->stray, "INSERT OR REPLACE INTO stray VALUES(?, ?)" },
		{ &s->begin, "BEGIN IMMEDIATE" },
		{ &s->commit, "COMMIT" },
	};
	int rc = rows_open(s->db, &s->pending);

	for (size_t i = 0; i < ARRAY_SIZE(all) && rc == SQLITE_OK; i++)
		rc = sqlite3_prepare_v3(s->db, all[i].sql, -1,
					SQLITE_PREPARE_PERSISTENT, all[i].stmt,
					NULL);
	if (rc == SQLITE_OK)
		rc = dict_open(s->db, &s->dict);
	if (rc == SQLITE_OK)
		rc = again_open(s->db, &s->again);
	return rc == SQLITE_OK ? 0 : store_fail(s, "prepare", rc);
}

static int store_schema(struct store *s, const char *instance)
{
	int n = schema_check(s->db), rc;

	if (n == ERR_STALE || n == ERR_PROTO) {
		(void)snprintf(s->error, sizeof(s->error),
			       n == ERR_STALE
				       ? "the ledger was written by a newer "
					 "version of penstock"
				       : "the file is not a penstock ledger");
		return n;
	}
	if (n < 0)
		return store_fail(s, "read the schema", sqlite3_errcode(s->db));
	n = store_settings(s);
	if (n)
		return n;
	rc = schema_migrate(s->db, instance, clock_us(CLOCK_REALTIME));
	return rc == SQLITE_OK ? 0 : store_fail(s, "make the tables", rc);
}

/* Create the file ourselves, so that it is never anybody else's to read;
 * SQLite gives -wal and -shm the same mode.
 */
static int store_create(struct store *s, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc;

	if (fd < 0) {
		rc = -errno;
		(void)snprintf(s->error, sizeof(s->error), "open: %s",
			       strerror(-rc));
		return rc;
	}
	(void)close(fd);
	rc = sqlite3_open_v2(path, &s->db,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
				     SQLITE_OPEN_NOFOLLOW,
			     NULL);
	if (rc != SQLITE_OK)
		return s->db ? store_fail(s, "open", rc) : -ENOMEM;
	(void)sqlite3_extended_result_codes(s->db, 1);
	return 0;
}

/* Where the table ends. */
static int store_end(struct store *s)
{
	int err = store_ask(s, "SELECT max(entry) FROM record", 0, &s->entry);

	s->entry = MAX(s->entry, s->sealed) + 1;
	return err;
}

int store_open(const char *path, const char *instance, struct store **ret)
{
	struct store *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	/* This process has one thread and asks for no statistics. It is too
	 * late for that, and no harm, if SQLite is in use already.
	 */
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	err = store_create(s, path);
	if (!err)
		err = store_schema(s, instance);
	if (!err)
		err = store_prepare(s);
	if (!err)
		err = seal_open(s, path);
	if (!err)
		err = store_end(s);
	if (!err)
		err = summary_open(s);
	if (err) {
		memcpy(store_open_error, s->error, sizeof(store_open_error));
		store_free(&s);
	} else {
		*ret = s;
	}
	return err;
}

void store_free(struct store **s)
{
	if (!*s)
		return;
	dict_free(&(*s)->dict);
	seal_free(&(*s)->seal);
	rows_free(&(*s)->pending);
	again_free(&(*s)->again);
	(void)sqlite3_finalize((*s)->late);
	(void)sqlite3_finalize((*s)->stray);
	(void)sqlite3_finalize((*s)->begin);
	(void)sqlite3_finalize((*s)->commit);
	(void)sqlite3_close((*s)->db);
	free(*s);
	*s = NULL;
}

struct spent *store_spent(struct store *s)
{
	return &s->spent;
}

/* Run a statement of ours that gives no rows. */
static int store_run(struct store *s, sqlite3_stmt *stmt)
{
	int rc;

	(void)sqlite3_step(stmt);
	rc = sqlite3_reset(stmt);
	return rc == SQLITE_OK ? 0 : store_fail(s, sqlite3_sql(stmt), rc);
}

int store_begin(struct store *s, uint64_t wall_us)
{
	bool began = spent_begin(&s->spent);
	int err = store_run(s, s->begin);

	s->wall_us = wall_us;
	s->timed = s->looked = false;
	spent_end(&s->spent, began, SPENT_INSERT);
	return err;
}

/* Enter what was put since the last time. */
static int store_enter(struct store *s)
{
	bool began = spent_begin(&s->spent);
	int64_t rows;
	int rc = rows_enter(s->pending, &rows);

	spent_end(&s->spent, began, SPENT_INSERT);
	if (rc != SQLITE_OK)
		return store_fail(s, "enter rows", rc);
	s->rows_put += (uint64_t)rows;
	return 0;
}

/* The key of the next row. Within a transaction they follow on each other. */
static int64_t store_entry(struct store *s)
{
	uint64_t boot_us;
	int64_t passed;

	if (s->timed)
		return s->entry++;
	boot_us = clock_us(CLOCK_BOOTTIME);
	passed = s->boot_us ? (int64_t)((boot_us - s->boot_us) / 2) << 12 : 0;
	s->timed = true;
	s->boot_us = boot_us;
	s->entry = MAX(s->entry + passed,
		       MIN((int64_t)id_at(s->wall_us), ENTRY_LAST));
	return s->entry++;
}

/* A row that is not to be found near its id. */
static int store_stray(struct store *s, uint64_t id, int64_t entry)
{
	if (schema_is_near(entry, (int64_t)id))
		return 0;
	(void)sqlite3_bind_int64(s->stray, 1, (int64_t)id);
	(void)sqlite3_bind_int64(s->stray, 2, entry);
	return store_run(s, s->stray);
}

/* A row that is new. */
static int store_append(struct store *s, const struct record *r)
{
	int64_t entry = store_entry(s), facts;
	int rc = dict_facts(s->dict, r, entry, &facts);
	int err = 0;

	if (rc == SQLITE_OK)
		rc = again_add(s->again, r->id, entry,
			       r->outcome == AUDIT_OPEN);
	if (rc != SQLITE_OK)
		return store_fail(s, "enter a row's facts", rc);
	if (!rows_add(s->pending, r, entry, facts)) {
		err = store_enter(s);
		if (!err)
			(void)rows_add(s->pending, r, entry, facts);
	}
	return err ? err : store_stray(s, r->id, entry);
}

/* A later word about a row that stands. */
static int store_change(struct store *s, const struct record *r, int64_t entry)
{
	bool changed = false;
	int64_t facts;
	int rc, err = rows_have(s->pending, entry) ? store_enter(s) : 0;

	if (err)
		return err;
	rc = dict_facts(s->dict, r, entry, &facts);
	if (rc == SQLITE_OK)
		rc = rows_change(s->pending, r, entry, facts, &changed);
	if (rc == SQLITE_OK && r->outcome != AUDIT_OPEN)
		rc = again_close(s->again, r->id);
	if (rc != SQLITE_OK)
		return store_fail(s, "change a row", rc);
	if (!changed)
		return 0;
	s->rows_put++;
	(void)sqlite3_bind_int64(s->late, 1, entry);
	return store_run(s, s->late);
}

/* Does a row stand already? Its entry, or 0. */
static int store_look(struct store *s, uint64_t id, int64_t *ret_entry)
{
	int err = 0, rc;

	s->looked = true;
	if (again_begins(s->again)) {
		err = store_enter(s);
		again_rest(s->again);
	}
	if (err)
		return err;
	rc = again_find(s->again, id, ret_entry);
	return rc == SQLITE_OK ? 0 : store_fail(s, "look for a row", rc);
}

int store_put(struct store *s, const struct record *r, bool again)
{
	int64_t entry = again_may_change(s->again, r->id);
	int err = 0;

	if (!entry && again)
		err = store_look(s, r->id, &entry);
	if (err)
		return err;
	return entry ? store_change(s, r, entry) : store_append(s, r);
}

bool store_may_change(const struct store *s, uint64_t id)
{
	return again_may_change(s->again, id) != 0;
}

static int store_commit_all(struct store *s)
{
	int err = store_enter(s);

	if (!err)
		err = summary_settle(s);
	return err ? err : store_run(s, s->commit);
}

int store_commit(struct store *s)
{
	bool began = spent_begin(&s->spent);
	int err = store_commit_all(s);

	spent_end(&s->spent, began, SPENT_INSERT);
	if (err)
		return err;
	s->rows += s->rows_put;
	s->rows_put = 0;
	again_commit(s->again);
	if (!s->looked)
		again_rest(s->again);
	return 0;
}

void store_rollback(struct store *s)
{
	rows_clear(s->pending);
	if (!sqlite3_get_autocommit(s->db))
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	s->rows_put = 0;
	dict_clear(s->dict); /* it may know ids that are no more */
	seal_forget(s->seal);
	summary_forget(s);
	again_rollback(s->again);
}

#define TWIN_COLUMN(name) #name ", "

int store_close_open_rows(struct store *s)
{
	/* Each combination that is open gets a twin that is interrupted; then
	 * the rows move over. `seen` gets the twin's seconds from the open
	 * one's, which may be too many and never too few.
	 */
	static const char *const sql[] = {
		"BEGIN IMMEDIATE",
		"CREATE TEMP TABLE twin AS SELECT id AS old,"
		" (SELECT max(id) FROM facts) + row_number() OVER () AS new"
		" FROM facts WHERE outcome = 0",
		"INSERT INTO facts(id, " SCHEMA_FACTS(
			TWIN_COLUMN) "last_day) SELECT new, kind, verdict, 5,"
				     " status, port, generation, sandbox,"
				     " client, protocol, tls, method, scheme,"
				     " host, user_agent, reason, rule,"
				     " rule_where, content_type, upstream,"
				     " up_protocol, up_tls, last_day"
				     " FROM facts JOIN twin ON id = old",
		"INSERT INTO late(entry) SELECT r.entry FROM twin"
		" CROSS JOIN seen s ON s.facts = twin.old CROSS JOIN record r"
		" ON r.entry >= s.second << 32"
		" AND r.entry < (s.second + 1) << 32"
		" AND +r.facts = twin.old",
		"UPDATE record SET facts = (SELECT new FROM twin WHERE"
		" old = record.facts) WHERE entry IN (SELECT r.entry FROM twin"
		" CROSS JOIN seen s ON s.facts = twin.old CROSS JOIN record r"
		" ON r.entry >= s.second << 32"
		" AND r.entry < (s.second + 1) << 32"
		" AND +r.facts = twin.old)",
		"INSERT OR IGNORE INTO seen SELECT new, second FROM seen"
		" JOIN twin ON facts = old",
		"DELETE FROM seen WHERE facts IN (SELECT old FROM twin)",
		"DELETE FROM facts WHERE outcome = 0",
		"DROP TABLE twin",
	};
	int err = 0, rc;

	for (size_t i = 0; i < ARRAY_SIZE(sql) && !err; i++)
		err = store_exec(s, sql[i]);
	if (!err)
		err = store_commit(s);
	if (err) {
		store_rollback(s);
		return err;
	}
	dict_clear(s->dict);
	seal_forget(s->seal);
	rc = again_load(s->again, s->sealed, seal_late_seq(s->seal));
	return rc == SQLITE_OK ? 0 : store_fail(s, "find open rows", rc);
}
