/* capture/nft.h - put the rules into the kernel, and see that they are there.
 */
#ifndef CAPTURE_NFT_H
#define CAPTURE_NFT_H

#include "capture/rules.h"

/* Install in the caller's network namespace, all or nothing. A table of our
 * name that is there already is an error (-EEXIST). Returns 0 or -errno.
 */
int nft_install(const struct rules *rules);

/* Read the table's chains and rules back and compare them, in order and
 * number, with what was asked for. Returns 0, ERR_STALE when the kernel has
 * something else, or -errno.
 */
int nft_verify(const struct rules *rules);

#endif
