/* gateway/uplink.h - one connection to an origin; for origin.c and uplink.c.
 *
 * States, in the order they are usually met:
 *
 *   DIAL	connect() is under way; nothing may be submitted
 *   SHAKE	so is the TLS handshake
 *   OPEN	HTTP is spoken; the codec says whether a request fits
 *   DRAIN	no new requests; those in work go on
 *   CLOSED	to be freed by whoever brought it there
 */
#ifndef GATEWAY_UPLINK_H
#define GATEWAY_UPLINK_H

#include "gateway/link.h"
#include "gateway/resolve.h"
#include "gateway/tls.h"
#include "gateway/upstream.h"

enum uplink_state {
	UPLINK_DIAL,
	UPLINK_SHAKE,
	UPLINK_OPEN,
	UPLINK_DRAIN,
	UPLINK_CLOSED,

	UPLINK_STATES,
};

struct uplink {
	struct gate *gate;
	struct origin *origin; /* borrowed; outlives its links */
	uint32_t index, gen;
	enum uplink_state state;
	struct link link;
	struct loop_post post;
	struct timer timer;
	struct up_request *requests; /* in work here */
	uint64_t served;	     /* requests ever submitted */
	uint64_t arrival;	     /* the pool's last before it was dialled */
	bool idle;		     /* none in work; set by the pool */
	bool cut;		     /* it ended, not in good order */
	union resolve_addr addr;     /* that is dialled */
	char address[UP_ADDRESS_MAX];
	enum refusal_kind why;	    /* it could not be opened */
	char detail[UP_DETAIL_MAX]; /* the same; "" if it was not tried to the
				     * end */
	struct uplink *next, *prev; /* of the origin's */
};

/* What a connection needs to know of its pool. */
struct uplink_target {
	struct origin *origin;
	bool tls;
	bool h1_only;			/* do not offer h2 */
	bool raw;			/* speak neither TLS nor HTTP */
	const struct authority *host;	/* borrowed */
	struct tls_session *session;	/* borrowed, or NULL */
	const union resolve_addr *addr; /* port set */
};

/* Begin to connect. Returns 0, or -errno (then ret_detail has a phrase). */
int uplink_new(struct gate *gate, const struct uplink_target *to,
	       struct uplink **ret, char ret_detail[UP_DETAIL_MAX]);

/* May a request be given to it now? */
bool uplink_ready(const struct uplink *u);

/* May one be given to it some time, if not now? */
bool uplink_lives(const struct uplink *u);

/* Give it one. Returns 0 or < 0, then req is untouched. */
int uplink_submit(struct uplink *u, struct up_request *req);

/* Take a request back that it has. */
void uplink_cancel(struct up_request *req, enum http_fault why);

/* Close one that has nothing in work, or is being dialled. u is gone
 * afterwards.
 */
void uplink_close(struct uplink *u);

/* No new requests; close when those in work are done. */
void uplink_drain(struct uplink *u);

/* Told to the pool, by a connection of it; each may free the connection. */
void origin_on_open(struct origin *o, struct uplink *u);
/* u has requests in work, or none. Returns false when enough are kept idle:
 * then this one is to be closed.
 */
bool origin_on_idle(struct origin *o, struct uplink *u, bool idle);
void origin_on_room(struct origin *o, struct uplink *u);
void origin_on_closed(struct origin *o, struct uplink *u);
const struct uplink_target *origin_target(struct origin *o);

#endif
