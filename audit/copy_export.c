/* audit/copy_export.c - write rows of the ledger to a file, with their proof.
 *
 * One read transaction. The file gets its name when it is whole.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/copy.h"
#include "audit/copy_line.h"
#include "audit/copy_row.h"
#include "audit/schema.h"
#include "audit/walk.h"
#include "base/base.h"
#include "base/err.h"
#include "base/id.h"

#define PATH_LEN_MAX 1024

struct export
{
	const struct copy_filter *filter;
	sqlite3 *db; /* owned, as what follows */
	struct chain *chain;
	struct walk *walk;
	struct copy_out out;
	bool filtered;
	int64_t from, to; /* batches with their rows; to < from: none */
	int64_t covered;  /* and bare ones up to here */
	struct copy_counts counts;
	char *why;
};

static bool export_says(struct export *e, const char *what)
{
	(void)snprintf(e->why, COPY_WHY_MAX, "%s", what);
	return false;
}

static bool export_failed(struct export *e)
{
	return export_says(e, sqlite3_errmsg(e->db));
}

static bool export_prepare(struct export *e, const char *sql,
			   sqlite3_stmt **ret)
{
	return sqlite3_prepare_v2(e->db, sql, -1, ret, NULL) == SQLITE_OK ||
	       export_failed(e);
}

static bool export_finalize(struct export *e, sqlite3_stmt *stmt)
{
	return sqlite3_finalize(stmt) == SQLITE_OK || export_failed(e);
}

/* The first number of a statement with up to two parameters; fallback: none. */
static bool export_number(struct export *e, const char *sql, int64_t a,
			  int64_t b, int64_t fallback, int64_t *ret)
{
	sqlite3_stmt *stmt;

	if (!export_prepare(e, sql, &stmt))
		return false;
	*ret = fallback;
	(void)sqlite3_bind_int64(stmt, 1, a);
	(void)sqlite3_bind_int64(stmt, 2, b);
	if (sqlite3_step(stmt) == SQLITE_ROW &&
	    sqlite3_column_type(stmt, 0) != SQLITE_NULL)
		*ret = sqlite3_column_int64(stmt, 0);
	return export_finalize(e, stmt);
}

static bool export_open(struct export *e, const char *ledger)
{
	int64_t version;

	if (access(ledger, R_OK))
		return export_says(e, strerror(errno));
	if (sqlite3_open_v2(ledger, &e->db,
			    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK)
		return export_says(e, "cannot be opened");
	(void)sqlite3_busy_timeout(e->db, 2000);
	(void)sqlite3_db_config(e->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
				NULL);
	if (schema_check(e->db) != 1)
		return export_says(e, "not a ledger of this version");
	if (!export_number(e, "PRAGMA user_version", 0, 0, 0, &version))
		return false;
	if (version != SCHEMA_VERSION)
		return export_says(e, "of an older version: penstock-audit "
				      "brings it up to date when it starts");
	if (sqlite3_exec(e->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK ||
	    chain_new(&e->chain) ||
	    walk_new(e->db, e->chain, &e->walk) != SQLITE_OK ||
	    walk_apart(e->walk) != SQLITE_OK)
		return export_failed(e);
	return true;
}

/* The first entry whose row is of ids since to until, and the last one. */
static const char first_sql[] =
	"SELECT min(entry) FROM (SELECT (SELECT entry FROM record"
	" WHERE entry >= ?1 AND entry - delay >= ?1 ORDER BY entry LIMIT 1)"
	" AS entry UNION ALL"
	" SELECT min(entry) FROM stray WHERE id >= ?1 AND id < ?2)";
static const char last_sql[] =
	"SELECT max(entry) FROM (SELECT (SELECT entry FROM record"
	" WHERE entry <= min(?2, 1 << 62) + 16384000000 AND entry - delay < ?2"
	" ORDER BY entry DESC LIMIT 1) AS entry UNION ALL"
	" SELECT max(entry) FROM stray WHERE id >= ?1 AND id < ?2)";
static_assert(SCHEMA_NEAR == 16384000000, "the number in the statement");

/* Which batches hold the span, and up to where they are signed. */
static bool export_span(struct export *e)
{
	int64_t since = (int64_t)id_at(e->filter->since_us);
	int64_t until = e->filter->until_us
				? (int64_t)id_at(e->filter->until_us)
				: INT64_MAX;
	int64_t first, last;
	bool good =
		export_number(e, first_sql, since, until, INT64_MAX, &first) &&
		export_number(e, last_sql, since, until, -1, &last) &&
		export_number(e,
			      "SELECT min(seq) FROM batch"
			      " WHERE last >= ?1",
			      first, 0, INT64_MAX, &e->from) &&
		export_number(e,
			      "SELECT max(seq) FROM batch"
			      " WHERE first <= ?1",
			      last, 0, 0, &e->to);

	e->from = MIN(e->from, e->to + 1); /* or else there is none */
	return good && export_number(e,
				     "SELECT min(batch) FROM statement"
				     " WHERE kind = 0 AND batch >= ?1",
				     e->to, 0, e->to, &e->covered);
}

/* The first line: what this is, and the batch before the first. */
static bool export_head(struct export *e)
{
	struct chain_batch before = { 0 };
	const char *instance = "";
	sqlite3_stmt *stmt;

	if (!export_prepare(
		    e,
		    "SELECT value, b.* FROM ledger LEFT JOIN (SELECT " WALK_BATCH
		    " FROM batch WHERE seq = ?1 UNION ALL SELECT batch, 0, last,"
		    " 0, 0, total, 0, hash, hash FROM statement WHERE kind = 1"
		    " AND batch = ?1) b WHERE key = 'instance'",
		    &stmt))
		return false;
	(void)sqlite3_bind_int64(stmt, 1, e->from - 1);
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		instance = (const char *)sqlite3_column_text(stmt, 0);
		walk_batch(stmt, 1, &before);
	}
	copy_begin(&e->out, "export");
	copy_number(&e->out, "version", 1);
	copy_text(&e->out, "instance", slice_str(instance));
	copy_bool(&e->out, "filtered", e->filtered);
	copy_number(&e->out, "seq", before.seq);
	copy_number(&e->out, "last", before.last);
	copy_number(&e->out, "total", before.total);
	copy_octets(&e->out, "hash", before.hash, CHAIN_HASH);
	copy_end(&e->out);
	return export_finalize(e, stmt);
}

static void export_blob(struct export *e, sqlite3_stmt *stmt, int column,
			const char *name)
{
	size_t len = (size_t)sqlite3_column_bytes(stmt, column);

	copy_octets(&e->out, name, sqlite3_column_blob(stmt, column),
		    MIN(len, CHAIN_SIGNATURE));
}

static bool export_statements(struct export *e)
{
	static const char *const names[] = { "batch", "last", "total",
					     "signed_us" };
	sqlite3_stmt *stmt;

	if (!export_prepare(e,
			    "SELECT kind, batch, last, total, signed_us, hash,"
			    " key, signature FROM statement WHERE batch >= ?1"
			    " AND batch <= ?2 ORDER BY batch, kind",
			    &stmt))
		return false;
	(void)sqlite3_bind_int64(stmt, 1, e->from - 1);
	(void)sqlite3_bind_int64(stmt, 2, e->covered);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		copy_begin(&e->out, sqlite3_column_int(stmt, 0) == CHAIN_PRUNED
					    ? "pruned"
					    : "checkpoint");
		for (int i = 0; i < (int)ARRAY_SIZE(names); i++)
			copy_number(&e->out, names[i],
				    sqlite3_column_int64(stmt, i + 1));
		export_blob(e, stmt, 5, "hash");
		export_blob(e, stmt, 6, "key");
		export_blob(e, stmt, 7, "signature");
		copy_end(&e->out);
	}
	return export_finalize(e, stmt);
}

static bool export_wants(const struct export *e, const struct copy_row *r)
{
	const struct copy_filter *f = e->filter;
	const struct slice *text = r->facts.text;
	const char *verdict = audit_verdict_str(
		(enum audit_verdict)r->facts.number[FACTS_verdict]);
	int64_t until = f->until_us ? (int64_t)id_at(f->until_us) : INT64_MAX;

	if (!e->filtered)
		return true;
	return (!f->sandbox || slice_eq(text[0], slice_str(f->sandbox))) &&
	       (!f->host || slice_eq(text[FACTS_host - FACTS_FIRST_TEXT],
				     slice_str(f->host))) &&
	       (!f->verdict || !strcmp(f->verdict, verdict)) &&
	       r->row.id >= (int64_t)id_at(f->since_us) && r->row.id < until;
}

/* Rows under the walk. */
static bool export_rows(struct export *e)
{
	struct walk_row at;
	struct copy_row r;
	int rc;

	while ((rc = walk_next(e->walk, &at)) == SQLITE_ROW) {
		r.row = at.row;
		if (walk_facts(e->walk, at.facts_id, &r.facts) != SQLITE_ROW ||
		    r.facts.number[FACTS_verdict] < 0 ||
		    r.facts.number[FACTS_verdict] >= AUDIT_VERDICTS)
			return export_says(e, "a row is damaged; see: penstock "
					      "audit verify");
		if (!export_wants(e, &r))
			continue;
		copy_row_write(&e->out, &r);
		e->counts.rows++;
		if (e->out.bad)
			return export_says(e, "cannot be written");
	}
	return rc == SQLITE_DONE || export_failed(e);
}

static bool export_batch(struct export *e, const struct chain_batch *b)
{
	bool here = b->seq <= e->to;

	if (!e->filtered) {
		copy_begin(&e->out, "batch");
		copy_number(&e->out, "seq", b->seq);
		copy_number(&e->out, "first", b->first);
		copy_number(&e->out, "last", b->last);
		copy_number(&e->out, "rows", b->rows);
		copy_number(&e->out, "late", b->late);
		copy_number(&e->out, "total", b->total);
		copy_number(&e->out, "sealed_us", b->sealed_us);
		copy_octets(&e->out, "content", b->content, CHAIN_HASH);
		copy_octets(&e->out, "hash", b->hash, CHAIN_HASH);
		copy_bool(&e->out, "here", here);
		copy_end(&e->out);
	}
	if (!here)
		return true;
	e->counts.batches++;
	walk_late(e->walk, b->seq);
	if (!export_rows(e))
		return false;
	walk_range(e->walk, b->first, b->last);
	return export_rows(e);
}

static bool export_batches(struct export *e)
{
	sqlite3_stmt *stmt;
	struct chain_batch b;
	bool good = true;

	if (!export_prepare(e,
			    "SELECT " WALK_BATCH " FROM batch WHERE seq >= ?1"
			    " AND seq <= ?2 ORDER BY seq",
			    &stmt))
		return false;
	(void)sqlite3_bind_int64(stmt, 1, e->from);
	(void)sqlite3_bind_int64(stmt, 2, e->covered);
	while (good && sqlite3_step(stmt) == SQLITE_ROW) {
		walk_batch(stmt, 0, &b);
		good = export_batch(e, &b);
	}
	walk_end(e->walk);
	return export_finalize(e, stmt) && good;
}

static bool export_all(struct export *e)
{
	if (!export_span(e) || !export_head(e) ||
	    (!e->filtered && !export_statements(e)) || !export_batches(e))
		return false;
	copy_begin(&e->out, "end");
	copy_number(&e->out, "rows", e->counts.rows);
	copy_end(&e->out);
	return !e->out.bad || export_says(e, "cannot be written");
}

/* Open path.new; "T": gzwrite() writes as it is. */
static bool export_create(struct export *e, const char *path,
			  char tmp[PATH_LEN_MAX])
{
	bool gz = slice_ends(slice_str(path), SLICE(".gz"));
	int fd;

	if (snprintf(tmp, PATH_LEN_MAX, "%s.new", path) >= PATH_LEN_MAX)
		return export_says(e, "the file's path is too long");
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	if (fd < 0)
		return export_says(e, strerror(errno));
	e->out.gz = gzdopen(fd, gz ? "wb6" : "wbT");
	if (e->out.gz)
		return true;
	(void)close(fd);
	return export_says(e, err_str(-ENOMEM));
}

int copy_export(const char *ledger, const struct copy_filter *filter,
		const char *path, struct copy_counts *ret,
		char why[COPY_WHY_MAX])
{
	struct export *e = calloc(1, sizeof(*e));
	char tmp[PATH_LEN_MAX];
	bool good;

	if (!e)
		return -ENOMEM;
	e->filter = filter;
	e->why = why;
	e->filtered = filter->sandbox || filter->host || filter->verdict;
	good = export_open(e, ledger) && export_create(e, path, tmp);
	if (good) {
		good = export_all(e);
		if (gzclose(e->out.gz) != Z_OK && good)
			good = export_says(e, "cannot be written");
		if (good && rename(tmp, path))
			good = export_says(e, strerror(errno));
		if (!good)
			(void)unlink(tmp);
	}
	*ret = e->counts;
	walk_free(&e->walk);
	chain_free(&e->chain);
	(void)sqlite3_close(e->db);
	free(e);
	return good ? 0 : -EIO;
}
