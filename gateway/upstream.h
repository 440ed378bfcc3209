/* gateway/upstream.h - send a request to its origin.
 *
 * An exchange fills a struct up_request and hands it over. The pools (origin.c)
 * resolve and vet the name, keep and make connections (uplink.c), prefer
 * HTTP/2, and submit the request to one of them. Nothing here calls back:
 * what happens is noted in the request, and its owner is posted.
 *
 * A pool belongs to one sandbox: what one sandbox does to a connection can't
 * touch another's answers.
 */
#ifndef GATEWAY_UPSTREAM_H
#define GATEWAY_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "gateway/gate.h"
#include "gateway/refusal.h"
#include "http/authority.h"
#include "http/codec.h"

/* Where a request goes. */
struct origin_key {
	uint32_t sandbox; /* its id */
	bool tls;
	bool private; /* the rule allows private addresses */
	bool upgrade; /* WebSocket: a connection of HTTP/1.1, for itself */
	bool raw;     /* a tunnel: a connection without TLS and HTTP */
	uint16_t port;
	struct authority host; /* its own port is not looked at */
};

/* Where a request stands, as its owner sees it.
 *
 *   NONE	not handed over, or taken back
 *   WAITING	for a name, a connection, or room on one
 *   SENT	a connection has it; stream and news may be read
 *   OVER	it has ended; news says how. Only facts may be read
 *   FAILED	no connection could be made; why and detail say it
 */
enum up_state {
	UP_NONE,
	UP_WAITING,
	UP_SENT,
	UP_OVER,
	UP_FAILED,
};

#define UP_DETAIL_MAX  512
#define UP_ADDRESS_MAX 64 /* "[v6]:port" */

/* One request on its way; lives inside the exchange. The owner sets stream
 * (in, out, arena, owner), post and ref, and reads the rest.
 */
struct up_request {
	struct http_stream stream;
	struct loop_post *post; /* borrowed: posted when anything changes */
	struct loop_ref ref;
	enum up_state state;
	unsigned int news; /* HTTP_NEWS_* since the owner cleared them */
	enum refusal_kind why;
	char detail[UP_DETAIL_MAX];
	char address[UP_ADDRESS_MAX]; /* that was dialled; "" if none */
	const char *protocol;	      /* "h2", "http/1.1", or NULL */
	const char *tls_version;      /* or NULL */
	bool reused; /* the connection had served another request before */

	struct origin *origin; /* while WAITING */
	uint64_t arrival;      /* there, counted */
	struct uplink *link;   /* while SENT */
	struct up_request *next, *prev;
};

int origins_new(struct gate *gate, struct origins **ret);
void origins_free(struct origins **o);

/* Hand the request over. Returns 0 (it is WAITING or beyond), or -ENOBUFS when
 * a bound is reached; then it is NONE.
 */
int up_begin(struct gate *gate, const struct origin_key *key,
	     struct up_request *req);

/* The owner put octets or the end into stream.out, or made room in stream.in.
 */
void up_resume(struct gate *gate, struct up_request *req);

/* Take it back, wherever it is; afterwards NONE and unknown here. */
void up_cancel(struct gate *gate, struct up_request *req, enum http_fault why);

/* Close what belongs to a sandbox that has gone. */
void origins_forget(struct gate *gate, uint32_t sandbox);

/* For the dispatch. */
void origin_on_post(struct gate *gate, struct loop_ref ref);
void origin_on_timer(struct gate *gate, struct loop_ref ref, uint8_t name);
void uplink_on_event(struct gate *gate, struct loop_ref ref,
		     unsigned int events);
void uplink_on_post(struct gate *gate, struct loop_ref ref);
void uplink_on_timer(struct gate *gate, struct loop_ref ref, uint8_t name);

#endif
