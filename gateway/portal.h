/* gateway/portal.h - http://penstock.internal/, the gateway's word to a
 * sandbox.
 *
 * Pure: facts in, a response head and its body out. Every sandbox reaches it,
 * whatever its policy; it tells a sandbox about itself and the CA, and nothing
 * else is behind it: no other sandbox, no setting, no door.
 */
#ifndef GATEWAY_PORTAL_H
#define GATEWAY_PORTAL_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include "http/http.h"
#include "policy/policy.h"

#define PORTAL_HOST "penstock.internal"

#define PORTAL_CA_MAX	 16384	/* octets of the CA's certificate in PEM */
#define PORTAL_RULES_MAX 131072 /* octets of a page, of which rules are shown */

/* Is this the portal? host is canonical. */
static inline bool portal_is(struct slice host)
{
	return slice_eq(host, SLICE(PORTAL_HOST));
}

/* How a program behind the gateway should behave, in Markdown: /AGENTS.md, and
 * the file of that name in a sandbox.
 */
extern const char portal_agents[];

/* All borrowed for the call. */
struct portal {
	struct slice method;
	struct slice path; /* without the query */
	struct slice accept, user_agent;
	struct slice sandbox; /* its name */
	const struct policy *policy;
	struct slice ca_pem; /* empty: not known */
};

/* Build the answer: the head in a, the body appended to body, which is empty.
 * Returns 0, or -ENOBUFS when one of them is full; *ret_head is untouched then,
 * and body is empty.
 */
int portal_make(const struct portal *p, struct arena *a,
		struct http_head **ret_head, struct buf *body);

#endif
