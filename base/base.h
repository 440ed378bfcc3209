/* base/base.h - the few words every room knows. Includes nothing of ours. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <assert.h>
#include <stddef.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n)	      (1u << (n))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))

/* The struct that holds this member. */
#define CONTAINER_OF(ptr, type, member)                                        \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Run fn(&var) when var leaves scope. Every x_free() in this house takes a
 * struct x **, accepts a NULL inside it and leaves NULL behind, so it can be
 * named here directly. For cold code only; the data path has owners.
 */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Hand over a pointer: yields its value and leaves NULL, so that CLEANUP has
 * nothing left to free.
 */
#define TAKE(p)                                                                \
	__extension__({                                                        \
		__typeof__(p) taken_ = (p);                                    \
		(p) = NULL;                                                    \
		taken_;                                                        \
	})

#endif
