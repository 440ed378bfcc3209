/* capture/nft.c - put the rules into the kernel, and see that they are there.
 *
 * One batch is one transaction: the kernel takes the table, its chains and
 * rules together or none of them. The acknowledgements already say that it
 * did; reading back says so in a second way, that no kernel bug and no bug of
 * ours in building the messages can hide.
 */

#include "capture/nft.h"

#include <errno.h>
#include <stdio.h> /* before libnftnl, which needs it */

#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "base/err.h"
#include "capture/netlink.h"

/* The largest message of the batch takes less than this. */
#define NFT_MESSAGE_MAX 1024

struct nft_batch {
	struct mnl_nlmsg_batch *batch; /* owned */
	struct netlink *nl;
	uint32_t last; /* number of the last that asks for an answer */
};

static struct nlmsghdr *nft_message(struct nft_batch *b, uint16_t type,
				    uint32_t family, uint16_t flags)
{
	b->last = ++b->nl->seq;
	return nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(b->batch), type,
				     (uint16_t)family,
				     (uint16_t)(flags | NLM_F_ACK), b->last);
}

static int nft_set_owner(struct nftnl_table *table, const char *owner)
{
	struct nftnl_udata_buf *buf =
		nftnl_udata_buf_alloc(NFTNL_UDATA_COMMENT_MAXLEN + 8);
	int rc = -ENOMEM;

	if (!buf)
		return rc;
	if (nftnl_udata_put_strz(buf, NFTNL_UDATA_TABLE_COMMENT, owner) &&
	    !nftnl_table_set_data(table, NFTNL_TABLE_USERDATA,
				  nftnl_udata_buf_data(buf),
				  nftnl_udata_buf_len(buf)))
		rc = 0;
	nftnl_udata_buf_free(buf);
	return rc;
}

static int nft_put_table(struct nft_batch *b, uint16_t type, uint32_t family,
			 const char *owner)
{
	uint16_t flags =
		type == NFT_MSG_NEWTABLE ? NLM_F_CREATE | NLM_F_EXCL : 0;
	struct nftnl_table *table = nftnl_table_alloc();
	int rc = -ENOMEM;

	if (!table)
		return rc;
	if (!nftnl_table_set_str(table, NFTNL_TABLE_NAME, RULES_TABLE) &&
	    (!owner || !nft_set_owner(table, owner))) {
		nftnl_table_set_u32(table, NFTNL_TABLE_FAMILY, family);
		nftnl_table_nlmsg_build_payload(
			nft_message(b, type, family, flags), table);
		mnl_nlmsg_batch_next(b->batch);
		rc = 0;
	}
	nftnl_table_free(table);
	return rc;
}

static void nft_put_rules(struct nft_batch *b, const struct rules *rules)
{
	for (size_t i = 0; i < rules->chains; i++) {
		nftnl_chain_nlmsg_build_payload(
			nft_message(b, NFT_MSG_NEWCHAIN, rules->family,
				    NLM_F_CREATE | NLM_F_EXCL),
			rules->chain[i]);
		mnl_nlmsg_batch_next(b->batch);
	}
	for (size_t i = 0; i < rules->len; i++) {
		nftnl_rule_nlmsg_build_payload(
			nft_message(b, NFT_MSG_NEWRULE, rules->family,
				    NLM_F_CREATE | NLM_F_APPEND),
			rules->rule[i]);
		mnl_nlmsg_batch_next(b->batch);
	}
}

/* One transaction: take our table away, put it there, or both. */
static int nft_change(const struct rules *rules, bool take, bool put)
{
	static char mem[NETLINK_BATCH_MAX];
	struct netlink nl;
	struct nft_batch b = { .nl = &nl };
	int rc = netlink_open(NETLINK_NETFILTER, &nl);

	static_assert(NETLINK_BATCH_MAX >= NFT_MESSAGE_MAX * (RULES_MAX + 8),
		      "the batch may not fit");
	if (rc)
		return rc;
	b.batch = mnl_nlmsg_batch_start(mem, sizeof(mem));
	if (!b.batch) {
		netlink_close(&nl);
		return -ENOMEM;
	}
	(void)nftnl_batch_begin(mnl_nlmsg_batch_current(b.batch), ++nl.seq);
	mnl_nlmsg_batch_next(b.batch);
	if (take)
		rc = nft_put_table(&b, NFT_MSG_DELTABLE, rules->family, NULL);
	if (!rc && put)
		rc = nft_put_table(&b, NFT_MSG_NEWTABLE, rules->family,
				   rules->owner);
	if (!rc && put)
		nft_put_rules(&b, rules);
	(void)nftnl_batch_end(mnl_nlmsg_batch_current(b.batch), ++nl.seq);
	mnl_nlmsg_batch_next(b.batch);
	if (!rc)
		rc = netlink_ask(&nl, mnl_nlmsg_batch_head(b.batch),
				 mnl_nlmsg_batch_size(b.batch), b.last);
	mnl_nlmsg_batch_stop(b.batch);
	netlink_close(&nl);
	return rc;
}

int nft_install(const struct rules *rules)
{
	return nft_change(rules, false, true);
}

/* Whose is the table of our name? */
struct nft_owner {
	const struct rules *rules;
	bool there, ours;
};

static bool nft_is_table(const struct rules *rules, uint32_t family,
			 const char *name)
{
	return family == rules->family && name && !strcmp(name, RULES_TABLE);
}

static int nft_on_table(const struct nlmsghdr *nlh, void *ctx)
{
	struct nftnl_table *table = nftnl_table_alloc();
	struct nft_owner *o = ctx;
	const uint8_t *data;
	uint32_t len = 0;

	if (!table)
		return MNL_CB_ERROR;
	if (nftnl_table_nlmsg_parse(nlh, table) == 0 &&
	    nft_is_table(o->rules,
			 nftnl_table_get_u32(table, NFTNL_TABLE_FAMILY),
			 nftnl_table_get_str(table, NFTNL_TABLE_NAME))) {
		data = nftnl_table_get_data(table, NFTNL_TABLE_USERDATA, &len);
		o->there = true;
		o->ours = data && len == strlen(o->rules->owner) + 3 &&
			  !memcmp(data + 2, o->rules->owner, len - 2);
	}
	nftnl_table_free(table);
	return MNL_CB_OK;
}

/* table: only what is in the tables of this name (rules only); or NULL. */
static int nft_dump(struct netlink *nl, uint16_t type, const char *table,
		    mnl_cb_t fn, void *ctx)
{
	char buf[256];
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, type, NFPROTO_UNSPEC,
						     NLM_F_DUMP, ++nl->seq);

	if (table)
		mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, table);
	return netlink_dump(nl, nlh, fn, ctx);
}

static int nft_ask(uint16_t type, const char *table, mnl_cb_t fn, void *ctx)
{
	struct netlink nl;
	int rc = netlink_open(NETLINK_NETFILTER, &nl);

	if (rc)
		return rc;
	rc = nft_dump(&nl, type, table, fn, ctx);
	netlink_close(&nl);
	return rc;
}

int nft_whose(const struct rules *rules, bool *ret_there)
{
	struct nft_owner o = { .rules = rules };
	int rc = nft_ask(NFT_MSG_GETTABLE, NULL, nft_on_table, &o);

	if (rc)
		return rc;
	if (o.there && !o.ours)
		return -EEXIST;
	*ret_there = o.there;
	return 0;
}

int nft_replace(const struct rules *rules)
{
	bool there = false;
	int rc = nft_whose(rules, &there);

	return rc ? rc : nft_change(rules, there, true);
}

int nft_remove(const struct rules *rules)
{
	bool there = false;
	int rc = nft_whose(rules, &there);

	return rc || !there ? rc : nft_change(rules, true, false);
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
	for (size_t i = 0; i < rules->chains; i++) {
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
	if (nftnl_chain_nlmsg_parse(nlh, chain) < 0)
		look->err = ERR_STALE;
	if (nft_is_table(look->rules,
			 nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY),
			 nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE))) {
		if (!nft_chain_expected(look->rules, chain))
			look->err = ERR_STALE;
		look->chains++;
	}
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
	if (nftnl_rule_nlmsg_parse(nlh, rule) < 0)
		look->err = ERR_STALE;
	if (nft_is_table(look->rules,
			 nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY),
			 nftnl_rule_get_str(rule, NFTNL_RULE_TABLE))) {
		if (!nft_rule_expected(look, rule))
			look->err = ERR_STALE;
		look->seen++;
	}
	nftnl_rule_free(rule);
	return MNL_CB_OK;
}

int nft_verify(const struct rules *rules)
{
	struct nft_look look = { .rules = rules };
	struct netlink nl;
	int rc = netlink_open(NETLINK_NETFILTER, &nl);

	if (rc)
		return rc;
	rc = nft_dump(&nl, NFT_MSG_GETCHAIN, NULL, nft_on_chain, &look);
	if (!rc)
		rc = nft_dump(&nl, NFT_MSG_GETRULE, RULES_TABLE, nft_on_rule,
			      &look);
	if (!rc)
		rc = look.err;
	if (!rc && (look.chains != rules->chains || look.seen != rules->len))
		rc = ERR_STALE;
	netlink_close(&nl);
	return rc;
}

struct nft_foreign {
	char *table; /* NFT_NAME_MAX octets */
	bool found;
	bool here; /* in the rule being looked at */
};

/* As nft writes it, and as iptables does. */
static int nft_on_expr(struct nftnl_expr *expr, void *ctx)
{
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);
	struct nft_foreign *f = ctx;

	if (!strcmp(name, "target"))
		name = nftnl_expr_get_str(expr, NFTNL_EXPR_TG_NAME);
	f->here = f->here || !strcasecmp(name, "tproxy") ||
		  !strcmp(name, "redir") || !strcmp(name, "REDIRECT");
	return 0;
}

static int nft_on_foreign(const struct nlmsghdr *nlh, void *ctx)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();
	struct nft_foreign *f = ctx;
	const char *table;

	if (!rule)
		return MNL_CB_ERROR;
	f->here = false;
	if (nftnl_rule_nlmsg_parse(nlh, rule) == 0)
		(void)nftnl_expr_foreach(rule, nft_on_expr, f);
	table = nftnl_rule_get_str(rule, NFTNL_RULE_TABLE);
	if (f->here && table && strcmp(table, RULES_TABLE) != 0) {
		(void)snprintf(f->table, NFT_NAME_MAX, "%s", table);
		f->found = true;
	}
	nftnl_rule_free(rule);
	return MNL_CB_OK;
}

int nft_foreign(char ret_table[NFT_NAME_MAX])
{
	struct nft_foreign f = { .table = ret_table };
	int rc = nft_ask(NFT_MSG_GETRULE, NULL, nft_on_foreign, &f);

	/* Others' rules may change all the time; one that stays is seen. */
	return rc && rc != -EINTR ? rc : f.found;
}

struct nft_show {
	uint64_t packets, bytes;
	nft_show_fn *fn;
	void *ctx;
};

static int nft_on_counter(struct nftnl_expr *expr, void *ctx)
{
	struct nft_show *s = ctx;

	if (!strcmp(nftnl_expr_get_str(expr, NFTNL_EXPR_NAME), "counter")) {
		s->packets = nftnl_expr_get_u64(expr, NFTNL_EXPR_CTR_PACKETS);
		s->bytes = nftnl_expr_get_u64(expr, NFTNL_EXPR_CTR_BYTES);
	}
	return 0;
}

static int nft_on_show(const struct nlmsghdr *nlh, void *ctx)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();
	struct nft_show *s = ctx;
	const char *table, *text = NULL;
	uint32_t len = 0;

	if (!rule)
		return MNL_CB_ERROR;
	s->packets = s->bytes = 0;
	if (nftnl_rule_nlmsg_parse(nlh, rule) == 0)
		text = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &len);
	table = nftnl_rule_get_str(rule, NFTNL_RULE_TABLE);
	if (table && !strcmp(table, RULES_TABLE)) {
		(void)nftnl_expr_foreach(rule, nft_on_counter, s);
		s->fn(s->ctx, nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN),
		      text && len > 3 && !text[len - 1] ? text + 2 : "",
		      s->packets, s->bytes);
	}
	nftnl_rule_free(rule);
	return MNL_CB_OK;
}

int nft_show(nft_show_fn *fn, void *ctx)
{
	struct nft_show s = { .fn = fn, .ctx = ctx };

	return nft_ask(NFT_MSG_GETRULE, RULES_TABLE, nft_on_show, &s);
}
