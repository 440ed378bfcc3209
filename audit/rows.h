/* audit/rows.h - the rows of a transaction, entered together.
 *
 * Private to audit/store.c. Rows are collected in memory and go into table
 * record by one statement, in the order of their ids. Nothing here begins or
 * ends a transaction.
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

/* Take a copy of what is r's own; facts is the id of the rest. Returns false
 * when there is no room: enter what is there first.
 */
bool rows_add(struct rows *rows, const struct record *r, int64_t facts);

/* What is sealed never changes: rows up to this id, but those that `late` has
 * behind late_seq. Interrupted ones are meant; open ones are never sealed.
 */
void rows_guard(struct rows *rows, int64_t sealed_id, int64_t late_seq);

/* Enter what was added, and forget it, also if that fails. A row that stands
 * with another outcome than open or interrupted stays as it is. *ret_changed
 * is how many rows are new or other than before. Returns an SQLite result code
 * (SQLITE_OK).
 */
int rows_enter(struct rows *rows, int64_t *ret_changed);

/* Forget what was added. */
void rows_clear(struct rows *rows);

#endif
