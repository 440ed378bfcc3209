/* audit/rows.h - the rows of a transaction, entered together.
 *
 * Private to audit/store.c. Rows are collected in memory and go to the end of
 * table record by one statement. Nothing here begins or ends a transaction.
 */
#ifndef AUDIT_ROWS_H
#define AUDIT_ROWS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "audit/record.h"

#define ROWS_MAX 2048 /* of one statement; a pass of the drain and more */

struct rows;

/* db is borrowed. Returns an SQLite result code. */
int rows_open(sqlite3 *db, struct rows **ret);
void rows_free(struct rows **rows);

/* Take a copy of what is r's own; facts is the id of the rest. Entries grow
 * from call to call, and beyond all that the table has. Returns false when
 * there is no room: enter what is there first.
 */
bool rows_add(struct rows *rows, const struct record *r, int64_t entry,
	      int64_t facts);

/* Is this among what was added and is not entered yet? */
bool rows_have(const struct rows *rows, int64_t entry);

/* Enter what was added, and forget it, also if that fails. *ret_rows is how
 * many rows that were. Returns an SQLite result code (SQLITE_OK).
 */
int rows_enter(struct rows *rows, int64_t *ret_rows);

/* Forget what was added. */
void rows_clear(struct rows *rows);

/* What is sealed never changes: rows up to this entry, but those that `late`
 * has behind late_seq. Interrupted ones are meant; open ones are never sealed.
 */
void rows_guard(struct rows *rows, int64_t sealed, int64_t late_seq);

/* A later word about a row that was entered: what may have changed of it
 * becomes as r has it, if it stands as open or interrupted, and stays if not.
 * Returns an SQLite result code (SQLITE_OK).
 */
int rows_change(struct rows *rows, const struct record *r, int64_t entry,
		int64_t facts, bool *ret_changed);

#endif
