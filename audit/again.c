/* audit/again.c - rows that a record may be about once more.
 *
 * Those that may change are few, and kept. For any other row one has to look:
 * it was entered within SCHEMA_NEAR of its id, or `stray` has it. Records that
 * are read once more come by the thousand, of the same few seconds (what stood
 * in the spools when penstock-audit died), so the rows of each second that is
 * looked at are read once and kept, as long as such records come.
 */

#include "audit/again.h"

#include <errno.h>
#include <stdlib.h>

#include "audit/places.h"
#include "audit/schema.h"
#include "base/base.h"

#define AGAIN_MAX 400000 /* rows kept, and some seconds more; 16 MB */

struct again {
	sqlite3_stmt *interrupted; /* owned, as the others */
	sqlite3_stmt *second;
	sqlite3_stmt *stray;
	struct places changing;
	/* What became of these in this transaction; entry 0: added. */
	struct place_list journal;
	struct places rows;    /* of the seconds below, and added since */
	struct places seconds; /* these have been read; entry is 1 */
};

static int again_prepare(struct again *a, sqlite3 *db)
{
	struct {
		sqlite3_stmt **stmt;
		const char *sql;
	} all[] = {
		{ &a->interrupted,
		  "SELECT r.entry - r.delay, r.entry FROM record r"
		  " CROSS JOIN facts f ON f.id = r.facts"
		  " WHERE r.entry > ?1 AND f.outcome = 5"
		  " UNION ALL"
		  " SELECT r.entry - r.delay, r.entry FROM late l"
		  " CROSS JOIN record r ON r.entry = l.entry"
		  " CROSS JOIN facts f ON f.id = r.facts"
		  " WHERE l.seq > ?2 AND f.outcome = 5" },
		{ &a->second, "SELECT entry - delay, entry FROM record"
			      " WHERE entry >= ?1 << 32"
			      " AND entry < (?1 + 1) << 32" },
		{ &a->stray, "SELECT id, entry FROM stray WHERE id = ?1" },
	};
	int rc = SQLITE_OK;

	for (size_t i = 0; i < ARRAY_SIZE(all) && rc == SQLITE_OK; i++)
		rc = sqlite3_prepare_v3(db, all[i].sql, -1,
					SQLITE_PREPARE_PERSISTENT, all[i].stmt,
					NULL);
	return rc;
}

int again_open(sqlite3 *db, struct again **ret)
{
	struct again *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return SQLITE_NOMEM;
	rc = again_prepare(a, db);
	if (rc == SQLITE_OK)
		*ret = a;
	else
		again_free(&a);
	return rc;
}

void again_free(struct again **a)
{
	if (!*a)
		return;
	(void)sqlite3_finalize((*a)->interrupted);
	(void)sqlite3_finalize((*a)->second);
	(void)sqlite3_finalize((*a)->stray);
	places_done(&(*a)->changing);
	free((*a)->journal.mem);
	again_rest(*a);
	free(*a);
	*a = NULL;
}

void again_rest(struct again *a)
{
	places_done(&a->rows);
	places_done(&a->seconds);
}

bool again_begins(const struct again *a)
{
	return !a->seconds.len || a->rows.len >= AGAIN_MAX;
}

/* Take the rows of a statement: id, entry. */
static int again_read(sqlite3_stmt *stmt, struct places *to)
{
	int err = 0, rc;

	while (!err && sqlite3_step(stmt) == SQLITE_ROW)
		if (sqlite3_column_int64(stmt, 0) > 0)
			err = places_put(
				to, (uint64_t)sqlite3_column_int64(stmt, 0),
				sqlite3_column_int64(stmt, 1));
	rc = sqlite3_reset(stmt);
	return err ? SQLITE_NOMEM : rc;
}

int again_load(struct again *a, int64_t sealed, int64_t late_seq)
{
	again_rest(a);
	places_done(&a->changing);
	a->journal.len = 0;
	(void)sqlite3_bind_int64(a->interrupted, 1, sealed);
	(void)sqlite3_bind_int64(a->interrupted, 2, late_seq);
	return again_read(a->interrupted, &a->changing);
}

int again_add(struct again *a, uint64_t id, int64_t entry, bool open)
{
	int err = 0;

	if (open)
		err = place_list_add(&a->journal, id, 0);
	if (open && !err)
		err = places_put(&a->changing, id, entry);
	if (!err && a->seconds.len)
		err = places_put(&a->rows, id, entry);
	return err ? SQLITE_NOMEM : SQLITE_OK;
}

int again_close(struct again *a, uint64_t id)
{
	int64_t entry = places_find(&a->changing, id);

	if (!entry)
		return SQLITE_OK;
	if (place_list_add(&a->journal, id, entry))
		return SQLITE_NOMEM;
	places_drop(&a->changing, id);
	return SQLITE_OK;
}

void again_commit(struct again *a)
{
	a->journal.len = 0;
}

void again_rollback(struct again *a)
{
	while (a->journal.len) {
		const struct place *p = &a->journal.mem[--a->journal.len];
		int err = 0;

		places_drop(&a->changing, p->id);
		if (p->entry)
			err = places_put(&a->changing, p->id, p->entry);
		assert(!err); /* it had room before */
	}
	again_rest(a);
}

int64_t again_may_change(const struct again *a, uint64_t id)
{
	return places_find(&a->changing, id);
}

/* Read the rows of a second, unless that was done. */
static int again_see(struct again *a, int64_t second)
{
	uint64_t key = (uint64_t)second + 1; /* never 0 */
	int rc;

	if (places_find(&a->seconds, key))
		return SQLITE_OK;
	(void)sqlite3_bind_int64(a->second, 1, second);
	rc = again_read(a->second, &a->rows);
	if (rc != SQLITE_OK)
		return rc;
	return places_put(&a->seconds, key, 1) ? SQLITE_NOMEM : SQLITE_OK;
}

int again_find(struct again *a, uint64_t id, int64_t *ret_entry)
{
	int64_t last = SCHEMA_SECOND(id + (uint64_t)SCHEMA_NEAR);
	int rc = SQLITE_OK;

	*ret_entry = places_find(&a->rows, id);
	for (int64_t second = SCHEMA_SECOND(id);
	     second <= last && rc == SQLITE_OK && !*ret_entry; second++) {
		rc = again_see(a, second);
		*ret_entry = places_find(&a->rows, id);
	}
	if (rc != SQLITE_OK || *ret_entry)
		return rc;
	(void)sqlite3_bind_int64(a->stray, 1, (int64_t)id);
	rc = again_read(a->stray, &a->rows);
	*ret_entry = places_find(&a->rows, id);
	return rc;
}
