/* http/h2_mem.c - the memory of one HTTP/2 session. */

#include "http/h2_mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/base.h"

#define MEM_FRAME 16384 /* octets; the load of the largest frame we send */
#define MEM_PAGE  4096	/* octets */

static void *mem_take_frames(struct h2_mem *mem, size_t size)
{
	size_t len = (size + MEM_PAGE - 1) / MEM_PAGE * MEM_PAGE;
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	mem->frames = p;
	mem->len = len;
	return p;
}

void *h2_mem_malloc(size_t size, void *user)
{
	struct h2_mem *mem = user;

	if (size > MEM_FRAME && size < 2 * (size_t)MEM_FRAME && !mem->frames)
		return mem_take_frames(mem, size);
	return malloc(size);
}

void *h2_mem_calloc(size_t n, size_t size, void *user)
{
	(void)user;
	return calloc(n, size);
}

void *h2_mem_realloc(void *ptr, size_t size, void *user)
{
	struct h2_mem *mem = user;
	void *p;

	if (!ptr)
		return h2_mem_malloc(size, user);
	if (ptr != mem->frames)
		return realloc(ptr, size);
	p = malloc(size);
	if (!p)
		return NULL;
	memcpy(p, ptr, MIN(size, mem->len));
	h2_mem_free(ptr, user);
	return p;
}

void h2_mem_free(void *ptr, void *user)
{
	struct h2_mem *mem = user;

	if (!ptr || ptr != mem->frames) {
		free(ptr);
		return;
	}
	(void)munmap(mem->frames, mem->len);
	*mem = (struct h2_mem){ 0 };
}

void h2_mem_slim(struct h2_mem *mem)
{
	if (mem->frames)
		(void)madvise(mem->frames, mem->len, MADV_DONTNEED);
}
