/* audit/walk.h - rows of the ledger as the chain sees them.
 *
 * Private to audit/: the writer seals with it, the reader verifies. Keeps the
 * hashes of facts, so that a row costs no more than reading it.
 */
#ifndef AUDIT_WALK_H
#define AUDIT_WALK_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "audit/chain.h"

struct walk;

/* A row under the walk; valid until the next step. */
struct walk_row {
	struct chain_row row;
	int64_t entry;
	const uint8_t *facts; /* hash of its facts; zeros where they miss */
	bool open;	      /* not finished: not to be sealed yet */
	int64_t facts_id;
	int64_t *second; /* the caller's own, one for each facts; at first -1 */
};

/* db and chain are borrowed. Each returns an SQLite result code. */
int walk_new(sqlite3 *db, struct chain *chain, struct walk **ret);
void walk_free(struct walk **w);

/* Facts were deleted: an id may mean something else now. */
void walk_forget(struct walk *w);

/* Read which rows are not of the batch of their range: late ones, and those
 * that wait. From then on walk_range() passes them over, and open ones.
 */
int walk_apart(struct walk *w);

/* How many wait: finished, of a range that is sealed, and in no batch yet. */
size_t walk_waiting(const struct walk *w);

/* Begin with the rows of entries first to last, or with the late ones of a
 * batch, in order of entry.
 */
void walk_range(struct walk *w, int64_t first, int64_t last);
void walk_late(struct walk *w, int64_t batch);

/* SQLITE_ROW with *ret, SQLITE_DONE, or what went wrong. */
int walk_next(struct walk *w, struct walk_row *ret);

/* Let go of the ledger before the end. */
void walk_end(struct walk *w);

/* The facts of the row that walk_next() gave last. SQLITE_ROW, SQLITE_DONE when
 * there are none, or what went wrong. Slices are valid until the next call.
 */
int walk_facts(struct walk *w, int64_t facts_id, struct chain_facts *ret);

/* A batch from columns seq, first, last, rows, late, total, sealed_us, content,
 * hash of a statement, beginning with this one. Hashes of a wrong length are
 * zeros.
 */
#define WALK_BATCH                                                             \
	"seq, first, last, rows, late, total, sealed_us, content, hash"
void walk_batch(sqlite3_stmt *stmt, int column, struct chain_batch *ret);

#endif
