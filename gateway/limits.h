/* gateway/limits.h - every bound of the gateway, each with its reason.
 *
 * Those of one connection's HTTP are in http/codec.h (http_limits_server,
 * http_limits_client).
 */
#ifndef GATEWAY_LIMITS_H
#define GATEWAY_LIMITS_H

/* Workers of one instance. More than any machine we know has cores. */
#define WORKERS_MAX 64

/* Connections of one worker, both sides together. A descriptor each; the
 * process's own limit is raised to fit, or this is lowered to it.
 */
#define CONNS_MAX     16384
#define CONNS_SANDBOX 4096 /* of one sandbox: no sandbox starves the others */

/* Sandboxes of one instance: `run` makes one per command. */
#define SANDBOXES_MAX 1024

/* Listening sockets of one sandbox, and of the instance itself. */
#define LISTENERS_SANDBOX 6
#define LISTENERS_MAX	  (SANDBOXES_MAX * LISTENERS_SANDBOX)

/* Connections taken from one listener in one turn, so that a flood of new ones
 * leaves time for the others.
 */
#define ACCEPT_BURST 64
#define DNS_BURST    64 /* questions, likewise */

/* Octets read from the wire and not yet understood. One head (64 KiB) must
 * fit, and one TLS record behind it.
 */
#define WIRE_IN_MAX  (96 * 1024)
#define WIRE_OUT_MAX (96 * 1024) /* octets understood and not yet sent */

/* Times round one connection before the others get their turn. */
#define PUMP_ROUNDS 16

/* Memory of one exchange: two heads of 64 KiB, trailers, a refusal. */
#define EXCHANGE_ARENA_MAX (256 * 1024)
#define EXCHANGES_SPARE	   256 /* kept for the next request, per worker */

/* A refused request's body is read and thrown away up to here, so that the
 * client sees the answer rather than a broken stream; what is longer is cut.
 */
#define DISCARD_MAX (16 * 1024 * 1024)

/* Leaves kept by one worker: some 4 KiB each, minted in 0.5 ms. */
#define LEAVES_MAX	2048
#define LEAF_WAITS_MAX	1024 /* connections that wait for certgen */
#define LEAF_RENEW_S	3600 /* minted anew when this little is left */
#define CERTGEN_RETRIES 3    /* a leaf is asked for so often */

/* Upstream. */
#define ORIGINS_MAX	  4096 /* pools of one worker */
#define ORIGIN_LINKS_MAX  256  /* h1 connections to one origin */
#define ORIGIN_WAITS_MAX  4096 /* requests that wait for one of them */
#define ORIGIN_IDLE_LINKS 64   /* kept for later, per origin */
#define RETRIES_MAX	  2    /* a request nobody began is sent again */

/* Names asked of the resolver at once, and addresses kept. */
#define RESOLVES_MAX	  1024
#define RESOLVE_CACHE_MAX 4096

/* A refused name is recorded once in this many seconds per sandbox; clients
 * ask for A and AAAA, and again and again.
 */
#define DNS_MERGE_S    10
#define DNS_MERGE_SIZE 32

/* Refused names that one sandbox is answered in one second, per worker. Each
 * is a record; a flood of them would fill the spool, and then the requests of
 * all sandboxes are refused. Beyond it questions get no answer.
 */
#define DNS_REFUSALS_S 200

/* Names that one sandbox is given an address for, per worker. The table has
 * room for 131,071, of all sandboxes, and forgets none.
 */
#define NAMES_SANDBOX 4096

/* Rules that may be granted to one sandbox at run time. */
#define GRANTS_MAX 1000

/* How long each wait lasts, in milliseconds; the timers' names. */
enum gate_timer {
	TIMER_HELLO,	/* the first octets, and the TLS handshake */
	TIMER_PEEK,	/* mode learn: who speaks first, client or server? */
	TIMER_HEAD,	/* a request head, from its first octet: slowloris */
	TIMER_IDLE,	/* a kept-alive connection without a request, or one
			 * whose last octets the peer does not take */
	TIMER_LINGER,	/* after our last octet, until the peer's */
	TIMER_STALL,	/* an exchange in which nothing moves; event streams
			 * may be silent for half an hour */
	TIMER_LEAF,	/* certgen's answer */
	TIMER_RESOLVE,	/* c-ares' own retries */
	TIMER_DIAL,	/* one address: connect and handshake */
	TIMER_BESIDE,	/* until the next address is dialled beside it (RFC
			 * 8305, section 5) */
	TIMER_PAUSE,	/* until an origin that refused a connection is dialled
			 * again, while another one stands */
	TIMER_RESPONSE, /* the response head; models think for minutes */
	TIMER_POOL,	/* an idle upstream connection */
	TIMER_DRAIN,	/* after GOAWAY, for the streams in work */
	TIMER_ASK,	/* the operator's answer; the parent's ask_timeout is
			 * shorter */
	TIMER_TICK,	/* housekeeping */

	GATE_TIMERS,
};

#define TIMER_DURATIONS                                                        \
	{                                                                      \
		[TIMER_HELLO] = 10 * 1000, [TIMER_PEEK] = 2 * 1000,            \
		[TIMER_HEAD] = 30 * 1000, [TIMER_IDLE] = 300 * 1000,           \
		[TIMER_LINGER] = 2 * 1000, [TIMER_STALL] = 3600 * 1000,        \
		[TIMER_LEAF] = 2 * 1000, [TIMER_RESOLVE] = 100,                \
		[TIMER_DIAL] = 10 * 1000, [TIMER_BESIDE] = 250,                \
		[TIMER_PAUSE] = 1000, [TIMER_RESPONSE] = 600 * 1000,           \
		[TIMER_POOL] = 60 * 1000, [TIMER_DRAIN] = 30 * 1000,           \
		[TIMER_ASK] = 3700 * 1000, [TIMER_TICK] = 1000,                \
	}

#endif
