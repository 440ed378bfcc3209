/* capture/nft.c - put the rules into the kernel, and see that they are there.
 *
 * One batch is one transaction: the kernel takes the table, its chains and
 * rules together or none of them. The acknowledgements already say that it
 * did; reading back says so in a second way, that no kernel bug and no bug of
 * ours in building the messages can hide.
 */

#include "capture/nft.h"

#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/base.h"
#include "base/err.h"
#include "capture/netlink.h"

/* The largest message of the batch takes less than this. */
#define NFT_MESSAGE_MAX 2048

struct nft_batch {
	struct mnl_nlmsg_batch *batch; /* owned */
	struct netlink *nl;
	uint32_t last; /* number of the last that asks for an answer */
};

static struct nlmsghdr *nft_message(struct nft_batch *b, uint16_t type,
				    uint16_t flags)
{
	b->last = ++b->nl->seq;
	return nftnl_nlmsg_build_hdr(
		mnl_nlmsg_batch_current(b->batch), type, NFPROTO_INET,
		(uint16_t)(flags | NLM_F_CREATE | NLM_F_ACK), b->last);
}

static int nft_put_table(struct nft_batch *b)
{
	struct nftnl_table *table = nftnl_table_alloc();
	int rc = -ENOMEM;

	if (!table)
		return rc;
	if (!nftnl_table_set_str(table, NFTNL_TABLE_NAME, RULES_TABLE)) {
		nftnl_table_set_u32(table, NFTNL_TABLE_FAMILY, NFPROTO_INET);
		nftnl_table_nlmsg_build_payload(
			nft_message(b, NFT_MSG_NEWTABLE, NLM_F_EXCL), table);
		mnl_nlmsg_batch_next(b->batch);
		rc = 0;
	}
	nftnl_table_free(table);
	return rc;
}

static int nft_put_all(struct nft_batch *b, const struct rules *rules)
{
	int rc;

	(void)nftnl_batch_begin(mnl_nlmsg_batch_current(b->batch),
				++b->nl->seq);
	mnl_nlmsg_batch_next(b->batch);
	rc = nft_put_table(b);
	if (rc)
		return rc;
	for (size_t i = 0; i < RULES_CHAINS; i++) {
		nftnl_chain_nlmsg_build_payload(
			nft_message(b, NFT_MSG_NEWCHAIN, NLM_F_EXCL),
			rules->chain[i]);
		mnl_nlmsg_batch_next(b->batch);
	}
	for (size_t i = 0; i < rules->len; i++) {
		nftnl_rule_nlmsg_build_payload(
			nft_message(b, NFT_MSG_NEWRULE, NLM_F_APPEND),
			rules->rule[i]);
		mnl_nlmsg_batch_next(b->batch);
	}
	(void)nftnl_batch_end(mnl_nlmsg_batch_current(b->batch), ++b->nl->seq);
	mnl_nlmsg_batch_next(b->batch);
	return 0;
}

int nft_install(const struct rules *rules)
{
	static char mem[NETLINK_BATCH_MAX];
	struct netlink nl;
	struct nft_batch b = { .nl = &nl };
	int rc = netlink_open(NETLINK_NETFILTER, &nl);

	static_assert(NETLINK_BATCH_MAX >= NFT_MESSAGE_MAX * (RULES_MAX - 1),
		      "the batch may not fit");
	if (rc)
		return rc;
	b.batch = mnl_nlmsg_batch_start(mem, sizeof(mem));
	rc = b.batch ? nft_put_all(&b, rules) : -ENOMEM;
	if (!rc)
		rc = netlink_ask(&nl, mnl_nlmsg_batch_head(b.batch),
				 mnl_nlmsg_batch_size(b.batch), b.last);
	if (b.batch)
		mnl_nlmsg_batch_stop(b.batch);
	netlink_close(&nl);
	return rc;
}

/* What the kernel has shown so far, against what was asked for. */
struct nft_look {
	const struct rules *rules;
	size_t chains; /* seen, all of them ours */
	size_t seen;   /* rules seen, all as expected and in order */
	int err;       /* ERR_STALE at the first difference */
};

static bool nft_chain_expected(const struct rules *rules,
			       const struct nftnl_chain *chain)
{
	char want[RULES_TEXT_MAX], have[RULES_TEXT_MAX];

	if (rules_print_chain(chain, have, sizeof(have)))
		return false;
	for (size_t i = 0; i < RULES_CHAINS; i++) {
		if (!rules_print_chain(rules->chain[i], want, sizeof(want)) &&
		    !strcmp(want, have))
			return true;
	}
	return false;
}

static int nft_on_chain(const struct nlmsghdr *nlh, void *ctx)
{
	struct nftnl_chain *chain = nftnl_chain_alloc();
	struct nft_look *look = ctx;

	if (!chain)
		return MNL_CB_ERROR;
	if (nftnl_chain_nlmsg_parse(nlh, chain) < 0 ||
	    !nft_chain_expected(look->rules, chain))
		look->err = ERR_STALE;
	look->chains++;
	nftnl_chain_free(chain);
	return MNL_CB_OK;
}

static bool nft_rule_expected(const struct nft_look *look,
			      struct nftnl_rule *rule)
{
	char want[RULES_TEXT_MAX], have[RULES_TEXT_MAX];

	return look->seen < look->rules->len &&
	       !rules_print_rule(rule, have, sizeof(have)) &&
	       !rules_print_rule(look->rules->rule[look->seen], want,
				 sizeof(want)) &&
	       !strcmp(want, have);
}

static int nft_on_rule(const struct nlmsghdr *nlh, void *ctx)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();
	struct nft_look *look = ctx;

	if (!rule)
		return MNL_CB_ERROR;
	if (nftnl_rule_nlmsg_parse(nlh, rule) < 0 ||
	    !nft_rule_expected(look, rule))
		look->err = ERR_STALE;
	look->seen++;
	nftnl_rule_free(rule);
	return MNL_CB_OK;
}

/* The namespace is new, so that everything in it must be ours: dump it all. */
static int nft_dump(struct netlink *nl, uint16_t type, mnl_cb_t fn,
		    struct nft_look *look)
{
	char buf[256];
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, type, NFPROTO_UNSPEC,
						     NLM_F_DUMP, ++nl->seq);
	int rc = netlink_dump(nl, nlh, fn, look);

	return rc ? rc : look->err;
}

int nft_verify(const struct rules *rules)
{
	struct nft_look look = { .rules = rules };
	struct netlink nl;
	int rc = netlink_open(NETLINK_NETFILTER, &nl);

	if (rc)
		return rc;
	rc = nft_dump(&nl, NFT_MSG_GETCHAIN, nft_on_chain, &look);
	if (!rc)
		rc = nft_dump(&nl, NFT_MSG_GETRULE, nft_on_rule, &look);
	if (!rc && (look.chains != RULES_CHAINS || look.seen != rules->len))
		rc = ERR_STALE;
	netlink_close(&nl);
	return rc;
}
