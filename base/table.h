/* base/table.h - objects by index and generation.
 *
 * Gives each object an index that stays while it lives, and a generation that
 * differs from the one of the index's earlier tenants. Pointers are borrowed.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_slot;

struct table {
	struct table_slot *slots; /* owned */
	uint32_t len;		  /* slots ever used */
	uint32_t cap;		  /* slots allocated */
	uint32_t free_head;	  /* first free slot, or TABLE_NONE */
	uint32_t count;		  /* objects in it now */
	uint32_t max;		  /* objects it may hold */
};

#define TABLE_NONE UINT32_MAX

void table_init(struct table *t, uint32_t max);
void table_done(struct table *t);

/* Returns 0, -ENOBUFS (max reached) or -ENOMEM; outputs untouched then. */
int table_add(struct table *t, void *obj, uint32_t *ret_index,
	      uint32_t *ret_gen);

/* The object, or NULL when it has gone. gen has 24 bits. */
void *table_get(const struct table *t, uint32_t index, uint32_t gen);
void table_remove(struct table *t, uint32_t index);

/* The object at index, or NULL; to walk all: index 0 to t->len - 1. */
void *table_at(const struct table *t, uint32_t index);

#endif
