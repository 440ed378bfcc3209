/* capture/nft.h - put the rules into the kernel, and see that they are there.
 *
 * All in the caller's network namespace. Only the table of our name and of the
 * rules' family is looked at and touched.
 */
#ifndef CAPTURE_NFT_H
#define CAPTURE_NFT_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/rules.h"

#define NFT_NAME_MAX 256 /* a table's name, with its NUL */

/* Install, all or nothing. A table of our name that is there already is an
 * error (-EEXIST). Returns 0 or -errno.
 */
int nft_install(const struct rules *rules);

/* The same in the place of a table that the same owner left, in one
 * transaction. -EEXIST: it is another's.
 */
int nft_replace(const struct rules *rules);

/* Remove the table; 0 also when there is none. -EEXIST: it is another's. */
int nft_remove(const struct rules *rules);

/* *ret_there: the table is there, and its owner is ours. -EEXIST: it is
 * another's.
 */
int nft_whose(const struct rules *rules, bool *ret_there);

/* Read the table's chains and rules back and compare them, in order and
 * number, with what was asked for. Returns 0, ERR_STALE when the kernel has
 * something else, or -errno.
 */
int nft_verify(const struct rules *rules);

/* Does a table that is not ours redirect to listeners of its own? Returns 1
 * with its name, 0 or -errno.
 */
int nft_foreign(char ret_table[NFT_NAME_MAX]);

/* Each rule of our tables: where it stands, what it is for, what it has seen.
 */
typedef void nft_show_fn(void *ctx, const char *chain, const char *what,
			 uint64_t packets, uint64_t bytes);
int nft_show(nft_show_fn *fn, void *ctx);

#endif
