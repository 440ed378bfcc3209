/* gateway/orders.h - the door between the parent and a worker.
 *
 * The parent speaks in orders, each confirmed by an ACK; a worker asks what
 * only the operator can answer.
 *
 *   SANDBOX  u32 serial, u32 id, u32 slot, str name, u32 generation, u8 learn,
 *            u8 tcp, u8 udp, u8 dns     descriptors: memfd with ruleset text,
 *                                       listeners in that order
 *   POLICY   u32 serial, u32 id, u32 generation, u8 learn
 *                                       descriptor: memfd
 *   FROM     u32 serial, u16 count, count times (u32 id, str prefix):
 *            all source prefixes there are, instead of those before
 *   REMOVE   u32 serial, u32 id
 *   LISTEN   u32 serial, u8 enum listen_kind
 *                            descriptor: a listener of the instance itself
 *   TOKEN    u32 serial, u32 id, str token: what proves the sandbox to the
 *            proxy; empty: nothing does
 *   ANSWER   u32 serial, u32 index, u32 gen, u8 enum verdict, u64 until,
 *            str phrase: to an ASK. until: s since 1970, 0: for this request;
 *            verdict ask: nobody answered
 *   SECRET   u32 serial, u16 index, u16 count, and unless count is 0 a secret
 *            as secrets_put() leaves it: with the last of them the set takes
 *            the place of the one before
 *   DRAIN    u32 serial                  finish what is in work, then end
 *
 *   ACK      u32 serial, u32 errors      worker → parent, for each of these
 *   ASK      u32 index, u32 gen, u32 id, str line, str query, str rule
 *                                        worker → parent: the exchange (index,
 *            gen) of sandbox id waits, as the rule says ask; line is the rule
 *            that would allow it
 *   UNASK    u32 index, u32 gen          worker → parent: it waits no more
 */
#ifndef GATEWAY_ORDERS_H
#define GATEWAY_ORDERS_H

enum worker_frame {
	WORKER_SANDBOX = 1,
	WORKER_POLICY = 2,
	WORKER_FROM = 3,
	WORKER_REMOVE = 4,
	WORKER_DRAIN = 5,
	WORKER_ACK = 6,
	WORKER_LISTEN = 7,
	WORKER_TOKEN = 8,
	WORKER_ANSWER = 9,
	WORKER_ASK = 10,
	WORKER_UNASK = 11,
	WORKER_SECRET = 12,
};

#define ASK_LINE_MAX  1024 /* octets; what is longer is not asked */
#define ASK_QUERY_MAX 512  /* octets; longer ones are not asked either */

#endif
