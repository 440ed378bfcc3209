/* gateway/candidates.h - which addresses of an origin may be dialled, and which
 * of them is next.
 *
 * What a name stands for is the resolver's word, so the sandbox's wish at best:
 * each address is vetted (gateway/guard.h), each time, before anything is sent
 * there. Addresses of the gateway itself never may, private ones where the rule
 * says so. Nothing here is sent or waited for.
 */
#ifndef GATEWAY_CANDIDATES_H
#define GATEWAY_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/resolve.h"
#include "gateway/upstream.h"

struct candidates {
	union resolve_addr addr[RESOLVE_ADDRS]; /* with the port; none of these
						 * has failed */
	size_t len;
	size_t begun;  /* so many of the first are being dialled, or stand */
	size_t failed; /* those taken out, of which: */
	enum refusal_kind why;	      /* of the one that got furthest */
	char address[UP_ADDRESS_MAX]; /* the same */
	char detail[UP_DETAIL_MAX];   /* of all, that one's first */
};

/* Keep the addresses of an answer that may be dialled for this key. Returns
 * false when there are none, with why and a phrase.
 */
bool candidates_vet(struct candidates *c, const struct origin_key *key,
		    const struct resolve_answer *answer,
		    enum refusal_kind *ret_why, char ret_detail[UP_DETAIL_MAX]);

/* The same for GUARD_HOST_NAME, the gateway's own host. */
bool candidates_host(struct candidates *c, const struct origin_key *key,
		     enum refusal_kind *ret_why,
		     char ret_detail[UP_DETAIL_MAX]);

/* One more address is begun: addr[begun - 1] is to be dialled. False when there
 * is none left.
 */
bool candidates_next(struct candidates *c);

/* Put this one before the others. False when it is not there. */
bool candidates_prefer(struct candidates *c, const union resolve_addr *addr);

/* A connection to this one stands: it is first and begun, the others are not,
 * and what failed before is forgotten.
 */
void candidates_stand(struct candidates *c, const union resolve_addr *addr);

/* This one failed: take it out and keep what is said of it; text is how the
 * address is written. False when it is not there, as another connection to it
 * has said so before.
 */
bool candidates_fail(struct candidates *c, const union resolve_addr *addr,
		     enum refusal_kind why, const char *text,
		     const char *detail);

#endif
