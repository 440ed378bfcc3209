/* gateway/exchange_impl.h - for exchange.c, permit.c and answer.c only: one
 * exchange's parts.
 */
#ifndef GATEWAY_EXCHANGE_IMPL_H
#define GATEWAY_EXCHANGE_IMPL_H

#include "gateway/exchange.h"
#include "gateway/judge.h"
#include "gateway/tell.h"
#include "gateway/upstream.h"

/* On which conditions it goes on. */
struct permit {
	uint64_t max_body, max_response; /* octets; UINT64_MAX: any */
	uint64_t rate_key;		 /* see quota_key() */
	uint32_t rate, rate_s;		 /* rate_s 0: as often as it likes */
	struct slice inject; /* name of a secret, or empty; in the arena */
	bool asked;	     /* the parent holds our question */
	bool approved;	     /* the operator said yes */
	uint64_t until_s;    /* with approved: not beyond; 0: to its end */
};

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
	uint32_t retry_after_s;	   /* with refused; 0: the kind's own */
	unsigned int tries;	   /* times sent again */
	struct permit permit;
	size_t discarded; /* octets of a refused request's body */
};

/* exchange.c */
void exchange_set_state(struct exchange *ex, enum exchange_state next);
void exchange_wait(struct exchange *ex, enum gate_timer name);

/* The client's codec must look at this exchange again. */
void exchange_wake_down(struct exchange *ex);

/* Allowed and recorded: on its way upstream. */
void exchange_dial(struct exchange *ex);

/* End it in the middle. ex is gone afterwards. */
void exchange_cut(struct exchange *ex, struct slice reason,
		  struct slice detail);

/* A field of the request's head, or empty. */
struct slice exchange_field(const struct exchange *ex, struct slice name);

/* permit.c */

/* The head is whole: who asks, and may it? */
void permit_judge(struct exchange *ex);

/* Begin the record; false when that is not possible. */
bool permit_record(struct exchange *ex);

/* Nobody needs to answer any more. */
void permit_unask(struct exchange *ex);

/* More of the request's body, or of the answer, is there. False: more than the
 * rule allows; it is refused, or cut and gone.
 */
bool permit_body(struct exchange *ex);
bool permit_response(struct exchange *ex);

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
