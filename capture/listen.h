/* capture/listen.h - the sockets at which a captured namespace ends.
 *
 * They are opened inside the namespace and stay of it wherever they are sent.
 */
#ifndef CAPTURE_LISTEN_H
#define CAPTURE_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LISTEN_FAMILIES 2 /* 127.0.0.1, then ::1 */

struct listen_set {
	int tcp[LISTEN_FAMILIES]; /* owned */
	int udp[LISTEN_FAMILIES]; /* DNS datagrams; owned */
	int dns[LISTEN_FAMILIES]; /* DNS over TCP; owned */
	size_t len;		  /* of each: 1, or 2 with IPv6 */
};

/* Send them over sock as CAPTURE_LISTENERS, and close them here. */
int listen_hand_over(struct listen_set *set, int sock);

/* Open them all, in the namespace of the caller, or none. Returns 0 or -errno.
 */
int listen_open(bool ipv6, struct listen_set *ret);

/* The transparent ones of a gateway host, at CAPTURE_LISTEN_V4 and _V6, which
 * need CAP_NET_ADMIN to open and nothing to use.
 */
int listen_open_transparent(bool ipv6, uint16_t port, struct listen_set *ret);
void listen_close(struct listen_set *set);

#endif
