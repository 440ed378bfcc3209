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
 * Every address is local, so what a process sends comes back in by lo: capture
 * has its say on the way out, guard on the way in. Loopback stays the
 * sandbox's own, for its development servers, but for port 53: the gateway is
 * the only resolver. The guard refuses in input rather than in output, because
 * there the sender sees ECONNREFUSED from the network, which makes QUIC fall
 * back to TCP at once; a drop in output is an EPERM that some clients retry.
 * Its first rule keeps the sandbox from speaking to the listener directly.
 */

#include "capture/rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/err.h"
#include "capture/capture.h"

#define PORT_DNS  53
#define PORT_QUIC 443

#define IP4_DADDR  16 /* offset in the network header (RFC 791) */
#define IP6_DADDR  24 /* (RFC 8200) */
#define PORT_DADDR 2  /* offset in the transport header, TCP and UDP */

/* From the kernel's view, ct state is a bit for each enum ip_conntrack_info. */
#define STATE_ESTABLISHED BIT(IP_CT_ESTABLISHED + 1)
#define STATE_RELATED	  BIT(IP_CT_RELATED + 1)

static const struct {
	const char *name, *type;
	uint32_t hook;
	int32_t prio;
	uint32_t policy;
} rules_chains[] = {
	{ "capture", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST, NF_ACCEPT },
	{ "guard", "filter", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER, NF_DROP },
};
static_assert(ARRAY_SIZE(rules_chains) == RULES_CHAINS, "a chain too many");

/* The rule being written. The error sticks: ask rules_end(). */
struct rules_out {
	struct rules *rules;
	struct nftnl_rule *rule;
	bool bad;
};

static void rules_begin(struct rules_out *out, const char *chain)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	out->rule = rule;
	if (!rule || nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, RULES_TABLE) ||
	    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain)) {
		out->bad = true;
		return;
	}
	nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
}

/* A new expression at the end of the rule, or NULL. */
static struct nftnl_expr *rules_expr(struct rules_out *out, const char *name)
{
	struct nftnl_expr *expr = out->bad ? NULL : nftnl_expr_alloc(name);

	if (expr)
		nftnl_rule_add_expr(out->rule, expr);
	else
		out->bad = true;
	return expr;
}

static void rules_count(struct rules_out *out)
{
	(void)rules_expr(out, "counter");
}

/* The verdict has been written: the rule is whole. */
static void rules_end(struct rules_out *out)
{
	struct rules *rules = out->rules;

	if (out->rule && !out->bad) {
		assert(rules->len < RULES_MAX);
		rules->rule[rules->len++] = out->rule;
	} else if (out->rule) {
		nftnl_rule_free(out->rule);
	}
	out->rule = NULL;
}

/* Conditions. Each loads into register 1 and compares. */

static void rules_cmp(struct rules_out *out, uint32_t op, const void *data,
		      uint32_t len)
{
	struct nftnl_expr *expr = rules_expr(out, "cmp");

	if (!expr)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, op);
	if (nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, data, len))
		out->bad = true;
}

static void rules_meta_is(struct rules_out *out, uint32_t key, uint8_t value)
{
	struct nftnl_expr *expr = rules_expr(out, "meta");

	if (!expr)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, NFT_REG_1);
	rules_cmp(out, NFT_CMP_EQ, &value, sizeof(value));
}

static void rules_payload_is(struct rules_out *out, uint32_t base,
			     uint32_t offset, const void *data, uint32_t len)
{
	struct nftnl_expr *expr = rules_expr(out, "payload");

	if (!expr)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, len);
	rules_cmp(out, NFT_CMP_EQ, data, len);
}

static void rules_dport_is(struct rules_out *out, uint8_t proto, uint16_t port)
{
	uint16_t wire = htons(port);

	rules_meta_is(out, NFT_META_L4PROTO, proto);
	rules_payload_is(out, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_DADDR, &wire,
			 sizeof(wire));
}

/* ct KEY & mask, compared with 0. */
static void rules_ct_bits(struct rules_out *out, uint32_t key, uint32_t mask,
			  uint32_t op)
{
	struct nftnl_expr *ct = rules_expr(out, "ct");
	struct nftnl_expr *bits = ct ? rules_expr(out, "bitwise") : NULL;
	const uint32_t zero = 0;

	if (!bits)
		return;
	nftnl_expr_set_u32(ct, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u32(ct, NFTNL_EXPR_CT_DREG, NFT_REG_1);
	nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_LEN, sizeof(mask));
	if (nftnl_expr_set(bits, NFTNL_EXPR_BITWISE_MASK, &mask,
			   sizeof(mask)) ||
	    nftnl_expr_set(bits, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof(zero)))
		out->bad = true;
	rules_cmp(out, op, &zero, sizeof(zero));
}

/* Verdicts. Each counts, then ends the rule. */

static void rules_accept(struct rules_out *out)
{
	struct nftnl_expr *expr;

	rules_count(out);
	expr = rules_expr(out, "immediate");
	if (expr) {
		nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, NF_ACCEPT);
	}
	rules_end(out);
}

static void rules_reject(struct rules_out *out, uint32_t type, uint8_t code)
{
	struct nftnl_expr *expr;

	rules_count(out);
	expr = rules_expr(out, "reject");
	if (expr) {
		nftnl_expr_set_u32(expr, NFTNL_EXPR_REJECT_TYPE, type);
		nftnl_expr_set_u8(expr, NFTNL_EXPR_REJECT_CODE, code);
	}
	rules_end(out);
}

static void rules_redirect(struct rules_out *out, uint16_t port)
{
	uint16_t wire = htons(port);
	struct nftnl_expr *imm, *redir;

	rules_count(out);
	imm = rules_expr(out, "immediate");
	redir = imm ? rules_expr(out, "redir") : NULL;
	if (redir) {
		nftnl_expr_set_u32(imm, NFTNL_EXPR_IMM_DREG, NFT_REG_1);
		if (nftnl_expr_set(imm, NFTNL_EXPR_IMM_DATA, &wire,
				   sizeof(wire)))
			out->bad = true;
		nftnl_expr_set_u32(redir, NFTNL_EXPR_REDIR_REG_PROTO_MIN,
				   NFT_REG_1);
		nftnl_expr_set_u32(redir, NFTNL_EXPR_REDIR_REG_PROTO_MAX,
				   NFT_REG_1);
		nftnl_expr_set_u32(redir, NFTNL_EXPR_REDIR_FLAGS,
				   NF_NAT_RANGE_PROTO_SPECIFIED);
	}
	rules_end(out);
}

/* The chains, in the words above. */

static void rules_accept_loopback(struct rules_out *out, const char *chain)
{
	const struct in6_addr v6 = IN6ADDR_LOOPBACK_INIT;
	const uint8_t v4 = IN_LOOPBACKNET; /* the first octet: a /8 */

	rules_begin(out, chain);
	rules_meta_is(out, NFT_META_NFPROTO, NFPROTO_IPV4);
	rules_payload_is(out, NFT_PAYLOAD_NETWORK_HEADER, IP4_DADDR, &v4,
			 sizeof(v4));
	rules_accept(out);

	rules_begin(out, chain);
	rules_meta_is(out, NFT_META_NFPROTO, NFPROTO_IPV6);
	rules_payload_is(out, NFT_PAYLOAD_NETWORK_HEADER, IP6_DADDR, &v6,
			 sizeof(v6));
	rules_accept(out);
}

static void rules_capture(struct rules_out *out, const char *chain)
{
	rules_begin(out, chain);
	rules_dport_is(out, IPPROTO_UDP, PORT_DNS);
	rules_redirect(out, CAPTURE_DNS_PORT);

	rules_begin(out, chain);
	rules_dport_is(out, IPPROTO_TCP, PORT_DNS);
	rules_redirect(out, CAPTURE_DNS_PORT);

	rules_accept_loopback(out, chain);

	rules_begin(out, chain);
	rules_meta_is(out, NFT_META_L4PROTO, IPPROTO_TCP);
	rules_redirect(out, CAPTURE_TCP_PORT);
}

static void rules_guard(struct rules_out *out, const char *chain)
{
	rules_begin(out, chain);
	rules_dport_is(out, IPPROTO_TCP, CAPTURE_TCP_PORT);
	rules_ct_bits(out, NFT_CT_STATUS, IPS_DST_NAT, NFT_CMP_EQ);
	rules_reject(out, NFT_REJECT_TCP_RST, 0);

	rules_begin(out, chain);
	rules_ct_bits(out, NFT_CT_STATE, STATE_ESTABLISHED | STATE_RELATED,
		      NFT_CMP_NEQ);
	rules_accept(out);

	rules_accept_loopback(out, chain);

	rules_begin(out, chain);
	rules_dport_is(out, IPPROTO_UDP, PORT_QUIC);
	rules_reject(out, NFT_REJECT_ICMPX_UNREACH,
		     NFT_REJECT_ICMPX_PORT_UNREACH);

	rules_begin(out, chain);
	rules_meta_is(out, NFT_META_L4PROTO, IPPROTO_UDP);
	rules_reject(out, NFT_REJECT_ICMPX_UNREACH,
		     NFT_REJECT_ICMPX_PORT_UNREACH);

	rules_begin(out, chain);
	rules_reject(out, NFT_REJECT_ICMPX_UNREACH,
		     NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
}

static struct nftnl_chain *rules_chain(size_t i)
{
	struct nftnl_chain *chain = nftnl_chain_alloc();

	if (!chain)
		return NULL;
	if (nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, RULES_TABLE) ||
	    nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME,
				rules_chains[i].name) ||
	    nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE,
				rules_chains[i].type)) {
		nftnl_chain_free(chain);
		return NULL;
	}
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_FAMILY, NFPROTO_INET);
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, rules_chains[i].hook);
	nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, rules_chains[i].prio);
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, rules_chains[i].policy);
	return chain;
}

int rules_build(struct rules *ret)
{
	struct rules rules = { 0 };
	struct rules_out out = { .rules = &rules };

	for (size_t i = 0; i < RULES_CHAINS; i++) {
		rules.chain[i] = rules_chain(i);
		if (!rules.chain[i])
			out.bad = true;
	}
	rules_capture(&out, rules_chains[0].name);
	rules_guard(&out, rules_chains[1].name);
	if (out.bad) {
		rules_done(&rules);
		return -ENOMEM;
	}
	*ret = rules;
	return 0;
}

void rules_done(struct rules *rules)
{
	for (size_t i = 0; i < RULES_CHAINS; i++) {
		if (rules->chain[i])
			nftnl_chain_free(rules->chain[i]);
	}
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
	int n = snprintf(
		ret, len, "%u %s %s type %s hook %u prio %d policy %u",
		nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY),
		rules_word(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE)),
		rules_word(nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME)),
		rules_word(nftnl_chain_get_str(chain, NFTNL_CHAIN_TYPE)),
		nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM),
		nftnl_chain_get_s32(chain, NFTNL_CHAIN_PRIO),
		nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY));

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
