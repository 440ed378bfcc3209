/* audit/ids.h - an array of ids or entries of rows. Private to audit/. */
#ifndef AUDIT_IDS_H
#define AUDIT_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is empty. */
struct ids {
	uint64_t *mem; /* owned; free() it */
	size_t len;
	size_t cap;
};

/* Returns 0 or -ENOMEM; then nothing was added. */
int ids_add(struct ids *ids, uint64_t id);

/* For qsort() and bsearch() over uint64_t. */
int ids_compare(const void *a, const void *b);

/* Is id among them? They are in ascending order. */
bool ids_have(const struct ids *ids, uint64_t id);

/* Put them in ascending order, each once. */
void ids_sort_once(struct ids *ids);

void ids_reverse(struct ids *ids);

#endif
