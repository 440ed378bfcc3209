/* gateway/exchange_impl.h - for exchange.c, permit.c and answer.c only: one
 * exchange's parts.
 */
#ifndef GATEWAY_EXCHANGE_IMPL_H
#define GATEWAY_EXCHANGE_IMPL_H

#include "gateway/exchange.h"
#include "gateway/judge.h"
#include "gateway/tell.h"
#include "gateway/upstream.h"

struct exchange {
	enum exchange_state state;
	uint32_t index, gen;
	struct exchange_conn *conn; /* borrowed; outlives it */
	struct exchange *next, *prev;
	struct http_stream down;
	struct up_request up;
	struct http_flow req, rsp;
	struct arena arena;
	struct loop_post post;
	struct timer timer;
	struct judgement judged;
	struct tell tell; /* the record */
	bool noted;	  /* why it ends in the middle */
	bool refused;
	enum refusal_kind refusal; /* with refused */
	struct slice detail;	   /* for the record; in the arena or static */
	unsigned int tries;	   /* times sent again */
	size_t discarded;	   /* octets of a refused request's body */
};

/* exchange.c */
void exchange_set_state(struct exchange *ex, enum exchange_state next);
void exchange_wait(struct exchange *ex, enum gate_timer name);

/* The client's codec must look at this exchange again. */
void exchange_wake_down(struct exchange *ex);

/* Allowed and recorded: on its way upstream. */
void exchange_dial(struct exchange *ex);

/* A field of the request's head, or empty. */
struct slice exchange_field(const struct exchange *ex, struct slice name);

/* permit.c */

/* The head is whole: who asks, and may it? */
void permit_judge(struct exchange *ex);

/* Begin the record; false when that is not possible. */
bool permit_record(struct exchange *ex);

/* answer.c */

/* Refuse: only before an answer of upstream's has begun. detail must live as
 * long as the exchange.
 */
void answer_refuse(struct exchange *ex, enum refusal_kind kind,
		   struct slice detail);

/* A refused request's body goes nowhere. */
void answer_discard(struct exchange *ex);

/* CONNECT, as a carrier: what comes next on the connection goes to target. It
 * has no record of its own; the requests inside it have.
 */
void answer_carry(struct exchange *ex);

/* The gateway answers itself. */
void answer_portal(struct exchange *ex);

#endif
