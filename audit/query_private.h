/* audit/query_private.h - the reading connection, for audit/query.c and
 * audit/query_find.c only.
 */
#ifndef AUDIT_QUERY_PRIVATE_H
#define AUDIT_QUERY_PRIVATE_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/ids.h"

struct query {
	sqlite3 *db;		 /* owned */
	sqlite3_stmt *row;	 /* owned, as the others */
	sqlite3_stmt *next_up;	 /* seen: the first second from one on */
	sqlite3_stmt *next_down; /* seen: the last second up to one */
	struct ids found;
	size_t at;	  /* next of found */
	struct ids had;	  /* what a follower had, ascending */
	int64_t late_seq; /* and how far in `late` */
	char error[200];
};

/* Keep the phrase for query_error(). Returns -ENOMEM or -EIO. */
int query_fail(struct query *q);

/* Returns 0 or as query_fail(). */
int query_prepare(struct query *q, const char *sql, sqlite3_stmt **ret);

#endif
