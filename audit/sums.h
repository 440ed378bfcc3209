/* audit/sums.h - rows counted by key. Private to audit/.
 *
 * A key is a few numbers: ids of facts, of texts, hours. Entries stand in the
 * order in which they came, until sums_sort().
 */
#ifndef AUDIT_SUMS_H
#define AUDIT_SUMS_H

#include <stddef.h>
#include <stdint.h>

#define SUMS_KEYS 6	  /* numbers in a key, at most */
#define SUMS_MAX  2000000 /* entries; some 250 MB */

struct sum {
	int64_t key[SUMS_KEYS]; /* those not in use are 0 */
	uint64_t rows;
	uint64_t denied;
	uint64_t failed;
	uint64_t bytes_up;
	uint64_t bytes_down;
	uint64_t first_id;
	uint64_t last_id;
};

/* All zero is empty. */
struct sums {
	struct sum *mem; /* owned */
	size_t len;
	size_t cap;
	uint32_t *slots; /* owned; index of mem and 1, or 0 */
	size_t slots_len;
};

void sums_done(struct sums *s);

/* Add what more->rows rows come to. Returns 0, -ENOMEM, or ERR_LIMIT. */
int sums_add(struct sums *s, const struct sum *more);

/* In this order; nothing can be added afterwards. */
void sums_sort(struct sums *s, int (*compare)(const void *, const void *));

/* As octets and back, for keys of one number: for each entry, in the order of
 * keys, LEB128 of: key less the one before, rows, bytes_up, bytes_down, base
 * less first_id (twice that, or where it is below 0 twice its amount less 1),
 * last_id less first_id. Packing sorts.
 */
int sums_pack(struct sums *s, uint64_t base, unsigned char **ret,
	      size_t *ret_len);

/* Called with each entry, denied and failed being 0; what it returns, other
 * than 0, ends it and is returned. ERR_PROTO for octets that are no sums.
 */
typedef int sums_fn(void *ctx, const struct sum *sum);
int sums_unpack(const unsigned char *octets, size_t len, uint64_t base,
		sums_fn *fn, void *ctx);

#endif
