/* capture/listen.c - the sockets at which a captured namespace ends.
 *
 * A redirected packet arrives at a loopback address, so only those are bound:
 * nothing but the redirect, and the sandbox itself, reaches them.
 */

#include "capture/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/capture.h"

#define LISTEN_BACKLOG 4096 /* connections; the kernel cuts it to somaxconn */

static int listen_bind(int fd, int family, uint16_t port)
{
	struct sockaddr_in v4 = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	int on = 1;

	if (family == AF_INET)
		return bind(fd, (struct sockaddr *)&v4, sizeof(v4));
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return -1;
	return bind(fd, (struct sockaddr *)&v6, sizeof(v6));
}

static int listen_one(int family, int type, uint16_t port)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return -errno;
	if (listen_bind(fd, family, port) == 0 &&
	    (type == SOCK_DGRAM || listen(fd, LISTEN_BACKLOG) == 0))
		return fd;
	rc = -errno;
	(void)close(fd);
	return rc;
}

static int listen_family(struct listen_set *set, size_t i, int family)
{
	set->tcp[i] = listen_one(family, SOCK_STREAM, CAPTURE_TCP_PORT);
	if (set->tcp[i] < 0)
		return set->tcp[i];
	set->udp[i] = listen_one(family, SOCK_DGRAM, CAPTURE_DNS_PORT);
	if (set->udp[i] < 0)
		return set->udp[i];
	set->dns[i] = listen_one(family, SOCK_STREAM, CAPTURE_DNS_PORT);
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

int listen_open(bool ipv6, struct listen_set *ret)
{
	struct listen_set set = {
		.tcp = { -1, -1 },
		.udp = { -1, -1 },
		.dns = { -1, -1 },
		.len = ipv6 ? 2 : 1,
	};
	int rc = listen_family(&set, 0, AF_INET);

	if (!rc && ipv6)
		rc = listen_family(&set, 1, AF_INET6);
	if (rc)
		listen_close(&set);
	else
		*ret = set;
	return rc;
}
