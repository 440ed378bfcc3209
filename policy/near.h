/* policy/near.h - the nearest name, for "did you mean". */
#ifndef POLICY_NEAR_H
#define POLICY_NEAR_H

#include <stddef.h>

struct near {
	const char *name;  /* what was written; borrowed */
	const char *found; /* the nearest so far, or NULL; borrowed */
	size_t distance;   /* its distance; begins as what is still near */
};

struct near near_begin(const char *name);
void near_try(struct near *n, const char *candidate);

#endif
