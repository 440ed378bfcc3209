/* capture/rules.c - the rules of a captured namespace, as objects.
 *
 *   table inet penstock {
 *     chain capture { type nat hook output priority -100; policy accept;
 *       udp dport 53 counter redirect to :DNS
 *       tcp dport 53 counter redirect to :DNS
 *       ip daddr 127.0.0.0/8 counter accept
 *       ip6 daddr ::1 counter accept
 *       meta l4proto tcp counter redirect to :TCP
 *     }
 *     chain guard { type filter hook input priority 0; policy drop;
 *       tcp dport TCP ct status & dnat == 0 counter reject with tcp reset
 *       ct state established,related counter accept
 *       ip daddr 127.0.0.0/8 counter accept
 *       ip6 daddr ::1 counter accept
 *       udp dport 443 counter reject with icmpx port-unreachable
 *       meta l4proto udp counter reject with icmpx port-unreachable
 *       counter reject with icmpx admin-prohibited
 *     }
 *   }
 *
 *     attached only: what is bound to a device (SO_BINDTODEVICE) leaves by it
 *     chain leave { type filter hook postrouting priority 0; policy drop;
 *       oifname lo counter accept
 *     }
 *
 * Every address is local, so what a process sends comes back in by lo: capture
 * has its say on the way out, guard on the way in. Loopback stays the
 * sandbox's own, for its development servers, but for port 53: the gateway is
 * the only resolver. The guard refuses in input rather than in output, because
 * there the sender sees ECONNREFUSED from the network, which makes QUIC fall
 * back to TCP at once; a drop in output is an EPERM that some clients retry.
 * Its first rule keeps the sandbox from speaking to the listener directly.
 */

#include "capture/rules.h"

#include <errno.h>
#include <netinet/in.h> /* before the kernel's, which give way to it */

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/err.h"
#include "capture/capture.h"
#include "capture/phrase.h"

#define PORT_DNS  53
#define PORT_QUIC 443

#define IP4_DADDR 16 /* offset in the network header (RFC 791) */
#define IP6_DADDR 24 /* (RFC 8200) */

/* From the kernel's view, ct state is a bit for each enum ip_conntrack_info. */
#define STATE_ESTABLISHED BIT(IP_CT_ESTABLISHED + 1)
#define STATE_RELATED	  BIT(IP_CT_RELATED + 1)

static const struct rules_chain rules_capture_chain = {
	"capture", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST, NF_ACCEPT, NULL,
};
/* Before the container engine's own, which may lead DNS to its resolver. */
static const struct rules_chain rules_attached_chain = {
	"capture", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST - 1,
	NF_ACCEPT, NULL,
};
static const struct rules_chain rules_guard_chain = {
	"guard", "filter", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER, NF_DROP, NULL,
};
/* What is bound to a device takes a route that leads out. */
static const struct rules_chain rules_leave_chain = {
	"leave",	  "filter", NF_INET_POST_ROUTING,
	NF_IP_PRI_FILTER, NF_DROP,  NULL,
};

/* The chains, in the words above. */

static void rules_accept_loopback(struct phrase *out, const char *chain)
{
	const struct in6_addr v6 = IN6ADDR_LOOPBACK_INIT;
	const uint8_t v4 = IN_LOOPBACKNET; /* the first octet: a /8 */

	phrase_begin(out, chain, "loopback, IPv4");
	phrase_meta_is(out, NFT_META_NFPROTO, NFPROTO_IPV4);
	phrase_payload_is(out, NFT_PAYLOAD_NETWORK_HEADER, IP4_DADDR, &v4,
			  sizeof(v4));
	phrase_accept(out);

	phrase_begin(out, chain, "loopback, IPv6");
	phrase_meta_is(out, NFT_META_NFPROTO, NFPROTO_IPV6);
	phrase_payload_is(out, NFT_PAYLOAD_NETWORK_HEADER, IP6_DADDR, &v6,
			  sizeof(v6));
	phrase_accept(out);
}

static void rules_capture(struct phrase *out, const char *chain)
{
	phrase_begin(out, chain, "DNS over UDP, to the gateway");
	phrase_dport_is(out, IPPROTO_UDP, PORT_DNS);
	phrase_redirect(out, CAPTURE_DNS_PORT);

	phrase_begin(out, chain, "DNS over TCP, to the gateway");
	phrase_dport_is(out, IPPROTO_TCP, PORT_DNS);
	phrase_redirect(out, CAPTURE_DNS_PORT);

	rules_accept_loopback(out, chain);

	phrase_begin(out, chain, "TCP, to the gateway");
	phrase_meta_is(out, NFT_META_L4PROTO, IPPROTO_TCP);
	phrase_redirect(out, CAPTURE_TCP_PORT);
}

static void rules_guard(struct phrase *out, const char *chain)
{
	phrase_begin(out, chain, "straight to the listener: refused");
	phrase_dport_is(out, IPPROTO_TCP, CAPTURE_TCP_PORT);
	phrase_ct_bits(out, NFT_CT_STATUS, IPS_DST_NAT, NFT_CMP_EQ);
	phrase_reject(out, NFT_REJECT_TCP_RST, 0);

	phrase_begin(out, chain, "what has begun");
	phrase_ct_bits(out, NFT_CT_STATE, STATE_ESTABLISHED | STATE_RELATED,
		       NFT_CMP_NEQ);
	phrase_accept(out);

	rules_accept_loopback(out, chain);

	phrase_begin(out, chain, "QUIC: refused, so that clients take TCP");
	phrase_dport_is(out, IPPROTO_UDP, PORT_QUIC);
	phrase_reject(out, NFT_REJECT_ICMPX_UNREACH,
		      NFT_REJECT_ICMPX_PORT_UNREACH);

	phrase_begin(out, chain, "UDP: refused");
	phrase_meta_is(out, NFT_META_L4PROTO, IPPROTO_UDP);
	phrase_reject(out, NFT_REJECT_ICMPX_UNREACH,
		      NFT_REJECT_ICMPX_PORT_UNREACH);

	phrase_begin(out, chain, "all else: refused");
	phrase_reject(out, NFT_REJECT_ICMPX_UNREACH,
		      NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
}

static void rules_leave(struct phrase *out, const char *chain)
{
	phrase_begin(out, chain, "stays inside");
	phrase_device_is(out, NFT_META_OIFNAME, "lo");
	phrase_accept(out);
}

static int rules_set_hook(struct nftnl_chain *chain,
			  const struct rules_chain *what)
{
	if (nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, what->type) ||
	    (what->device &&
	     nftnl_chain_set_str(chain, NFTNL_CHAIN_DEV, what->device)))
		return -ENOMEM;
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, what->hook);
	nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, what->prio);
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, what->policy);
	return 0;
}

int rules_add_chain(struct rules *rules, const struct rules_chain *what)
{
	struct nftnl_chain *chain = nftnl_chain_alloc();

	assert(rules->chains < RULES_CHAINS);
	if (!chain)
		return -ENOMEM;
	if (nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, RULES_TABLE) ||
	    nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, what->name) ||
	    (what->type && rules_set_hook(chain, what))) {
		nftnl_chain_free(chain);
		return -ENOMEM;
	}
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_FAMILY, rules->family);
	rules->chain[rules->chains++] = chain;
	return 0;
}

int rules_build(bool attached, struct rules *ret)
{
	struct rules rules = {
		.family = NFPROTO_INET,
		.owner = RULES_OWNER_SANDBOX,
	};
	struct phrase out = { .rules = &rules };

	if (rules_add_chain(&rules, attached ? &rules_attached_chain
					     : &rules_capture_chain) ||
	    rules_add_chain(&rules, &rules_guard_chain) ||
	    (attached && rules_add_chain(&rules, &rules_leave_chain)))
		out.bad = true;
	rules_capture(&out, rules_capture_chain.name);
	rules_guard(&out, rules_guard_chain.name);
	if (attached)
		rules_leave(&out, rules_leave_chain.name);
	if (out.bad) {
		rules_done(&rules);
		return -ENOMEM;
	}
	*ret = rules;
	return 0;
}

void rules_done(struct rules *rules)
{
	for (size_t i = 0; i < rules->chains; i++)
		nftnl_chain_free(rules->chain[i]);
	for (size_t i = 0; i < rules->len; i++)
		nftnl_rule_free(rules->rule[i]);
	*rules = (struct rules){ 0 };
}

static const char *rules_word(const char *s)
{
	return s ? s : "-";
}

int rules_print_chain(const struct nftnl_chain *chain, char *ret, size_t len)
{
	const char *device = nftnl_chain_get_str(chain, NFTNL_CHAIN_DEV);
	int n = snprintf(
		ret, len, "%u %s %s type %s hook %u prio %d policy %u%s%s",
		nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY),
		rules_word(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE)),
		rules_word(nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME)),
		rules_word(nftnl_chain_get_str(chain, NFTNL_CHAIN_TYPE)),
		nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM),
		nftnl_chain_get_s32(chain, NFTNL_CHAIN_PRIO),
		nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY),
		device ? " device " : "", device ? device : "");

	return n < 0 || (size_t)n >= len ? ERR_LIMIT : 0;
}

struct rules_text {
	char *ptr;
	size_t len, room; /* room: bytes left, NUL included */
};

static int rules_text_add(struct rules_text *text, int n)
{
	if (n < 0 || (size_t)n >= text->room)
		return ERR_LIMIT;
	text->len += (size_t)n;
	text->room -= (size_t)n;
	return 0;
}

static int rules_text_put(struct rules_text *text, const char *s)
{
	return rules_text_add(
		text, snprintf(text->ptr + text->len, text->room, "%s", s));
}

/* "[NAME ARGUMENTS]". A counter's numbers are no part of its meaning. */
static int rules_print_expr(struct nftnl_expr *expr, void *ctx)
{
	struct rules_text *text = ctx;
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);
	int rc = rules_text_put(text, " [");

	if (!rc)
		rc = rules_text_put(text, name);
	if (!rc)
		rc = rules_text_put(text, " ");
	if (!rc && strcmp(name, "counter") != 0)
		rc = rules_text_add(
			text,
			nftnl_expr_snprintf(text->ptr + text->len, text->room,
					    expr, NFTNL_OUTPUT_DEFAULT, 0));
	return rc ? rc : rules_text_put(text, "]");
}

int rules_print_rule(struct nftnl_rule *rule, char *ret, size_t len)
{
	struct rules_text text = { .ptr = ret, .room = len };
	int rc = rules_text_add(
		&text,
		snprintf(ret, len, "%u %s %s:",
			 nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY),
			 rules_word(nftnl_rule_get_str(rule, NFTNL_RULE_TABLE)),
			 rules_word(
				 nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN))));

	if (rc)
		return rc;
	return nftnl_expr_foreach(rule, rules_print_expr, &text);
}
