/* capture/attach.c - capture a network namespace that is there already.
 *
 * The same rules and the same route as in a namespace of ours (rules.c,
 * route.c): every address is local, so whatever way out the namespace has is
 * not taken. What can avoid the route is closed as well: a socket bound to a
 * device by the chain `leave`, and packet sockets, which pass no chain of the
 * inet family, by a chain at the egress of each device there is.
 *
 * The steps are undone in the opposite order when one of them fails, so that
 * the namespace is captured or as it was. Whoever has CAP_NET_ADMIN over the
 * namespace can undo them too; a container has not, unless it was given it.
 */

#include "capture/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/frame.h"
#include "capture/capture.h"
#include "capture/listen.h"
#include "capture/nft.h"
#include "capture/route.h"
#include "capture/rules.h"

/* Kernel headers before 5.16 lack it: NF_NETDEV_EGRESS. */
#define ATTACH_EGRESS 1

struct attach {
	int sock; /* borrowed */
	bool ipv6;
	struct listen_set listeners;
	struct rules rules;  /* inet */
	struct rules egress; /* netdev */
	char foreign[NFT_NAME_MAX];
};

static int attach_fail(const char *what, const char *why)
{
	(void)fprintf(stderr, "penstock attach: %s: %s\n", what, why);
	return CAPTURE_EXIT;
}

/* In our own the gateway dials, and administrators come in: a process of the
 * host's, or a container with the host's network, is a mistake.
 */
static bool attach_is_own(int fd)
{
	struct stat own, st;

	return stat("/proc/self/ns/net", &own) == 0 && fstat(fd, &st) == 0 &&
	       own.st_dev == st.st_dev && own.st_ino == st.st_ino;
}

/* Into the user namespace first, where that is what gives us the right. */
static int attach_set(int fd)
{
	int user, rc;

	if (setns(fd, CLONE_NEWNET) == 0)
		return 0;
	if (errno != EPERM)
		return -errno;
	user = ioctl(fd, NS_GET_USERNS);
	if (user < 0)
		return -EPERM;
	rc = setns(user, CLONE_NEWUSER) < 0 || setns(fd, CLONE_NEWNET) < 0
		     ? -errno
		     : 0;
	(void)close(user);
	return rc;
}

static int attach_enter(const char *target)
{
	bool pid = strspn(target, "0123456789") == strlen(target);
	char path[64];
	int fd, rc;

	if (pid)
		(void)snprintf(path, sizeof(path), "/proc/%.20s/ns/net",
			       target);
	fd = open(pid ? path : target, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && pid && errno == ENOENT)
		return attach_fail(target, "there is no such process");
	if (fd < 0)
		return attach_fail(target, err_str(-errno));
	rc = attach_is_own(fd) ? ERR_DENIED : attach_set(fd);
	(void)close(fd);
	if (rc == ERR_DENIED)
		return attach_fail(target,
				   "this is the host's own network, which "
				   "would be cut off, the gateway with it; a "
				   "container needs one of its own (not "
				   "--network=host)");
	if (rc == -EINVAL || rc == -ENOTTY)
		return attach_fail(target, "this is no network namespace");
	if (rc == -EPERM)
		return attach_fail(target, "this needs root, or the user who "
					   "owns its user namespace");
	return rc ? attach_fail(target, err_str(rc)) : 0;
}

/* A chain for each device but lo: nothing leaves by it, whatever sent it. */
static int attach_devices(struct rules *egress)
{
	struct if_nameindex *all = if_nameindex();
	char name[16];
	int rc = 0;

	if (!all)
		return -errno;
	for (const struct if_nameindex *i = all; !rc && i->if_index; i++) {
		struct rules_chain chain = { name, "filter", ATTACH_EGRESS,
					     0,	   NF_DROP,  i->if_name };

		if (!strcmp(i->if_name, "lo"))
			continue;
		(void)snprintf(name, sizeof(name), "leave%u", i->if_index);
		rc = egress->chains == RULES_CHAINS
			     ? ERR_LIMIT
			     : rules_add_chain(egress, &chain);
	}
	if_freenameindex(all);
	return rc;
}

static int attach_alone(struct attach *a)
{
	bool there = false;
	int rc = nft_whose(&a->rules, &there);

	if (!rc && there)
		rc = -EEXIST;
	return rc ? rc : nft_foreign(a->foreign);
}

static int attach_build(struct attach *a)
{
	a->egress.family = NFPROTO_NETDEV;
	a->egress.owner = RULES_OWNER_SANDBOX;
	return rules_build(true, &a->rules);
}

static int attach_egress(struct attach *a)
{
	int rc = attach_devices(&a->egress);

	return rc || !a->egress.chains ? rc : nft_install(&a->egress);
}

static int attach_inet(struct attach *a)
{
	return nft_install(&a->rules);
}

static int attach_routes(struct attach *a)
{
	return route_install(&a->ipv6);
}

/* Before anything is bound to its addresses. A loopback device that was down,
 * as in a namespace that nobody has used, stays up.
 */
static int attach_loopback(struct attach *a)
{
	int rc = route_loopback();

	return rc ? rc : route_has_ipv6(&a->ipv6);
}

static int attach_listeners(struct attach *a)
{
	return listen_open(a->ipv6, &a->listeners);
}

static int attach_verify(struct attach *a)
{
	int rc = nft_verify(&a->rules);

	return rc || !a->egress.chains ? rc : nft_verify(&a->egress);
}

static int attach_hand_over(struct attach *a)
{
	static struct frame_in in;
	struct pollfd p = { .fd = a->sock, .events = POLLIN };
	int rc = listen_hand_over(&a->listeners, a->sock);

	while (!rc) {
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return -errno;
		rc = frame_recv(a->sock, &in);
	}
	if (rc < 0)
		return rc;
	frame_close_fds(&in);
	return in.type == CAPTURE_GO ? 0 : ERR_PROTO;
}

static void attach_undo_egress(struct attach *a)
{
	(void)nft_remove(&a->egress);
}

static void attach_undo_inet(struct attach *a)
{
	(void)nft_remove(&a->rules);
}

static void attach_undo_routes(struct attach *a)
{
	(void)a;
	route_remove();
}

static void attach_undo_listeners(struct attach *a)
{
	listen_close(&a->listeners);
}

static const struct attach_step {
	int (*run)(struct attach *a);
	void (*undo)(struct attach *a); /* or NULL; a step undoes itself */
	const char *what;		/* "cannot …" */
} attach_steps[] = {
	{ attach_build, NULL, "build the rules" },
	{ attach_alone, NULL, "capture" },
	{ attach_loopback, NULL, "use the loopback device" },
	{ attach_listeners, attach_undo_listeners, "open the listeners" },
	{ attach_inet, attach_undo_inet, "install the nftables rules" },
	{ attach_egress, attach_undo_egress,
	  "close the devices (nftables egress, Linux 5.16)" },
	{ attach_routes, attach_undo_routes, "route it to itself" },
	{ attach_verify, NULL, "find the rules in the kernel" },
	{ attach_hand_over, NULL, "hand the listeners over" },
};

static int attach_explain(const struct attach *a, const struct attach_step *s,
			  const char *target, int rc)
{
	char what[128];

	if (rc == ERR_CLOSED) /* the caller has said why */
		return CAPTURE_EXIT;
	if (s->run == attach_alone && rc == -EEXIST)
		return attach_fail(target, "it is captured already");
	if (s->run == attach_alone && rc > 0) {
		(void)snprintf(what, sizeof(what),
			       "its nftables table '%.60s' redirects "
			       "connections already",
			       a->foreign);
		return attach_fail(target, what);
	}
	(void)snprintf(what, sizeof(what), "cannot %s", s->what);
	return attach_fail(what, err_str(rc));
}

int attach_main(int sock, const char *target)
{
	static struct attach a = { .listeners = { .tcp = { -1, -1 },
						  .udp = { -1, -1 },
						  .dns = { -1, -1 } } };
	int rc = attach_enter(target);
	size_t i;

	if (rc)
		return rc;
	a.sock = sock;
	for (i = 0; !rc && i < ARRAY_SIZE(attach_steps); i++)
		rc = attach_steps[i].run(&a);
	if (!rc)
		return 0;
	rc = attach_explain(&a, &attach_steps[i - 1], target, rc);
	for (i--; i-- > 0;) {
		if (attach_steps[i].undo)
			attach_steps[i].undo(&a);
	}
	return rc;
}

int attach_release(const char *target)
{
	const struct rules inet = { .family = NFPROTO_INET,
				    .owner = RULES_OWNER_SANDBOX };
	const struct rules egress = { .family = NFPROTO_NETDEV,
				      .owner = RULES_OWNER_SANDBOX };
	int rc = attach_enter(target);

	if (rc)
		return rc;
	route_remove();
	rc = nft_remove(&inet);
	if (!rc)
		rc = nft_remove(&egress);
	return rc ? attach_fail("cannot remove the rules", err_str(rc)) : 0;
}
