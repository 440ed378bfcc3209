/* gateway/resolve.h - names to vetted addresses, by c-ares on our loop.
 *
 * One resolver per worker: one channel, a cache by TTL (bounded, see
 * gateway/limits.h), identical questions in flight merged. Answers are raw;
 * the caller vets them with gateway/guard.h, as what is private depends on
 * the rule.
 */
#ifndef GATEWAY_RESOLVE_H
#define GATEWAY_RESOLVE_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/slice.h"

#define RESOLVE_ADDRS 8 /* addresses kept of one answer */

union resolve_addr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct resolve_answer {
	int err; /* 0, ERR_UNKNOWN (no such name), -ETIMEDOUT, ERR_PROTO */
	size_t addrs_len;
	union resolve_addr addrs[RESOLVE_ADDRS]; /* port 0; v6 and v4 in turn,
						  * each as RFC 6724 sorts it */
};

struct resolver;

/* kind: the event kind that the worker's dispatch hands to
 * resolve_on_event() and resolve_on_timer(). timer_name: a duration of the
 * loop for c-ares' retries (100 ms). servers: "ADDR[:PORT]" texts, or none for
 * the system's. Call it before the jail: c-ares 1.18 seeds its query numbers
 * from /dev/urandom. Returns 0 or -errno.
 */
int resolver_new(struct loop *loop, uint8_t kind, uint8_t timer_name,
		 const char *const *servers, size_t servers_len,
		 struct resolver **ret);
void resolver_free(struct resolver **r);

void resolve_on_event(struct resolver *r, struct loop_ref ref,
		      unsigned int events);
void resolve_on_timer(struct resolver *r);

/* Ask for host (a canonical name or an address). Returns 1 with *ret filled at
 * once (cache, address), or 0: waiter is posted to the loop when the answer is
 * there, and the same call then returns 1. Returns -ENOBUFS when too many
 * questions wait. A wait that is all zero but for post and ref is new; it stays
 * where it is until it is answered or forgotten.
 */
struct resolve_wait {
	struct loop_post *post; /* borrowed: what to post */
	struct loop_ref ref;
	struct resolve_wait *next, *prev; /* resolver's */
	void *query;			  /* resolver's; NULL: not waiting */
};
int resolve_ask(struct resolver *r, struct slice host,
		struct resolve_wait *wait, struct resolve_answer *ret);

/* The waiter goes away before its answer. */
void resolve_forget(struct resolver *r, struct resolve_wait *wait);

#endif
