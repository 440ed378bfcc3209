/* audit/store_private.h - the writing connection, for audit/store.c, seal.c,
 * summary.c, prune.c and copy_read.c only.
 */
#ifndef AUDIT_STORE_PRIVATE_H
#define AUDIT_STORE_PRIVATE_H

#include <sqlite3.h>
#include <stdint.h>

#include "audit/again.h"
#include "audit/dict.h"
#include "audit/rows.h"
#include "audit/seal.h"
#include "audit/spent.h"
#include "audit/summary.h"

struct store {
	sqlite3 *db;	      /* owned */
	struct dict *dict;    /* owned */
	struct seal *seal;    /* owned */
	struct rows *pending; /* owned; of this transaction, not entered yet */
	struct again *again;  /* owned */
	sqlite3_stmt *late;   /* owned, as these three */
	sqlite3_stmt *stray;
	sqlite3_stmt *begin;
	sqlite3_stmt *commit;
	struct spent spent;
	struct summary summary;
	uint64_t wall_us;   /* at store_begin() */
	uint64_t boot_us;   /* CLOCK_BOOTTIME when entry was set by the clock */
	int64_t entry;	    /* the next one */
	bool timed;	    /* it was set by this transaction's clock */
	bool looked;	    /* for a record that came again, in this one */
	uint64_t rows;	    /* committed */
	uint64_t rows_put;  /* in this transaction */
	uint64_t unshipped; /* rows pruned before they were shipped */
	int64_t sealed;	    /* rows up to this entry are in a batch, or late */
	int64_t swept_text; /* ids below were looked at by pruning */
	int64_t swept_facts; /* the same */
	char error[200];
};

/* Keep the phrase for store_error() and translate the code. */
int store_fail(struct store *s, const char *doing, int rc);

/* Run SQL that gives no rows. Returns 0 or as store_fail(). */
int store_exec(struct store *s, const char *sql);

/* Read one number; fallback when there is no row or it is NULL. Returns 0 or as
 * store_fail().
 */
int store_ask(struct store *s, const char *sql, int64_t fallback, int64_t *ret);

#endif
