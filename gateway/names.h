/* gateway/names.h - synthetic addresses: each name its own.
 *
 * A table in a file, mapped shared by the parent before it forks, so that all
 * workers agree and a restart changes nothing. Slot i is the address
 * 198.18.0.0 + i, and fd70:656e:7374::i. Slot 0 stays empty.
 */
#ifndef GATEWAY_NAMES_H
#define GATEWAY_NAMES_H

#include <netinet/in.h>
#include <stdint.h>

#include "base/slice.h"

struct names;

/* Map the table at path, creating it. A file of another layout is replaced,
 * and so is one that is nearly full.
 * Returns 0 or -errno.
 */
int names_open(const char *path, struct names **ret);
void names_close(struct names **n);

/* The slot of name (canonical, ≤ 253 octets), given one if it has none. Safe
 * among processes. Returns the slot (> 0), -ENOSPC (table full) or
 * -EINVAL.
 */
int names_slot(struct names *n, struct slice name);

/* The slot that name has, or 0 if it has none yet. */
int names_find(struct names *n, struct slice name);

/* The name of a slot; empty if it has none. Borrowed from the table. */
struct slice names_name(const struct names *n, uint32_t slot);

struct in_addr names_v4(uint32_t slot);
struct in6_addr names_v6(uint32_t slot);

/* The slot of a synthetic address, or 0 if it is none. */
uint32_t names_of_v4(struct in_addr addr);
uint32_t names_of_v6(const struct in6_addr *addr);

#endif
