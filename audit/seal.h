/* audit/seal.h - the chain, as its one writer carries it on.
 *
 * Private to audit/store.c and audit/prune.c; what others may call is in
 * audit/store.h.
 */
#ifndef AUDIT_SEAL_H
#define AUDIT_SEAL_H

#include <stdint.h>

#include "audit/chain_key.h"

struct store;
struct seal;

/* Read where the chain of the ledger at path stands, and the key beside it,
 * which is made when there is none. Returns 0 or as store_open(), with a
 * phrase in s->error.
 */
int seal_open(struct store *s, const char *path);
void seal_free(struct seal **seal);

/* Facts went, or a transaction was rolled back. */
void seal_forget(struct seal *seal);

/* Within a transaction: say that all rows up to this batch were pruned. Returns
 * 0 or as store_commit().
 */
int seal_say_pruned(struct store *s, const struct chain_batch *batch,
		    uint64_t wall_us);

/* `late` has been looked at up to this seq. */
int64_t seal_late_seq(const struct seal *seal);

#endif
