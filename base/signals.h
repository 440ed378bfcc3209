/* base/signals.h - signals as something to read, between two turns of a loop.
 */
#ifndef BASE_SIGNALS_H
#define BASE_SIGNALS_H

#include <stddef.h>

/* Block these signals and return a signalfd of them (close-on-exec, non-
 * blocking), or -errno. A child that goes on to another program unblocks them
 * with signals_none().
 */
int signals_open(const int *signals, size_t len);

/* Block nothing. */
void signals_none(void);

#endif
