/* capture/appliance.c - the rules of a gateway host, as objects.
 *
 *   table inet penstock {
 *     chain arrive { type filter hook prerouting priority -150; policy accept;
 *       iifname lo accept                    the host's own
 *       iifname IF jump sandbox              for each interface
 *       ip saddr PREFIX jump sandbox         for each source
 *     }
 *     chain sandbox {
 *       icmpv6 type 133, 135, 136 accept     neighbours, or there is no IPv6
 *       fib saddr . iif oif 0 drop           no way back there: spoofed
 *       jump origin                          with interfaces and sources
 *       ct direction reply accept            answers to what the host began
 *       ct state related accept              errors that belong to a connection
 *       udp dport 53, tcp dport 53           tproxy to the DNS listeners
 *       meta l4proto tcp                     tproxy to the TCP listener
 *       meta l4proto tcp reject with reset   no listener: the gateway has gone
 *       meta l4proto udp reject              QUIC's clients take TCP at once
 *       drop
 *     }
 *     chain origin { ip saddr PREFIX return …; drop }
 *     chain forward { type filter hook forward priority 0; policy accept;
 *       iifname IF drop, ip saddr PREFIX drop
 *     }
 *     chain leave { type filter hook output priority 0; policy accept;
 *       oifname lo accept
 *       icmp type . code 3.1, 11.1, type 12 drop
 *       icmpv6 type . code 1.3, 3.1, type 4 drop
 *     }
 *   }
 *
 * All is decided in prerouting, before a route is chosen, so that nothing of a
 * sandbox reaches a service of the host or another device; the forward chain
 * says it a second time. TPROXY needs a listener that is there: the gateway
 * dead, its rules do not match and the refusals below them do. The packets of
 * the gateway itself leave by the output hook, where there are no rules, and
 * their answers are replies in a connection that the host began: no loop.
 *
 * But the kernel itself would carry words out: its ICMP errors quote a packet.
 * Of an answer that finds no neighbour (its source was spoofed) they go to
 * whom it seems to come from, which is an address in the world that the sandbox
 * chose; of fragments that are never whole, and of IPv6 options that nobody
 * knows, to a spoofed source, and before prerouting has seen it. None of these
 * leaves. "Fragmentation needed", and what else a router must say, does.
 *
 * DNS goes by TPROXY too and not by a redirect: no address is rewritten, so
 * the answer bears the address that was asked without the help of conntrack.
 */

#include "capture/appliance.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/err.h"
#include "capture/capture.h"
#include "capture/phrase.h"

#define PORT_DNS      53
#define STATE_RELATED BIT(IP_CT_RELATED + 1)

/* ICMPv6 types (RFC 4861): a router asked for, a neighbour, and its answer. */
static const uint8_t appliance_neighbours[] = { 133, 135, 136 };

static const struct rules_chain appliance_chains[RULES_CHAINS] = {
	{ "arrive", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_MANGLE, NF_ACCEPT,
	  NULL },
	{ "sandbox", NULL, 0, 0, 0, NULL },
	{ "origin", NULL, 0, 0, 0, NULL },
	{ "forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER, NF_ACCEPT,
	  NULL },
	{ "leave", "filter", NF_INET_LOCAL_OUT, NF_IP_PRI_FILTER, NF_ACCEPT,
	  NULL },
};

/* Errors that quote what a sandbox sent: type and code, or the type alone. */
static const struct {
	uint8_t proto, len, error[2];
} appliance_errors[] = {
	{ IPPROTO_ICMP, 2, { 3, 1 } },	 /* host unreachable */
	{ IPPROTO_ICMP, 2, { 11, 1 } },	 /* fragments came too late */
	{ IPPROTO_ICMP, 1, { 12 } },	 /* a parameter is wrong */
	{ IPPROTO_ICMPV6, 2, { 1, 3 } }, /* address unreachable */
	{ IPPROTO_ICMPV6, 2, { 3, 1 } }, /* fragments came too late */
	{ IPPROTO_ICMPV6, 1, { 4 } },	 /* an option is unknown */
};

static_assert(APPLIANCE_SOURCE_TEXT == INET6_ADDRSTRLEN + 4, "a prefix");
static_assert(IFNAMSIZ == APPLIANCE_NAME_MAX, "an interface's name");
static_assert(2 * (APPLIANCE_INTERFACES_MAX + APPLIANCE_SOURCES_MAX) +
			      APPLIANCE_SOURCES_MAX + 32 <=
		      RULES_MAX,
	      "more rules than there is room for");

int appliance_add_interface(struct appliance *a, const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= APPLIANCE_NAME_MAX || strchr(name, '/'))
		return ERR_SYNTAX;
	if (a->interfaces == APPLIANCE_INTERFACES_MAX)
		return ERR_LIMIT;
	memcpy(a->interface[a->interfaces++], name, len + 1);
	return 0;
}

int appliance_add_source(struct appliance *a, const char *text)
{
	struct appliance_source s = { .len = 4 };
	char addr[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "/");
	unsigned long bits;
	char *end = NULL;

	if (len >= sizeof(addr))
		return ERR_SYNTAX;
	memcpy(addr, text, len);
	addr[len] = '\0';
	if (inet_pton(AF_INET, addr, s.address) != 1) {
		s.len = 16;
		if (inet_pton(AF_INET6, addr, s.address) != 1)
			return ERR_SYNTAX;
	}
	bits = s.len * 8u;
	if (text[len] == '/') {
		if (text[len + 1] < '0' || text[len + 1] > '9')
			return ERR_SYNTAX;
		bits = strtoul(text + len + 1, &end, 10);
		if (*end || bits > s.len * 8u)
			return ERR_SYNTAX;
	}
	if (a->sources == APPLIANCE_SOURCES_MAX)
		return ERR_LIMIT;
	s.bits = (uint8_t)bits;
	a->source[a->sources++] = s;
	return 0;
}

void appliance_source_print(const struct appliance_source *s,
			    char ret[APPLIANCE_SOURCE_TEXT])
{
	size_t len;

	(void)inet_ntop(s->len == 4 ? AF_INET : AF_INET6, s->address, ret,
			INET6_ADDRSTRLEN);
	len = strlen(ret);
	(void)snprintf(ret + len, APPLIANCE_SOURCE_TEXT - len, "/%u", s->bits);
}

bool appliance_source_is_wide(const struct appliance_source *s)
{
	return s->bits < (s->len == 4 ? 8 : 7);
}

static void appliance_each(struct phrase *p, const struct appliance *a,
			   const char *chain, void (*verdict)(struct phrase *p))
{
	for (size_t i = 0; i < a->interfaces; i++) {
		phrase_begin(p, chain, a->interface[i]);
		phrase_device_is(p, NFT_META_IIFNAME, a->interface[i]);
		verdict(p);
	}
	for (size_t i = 0; i < a->sources; i++) {
		const struct appliance_source *s = &a->source[i];
		char text[APPLIANCE_SOURCE_TEXT];

		appliance_source_print(s, text);
		phrase_begin(p, chain, text);
		phrase_source_in(p, s->address, s->len, s->bits);
		verdict(p);
	}
}

static void appliance_to_sandbox(struct phrase *p)
{
	phrase_jump(p, "sandbox");
}

static void appliance_arrive(struct phrase *p, const struct appliance *a)
{
	phrase_begin(p, "arrive", "the host's own");
	phrase_device_is(p, NFT_META_IIFNAME, "lo");
	phrase_accept(p);
	appliance_each(p, a, "arrive", appliance_to_sandbox);
}

static void appliance_origin(struct phrase *p, const struct appliance *a)
{
	struct appliance only = *a;

	only.interfaces = 0;
	appliance_each(p, &only, "origin", phrase_return);
	phrase_begin(p, "origin", "source that no sandbox has: dropped");
	phrase_drop(p);
}

/* Before anything is taken for a sandbox's: is it what it says it is? */
static void appliance_vet(struct phrase *p, bool origin)
{
	for (size_t i = 0; i < ARRAY_SIZE(appliance_neighbours); i++) {
		phrase_begin(p, "sandbox", "neighbour discovery");
		phrase_meta_is(p, NFT_META_L4PROTO, IPPROTO_ICMPV6);
		phrase_payload_is(p, NFT_PAYLOAD_TRANSPORT_HEADER, 0,
				  &appliance_neighbours[i], 1);
		phrase_accept(p);
	}
	phrase_begin(p, "sandbox", "spoofed source: dropped");
	phrase_spoofed(p);
	phrase_drop(p);
	if (origin) {
		phrase_begin(p, "sandbox", "source looked up");
		phrase_jump(p, "origin");
	}
	phrase_begin(p, "sandbox", "answers to the host");
	phrase_ct_reply(p);
	phrase_accept(p);
	phrase_begin(p, "sandbox", "errors of a connection");
	phrase_ct_bits(p, NFT_CT_STATE, STATE_RELATED, NFT_CMP_NEQ);
	phrase_accept(p);
}

/* Both families, DNS before the rest: port 53 of TCP is DNS. */
static void appliance_take(struct phrase *p, const char *what, uint8_t proto,
			   uint16_t from, uint16_t to)
{
	static const struct {
		uint8_t proto;
		int family;
		const char *address;
		uint32_t len;
	} families[] = {
		{ NFPROTO_IPV4, AF_INET, CAPTURE_LISTEN_V4, 4 },
		{ NFPROTO_IPV6, AF_INET6, CAPTURE_LISTEN_V6, 16 },
	};
	uint8_t octets[16];

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int rc = inet_pton(families[i].family, families[i].address,
				   octets);

		assert(rc == 1);
		phrase_begin(p, "sandbox", what);
		phrase_meta_is(p, NFT_META_NFPROTO, families[i].proto);
		if (from)
			phrase_dport_is(p, proto, from);
		else
			phrase_meta_is(p, NFT_META_L4PROTO, proto);
		phrase_tproxy(p, families[i].proto, octets, families[i].len, to,
			      CAPTURE_MARK);
	}
}

static void appliance_refuse(struct phrase *p)
{
	phrase_begin(p, "sandbox", "TCP without a gateway: refused");
	phrase_meta_is(p, NFT_META_L4PROTO, IPPROTO_TCP);
	phrase_reject(p, NFT_REJECT_TCP_RST, 0);

	phrase_begin(p, "sandbox", "UDP, and QUIC: refused");
	phrase_meta_is(p, NFT_META_L4PROTO, IPPROTO_UDP);
	phrase_reject(p, NFT_REJECT_ICMPX_UNREACH,
		      NFT_REJECT_ICMPX_PORT_UNREACH);

	phrase_begin(p, "sandbox", "all else: dropped");
	phrase_drop(p);
}

static void appliance_leave(struct phrase *p)
{
	phrase_begin(p, "leave", "the host's own");
	phrase_device_is(p, NFT_META_OIFNAME, "lo");
	phrase_accept(p);
	for (size_t i = 0; i < ARRAY_SIZE(appliance_errors); i++) {
		phrase_begin(p, "leave", "errors that quote: dropped");
		phrase_meta_is(p, NFT_META_L4PROTO, appliance_errors[i].proto);
		phrase_payload_is(p, NFT_PAYLOAD_TRANSPORT_HEADER, 0,
				  appliance_errors[i].error,
				  appliance_errors[i].len);
		phrase_drop(p);
	}
}

int appliance_build(const struct appliance *a, struct rules *ret)
{
	struct rules rules = {
		.family = NFPROTO_INET,
		.owner = RULES_OWNER_APPLIANCE,
	};
	struct phrase p = { .rules = &rules };
	bool origin = a->interfaces && a->sources;

	for (size_t i = 0; i < RULES_CHAINS; i++) {
		if (rules_add_chain(&rules, &appliance_chains[i]))
			p.bad = true;
	}
	appliance_arrive(&p, a);
	appliance_vet(&p, origin);
	appliance_take(&p, "DNS over UDP, to the gateway", IPPROTO_UDP,
		       PORT_DNS, PORT_DNS);
	appliance_take(&p, "DNS over TCP, to the gateway", IPPROTO_TCP,
		       PORT_DNS, PORT_DNS);
	appliance_take(&p, "TCP, to the gateway", IPPROTO_TCP, 0, a->port);
	appliance_refuse(&p);
	if (origin)
		appliance_origin(&p, a);
	appliance_each(&p, a, "forward", phrase_drop);
	appliance_leave(&p);
	if (p.bad) {
		rules_done(&rules);
		return -ENOMEM;
	}
	*ret = rules;
	return 0;
}
