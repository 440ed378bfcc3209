/* audit/paths.h - where among the rows of a summary a path may begin so.
 *
 * Private to audit/. The rows are cut into parts of PATHS_ROWS. Of each path
 * the beginnings of some lengths are noted, as hashes (a Bloom filter for each
 * part, all of them side by side): a part that holds a beginning is always
 * found, one that does not is now and then found too, of a hundred some one.
 */
#ifndef AUDIT_PATHS_H
#define AUDIT_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define PATHS_ROWS    1024 /* read in some 0.3 ms */
#define PATHS_PARTS   64   /* bits of a mask */
#define PATHS_LENGTHS 9

/* The beginnings of one path. */
struct paths_key {
	uint64_t hash[PATHS_LENGTHS]; /* the shortest first */
	size_t len;
};

/* All zero is not ready. */
struct paths {
	uint64_t *mask; /* owned; for each bucket the parts that have it */
	uint64_t first[PATHS_PARTS];
	uint32_t rows;
};

/* Where it may be: parts from first[i] up to first[i + 1], this not included;
 * of those behind the last row both are the same.
 */
struct paths_found {
	uint64_t first[PATHS_PARTS + 1];
	uint64_t mask; /* bit i: part i may have it */
};

/* Returns 0 or -ENOMEM. */
int paths_init(struct paths *p);
void paths_done(struct paths *p);

/* The next row, in order of entries; PATHS_ROWS * PATHS_PARTS at most. */
void paths_add(struct paths *p, uint64_t entry, struct slice path);

/* As octets, which are the caller's: 64 entries of eight octets, the lowest
 * first, then the masks, as many as a power of two. Those that are hardly used
 * are laid upon each other, so nothing can be added afterwards. Returns 0 or
 * -ENOMEM.
 */
int paths_pack(struct paths *p, unsigned char **ret, size_t *ret_len);

/* What to look for: all beginnings of s. None when it is too short. */
void paths_key(struct slice s, struct paths_key *ret);

/* In the octets of a range of entries up to last. Returns false when they are
 * none of ours: then the range may hold anything.
 */
bool paths_look(struct slice octets, uint64_t last, const struct paths_key *key,
		struct paths_found *ret);

#endif
