/* capture/listen.c - the sockets at which a captured namespace ends.
 *
 * A redirected packet arrives at a loopback address, so only those are bound:
 * nothing but the redirect, and the sandbox itself, reaches them. A gateway
 * host's are bound to addresses that it does not have: nothing but TPROXY
 * reaches those.
 */

#include "capture/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "base/frame.h"
#include "capture/capture.h"

#define LISTEN_BACKLOG 4096 /* connections; the kernel cuts it to somaxconn */

/* Where listeners are opened. */
struct listen_place {
	struct in_addr v4;
	struct in6_addr v6;
	uint16_t tcp, dns; /* ports */
	bool transparent;
};

static int listen_on(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on));
}

static int listen_bind(int fd, const struct listen_place *at, int family,
		       uint16_t port)
{
	struct sockaddr_in v4 = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = at->v4,
	};
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(port),
		.sin6_addr = at->v6,
	};

	if (family == AF_INET) {
		if (at->transparent &&
		    listen_on(fd, IPPROTO_IP, IP_TRANSPARENT) < 0)
			return -1;
		return bind(fd, (struct sockaddr *)&v4, sizeof(v4));
	}
	if (listen_on(fd, IPPROTO_IPV6, IPV6_V6ONLY) < 0 ||
	    (at->transparent &&
	     listen_on(fd, IPPROTO_IPV6, IPV6_TRANSPARENT) < 0))
		return -1;
	return bind(fd, (struct sockaddr *)&v6, sizeof(v6));
}

static int listen_one(const struct listen_place *at, int family, int type,
		      uint16_t port)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return -errno;
	/* Connections of listeners that were here before may still end. */
	if ((type == SOCK_DGRAM ||
	     listen_on(fd, SOL_SOCKET, SO_REUSEADDR) == 0) &&
	    listen_bind(fd, at, family, port) == 0 &&
	    (type == SOCK_DGRAM || listen(fd, LISTEN_BACKLOG) == 0))
		return fd;
	rc = -errno;
	(void)close(fd);
	return rc;
}

static int listen_family(struct listen_set *set, size_t i,
			 const struct listen_place *at, int family)
{
	set->tcp[i] = listen_one(at, family, SOCK_STREAM, at->tcp);
	if (set->tcp[i] < 0)
		return set->tcp[i];
	set->udp[i] = listen_one(at, family, SOCK_DGRAM, at->dns);
	if (set->udp[i] < 0)
		return set->udp[i];
	set->dns[i] = listen_one(at, family, SOCK_STREAM, at->dns);
	return set->dns[i] < 0 ? set->dns[i] : 0;
}

static void listen_drop(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void listen_close(struct listen_set *set)
{
	for (size_t i = 0; i < LISTEN_FAMILIES; i++) {
		listen_drop(&set->tcp[i]);
		listen_drop(&set->udp[i]);
		listen_drop(&set->dns[i]);
	}
	set->len = 0;
}

static int listen_open_at(const struct listen_place *at, bool ipv6,
			  struct listen_set *ret)
{
	struct listen_set set = {
		.tcp = { -1, -1 },
		.udp = { -1, -1 },
		.dns = { -1, -1 },
		.len = ipv6 ? 2 : 1,
	};
	int rc = listen_family(&set, 0, at, AF_INET);

	if (!rc && ipv6)
		rc = listen_family(&set, 1, at, AF_INET6);
	if (rc)
		listen_close(&set);
	else
		*ret = set;
	return rc;
}

int listen_open(bool ipv6, struct listen_set *ret)
{
	const struct listen_place at = {
		.v4.s_addr = htonl(INADDR_LOOPBACK),
		.v6 = IN6ADDR_LOOPBACK_INIT,
		.tcp = CAPTURE_TCP_PORT,
		.dns = CAPTURE_DNS_PORT,
	};

	return listen_open_at(&at, ipv6, ret);
}

int listen_open_transparent(bool ipv6, uint16_t port, struct listen_set *ret)
{
	struct listen_place at = { .tcp = port,
				   .dns = 53,
				   .transparent = true };
	int rc = inet_pton(AF_INET, CAPTURE_LISTEN_V4, &at.v4) == 1 &&
		 inet_pton(AF_INET6, CAPTURE_LISTEN_V6, &at.v6) == 1;

	assert(rc);
	return listen_open_at(&at, ipv6, ret);
}

int listen_hand_over(struct listen_set *set, int sock)
{
	static struct frame_out out;
	uint8_t n = (uint8_t)set->len;
	int fds[FRAME_FDS_MAX];
	int rc;

	static_assert(3 * LISTEN_FAMILIES <= FRAME_FDS_MAX, "one frame");
	for (size_t i = 0; i < set->len; i++) {
		fds[i] = set->tcp[i];
		fds[set->len + i] = set->udp[i];
		fds[2 * set->len + i] = set->dns[i];
	}
	frame_begin(&out, CAPTURE_LISTENERS);
	frame_put_u8(&out, n);
	frame_put_u8(&out, n);
	frame_put_u8(&out, n);
	rc = frame_send(sock, &out, fds, 3 * set->len);
	if (rc == 1)
		listen_close(set);
	return rc == 1 ? 0 : rc ? rc : -EAGAIN;
}
