/* gateway/gate.h - what the parts of one worker share.
 *
 * One struct gate per worker process. Each part keeps its state behind its own
 * pointer here and is the only one that looks inside.
 */
#ifndef GATEWAY_GATE_H
#define GATEWAY_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "base/frame.h"
#include "base/id.h"
#include "base/loop.h"
#include "base/slice.h"
#include "base/table.h"
#include "gateway/limits.h"
#include "gateway/stats.h"

/* What an event, a timer or a post is for: struct loop_ref's kind. */
enum gate_kind {
	GATE_LISTENER, /* a socket that accepts; index in the listeners */
	GATE_CONN,     /* downstream connection */
	GATE_EXCHANGE,
	GATE_LINK,    /* upstream connection */
	GATE_ORIGIN,  /* upstream pool */
	GATE_CERTGEN, /* the door to certgen */
	GATE_RESOLVE, /* c-ares' sockets and timer */
	GATE_PARENT,  /* the door to the parent */
	GATE_DNS,     /* a DNS connection over TCP */
	GATE_TICK,    /* housekeeping */
};

struct gate {
	struct loop *loop;	      /* owned */
	struct tls_ctx *tls;	      /* borrowed from before the fork */
	struct leaves *leaves;	      /* owned */
	struct resolver *resolver;    /* owned */
	struct origins *origins;      /* owned */
	struct sandboxes *sandboxes;  /* owned */
	struct names *names;	      /* borrowed, shared */
	struct spool *spool;	      /* owned */
	struct quotas *quotas;	      /* borrowed, shared */
	struct secrets *secrets;      /* owned */
	int parent;		      /* the door to it; borrowed */
	struct frame_out *parent_out; /* a frame for it; borrowed */
	struct stats *stats;	      /* borrowed, shared: this worker's */
	struct slice ca_pem; /* the CA's certificate; borrowed; or empty */
	struct id_source ids;
	struct table conns;	/* struct conn */
	struct table exchanges; /* struct exchange */
	struct exchange *spare; /* exchanges to use again */
	uint32_t spare_len;
	struct table links;	/* struct uplink */
	struct table dns;	/* struct dnsd_conn */
	struct table listeners; /* struct listener */
	int reserve_fd;		/* given up when descriptors run out */
	bool count_lost; /* spool full: count and go on, rather than refuse */
	bool draining;	 /* the worker is ending */
	bool over;	 /* it has ended: what is still open, was interrupted */
};

static inline uint64_t gate_now_us(const struct gate *g)
{
	return loop_wall_us(g->loop);
}

static inline uint64_t gate_now_s(const struct gate *g)
{
	return loop_wall_us(g->loop) / 1000000;
}

#endif
