/* capture/userns.h - a namespace of our own, and giving its powers back. */
#ifndef CAPTURE_USERNS_H
#define CAPTURE_USERNS_H

/* A user and a network namespace, the caller mapped to itself (root to another
 * number) and nobody else mapped. From here on the caller has all capabilities
 * in them. Returns 0 or -errno.
 */
int userns_enter(void);

/* The setting of this machine that forbids user namespaces and how to change
 * it, as one line; a guess at the container around us where none does.
 */
const char *userns_hint(void);

#endif
