/* gateway/conn_impl.h - for conn.c and opening.c only: a connection's parts. */
#ifndef GATEWAY_CONN_IMPL_H
#define GATEWAY_CONN_IMPL_H

#include "gateway/address.h"
#include "gateway/conn.h"
#include "gateway/exchange.h"
#include "gateway/leaf.h"
#include "gateway/link.h"
#include "gateway/socks.h"

#define CONN_TARGET_MAX (HOST_MAX + 16) /* "host:port" */

struct conn {
	struct gate *gate;
	uint32_t index, gen;
	enum conn_state state;
	struct link link;
	struct buf hello; /* octets read before it was known what they are */
	struct authority name; /* that TLS was opened for, or was dialled */
	uint16_t port;	       /* that was dialled */
	char client[ADDRESS_MAX];
	char target[CONN_TARGET_MAX]; /* of a tunnel */
	struct socks socks;	      /* on a proxy's connection */
	struct leaf_wait leaf;
	struct exchange_conn facts; /* for the exchanges */
	bool cut; /* a tunnel's client broke off; what it said goes on first */
	struct loop_post post;
	struct timer timer;
};

/* conn.c */
void conn_set_state(struct conn *c, enum conn_state next);
struct loop_ref conn_ref(const struct conn *c);
void conn_wait(struct conn *c, enum gate_timer name);

/* The one way out: whatever is in work ends here, and c is freed. */
void conn_end(struct conn *c);

/* Record that no request came of this connection, and end it. With the reason
 * CONN_DENIED the record says that the policy denied it.
 */
#define CONN_DENIED "no-rule"
void conn_refuse(struct conn *c, enum audit_kind kind, struct slice reason,
		 struct slice detail);

/* opening.c */

/* It was accepted: a rule for its name and port may make it a tunnel at once,
 * as in some protocols the server speaks first.
 */
void opening_begin(struct conn *c);

/* It says nothing. In mode learn it is let through, as the server may be the
 * one to speak first: returns true, and c may have gone. TIMER_PEEK is for
 * that.
 */
bool opening_silent(struct conn *c);

/* If a CONNECT was answered and its answer sent, what comes next is looked at
 * as on a new connection to the place it named. Returns true if so; c may have
 * gone then.
 */
bool opening_again(struct conn *c);

/* HELLO, LEAF or SHAKE: go on. May end the connection. */
void opening_step(struct conn *c);

#endif
