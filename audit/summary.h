/* audit/summary.h - what many rows come to, kept beside them.
 *
 * Private to audit/store.c, audit/store_private.h and audit/verify_ledger.c;
 * who makes summaries calls store_summarise().
 */
#ifndef AUDIT_SUMMARY_H
#define AUDIT_SUMMARY_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#define SUMMARY_TOUCHED 64

struct store;

/* Rows within summaries that this transaction has changed. */
struct summary {
	uint64_t to; /* no summary reaches beyond this entry */
	uint64_t touched[SUMMARY_TOUCHED];
	size_t touched_len;
	uint64_t low, high; /* of all, when there are more; high 0: not so */
};

/* Watch the changes of s->db. Returns 0 or as store_commit(). */
int summary_open(struct store *s);

/* Before each commit: take away the summaries that are no longer true. */
int summary_settle(struct store *s);

/* What the table holds of some rows. */
struct summary_octets {
	unsigned char *sums; /* owned, as the other */
	size_t sums_len;
	unsigned char *paths;
	size_t paths_len;
};

/* Read the rows of entries first to last, and say what they come to. Returns 0,
 * -ENOMEM, ERR_LIMIT (more than a summary may have), or -EIO (SQLite's error);
 * summary_octets_done() in any case.
 */
int summary_read(sqlite3 *db, uint64_t first, uint64_t last,
		 struct summary_octets *ret);
void summary_octets_done(struct summary_octets *o);

/* After a rollback. */
void summary_forget(struct store *s);

#endif
