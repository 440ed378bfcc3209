/* gateway/dnsd.h - answer the sandboxes' DNS questions, over UDP and TCP.
 *
 * A name that some rule could match gets its synthetic address; every other is
 * refused and recorded. Nothing is looked up anywhere (see gateway/dns.h).
 */
#ifndef GATEWAY_DNSD_H
#define GATEWAY_DNSD_H

#include "gateway/gate.h"
#include "gateway/resolve.h"
#include "gateway/sandbox.h"

/* Answer what waits at a UDP socket. sandbox NULL: told by the sender. */
void dnsd_serve_udp(struct gate *gate, int fd, struct sandbox *sandbox);

/* Serve a TCP connection; takes fd in every case, holds sandbox. */
void dnsd_begin(struct gate *gate, int fd, struct sandbox *sandbox,
		const union resolve_addr *peer);

/* End those of a sandbox (NULL: all). */
void dnsd_end_all(struct gate *gate, const struct sandbox *sandbox);

void dnsd_on_event(struct gate *gate, struct loop_ref ref, unsigned int events);
void dnsd_on_timer(struct gate *gate, struct loop_ref ref);

#endif
