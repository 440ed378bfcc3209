/* audit/drain.h - from the spools of a directory into the ledger.
 *
 * Private to audit/. One drain, one store. It finds new spools, takes what
 * their writers have finished, enters what dead writers left, and removes
 * files only when all of it has been committed.
 */
#ifndef AUDIT_DRAIN_H
#define AUDIT_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/store.h"

#define DRAIN_SPOOLS_MAX 512  /* files at once: workers, and dead ones */
#define DRAIN_BATCH	 2000 /* rows of one transaction */

struct drain;

struct drain_counts {
	uint32_t spools;      /* mapped now */
	uint64_t bad_records; /* slots that were no records */
	uint64_t bad_spools;  /* files set aside as *.bad */
};

/* Returns 0, -ENOMEM or -errno of opening dir. store is borrowed. */
int drain_open(const char *dir, struct store *store, struct drain **ret);
void drain_free(struct drain **d);

/* From here on a spool that is cut short while it is read is a damaged one, and
 * not the end of the process. Returns 0 or -errno.
 */
int drain_guard(void);

/* Look for spools that came, and for writers that have gone. A few times a
 * second is enough. Returns 0 or -errno of reading the directory.
 */
int drain_scan(struct drain *d);

/* One transaction: up to DRAIN_BATCH finished records, and those that have been
 * open for long. Returns how many were taken, or the store's error; then all
 * of them are still in their spools.
 */
int drain_pass(struct drain *d, uint64_t wall_us);

/* Passes until nothing is left, however many there are. Returns 0 or the
 * store's error.
 */
int drain_all(struct drain *d, uint64_t wall_us);

struct drain_counts drain_counts(const struct drain *d);

#endif
