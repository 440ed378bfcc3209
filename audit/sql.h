/* audit/sql.h - statements of the operator's own over the ledger, read-only.
 *
 * The connection can change nothing, here or in any other file: it is opened
 * read-only, and every statement is looked at when it is compiled; one that
 * does more than read is refused.
 */
#ifndef AUDIT_SQL_H
#define AUDIT_SQL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum sql_kind {
	SQL_NULL,
	SQL_INTEGER,
	SQL_REAL,
	SQL_TEXT,
	SQL_BLOB,
};

struct sql_value {
	enum sql_kind kind;
	struct slice text; /* or blob; borrowed until the next step */
	int64_t integer;
	double real;
};

struct sql;

/* Returns as query_open() does. */
int sql_open(const char *ledger_path, struct sql **ret);
void sql_free(struct sql **s);

/* A statement ends after so many ms; 0: never. */
void sql_limit(struct sql *s, uint32_t ms);

/* A statement ends soon after *stop is set, as by a signal handler; borrowed.
 */
void sql_watch(struct sql *s, const volatile sig_atomic_t *stop);

/* Compile the first statement of text, and say where the next one begins.
 * Returns 1, 0 (there is none: blanks, comments), -EROFS (it would do more than
 * read), ERR_SYNTAX, or -EIO; then sql_error() says what is wrong.
 */
int sql_begin(struct sql *s, const char *text, const char **ret_rest);

/* Of the statement: its columns, which may be none, and their names, which
 * live as long as it does.
 */
size_t sql_columns(const struct sql *s);
const char *sql_column(const struct sql *s, size_t i);

/* Returns 1 and stands on the next row, 0 after the last, -EINTR, -ETIME (the
 * limit), -EROFS, or -EIO.
 */
int sql_step(struct sql *s);
struct sql_value sql_value(const struct sql *s, size_t i);

/* What the last failure was; never NULL. */
const char *sql_error(const struct sql *s);

/* Does text end where a statement ends? */
bool sql_is_whole(const char *text);

#endif
