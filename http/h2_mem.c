/* http/h2_mem.c - the memory of one HTTP/2 session. */

#include "http/h2_mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/pages.h"

#define MEM_FRAME 16384 /* octets; the load of the largest frame we send */

void *h2_mem_malloc(size_t size, void *user)
{
	struct h2_mem *mem = user;
	bool frames = size > MEM_FRAME && size < 2 * (size_t)MEM_FRAME;

	if (!frames || mem->frames)
		return malloc(size);
	mem->frames = pages_new(size);
	mem->len = size;
	return mem->frames;
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
	pages_free(mem->frames, mem->len);
	*mem = (struct h2_mem){ 0 };
}

void h2_mem_slim(struct h2_mem *mem)
{
	if (mem->frames)
		pages_drop(mem->frames, mem->len);
}
