/* gateway/candidates.h - which addresses of an origin may be dialled.
 *
 * What a name stands for is the resolver's word, so the sandbox's wish at best:
 * each address is vetted (gateway/guard.h), each time, before anything is sent
 * there. Addresses of the gateway itself never may, private ones where the rule
 * says so.
 */
#ifndef GATEWAY_CANDIDATES_H
#define GATEWAY_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/resolve.h"
#include "gateway/upstream.h"

struct candidates {
	union resolve_addr addr[RESOLVE_ADDRS]; /* each with the port */
	size_t len;
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

/* The first one is used up. */
void candidates_drop(struct candidates *c);

#endif
