/* gateway/listen.c - sockets at which sandboxes arrive.
 *
 * All workers watch the same listeners; each new connection wakes one of them
 * (LOOP_EXCLUSIVE). Where a captured connection was going is asked of the
 * kernel (SO_ORIGINAL_DST); one that was going to the listener itself was not
 * captured but made to reach the gateway, and is refused.
 *
 * Out of descriptors, a reserve is given up to accept and close what waits:
 * otherwise the listener would stay readable and the loop would spin. Where not
 * even that helps, the listener rests until the next tick.
 */

#include "gateway/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/log.h"
#include "gateway/address.h"
#include "gateway/conn.h"
#include "gateway/dnsd.h"
#include "gateway/tell.h"

struct listener {
	int fd; /* owned */
	enum listen_kind kind;
	uint32_t sandbox; /* id; 0: told by the sender's address */
	uint32_t index, gen;
	bool resting; /* not watched */
};

static int listen_watch(struct gate *gate, const struct listener *l)
{
	struct loop_ref ref = { .kind = GATE_LISTENER,
				.gen = l->gen & 0xffffff,
				.index = l->index };

	return loop_add(gate->loop, l->fd, ref, LOOP_READ | LOOP_EXCLUSIVE);
}

int listen_add(struct gate *gate, int fd, enum listen_kind kind,
	       uint32_t sandbox)
{
	struct listener *l = calloc(1, sizeof(*l));
	int rc = l ? 0 : -ENOMEM;

	if (rc == 0)
		rc = table_add(&gate->listeners, l, &l->index, &l->gen);
	if (rc < 0) {
		(void)close(fd);
		free(l);
		return rc;
	}
	l->fd = fd;
	l->kind = kind;
	l->sandbox = sandbox;
	return listen_watch(gate, l);
}

static void listen_close(struct gate *gate, struct listener *l)
{
	if (!l->resting)
		loop_remove(gate->loop, l->fd);
	(void)close(l->fd);
	table_remove(&gate->listeners, l->index);
	free(l);
}

void listen_remove(struct gate *gate, uint32_t sandbox)
{
	for (uint32_t i = 0; i < gate->listeners.len; i++) {
		struct listener *l = table_at(&gate->listeners, i);

		if (l && l->sandbox == sandbox)
			listen_close(gate, l);
	}
}

void listen_remove_all(struct gate *gate)
{
	for (uint32_t i = 0; i < gate->listeners.len; i++) {
		struct listener *l = table_at(&gate->listeners, i);

		if (l)
			listen_close(gate, l);
	}
}

/* Where the connection was going before it was redirected to us; for TPROXY,
 * and where nothing redirects, that is its own address.
 */
static int listen_dialled(int fd, union resolve_addr *ret)
{
	socklen_t len = sizeof(*ret);
	union resolve_addr own = { 0 };

	if (getsockname(fd, &own.sa, &len) < 0)
		return -errno;
	*ret = own;
	len = sizeof(*ret);
	if (own.sa.sa_family == AF_INET)
		(void)getsockopt(fd, SOL_IP, SO_ORIGINAL_DST, ret, &len);
	else
		(void)getsockopt(fd, SOL_IPV6, IP6T_SO_ORIGINAL_DST, ret, &len);
	return 0;
}

/* It was going to our own listener: nothing captured it. With TPROXY a socket's
 * own address is the one dialled, so the port must be the listener's too.
 */
static bool listen_direct(const struct listener *l, int fd,
			  const union resolve_addr *to)
{
	union resolve_addr bound = { 0 }, own = { 0 };
	socklen_t bound_len = sizeof(bound), own_len = sizeof(own);

	return getsockname(l->fd, &bound.sa, &bound_len) < 0 ||
	       getsockname(fd, &own.sa, &own_len) < 0 ||
	       (address_port(&bound) == address_port(to) &&
		address_eq(&own, to));
}

static void listen_refuse(struct gate *gate, struct sandbox *sb,
			  const union resolve_addr *peer,
			  const union resolve_addr *to, int fd)
{
	char client[ADDRESS_MAX];
	struct authority host;
	struct tell_note note = {
		.kind = AUDIT_PROTOCOL,
		.sandbox = sb,
		.client = client,
		.protocol = SLICE("tcp"),
		.reason = sb ? SLICE("direct") : SLICE("unknown-sender"),
		.detail = sb ? SLICE("the connection was made to the gateway "
				     "itself")
			     : SLICE("no sandbox has this source address"),
	};

	address_print(peer, client);
	address_authority(to, &host);
	note.host = authority_host(&host);
	note.port = host.port;
	tell_note(gate, &note);
	(void)close(fd);
}

static void listen_welcome(struct gate *gate, struct listener *l, int fd,
			   const union resolve_addr *peer)
{
	struct sandbox *sb =
		l->sandbox ? sandbox_find(gate->sandboxes, l->sandbox)
			   : sandbox_by_address(gate->sandboxes, &peer->sa);
	union resolve_addr to;

	if (!sb && l->kind == LISTEN_PROXY)
		sb = sandboxes_nobody(gate->sandboxes); /* it may log in */
	if (listen_dialled(fd, &to) < 0)
		(void)close(fd);
	else if (!sb || (l->kind == LISTEN_TCP && listen_direct(l, fd, &to)))
		listen_refuse(gate, sb, peer, &to, fd);
	else if (l->kind == LISTEN_DNS_TCP)
		dnsd_begin(gate, fd, sb, peer);
	else
		conn_begin(gate, fd, sb, peer,
			   l->kind == LISTEN_PROXY ? NULL : &to);
}

void listen_resume(struct gate *gate)
{
	for (uint32_t i = 0; i < gate->listeners.len; i++) {
		struct listener *l = table_at(&gate->listeners, i);

		if (l && l->resting)
			l->resting = listen_watch(gate, l) < 0;
	}
}

/* Out of descriptors: turn one connection away rather than spin. Returns false
 * if there is not even a descriptor for that.
 */
static bool listen_turn_away(struct gate *gate, struct listener *l)
{
	int fd;

	log_warn("out of file descriptors: connections are turned away");
	if (gate->reserve_fd >= 0)
		(void)close(gate->reserve_fd);
	fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		(void)close(fd);
	gate->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd >= 0;
}

static void listen_rest(struct gate *gate, struct listener *l)
{
	loop_remove(gate->loop, l->fd);
	l->resting = true;
}

void listen_on_event(struct gate *gate, struct loop_ref ref)
{
	struct listener *l = table_get(&gate->listeners, ref.index, ref.gen);

	if (!l)
		return;
	if (l->kind == LISTEN_DNS_UDP) {
		dnsd_serve_udp(
			gate, l->fd,
			l->sandbox ? sandbox_find(gate->sandboxes, l->sandbox)
				   : NULL);
		return;
	}
	for (int i = 0; i < ACCEPT_BURST; i++) {
		union resolve_addr peer = { 0 };
		socklen_t len = sizeof(peer);
		int fd = accept4(l->fd, &peer.sa, &len,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			listen_welcome(gate, l, fd, &peer);
		} else if (errno == EMFILE || errno == ENFILE) {
			if (listen_turn_away(gate, l))
				continue;
			listen_rest(gate, l);
			return;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			return;
		}
	}
}
