/* audit/walk.c - rows of the ledger as the chain sees them. */

#include "audit/walk.h"

#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "audit/ids.h"
#include "base/base.h"

#define CACHE_LEN 65536 /* facts whose hashes are kept; 3.5 MiB when full */

struct walk_facts {
	int64_t id; /* 0: empty */
	int64_t second;
	bool open;
	uint8_t hash[CHAIN_HASH];
};

struct walk {
	struct chain *chain; /* borrowed */
	sqlite3_stmt *range; /* owned, as the others */
	sqlite3_stmt *late;
	sqlite3_stmt *facts;
	sqlite3_stmt *at; /* range or late; NULL: none is under way */
	sqlite3 *db;	  /* borrowed */
	bool apart;
	struct ids elsewhere; /* in batches other than their range's */
	struct ids waiting;   /* late, and in no batch yet */
	struct walk_facts cache[CACHE_LEN];
};

/* clang-format off */
#define ROW_SQL                                                                \
	"SELECT r.entry, r.facts, r.skew_us, r.client_port, r.duration_us,"    \
	" r.bytes_up, r.bytes_down, r.cut, r.path, r.query, r.detail, r.delay"
#define TEXT_OF(name) ", (SELECT text FROM text WHERE id = " name ")"

static const char range_sql[] =
	ROW_SQL " FROM record r WHERE r.entry >= ?1 AND r.entry <= ?2"
	" ORDER BY r.entry";
static const char late_sql[] =
	ROW_SQL " FROM batch_late l CROSS JOIN record r ON r.entry = l.entry"
	" WHERE l.batch = ?1 ORDER BY l.entry";
static const char facts_sql[] =
	"SELECT kind, verdict, outcome, status, port, generation"
	TEXT_OF("sandbox") TEXT_OF("client") TEXT_OF("protocol") TEXT_OF("tls")
	TEXT_OF("method") TEXT_OF("scheme") TEXT_OF("host")
	TEXT_OF("user_agent") TEXT_OF("reason") TEXT_OF("rule")
	TEXT_OF("rule_where") TEXT_OF("content_type") TEXT_OF("upstream")
	TEXT_OF("up_protocol") TEXT_OF("up_tls")
	" FROM facts WHERE id = ?1";
/* clang-format on */
static_assert(CHAIN_TEXTS == 15 && FACTS_FIRST_TEXT == 6,
	      "the columns of the statement");

int walk_new(sqlite3 *db, struct chain *chain, struct walk **ret)
{
	struct walk *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return SQLITE_NOMEM;
	w->chain = chain;
	w->db = db;
	rc = sqlite3_prepare_v2(db, range_sql, -1, &w->range, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, late_sql, -1, &w->late, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, facts_sql, -1, &w->facts, NULL);
	if (rc == SQLITE_OK)
		*ret = w;
	else
		walk_free(&w);
	return rc;
}

void walk_free(struct walk **w)
{
	if (!*w)
		return;
	(void)sqlite3_finalize((*w)->range);
	(void)sqlite3_finalize((*w)->late);
	(void)sqlite3_finalize((*w)->facts);
	free((*w)->elsewhere.mem);
	free((*w)->waiting.mem);
	free(*w);
	*w = NULL;
}

static int walk_ids(struct walk *w, const char *sql, struct ids *ret)
{
	sqlite3_stmt *stmt;
	int err = 0;
	int rc = sqlite3_prepare_v2(w->db, sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return rc;
	while (!err && sqlite3_step(stmt) == SQLITE_ROW)
		err = ids_add(ret, (uint64_t)sqlite3_column_int64(stmt, 0));
	rc = sqlite3_finalize(stmt);
	return err ? SQLITE_NOMEM : rc;
}

int walk_apart(struct walk *w)
{
	int rc = walk_ids(w, "SELECT entry FROM batch_late ORDER BY entry",
			  &w->elsewhere);

	if (rc != SQLITE_OK)
		return rc;
	w->apart = true;
	return walk_ids(w,
			"SELECT DISTINCT entry FROM late WHERE seq > (SELECT"
			" CAST(value AS INTEGER) FROM ledger WHERE key ="
			" 'late_seq') AND entry <= (SELECT max(last) FROM"
			" (SELECT last FROM batch UNION ALL SELECT last FROM"
			" statement)) AND entry IN (SELECT entry FROM record)"
			" ORDER BY entry",
			&w->waiting);
}

size_t walk_waiting(const struct walk *w)
{
	return w->waiting.len;
}

void walk_forget(struct walk *w)
{
	for (size_t i = 0; i < CACHE_LEN; i++)
		w->cache[i].id = 0;
}

static void walk_begin(struct walk *w, sqlite3_stmt *stmt, int64_t a, int64_t b)
{
	walk_end(w);
	w->at = stmt;
	(void)sqlite3_bind_int64(stmt, 1, a);
	if (stmt == w->range)
		(void)sqlite3_bind_int64(stmt, 2, b);
}

void walk_range(struct walk *w, int64_t first, int64_t last)
{
	walk_begin(w, w->range, first, last);
}

void walk_late(struct walk *w, int64_t batch)
{
	walk_begin(w, w->late, batch, 0);
}

void walk_end(struct walk *w)
{
	if (w->at)
		(void)sqlite3_reset(w->at);
	w->at = NULL;
}

static struct slice walk_text(sqlite3_stmt *stmt, int column)
{
	const void *p = sqlite3_column_text(stmt, column);

	return slice_of(p, p ? (size_t)sqlite3_column_bytes(stmt, column) : 0);
}

int walk_facts(struct walk *w, int64_t facts_id, struct chain_facts *ret)
{
	int rc;

	(void)sqlite3_reset(w->facts);
	(void)sqlite3_bind_int64(w->facts, 1, facts_id);
	rc = sqlite3_step(w->facts);
	if (rc != SQLITE_ROW) {
		int reset = sqlite3_reset(w->facts);

		return rc == SQLITE_DONE ? rc : reset;
	}
	for (int i = 0; i < FACTS_FIRST_TEXT; i++)
		ret->number[i] = sqlite3_column_int64(w->facts, i);
	for (int i = 0; i < CHAIN_TEXTS; i++)
		ret->text[i] = walk_text(w->facts, FACTS_FIRST_TEXT + i);
	return SQLITE_ROW;
}

/* The cache's entry of these facts, hashed. Facts that miss count as finished:
 * such a row differs from any that was sealed.
 */
static int walk_look_up(struct walk *w, int64_t id, struct walk_facts **ret)
{
	struct walk_facts *e = &w->cache[(uint64_t)id % CACHE_LEN];
	struct chain_facts facts = { .number = { 0 } };
	int rc;

	*ret = e;
	if (e->id == id && id)
		return SQLITE_OK;
	rc = walk_facts(w, id, &facts);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return rc;
	*e = (struct walk_facts){ .id = id, .second = -1 };
	if (rc == SQLITE_ROW) {
		chain_facts(w->chain, &facts, e->hash);
		e->open = facts.number[FACTS_outcome] == AUDIT_OPEN;
	}
	(void)sqlite3_reset(w->facts);
	return SQLITE_OK;
}

static int walk_step(struct walk *w, struct walk_row *ret)
{
	int rc = sqlite3_step(w->at);
	struct walk_facts *facts;

	if (rc != SQLITE_ROW) {
		int reset = sqlite3_reset(w->at);

		w->at = NULL;
		return rc == SQLITE_DONE ? rc : reset;
	}
	ret->facts_id = sqlite3_column_int64(w->at, 1);
	rc = walk_look_up(w, ret->facts_id, &facts);
	if (rc != SQLITE_OK)
		return rc;
	ret->facts = facts->hash;
	ret->open = facts->open;
	ret->second = &facts->second;
	ret->entry = sqlite3_column_int64(w->at, 0);
	ret->row = (struct chain_row){
		.id = schema_id(ret->entry, sqlite3_column_int64(w->at, 11)),
		.skew_us = sqlite3_column_int64(w->at, 2),
		.client_port = sqlite3_column_int64(w->at, 3),
		.duration_us = sqlite3_column_int64(w->at, 4),
		.bytes_up = sqlite3_column_int64(w->at, 5),
		.bytes_down = sqlite3_column_int64(w->at, 6),
		.cut = sqlite3_column_int64(w->at, 7),
		.path = walk_text(w->at, 8),
		.query = walk_text(w->at, 9),
		.detail = walk_text(w->at, 10),
	};
	return SQLITE_ROW;
}

int walk_next(struct walk *w, struct walk_row *ret)
{
	bool skip;
	int rc;

	do {
		rc = walk_step(w, ret);
		skip = rc == SQLITE_ROW && w->apart && w->at == w->range &&
		       (ret->open ||
			ids_have(&w->elsewhere, (uint64_t)ret->entry) ||
			ids_have(&w->waiting, (uint64_t)ret->entry));
	} while (skip);
	return rc;
}

static void walk_hash(sqlite3_stmt *stmt, int column, uint8_t ret[CHAIN_HASH])
{
	const void *p = sqlite3_column_blob(stmt, column);

	if (p && sqlite3_column_bytes(stmt, column) == CHAIN_HASH)
		memcpy(ret, p, CHAIN_HASH);
	else
		memset(ret, 0, CHAIN_HASH);
}

void walk_batch(sqlite3_stmt *stmt, int column, struct chain_batch *ret)
{
	int64_t *const number[] = { &ret->seq,	    &ret->first, &ret->last,
				    &ret->rows,	    &ret->late,	 &ret->total,
				    &ret->sealed_us };

	for (size_t i = 0; i < ARRAY_SIZE(number); i++)
		*number[i] = sqlite3_column_int64(stmt, column++);
	walk_hash(stmt, column, ret->content);
	walk_hash(stmt, column + 1, ret->hash);
}
