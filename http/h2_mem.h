/* http/h2_mem.h - the memory of one HTTP/2 session.
 *
 * For h2.c only. A session asks for one block of more than 16 KiB at its
 * birth, to build frames in, and keeps it as long as it lives, though an idle
 * connection builds none. That block gets pages of its own here, which can be
 * given back between two frames. All else is malloc()'s.
 */
#ifndef HTTP_H2_MEM_H
#define HTTP_H2_MEM_H

#include <stddef.h>

struct h2_mem {
	void *frames; /* owned; NULL before and if the session never asked */
	size_t len;   /* octets of it */
};

/* As malloc() and its kin; user is a struct h2_mem. */
void *h2_mem_malloc(size_t size, void *user);
void *h2_mem_calloc(size_t n, size_t size, void *user);
void *h2_mem_realloc(void *ptr, size_t size, void *user);
void h2_mem_free(void *ptr, void *user);

/* No frame is being built: its octets can go. */
void h2_mem_slim(struct h2_mem *mem);

#endif
