/* gateway/origin_impl.h - for origin.c and dial.c only: a pool's parts. */
#ifndef GATEWAY_ORIGIN_IMPL_H
#define GATEWAY_ORIGIN_IMPL_H

#define HASH_NONFATAL_OOM	 1
#define uthash_nonfatal_oom(elt) ((elt)->unhashed = true)
#include <uthash.h>

#include "gateway/candidates.h"
#include "gateway/uplink.h"

enum origin_speaks {
	ORIGIN_UNKNOWN,
	ORIGIN_H1,
	ORIGIN_H2,
};

struct origin {
	UT_hash_handle hh;
	struct origin_key key; /* padding cleared, as it is hashed */
	struct gate *gate;
	uint32_t index, gen;
	struct loop_post post;
	enum origin_speaks speaks;
	struct uplink *links;
	uint32_t links_len;
	uint32_t dialling; /* links that are not open yet */
	uint32_t idle;	   /* links without a request */
	struct up_request *wait_head, *wait_tail;
	uint32_t waits_len;
	struct resolve_wait resolve;
	uint64_t arrivals;  /* requests that ever came */
	struct timer pause; /* a dial failed beside a connection */
	struct tls_session session;
	struct uplink_target target;
	struct origin *newer, *older; /* by last use */
	bool unhashed;

	/* dial.c's */
	struct candidates addrs;
	uint64_t vetted_ms;
	uint64_t begun_arrival;	 /* arrivals when an address was begun last */
	struct timer beside;	 /* until the next one is begun */
	bool more;		 /* it is to be begun now */
	bool patient;		 /* a handshake was waited for */
	union resolve_addr good; /* stood when those before it did not */
	uint64_t good_until_ms;
};

static inline struct loop_ref origin_ref(const struct origin *o)
{
	return (struct loop_ref){ .kind = GATE_ORIGIN,
				  .gen = o->gen & 0xffffff,
				  .index = o->index };
}

/* Nothing can be reached: tell those that came before the attempt began, the
 * last of them being arrival. address is what was dialled, or "".
 */
void origin_fail(struct origin *o, uint64_t arrival, enum refusal_kind why,
		 const char *detail, const char *address);

/* Begin a connection to the address that was begun last, or to the next one
 * when there is none. False when that is not possible now; those that wait have
 * been told if it never will be.
 */
bool dial_begin(struct origin *o);

/* How many links are dialled only because another address did not answer. */
uint32_t dial_beside(const struct origin *o);

/* After the pool was served: begin another address if it is time. */
void dial_settle(struct origin *o);

/* TIMER_BESIDE. */
void dial_on_timer(struct origin *o);

/* u stands: what is dialled elsewhere is closed. */
void dial_on_open(struct origin *o, const struct uplink *u);

/* u could not be opened. */
void dial_on_failed(struct origin *o, const struct uplink *u);

#endif
