/* capture/rules.h - the rules of a captured namespace, as objects.
 *
 * Pure: builds them and prints them; installing is nft.h, comparing with what
 * the kernel has is verify.h.
 */
#ifndef CAPTURE_RULES_H
#define CAPTURE_RULES_H

#include <stddef.h>
#include <stdint.h>

#define RULES_TABLE    "penstock"
#define RULES_CHAINS   2
#define RULES_MAX      16  /* rules in all chains */
#define RULES_TEXT_MAX 768 /* bytes of one chain or rule as text */

struct nftnl_chain;
struct nftnl_rule;

struct rules {
	struct nftnl_chain *chain[RULES_CHAINS]; /* owned */
	struct nftnl_rule *rule[RULES_MAX];	 /* owned; in order */
	size_t len;
};

/* Returns 0 or -ENOMEM. */
int rules_build(struct rules *ret);
void rules_done(struct rules *rules);

/* The words of a chain or a rule that have a meaning: neither handles nor
 * counters. Two that print alike do alike. Returns 0, or ERR_LIMIT when it
 * does not fit.
 */
int rules_print_chain(const struct nftnl_chain *chain, char *ret, size_t len);
int rules_print_rule(struct nftnl_rule *rule, char *ret, size_t len);

#endif
