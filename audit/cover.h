/* audit/cover.h - which stretches of the ledger need not be read to find a
 * path. Private to audit/find.c.
 *
 * Entries are cut into pieces: parts of summaries, each of which may hold the
 * path or does not, and what lies between summaries, which may.
 */
#ifndef AUDIT_COVER_H
#define AUDIT_COVER_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "audit/paths.h"

struct query;

struct cover {
	struct query *q;       /* borrowed */
	struct paths_key key;  /* len 0: no path, or nothing to go by */
	sqlite3_stmt *within;  /* owned */
	sqlite3_stmt *behind;  /* owned */
	bool known;	       /* the entries below have been looked at: */
	bool parted;	       /* they are a summary that says where */
	uint64_t first, last;  /* a summary, or what lies between two */
	struct paths_found at; /* when parted */
};

/* Entries from first to last, both included. */
struct cover_piece {
	uint64_t first;
	uint64_t last;
	bool may; /* hold the path */
};

/* For the rows whose path begins so, '*' and '?' being any. c, whose q is set,
 * is zero else. Returns 0 or as query_fail(); cover_done() in any case.
 */
int cover_begin(struct cover *c, struct slice path);
void cover_done(struct cover *c);

/* The piece that the entry lies in. Returns 0 or as query_fail(). */
int cover_piece(struct cover *c, uint64_t entry, struct cover_piece *ret);

/* The summary or gap that the entry lies in; may when reading its pieces one by
 * one would mean to read a good part of it. Returns 0 or as query_fail().
 */
int cover_stretch(struct cover *c, uint64_t entry, struct cover_piece *ret);

#endif
