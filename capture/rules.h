/* capture/rules.h - the rules of one table, as objects.
 *
 * Pure: builds those of a captured namespace and prints any; the gateway
 * host's are built in appliance.h. Installing, and comparing with what the
 * kernel has, is nft.h.
 */
#ifndef CAPTURE_RULES_H
#define CAPTURE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RULES_TABLE    "penstock"
#define RULES_CHAINS   5
#define RULES_MAX      160 /* rules in all chains */
#define RULES_TEXT_MAX 768 /* bytes of one chain or rule as text */

struct nftnl_chain;
struct nftnl_rule;

struct rules {
	struct nftnl_chain *chain[RULES_CHAINS]; /* owned */
	size_t chains;
	struct nftnl_rule *rule[RULES_MAX]; /* owned; in order */
	size_t len;
	uint32_t family;   /* NFPROTO_… of the table */
	const char *owner; /* the table's comment; borrowed. It tells ours
			    * from another's of the same name */
};

/* What a chain is; type NULL for one that others jump to. */
struct rules_chain {
	const char *name, *type;
	uint32_t hook;
	int32_t prio;
	uint32_t policy;
	const char *device; /* of the netdev family; or NULL */
};

#define RULES_OWNER_SANDBOX   "penstock sandbox"
#define RULES_OWNER_APPLIANCE "penstock appliance"

/* The rules of a namespace in which every address is local. attached: it has
 * devices, and rules of its owner's, which ours go before. Returns 0 or
 * -ENOMEM.
 */
int rules_build(bool attached, struct rules *ret);

/* Add a chain. Returns 0 or -ENOMEM. */
int rules_add_chain(struct rules *rules, const struct rules_chain *what);

void rules_done(struct rules *rules);

/* The words of a chain or a rule that have a meaning: neither handles nor
 * counters. Two that print alike do alike. Returns 0, or ERR_LIMIT when it
 * does not fit.
 */
int rules_print_chain(const struct nftnl_chain *chain, char *ret, size_t len);
int rules_print_rule(struct nftnl_rule *rule, char *ret, size_t len);

#endif
