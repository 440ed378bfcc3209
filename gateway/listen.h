/* gateway/listen.h - sockets at which sandboxes arrive.
 *
 * A listener belongs to a sandbox (it was opened inside its namespace), or to
 * the instance; then the sender's address says which sandbox it is.
 */
#ifndef GATEWAY_LISTEN_H
#define GATEWAY_LISTEN_H

#include "gateway/gate.h"

enum listen_kind {
	LISTEN_TCP, /* captured connections */
	LISTEN_DNS_UDP,
	LISTEN_DNS_TCP,
	LISTEN_PROXY, /* clients that know that they speak to a proxy */

	LISTEN_KINDS,
};

/* Serve fd, taking it in every case. sandbox: an id, or 0 for the instance's
 * own. Returns 0 or -errno.
 */
int listen_add(struct gate *gate, int fd, enum listen_kind kind,
	       uint32_t sandbox);

/* Close those of a sandbox. */
void listen_remove(struct gate *gate, uint32_t sandbox);
void listen_remove_all(struct gate *gate);

/* Those that rest, as descriptors had run out, are watched again. Once a
 * second.
 */
void listen_resume(struct gate *gate);

void listen_on_event(struct gate *gate, struct loop_ref ref);

#endif
