#include "ship/pack.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/base.h"

#define PACK_LEVEL 4	     /* rows repeat: 5 gains little over it */
#define PACK_BITS  (15 + 16) /* the largest window; a gzip head */
#define PACK_MEM   8	     /* zlib's usual */

void pack_done(struct pack *p)
{
	free(p->mem);
	*p = (struct pack){ 0 };
}

static int pack_room(struct pack *p, size_t size)
{
	char *mem;

	if (size <= p->cap)
		return 0;
	mem = realloc(p->mem, size);
	if (!mem)
		return -ENOMEM;
	p->mem = mem;
	p->cap = size;
	return 0;
}

int pack_gzip(struct pack *p, struct slice text, struct slice *ret)
{
	z_stream z = { 0 };
	int rc = deflateInit2(&z, PACK_LEVEL, Z_DEFLATED, PACK_BITS, PACK_MEM,
			      Z_DEFAULT_STRATEGY);

	if (rc != Z_OK)
		return -ENOMEM;
	if (pack_room(p, deflateBound(&z, text.len)) < 0) {
		(void)deflateEnd(&z);
		return -ENOMEM;
	}
	z.next_in = (z_const Bytef *)(uintptr_t)text.ptr;
	z.avail_in = (uInt)text.len;
	z.next_out = (Bytef *)p->mem;
	z.avail_out = (uInt)p->cap;
	rc = deflate(&z, Z_FINISH);
	assert(rc == Z_STREAM_END); /* deflateBound() is enough */
	*ret = slice_of(p->mem, z.total_out);
	(void)deflateEnd(&z);
	return 0;
}
