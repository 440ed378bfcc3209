/* audit/query_private.h - the reading connection, for audit/query*.c and
 * audit/find.c only.
 */
#ifndef AUDIT_QUERY_PRIVATE_H
#define AUDIT_QUERY_PRIVATE_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/places.h"
#include "audit/query.h"
#include "audit/sums.h"

struct query {
	sqlite3 *db;		 /* owned */
	sqlite3_stmt *row;	 /* owned, as the others */
	sqlite3_stmt *next_up;	 /* seen: the first second from one on */
	sqlite3_stmt *next_down; /* seen: the last second up to one */
	struct place_list found;
	size_t at;	  /* next of found */
	uint64_t reached; /* the highest entry of those found */
	uint64_t after;	  /* how far a follower has come */
	int64_t late_seq; /* and how far in `late` */
	struct sums groups;
	size_t group_at; /* next of groups */
	enum query_key by[QUERY_BY_MAX];
	size_t by_len;
	bool summaries;			  /* the ledger has them */
	sqlite3_stmt *text[QUERY_BY_MAX]; /* owned; one for each key's text */
	char number[QUERY_BY_MAX][24];	  /* or its number as text */
	sqlite3_stmt *words;		  /* owned; query_words() */
	char error[200];
};

/* One view of the ledger for all the statements of a search. Begin returns 0
 * or as query_fail(); end returns err, or how many rows were found.
 */
int query_begin(struct query *q);
int query_end(struct query *q, int err);

/* Keep the phrase for query_error(). Returns -ENOMEM or -EIO. */
int query_fail(struct query *q);

/* A text of the row that stmt stands on; empty for NULL. */
struct slice query_text(sqlite3_stmt *stmt, int column);

/* Returns 0 or as query_fail(). */
int query_prepare(struct query *q, const char *sql, sqlite3_stmt **ret);

#endif
