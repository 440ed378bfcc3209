/* audit/places.h - where rows stand: from an id to its row's entry.
 *
 * Private to audit/again.c and audit/query*.c. In memory; nothing of it is a
 * peer's.
 */
#ifndef AUDIT_PLACES_H
#define AUDIT_PLACES_H

#include <stddef.h>
#include <stdint.h>

struct place {
	uint64_t id; /* 0: none */
	int64_t entry;
};

/* All zero is empty. */
struct places {
	struct place *slots; /* owned */
	size_t slots_len;    /* a power of two */
	size_t len;
};

void places_done(struct places *p);

/* id is not 0. One that is there gets the new entry. Returns 0 or -ENOMEM. */
int places_put(struct places *p, uint64_t id, int64_t entry);

/* Returns the entry, or 0 for an id that is not there. */
int64_t places_find(const struct places *p, uint64_t id);

void places_drop(struct places *p, uint64_t id);

/* Some of them in a row. All zero is empty. */
struct place_list {
	struct place *mem; /* owned; free() it */
	size_t len;
	size_t cap;
};

/* Returns 0 or -ENOMEM; then nothing was added. */
int place_list_add(struct place_list *l, uint64_t id, int64_t entry);

#endif
