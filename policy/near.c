/* policy/near.c - the nearest name, for "did you mean". */

#include "policy/near.h"

#include <string.h>

#include "base/base.h"

#define NEAR_MAX 63 /* octets; longer names are near to nothing */

struct near near_begin(const char *name)
{
	return (struct near){ .name = name, .distance = strlen(name) / 3 + 2 };
}

/* Insertions, deletions and replacements from a to b (Wagner and Fischer, one
 * row at a time).
 */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[NEAR_MAX + 1], len = strlen(b);

	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 1; *a; i++, a++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= len; j++) {
			size_t above = row[j];
			size_t other = diagonal + (*a != b[j - 1]);

			row[j] = MIN(MIN(above, row[j - 1]) + 1, other);
			diagonal = above;
		}
	}
	return row[len];
}

void near_try(struct near *n, const char *candidate)
{
	size_t distance;

	if (strlen(n->name) > NEAR_MAX || strlen(candidate) > NEAR_MAX)
		return;
	distance = edit_distance(n->name, candidate);
	if (distance < n->distance && distance < strlen(candidate)) {
		n->distance = distance;
		n->found = candidate;
	}
}
