/* capture/route.c - make every address of the world local.
 *
 * The namespace has one device, lo. `local default dev lo` says that each
 * address there is belongs to this machine, so a packet to any of them comes
 * back in by lo, where the redirect has given it a listener. There is no route
 * that leads out, and no device that could carry one.
 */

#include "capture/route.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "capture/capture.h"
#include "capture/netlink.h"

#define ROUTE_LO 1 /* the index of lo in each network namespace */

/* An address of either family, in the octets of the wire. */
struct route_addr {
	int family;
	size_t len;
	unsigned char octets[sizeof(struct in6_addr)];
};

static struct route_addr route_addr_of(int family)
{
	struct route_addr a = { .family = family };
	bool v4 = family == AF_INET;
	int rc = inet_pton(family, v4 ? CAPTURE_ADDR_V4 : CAPTURE_ADDR_V6,
			   a.octets);

	assert(rc == 1);
	a.len = v4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	return a;
}

static struct nlmsghdr *route_begin(struct netlink *nl, void *buf, int type)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = (uint16_t)type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = ++nl->seq;
	return nlh;
}

static int route_link_up(struct netlink *nl)
{
	char buf[256];
	struct nlmsghdr *nlh = route_begin(nl, buf, RTM_NEWLINK);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = ROUTE_LO;
	ifi->ifi_change = IFF_UP;
	ifi->ifi_flags = IFF_UP;
	return netlink_ask(nl, nlh, nlh->nlmsg_len, nlh->nlmsg_seq);
}

static int route_addr(struct netlink *nl, const struct route_addr *a, int type)
{
	char buf[256];
	struct nlmsghdr *nlh = route_begin(nl, buf, type);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));

	if (type == RTM_NEWADDR)
		nlh->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
	ifa->ifa_family = (unsigned char)a->family;
	ifa->ifa_prefixlen = (unsigned char)(a->len * 8);
	ifa->ifa_flags = a->family == AF_INET6 ? IFA_F_NODAD : 0;
	ifa->ifa_scope = RT_SCOPE_UNIVERSE;
	ifa->ifa_index = ROUTE_LO;
	mnl_attr_put(nlh, IFA_LOCAL, a->len, a->octets);
	mnl_attr_put(nlh, IFA_ADDRESS, a->len, a->octets);
	return netlink_ask(nl, nlh, nlh->nlmsg_len, nlh->nlmsg_seq);
}

/* The source address is given, or a connection to X would come from X, and
 * could meet itself on an ephemeral port.
 */
static int route_default(struct netlink *nl, const struct route_addr *a,
			 int type)
{
	char buf[256];
	struct nlmsghdr *nlh = route_begin(nl, buf, type);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	if (type == RTM_NEWROUTE)
		nlh->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
	rtm->rtm_family = (unsigned char)a->family;
	rtm->rtm_table = RT_TABLE_LOCAL;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_scope = RT_SCOPE_HOST;
	rtm->rtm_type = RTN_LOCAL;
	mnl_attr_put_u32(nlh, RTA_OIF, ROUTE_LO);
	mnl_attr_put(nlh, RTA_PREFSRC, a->len, a->octets);
	return netlink_ask(nl, nlh, nlh->nlmsg_len, nlh->nlmsg_seq);
}

static int route_family(struct netlink *nl, int family)
{
	struct route_addr a = route_addr_of(family);
	int rc = route_addr(nl, &a, RTM_NEWADDR);

	if (rc)
		return rc;
	rc = route_default(nl, &a, RTM_NEWROUTE);
	if (rc)
		(void)route_addr(nl, &a, RTM_DELADDR);
	return rc;
}

int route_has_ipv6(bool *ret)
{
	struct sockaddr_in6 sa = {
		.sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0 && errno != EAFNOSUPPORT)
		return -errno;
	if (fd < 0) {
		*ret = false;
		return 0;
	}
	err = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? errno : 0;
	(void)close(fd);
	if (err && err != EADDRNOTAVAIL)
		return -err;
	*ret = !err;
	return 0;
}

int route_loopback(void)
{
	struct netlink nl;
	int rc = netlink_open(NETLINK_ROUTE, &nl);

	if (rc)
		return rc;
	rc = route_link_up(&nl);
	netlink_close(&nl);
	return rc;
}

static void route_take(struct netlink *nl, int family)
{
	struct route_addr a = route_addr_of(family);

	(void)route_default(nl, &a, RTM_DELROUTE);
	(void)route_addr(nl, &a, RTM_DELADDR);
}

void route_remove(void)
{
	struct netlink nl;

	if (netlink_open(NETLINK_ROUTE, &nl) < 0)
		return;
	route_take(&nl, AF_INET);
	route_take(&nl, AF_INET6);
	netlink_close(&nl);
}

int route_install(bool *ret_ipv6)
{
	struct netlink nl;
	bool ipv6 = false, v4_done;
	int rc = netlink_open(NETLINK_ROUTE, &nl);

	if (rc)
		return rc;
	rc = route_link_up(&nl);
	if (!rc)
		rc = route_family(&nl, AF_INET);
	v4_done = !rc;
	if (!rc)
		rc = route_has_ipv6(&ipv6);
	if (!rc && ipv6)
		rc = route_family(&nl, AF_INET6);
	if (rc && v4_done)
		route_take(&nl, AF_INET);
	netlink_close(&nl);
	if (!rc)
		*ret_ipv6 = ipv6;
	return rc;
}
