/* gateway/member.h - the sandboxes, as the parent knows them.
 *
 * A member has a name, the names of its policies, rules of its own, grants
 * made at run time, and listeners. From these its ruleset is composed, again
 * at each reload; what the workers get is the text of the whole.
 */
#ifndef GATEWAY_MEMBER_H
#define GATEWAY_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/control.h"
#include "gateway/limits.h"
#include "gateway/login.h"
#include "policy/load.h"

#define MEMBER_KIND_MAX	    16
#define MEMBER_POLICIES_MAX 512 /* octets: names with a blank between */

struct member {
	uint32_t id;   /* never given twice */
	uint32_t slot; /* in the stats */
	char name[SANDBOX_NAME_MAX + 1];
	char policies[MEMBER_POLICIES_MAX];
	char kind[MEMBER_KIND_MAX]; /* how its traffic arrives, in a word */
	bool configured;	    /* it stands in penstock.yaml */
	bool learn;		    /* mode: learn */
	uint64_t since_s;	    /* wall clock */
	struct ruleset *own;	    /* owned; rules of its own, or NULL */
	struct ruleset *grants;	    /* owned; or NULL: see grants.h */
	struct ruleset *rules;	    /* owned; composed of all that */
	char **from;		    /* owned; source prefixes */
	size_t from_len;
	char token[TOKEN_MAX + 1];  /* for the proxy; or "" */
	int fds[LISTENERS_SANDBOX]; /* owned */
	uint8_t tcp, udp, dns;	    /* how many of each, in this order */
	bool seen;		    /* a reload found it in the file */
	struct member *next;
};

/* A member without rules or listeners. Returns 0, ERR_SYNTAX (not a name) or
 * -ENOMEM.
 */
int member_new(struct slice name, struct slice policies, struct member **ret);
void member_free(struct member **m);

/* Compose the ruleset of config's policies, the member's own and its grants.
 * On failure what it had stays, and err says why.
 */
int member_compose(struct member *m, const struct config *config,
		   struct config_error *ret_err);

/* Would it compose? Nothing changes. */
int member_try(const struct member *m, const struct config *config,
	       struct config_error *ret_err);

/* Take other grants and compose. On failure nothing has changed, and *grants
 * is untouched.
 */
int member_set_grants(struct member *m, const struct config *config,
		      struct ruleset **grants, struct config_error *ret_err);

/* Copy the source prefixes. Returns 0 or -ENOMEM; then it keeps those it had.
 */
int member_set_from(struct member *m, const char *const *from, size_t len);

/* The token in a file: its first line. path may be NULL: none. Returns 0,
 * ERR_SYNTAX (it is no token) or -errno; ret is untouched then.
 */
int member_read_token(const char *path, char ret[TOKEN_MAX + 1]);

#endif
