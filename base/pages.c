/* base/pages.c - memory in whole pages, whose contents can be let go. */

#include "base/pages.h"

#include <sys/mman.h>

#include "base/base.h"

/* The kernel rounds every length below up to whole pages. */

void *pages_new(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void pages_free(void *pages, size_t len)
{
	int err = pages ? munmap(pages, len) : 0;

	assert(!err);
}

void pages_drop(void *pages, size_t len)
{
	int err = madvise(pages, len, MADV_DONTNEED);

	assert(!err);
}
