/* audit/offline.h - write to a ledger that no penstock-audit holds.
 *
 * For the command line: as penstock-audit would, under its lock, and as the
 * user whose ledger it is.
 */
#ifndef AUDIT_OFFLINE_H
#define AUDIT_OFFLINE_H

#include <stdint.h>

#define OFFLINE_WHY_MAX 256

struct offline;

/* Lock and open the ledger at path; instance names a new one. Returns 0, -EBUSY
 * when a penstock-audit has it, or as store_open(); then why is a phrase.
 */
int offline_open(const char *path, const char *instance, struct offline **ret,
		 char why[OFFLINE_WHY_MAX]);

/* Seal and sign what is finished, and let go. */
void offline_close(struct offline **o);

/* Take away rows that are older than keep_s, and the oldest ones while the file
 * is larger than bytes_max. Returns 0 or the store's error.
 */
int offline_prune(struct offline *o, uint64_t keep_s, uint64_t bytes_max,
		  uint64_t *ret_rows);

/* What the last failure was; never NULL. */
const char *offline_error(const struct offline *o);

struct store;
struct store *offline_store(struct offline *o);

#endif
