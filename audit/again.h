/* audit/again.h - rows that a record may be about once more.
 *
 * Private to audit/store.c. A record is entered twice when it was open for
 * long, first as open and again when it has ended; and it is read twice when
 * penstock-audit died after it was entered and before its spool was told. Then
 * the row that stands must be found by its id.
 */
#ifndef AUDIT_AGAIN_H
#define AUDIT_AGAIN_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct again;

/* db is borrowed. Each returns an SQLite result code (SQLITE_OK). */
int again_open(sqlite3 *db, struct again **ret);
void again_free(struct again **a);

/* Forget everything, and read which rows are interrupted and may still change:
 * those beyond the entry sealed, or in `late` behind late_seq.
 */
int again_load(struct again *a, int64_t sealed, int64_t late_seq);

/* The transaction's end: what was added and closed in it is so, or is not. */
void again_commit(struct again *a);
void again_rollback(struct again *a);

/* A row was entered, to be found from now on. */
int again_add(struct again *a, uint64_t id, int64_t entry, bool open);

/* A row may change no more. */
int again_close(struct again *a, uint64_t id);

/* The entry of a row that may change; 0: there is none with this id. */
int64_t again_may_change(const struct again *a, uint64_t id);

/* Before again_find(): is nothing kept yet, or too much? Then enter what waits
 * to be, and again_rest().
 */
bool again_begins(const struct again *a);

/* The entry of whatever row has this id; 0 for none. Of rows that are not in
 * the table yet it knows those that were added since it began.
 */
int again_find(struct again *a, uint64_t id, int64_t *ret_entry);

/* Nothing is looked for for now: let go of what was read for it. */
void again_rest(struct again *a);

#endif
