/* base/pages.h - memory in whole pages, whose contents can be let go.
 *
 * For blocks that live long and are rarely used: what pages_drop() lets go
 * costs no memory until it is touched again, and then reads as zero.
 */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>

/* At least len octets of zeros, or NULL. */
void *pages_new(size_t len);

/* len as it was asked for. NULL is allowed. */
void pages_free(void *pages, size_t len);

/* Forget the contents, keep the address. */
void pages_drop(void *pages, size_t len);

#endif
