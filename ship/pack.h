/* ship/pack.h - gzip (RFC 1952). Private to ship/. */
#ifndef SHIP_PACK_H
#define SHIP_PACK_H

#include "base/slice.h"

struct pack {
	char *mem; /* owned */
	size_t cap;
};

void pack_done(struct pack *p);

/* Returns 0 or -ENOMEM; the result lives until the next call. */
int pack_gzip(struct pack *p, struct slice text, struct slice *ret);

#endif
