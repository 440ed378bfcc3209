/* gateway/guard.h - which addresses may be dialled.
 *
 * Pure but for the list of own addresses. Global unicast is allowed. A rule
 * with "private" also allows what an organisation uses inside: RFC 1918, CGNAT,
 * ULA, and the documentation nets and 2001:2::/48, that labs use. Nothing
 * allows loopback, link-local (and so 169.254.169.254), other metadata
 * addresses, multicast, unspecified, broadcast, reserved, v4-mapped,
 * v4-compatible, NAT64, 6to4, Teredo, site-local, the nets of our synthetic
 * addresses (198.18.0.0/15 among them), or an address of the gateway itself;
 * one exception is GUARD_HOST_NAME below, and it is the caller's.
 */
#ifndef GATEWAY_GUARD_H
#define GATEWAY_GUARD_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/slice.h"

enum guard_class {
	GUARD_GLOBAL,
	GUARD_PRIVATE,
	GUARD_NEVER,
};

/* ret_why, when not NULL, gets a static phrase: "loopback", "link-local". */
enum guard_class guard_class(const struct sockaddr *addr, const char **ret_why);

/* The gateway's own addresses (getifaddrs); from then on they are GUARD_NEVER,
 * in this process and in those it forks, also what it learns after the fork.
 * Again when addresses may have changed; only one process may. Returns 1 when
 * they are others than before, 0 when not, -errno, -ENOBUFS for a host with
 * too many; what was known stays known then.
 */
int guard_learn_own(void);
bool guard_is_own(const struct sockaddr *addr);

/* This name means the gateway's host itself (127.0.0.1), for development
 * servers; a rule must name it, its port, and say private.
 */
#define GUARD_HOST_NAME "host.penstock.internal"

#endif
