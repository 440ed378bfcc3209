/* base/arena.h - memory that lives and dies with one piece of work.
 *
 * Nothing is freed singly. arena_clear() takes everything back at once and
 * keeps the first block, so that a busy owner allocates nothing.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/slice.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* owned; newest first */
	size_t used;		    /* bytes handed out, all blocks */
	size_t max;		    /* bytes it may ever hand out */
};

void arena_init(struct arena *a, size_t max);

/* Give every block back. */
void arena_done(struct arena *a);

/* Forget everything that was handed out; keep one block for the next use. */
void arena_clear(struct arena *a);

/* len bytes, aligned for any object, not cleared. NULL when that would pass
 * max or memory is out.
 */
void *arena_alloc(struct arena *a, size_t len);

/* The same, cleared. */
void *arena_zalloc(struct arena *a, size_t len);

/* Copy s into the arena, with a NUL behind it that is not counted. Returns 0
 * or -ENOBUFS; *ret is untouched on failure.
 */
int arena_copy(struct arena *a, struct slice s, struct slice *ret);

#endif
