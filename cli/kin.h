/* cli/kin.h - whether processes of an earlier `penstock up` are still there.
 *
 * All processes that `up` starts inherit a descriptor with a lock, which lasts
 * until the last of them has ended. When `up` is killed, they end by
 * themselves, the gateway after some seconds for what is in work; a new `up`
 * waits for that instead of finding their sockets, ledger and rules in use.
 */
#ifndef CLI_KIN_H
#define CLI_KIN_H

#include "cli/instance.h"

#define KIN_WAIT_MS 15000 /* the gateway drains for 5 s, audit ends after it */

/* Take the lock; waits for others that have it. Returns the descriptor, which
 * is out of the way of those that a program takes over, or -errno with a
 * message on standard error.
 */
int kin_take(const struct instance *in);

/* In a child, before it becomes a program: it has the lock from here on. */
void kin_pass(int lock);

#endif
