/* capture/divert.c - the rule and the route that TPROXY needs.
 *
 *   ip rule add fwmark MARK lookup TABLE priority PRIORITY
 *   ip route add local default dev lo table TABLE
 *
 * The kernel has no transaction over these. A rule that points to an empty
 * table changes nothing, and nothing is marked before the nftables rules are
 * there, so the order does no harm; what was added is taken back when the
 * next step fails.
 */

#include "capture/divert.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "capture/capture.h"
#include "capture/netlink.h"
#include "capture/route.h"

#define DIVERT_LO 1 /* the index of lo in each network namespace */

static int divert_rule(struct netlink *nl, int family, int type, int flags)
{
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct fib_rule_hdr *rule;

	nlh->nlmsg_type = (uint16_t)type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	nlh->nlmsg_seq = ++nl->seq;
	rule = mnl_nlmsg_put_extra_header(nlh, sizeof(*rule));
	rule->family = (uint8_t)family;
	rule->action = FR_ACT_TO_TBL;
	mnl_attr_put_u32(nlh, FRA_PRIORITY, CAPTURE_PRIORITY);
	mnl_attr_put_u32(nlh, FRA_FWMARK, CAPTURE_MARK);
	mnl_attr_put_u32(nlh, FRA_FWMASK, ~0u);
	mnl_attr_put_u32(nlh, FRA_TABLE, CAPTURE_ROUTES);
	mnl_attr_put_u8(nlh, FRA_PROTOCOL, CAPTURE_PROTOCOL);
	return netlink_ask(nl, nlh, nlh->nlmsg_len, nlh->nlmsg_seq);
}

static int divert_route(struct netlink *nl, int family, int type, int flags)
{
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm;

	nlh->nlmsg_type = (uint16_t)type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	nlh->nlmsg_seq = ++nl->seq;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = (unsigned char)family;
	rtm->rtm_table = RT_TABLE_UNSPEC;
	rtm->rtm_protocol = CAPTURE_PROTOCOL;
	rtm->rtm_scope = RT_SCOPE_HOST;
	rtm->rtm_type = RTN_LOCAL;
	mnl_attr_put_u32(nlh, RTA_TABLE, CAPTURE_ROUTES);
	mnl_attr_put_u32(nlh, RTA_OIF, DIVERT_LO);
	return netlink_ask(nl, nlh, nlh->nlmsg_len, nlh->nlmsg_seq);
}

static int divert_add(struct netlink *nl, int family)
{
	const int flags = NLM_F_CREATE | NLM_F_EXCL;
	int rc = divert_rule(nl, family, RTM_NEWRULE, flags);

	if (!rc || rc == -EEXIST)
		rc = divert_route(nl, family, RTM_NEWROUTE, flags);
	return rc == -EEXIST ? 0 : rc;
}

/* What is not there, or cannot be, need not be taken away. */
static int divert_taken(int rc)
{
	switch (rc) {
	case -ENOENT:
	case -ESRCH:
	case -ENODEV:
	case -EAFNOSUPPORT: /* a kernel without IPv6: of a rule */
	case -EOPNOTSUPP:   /* of a route */
		return 0;
	default:
		return rc;
	}
}

static int divert_take(struct netlink *nl, int family)
{
	int route = divert_taken(divert_route(nl, family, RTM_DELROUTE, 0));
	int rule = divert_taken(divert_rule(nl, family, RTM_DELRULE, 0));

	return route ? route : rule;
}

int divert_install(void)
{
	struct netlink nl;
	bool ipv6 = false;
	int rc = netlink_open(NETLINK_ROUTE, &nl);

	if (rc)
		return rc;
	rc = route_has_ipv6(&ipv6);
	if (!rc)
		rc = divert_add(&nl, AF_INET);
	if (!rc && ipv6)
		rc = divert_add(&nl, AF_INET6);
	if (rc) {
		(void)divert_take(&nl, AF_INET);
		if (ipv6)
			(void)divert_take(&nl, AF_INET6);
	}
	netlink_close(&nl);
	return rc;
}

/* IPv6 may have been switched off since: its rule stays then. */
int divert_remove(void)
{
	struct netlink nl;
	int v4, v6, rc = netlink_open(NETLINK_ROUTE, &nl);

	if (rc)
		return rc;
	v4 = divert_take(&nl, AF_INET);
	v6 = divert_take(&nl, AF_INET6);
	netlink_close(&nl);
	return v4 ? v4 : v6;
}

/* How many of what is dumped are ours, by family. */
struct divert_look {
	unsigned int rules[2], routes[2]; /* IPv4, IPv6 */
};

static unsigned int *divert_of(unsigned int count[2], unsigned int family)
{
	return &count[family == AF_INET6];
}

static uint32_t divert_attr(const struct nlmsghdr *nlh, unsigned int offset,
			    uint16_t type)
{
	const struct nlattr *attr = mnl_nlmsg_get_payload_offset(nlh, offset);
	const char *end = mnl_nlmsg_get_payload_tail(nlh);

	for (; mnl_attr_ok(attr, (int)(end - (const char *)attr));
	     attr = mnl_attr_next(attr)) {
		if (mnl_attr_get_type(attr) == type &&
		    mnl_attr_get_payload_len(attr) == sizeof(uint32_t))
			return mnl_attr_get_u32(attr);
	}
	return 0;
}

static int divert_on_rule(const struct nlmsghdr *nlh, void *ctx)
{
	const struct fib_rule_hdr *rule = mnl_nlmsg_get_payload(nlh);
	struct divert_look *look = ctx;

	if (nlh->nlmsg_type == RTM_NEWRULE && rule->action == FR_ACT_TO_TBL &&
	    divert_attr(nlh, sizeof(*rule), FRA_FWMARK) == CAPTURE_MARK &&
	    divert_attr(nlh, sizeof(*rule), FRA_TABLE) == CAPTURE_ROUTES &&
	    divert_attr(nlh, sizeof(*rule), FRA_PRIORITY) == CAPTURE_PRIORITY)
		++*divert_of(look->rules, rule->family);
	return MNL_CB_OK;
}

static int divert_on_route(const struct nlmsghdr *nlh, void *ctx)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct divert_look *look = ctx;

	if (nlh->nlmsg_type == RTM_NEWROUTE && rtm->rtm_type == RTN_LOCAL &&
	    !rtm->rtm_dst_len &&
	    divert_attr(nlh, sizeof(*rtm), RTA_TABLE) == CAPTURE_ROUTES)
		++*divert_of(look->routes, rtm->rtm_family);
	return MNL_CB_OK;
}

static int divert_dump(struct netlink *nl, int type, mnl_cb_t fn,
		       struct divert_look *look)
{
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = (uint16_t)type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = ++nl->seq;
	(void)mnl_nlmsg_put_extra_header(
		nlh, MAX(sizeof(struct rtmsg), sizeof(struct fib_rule_hdr)));
	return netlink_dump(nl, nlh, fn, look);
}

int divert_verify(void)
{
	struct divert_look look = { { 0 }, { 0 } };
	struct netlink nl;
	bool ipv6 = false;
	int rc = netlink_open(NETLINK_ROUTE, &nl);

	if (rc)
		return rc;
	rc = route_has_ipv6(&ipv6);
	if (!rc)
		rc = divert_dump(&nl, RTM_GETRULE, divert_on_rule, &look);
	if (!rc)
		rc = divert_dump(&nl, RTM_GETROUTE, divert_on_route, &look);
	netlink_close(&nl);
	if (rc)
		return rc;
	return look.rules[0] && look.routes[0] &&
			       (!ipv6 || (look.rules[1] && look.routes[1]))
		       ? 0
		       : ERR_STALE;
}
