/* gateway/exchange.h - one request and its answer.
 *
 * An exchange belongs to one connection. It alone asks the policy, goes
 * upstream and tells the audit. What it answers goes into a flow that the
 * connection's codec drains; nothing here calls back up into conn.
 */
#ifndef GATEWAY_EXCHANGE_H
#define GATEWAY_EXCHANGE_H

#include "gateway/gate.h"
#include "gateway/sandbox.h"
#include "http/authority.h"
#include "http/codec.h"
#include "policy/policy.h"

struct exchange;

/* States, in the order they are usually met.
 *
 *   FREE	no request; only the state may be read
 *   HEAD	reading the request head; the body is not touched
 *   JUDGE	the head is whole and the policy is asked
 *   ASK	a rule leaves it to the operator, who has not answered yet;
 *		recorded, and nothing goes upstream
 *   DIAL	allowed and recorded; on its way upstream. What comes of an
 *		answer is held, so a clean refusal is still possible
 *   RELAY	the answer's head has come and may pass; from here an error can
 *		only cut the line
 *   REFUSE	sending an answer of our own; upstream gets nothing more
 */
enum exchange_state {
	EXCHANGE_FREE,
	EXCHANGE_HEAD,
	EXCHANGE_JUDGE,
	EXCHANGE_ASK,
	EXCHANGE_DIAL,
	EXCHANGE_RELAY,
	EXCHANGE_REFUSE,

	EXCHANGE_STATES,
};

/* What an exchange knows of its connection; lives there. */
struct exchange_conn {
	struct gate *gate;
	struct sandbox *sandbox;     /* held; a login to the proxy changes it */
	const struct authority *sni; /* names must agree with it; or NULL */
	bool tls;		     /* inside TLS */
	bool proxy;		     /* CONNECT is served */
	bool targeted;		     /* CONNECT was answered; target says where
				      * the next octets go */
	struct authority target;
	const char *tls_version;  /* NULL: clear */
	const char *client;	  /* "addr:port" */
	struct http_codec *codec; /* borrowed */
	struct loop_post *post;	  /* the connection's: it has to look */
	struct loop_ref ref;
	struct exchange *exchanges; /* in work */
};

/* For http_open_fn: a fresh exchange's stream, or NULL at a bound. */
struct http_stream *exchange_begin(struct exchange_conn *conn);

/* The codec has news of a stream that exchange_begin() gave. With
 * HTTP_NEWS_CLOSED the exchange is gone afterwards.
 */
void exchange_on_news(struct http_stream *s, unsigned int news);

/* Have octets of a body come that have not gone on to an origin, and may? */
bool exchange_holds(const struct exchange_conn *conn);

/* Nobody hears the answers any more: what has come of them is thrown away. */
void exchange_hush(struct exchange_conn *conn);

/* The connection is lost: end what is in work, and record how. */
void exchange_abort_all(struct exchange_conn *conn);

/* For the dispatch: upstream has news; a wait is over. */
void exchange_on_post(struct gate *gate, struct loop_ref ref);
void exchange_on_timer(struct gate *gate, struct loop_ref ref, uint8_t name);

/* The policy of this sandbox changed, or a rule of it ended: what is in work
 * and no longer allowed ends here. sb->expires_s becomes no later than the
 * first answer of the operator that ends.
 */
void exchange_recheck(struct gate *gate, struct sandbox *sb);

/* The operator's answer, or that there is none: see gateway/orders.h. */
struct exchange_answer {
	enum verdict verdict;
	uint64_t until_s;    /* 0: for this request */
	struct slice phrase; /* for the record and the client */
};
void exchange_on_answer(struct gate *gate, uint32_t index, uint32_t gen,
			const struct exchange_answer *answer);

/* Free what is kept for later requests. */
void exchange_done(struct gate *gate);

#endif
