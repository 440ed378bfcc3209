/* audit/store.h - the ledger, as its one writer sees it.
 *
 * Private to audit/. Records go in between store_begin() and store_commit();
 * the same record twice is the same row once. What a failure leaves is the
 * ledger as of the last commit. The schema stands in audit/schema.c and is
 * explained in docs/ledger.md.
 */
#ifndef AUDIT_STORE_H
#define AUDIT_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/record.h"
#include "audit/spent.h"

struct store;

/* Open or create the ledger at path, 0600, bring its schema up to date. The
 * instance's name is kept in a new one. Returns 0, or, with a phrase in
 * store_error(NULL):
 *
 *   ERR_STALE	it was written by a newer version of ours
 *   ERR_PROTO	a database, but not a ledger; or not a database
 *   ERR_SYNTAX	audit.key, beside it, is no key; -EPERM: others may read it
 *   -errno	as store_commit()
 */
int store_open(const char *path, const char *instance, struct store **ret);
void store_free(struct store **s);

/* What the last failure was; never NULL. With NULL: of store_open(). */
const char *store_error(const struct store *s);

/* Each returns 0, or -ENOSPC (disk or quota full), -EBUSY (somebody holds a
 * lock), -EROFS, -ENOMEM, -EUCLEAN (damaged), -EIO. After a failure call
 * store_rollback(). Rows may be entered when later ones are put or at the
 * commit: what fails then is said then, and means the whole transaction.
 *
 * wall_us is the clock, by which rows are kept in order.
 */
int store_begin(struct store *s, uint64_t wall_us);

/* A record that may have been entered before, `again`, is looked for, wherever
 * it may be. Of any other only those are known that may still change: rows that
 * were entered as open, or as interrupted and not sealed.
 */
int store_put(struct store *s, const struct record *r, bool again);

/* Is it one of these? */
bool store_may_change(const struct store *s, uint64_t id);
int store_commit(struct store *s);
void store_rollback(struct store *s);

/* Rows that stand as open become interrupted. Once, at the start, before the
 * first drain: a writer that lives says open again.
 */
int store_close_open_rows(struct store *s);

/* Carry the chain (audit/seal.c) on by one batch: late rows that are finished,
 * and up to rows_max of those that were entered since. Its own transaction.
 * Returns how many rows were sealed, or as above.
 */
#define STORE_SEAL_ROWS 4096 /* rows_max is at most so many */
int store_seal(struct store *s, uint64_t wall_us, uint32_t rows_max);

/* Sign where the chain stands. Returns 1, 0 when that was signed already, or as
 * above.
 */
int store_checkpoint(struct store *s, uint64_t wall_us);

/* Whose ledger it is, as it was called when it was made. */
const char *store_instance(const struct store *s);

struct store_chain {
	int64_t batches; /* the number of the last one */
	int64_t rows;	 /* in all batches there have been */
};

struct store_chain store_chain(const struct store *s);

/* Sum up some of the rows that no summary covers (audit/summary.c), in a
 * transaction of some 30 ms. Returns 1 when that was done and there may be
 * more, 0, or as store_commit().
 */
int store_summarise(struct store *s, uint64_t wall_us);

struct store_limits {
	uint64_t keep_s;    /* rows older than this go */
	uint64_t bytes_max; /* the file may grow to this */
	bool ships;	    /* rows go to another place too … */
	uint64_t shipped;   /* … and have arrived up to this entry */
};

/* Take away the oldest batches that are too many, until rows_max rows went, and
 * give file space back, in one small transaction. Rows in no batch stay, and
 * rows that have not been shipped while bytes_max allows. Returns how many rows
 * went, or as above.
 */
int store_prune(struct store *s, const struct store_limits *limits,
		uint64_t wall_us, uint32_t rows_max);

/* A time at which rows were sealed: the last one before before_us that no later
 * batch gives the lie. If there is none before, the first one; 0 if there is
 * none at all. Returns 0, or as above.
 */
int store_sealed_us(struct store *s, uint64_t before_us, uint64_t *ret);

/* Rows that were pruned before they were shipped, since store_open(). */
uint64_t store_unshipped(const struct store *s);

/* What its CPU went on. The store counts SPENT_INSERT by itself: what a
 * transaction takes that only puts. The rest is its caller's to count.
 */
struct spent *store_spent(struct store *s);

/* Rows that were new or changed at the last commits, since store_open(). */
uint64_t store_rows(const struct store *s);

#endif
