/* base/hash.h - where a name goes in a table whose names a peer may choose.
 *
 * SipHash-2-4 (Aumasson and Bernstein, 2012): without the key nobody can
 * choose names that meet in one place. Not for signatures.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdint.h>

#include "base/slice.h"

struct hash_key {
	uint8_t octets[16]; /* random; from getrandom() */
};

/* Returns 0 or -errno. */
int hash_key_new(struct hash_key *ret);

uint64_t hash_of(const struct hash_key *key, struct slice s);

#endif
