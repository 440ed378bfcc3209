/* audit/cache.h - octets to a row's id, as many as fit.
 *
 * Private to audit/dict.c. Of those that do not fit the ones that were not
 * used for longest go.
 */
#ifndef AUDIT_CACHE_H
#define AUDIT_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct cache_entry {
	/* The caller's; all but the id are 0 in a new entry. */
	int64_t id;
	int64_t day;	/* last one it was marked as used in */
	int64_t second; /* last one it was seen in */

	/* The cache's own. */
	uint32_t used;
	uint32_t hash;
	uint32_t key_len;
	char *key; /* owned; NULL: empty */
};

struct cache;

/* Room for that many entries, a power of two, at least four. Returns NULL
 * without memory.
 */
struct cache *cache_new(size_t entries);
void cache_free(struct cache **c);

/* Forget everything. */
void cache_clear(struct cache *c);

/* Returns true and the key's entry, or false and the entry that gives way when
 * the key is kept. Valid until the next call.
 */
bool cache_find(struct cache *c, struct slice key, struct cache_entry **ret);

/* Let e, found by this key, have it, with this id. Without memory it is empty
 * afterwards.
 */
void cache_keep(struct cache *c, struct cache_entry *e, struct slice key,
		int64_t id);

#endif
