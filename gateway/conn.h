/* gateway/conn.h - one connection from a sandbox.
 *
 * States, in the order they are usually met:
 *
 *   HELLO	the first octets are gathered; nothing is known but addresses
 *   LEAF	TLS: certgen makes the certificate; the octets wait
 *   SHAKE	the TLS handshake is under way
 *   OPEN	HTTP is spoken; exchanges come and go. After a CONNECT to a
 *		carrier it is HELLO again
 *   DRAIN	all is said; what the peer still sends is thrown away until it
 *		ends, so that it can read our last answer
 *   GONE	to be freed by whoever brought it there
 */
#ifndef GATEWAY_CONN_H
#define GATEWAY_CONN_H

#include "gateway/gate.h"
#include "gateway/resolve.h"
#include "gateway/sandbox.h"

enum conn_state {
	CONN_HELLO,
	CONN_LEAF,
	CONN_SHAKE,
	CONN_OPEN,
	CONN_DRAIN,
	CONN_GONE,

	CONN_STATES,
};

/* Begin one. Takes fd in every case; holds sandbox. peer is who connected, to
 * is where it believes to have connected; NULL: to a proxy, and it will say
 * (CONNECT, an absolute target, SOCKS5).
 */
void conn_begin(struct gate *gate, int fd, struct sandbox *sandbox,
		const union resolve_addr *peer, const union resolve_addr *to);

/* End all, or those of one sandbox (NULL: all). */
void conn_end_all(struct gate *gate, const struct sandbox *sandbox);

/* The sandbox's policy changed, or a rule of it ended: exchanges that are no
 * longer allowed end, and connections to hosts that it no longer names take no
 * further requests.
 */
void conn_recheck(struct gate *gate, struct sandbox *sandbox);

/* Let those in work finish and take no further requests. */
void conn_drain_all(struct gate *gate);

/* For the dispatch. */
void conn_on_event(struct gate *gate, struct loop_ref ref, unsigned int events);
void conn_on_post(struct gate *gate, struct loop_ref ref);
void conn_on_timer(struct gate *gate, struct loop_ref ref, uint8_t name);

#endif
