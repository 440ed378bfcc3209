/* capture/divert.h - the rule and the route that TPROXY needs.
 *
 * Marked packets are looked up in a table of our own, in which every address
 * is local. Both families, where the kernel has both.
 */
#ifndef CAPTURE_DIVERT_H
#define CAPTURE_DIVERT_H

/* Add what is missing. Returns 0 or -errno; then nothing has been added. */
int divert_install(void);

/* Returns 0, ERR_STALE (something is missing) or -errno. */
int divert_verify(void);

/* Remove what is there. */
int divert_remove(void);

#endif
