/* capture/phrase.c - write one nftables rule, word for word. */

#include "capture/phrase.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h> /* before libnftnl, which needs it */

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "base/base.h"

#define IP4_SADDR  12 /* offset in the network header (RFC 791) */
#define IP6_SADDR  8  /* (RFC 8200) */
#define PORT_DADDR 2  /* offset in the transport header, TCP and UDP */

/* nft shows it behind the rule, and `show` beside the counter. */
static int phrase_comment(struct nftnl_rule *rule, const char *text)
{
	struct nftnl_udata_buf *buf =
		nftnl_udata_buf_alloc(NFTNL_UDATA_COMMENT_MAXLEN + 8);
	int rc = -ENOMEM;

	if (!buf)
		return rc;
	if (nftnl_udata_put_strz(buf, NFTNL_UDATA_RULE_COMMENT, text) &&
	    !nftnl_rule_set_data(rule, NFTNL_RULE_USERDATA,
				 nftnl_udata_buf_data(buf),
				 nftnl_udata_buf_len(buf)))
		rc = 0;
	nftnl_udata_buf_free(buf);
	return rc;
}

void phrase_begin(struct phrase *p, const char *chain, const char *comment)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	p->rule = rule;
	if (!rule || nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, RULES_TABLE) ||
	    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain) ||
	    phrase_comment(rule, comment)) {
		p->bad = true;
		return;
	}
	nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, p->rules->family);
}

/* A new expression at the end of the rule, or NULL. */
static struct nftnl_expr *phrase_expr(struct phrase *p, const char *name)
{
	struct nftnl_expr *expr = p->bad ? NULL : nftnl_expr_alloc(name);

	if (expr)
		nftnl_rule_add_expr(p->rule, expr);
	else
		p->bad = true;
	return expr;
}

static void phrase_count(struct phrase *p)
{
	(void)phrase_expr(p, "counter");
}

/* The verdict has been written: the rule is whole. */
static void phrase_end(struct phrase *p)
{
	struct rules *rules = p->rules;

	if (p->rule && !p->bad) {
		assert(rules->len < RULES_MAX);
		rules->rule[rules->len++] = p->rule;
	} else if (p->rule) {
		nftnl_rule_free(p->rule);
	}
	p->rule = NULL;
}

/* Conditions. Each loads into register 1 and compares. */

static void phrase_cmp(struct phrase *p, uint32_t op, const void *data,
		       uint32_t len)
{
	struct nftnl_expr *expr = phrase_expr(p, "cmp");

	if (!expr)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, op);
	if (nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, data, len))
		p->bad = true;
}

static void phrase_meta(struct phrase *p, uint32_t key)
{
	struct nftnl_expr *expr = phrase_expr(p, "meta");

	if (!expr)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

void phrase_meta_is(struct phrase *p, uint32_t key, uint8_t value)
{
	phrase_meta(p, key);
	phrase_cmp(p, NFT_CMP_EQ, &value, sizeof(value));
}

static void phrase_payload(struct phrase *p, uint32_t base, uint32_t offset,
			   uint32_t len)
{
	struct nftnl_expr *expr = phrase_expr(p, "payload");

	if (!expr)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, len);
}

void phrase_payload_is(struct phrase *p, uint32_t base, uint32_t offset,
		       const void *data, uint32_t len)
{
	phrase_payload(p, base, offset, len);
	phrase_cmp(p, NFT_CMP_EQ, data, len);
}

void phrase_dport_is(struct phrase *p, uint8_t proto, uint16_t port)
{
	uint16_t wire = htons(port);

	phrase_meta_is(p, NFT_META_L4PROTO, proto);
	phrase_payload_is(p, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_DADDR, &wire,
			  sizeof(wire));
}

static void phrase_mask(struct phrase *p, const void *mask, uint32_t len)
{
	static const uint8_t zero[sizeof(struct in6_addr)];
	struct nftnl_expr *bits = phrase_expr(p, "bitwise");

	assert(len <= sizeof(zero));
	if (!bits)
		return;
	nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_LEN, len);
	if (nftnl_expr_set(bits, NFTNL_EXPR_BITWISE_MASK, mask, len) ||
	    nftnl_expr_set(bits, NFTNL_EXPR_BITWISE_XOR, zero, len))
		p->bad = true;
}

static void phrase_ct(struct phrase *p, uint32_t key)
{
	struct nftnl_expr *ct = phrase_expr(p, "ct");

	if (!ct)
		return;
	nftnl_expr_set_u32(ct, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u32(ct, NFTNL_EXPR_CT_DREG, NFT_REG_1);
}

void phrase_ct_bits(struct phrase *p, uint32_t key, uint32_t mask, uint32_t op)
{
	const uint32_t zero = 0;

	phrase_ct(p, key);
	phrase_mask(p, &mask, sizeof(mask));
	phrase_cmp(p, op, &zero, sizeof(zero));
}

void phrase_ct_reply(struct phrase *p)
{
	const uint8_t reply = IP_CT_DIR_REPLY;

	phrase_ct(p, NFT_CT_DIRECTION);
	phrase_cmp(p, NFT_CMP_EQ, &reply, sizeof(reply));
}

void phrase_source_in(struct phrase *p, const uint8_t *address, uint32_t len,
		      uint32_t bits)
{
	bool v4 = len == sizeof(struct in_addr);
	uint8_t mask[sizeof(struct in6_addr)] = { 0 };
	uint8_t net[sizeof(mask)] = { 0 };

	assert(len <= sizeof(mask) && bits <= len * 8);
	for (uint32_t i = 0; i < bits; i++)
		mask[i / 8] = (uint8_t)(mask[i / 8] | 0x80 >> i % 8);
	for (uint32_t i = 0; i < len; i++)
		net[i] = address[i] & mask[i];
	phrase_meta_is(p, NFT_META_NFPROTO, v4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
	phrase_payload(p, NFT_PAYLOAD_NETWORK_HEADER,
		       v4 ? IP4_SADDR : IP6_SADDR, len);
	phrase_mask(p, mask, len);
	phrase_cmp(p, NFT_CMP_EQ, net, len);
}

void phrase_device_is(struct phrase *p, uint32_t key, const char *name)
{
	char padded[IFNAMSIZ] = { 0 };

	(void)snprintf(padded, sizeof(padded), "%s", name);
	phrase_meta(p, key);
	phrase_cmp(p, NFT_CMP_EQ, padded, sizeof(padded));
}

void phrase_spoofed(struct phrase *p)
{
	struct nftnl_expr *fib = phrase_expr(p, "fib");
	const uint32_t none = 0;

	if (!fib)
		return;
	nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
	nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_OIF);
	nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_FLAGS,
			   NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF);
	phrase_cmp(p, NFT_CMP_EQ, &none, sizeof(none));
}

/* Verdicts. Each counts, then ends the rule. */

static void phrase_verdict(struct phrase *p, uint32_t verdict,
			   const char *chain)
{
	struct nftnl_expr *expr;

	phrase_count(p);
	expr = phrase_expr(p, "immediate");
	if (expr) {
		nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, verdict);
		if (chain &&
		    nftnl_expr_set_str(expr, NFTNL_EXPR_IMM_CHAIN, chain))
			p->bad = true;
	}
	phrase_end(p);
}

void phrase_accept(struct phrase *p)
{
	phrase_verdict(p, NF_ACCEPT, NULL);
}

void phrase_drop(struct phrase *p)
{
	phrase_verdict(p, NF_DROP, NULL);
}

void phrase_jump(struct phrase *p, const char *chain)
{
	phrase_verdict(p, (uint32_t)NFT_JUMP, chain);
}

void phrase_return(struct phrase *p)
{
	phrase_verdict(p, (uint32_t)NFT_RETURN, NULL);
}

void phrase_reject(struct phrase *p, uint32_t type, uint8_t code)
{
	struct nftnl_expr *expr;

	phrase_count(p);
	expr = phrase_expr(p, "reject");
	if (expr) {
		nftnl_expr_set_u32(expr, NFTNL_EXPR_REJECT_TYPE, type);
		nftnl_expr_set_u8(expr, NFTNL_EXPR_REJECT_CODE, code);
	}
	phrase_end(p);
}

void phrase_redirect(struct phrase *p, uint16_t port)
{
	uint16_t wire = htons(port);
	struct nftnl_expr *imm, *redir;

	phrase_count(p);
	imm = phrase_expr(p, "immediate");
	redir = imm ? phrase_expr(p, "redir") : NULL;
	if (redir) {
		nftnl_expr_set_u32(imm, NFTNL_EXPR_IMM_DREG, NFT_REG_1);
		if (nftnl_expr_set(imm, NFTNL_EXPR_IMM_DATA, &wire,
				   sizeof(wire)))
			p->bad = true;
		nftnl_expr_set_u32(redir, NFTNL_EXPR_REDIR_REG_PROTO_MIN,
				   NFT_REG_1);
		nftnl_expr_set_u32(redir, NFTNL_EXPR_REDIR_REG_PROTO_MAX,
				   NFT_REG_1);
		nftnl_expr_set_u32(redir, NFTNL_EXPR_REDIR_FLAGS,
				   NF_NAT_RANGE_PROTO_SPECIFIED);
	}
	phrase_end(p);
}

/* Load octets into a register. */
static void phrase_load(struct phrase *p, uint32_t reg, const void *data,
			uint32_t len)
{
	struct nftnl_expr *imm = phrase_expr(p, "immediate");

	if (!imm)
		return;
	nftnl_expr_set_u32(imm, NFTNL_EXPR_IMM_DREG, reg);
	if (nftnl_expr_set(imm, NFTNL_EXPR_IMM_DATA, data, len))
		p->bad = true;
}

void phrase_tproxy(struct phrase *p, uint32_t family, const void *address,
		   uint32_t len, uint16_t port, uint32_t mark)
{
	uint16_t wire = htons(port);
	struct nftnl_expr *expr;

	phrase_load(p, NFT_REG_1, address, len);
	phrase_load(p, NFT_REG_2, &wire, sizeof(wire));
	expr = phrase_expr(p, "tproxy");
	if (expr) {
		nftnl_expr_set_u32(expr, NFTNL_EXPR_TPROXY_FAMILY, family);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_TPROXY_REG_ADDR, NFT_REG_1);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_TPROXY_REG_PORT, NFT_REG_2);
	}
	phrase_load(p, NFT_REG_1, &mark, sizeof(mark));
	expr = phrase_expr(p, "meta");
	if (expr) {
		nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, NFT_META_MARK);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_META_SREG, NFT_REG_1);
	}
	phrase_accept(p);
}
