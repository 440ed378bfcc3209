/* gateway/refusal.h - the answers of our own.
 *
 * Pure: facts in, a response head and its body out. A refusal tells a person
 * and a program who refused (the gateway, not the site), why, and what would
 * change it. What came from a peer is escaped for the medium it is put in.
 */
#ifndef GATEWAY_REFUSAL_H
#define GATEWAY_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include "gateway/medium.h"
#include "http/http.h"

/* Why. The slug of each (refusal.c has the table) stands in the answer's type,
 * "urn:penstock:SLUG", and as the reason in the ledger.
 */
enum refusal_kind {
	/* The policy said no. */
	REFUSAL_DENIED,	     /* 403: a rule denies it, or none allows it */
	REFUSAL_UNANSWERED,  /* 403: asked, and nobody answered in time */
	REFUSAL_TOO_LARGE,   /* 413: the rule's max-body */
	REFUSAL_RATE,	     /* 429: the rule's rate */
	REFUSAL_PLACEHOLDER, /* 403: a secret's placeholder, on its way to where
			      * the secret may not go */

	/* The request can't be judged. */
	REFUSAL_MALFORMED, /* 400 */
	REFUSAL_LOGIN,	   /* 407: the proxy's client did not prove who it is */
	REFUSAL_SLOW,	   /* 408: the request did not become whole */
	REFUSAL_URI_LONG,  /* 414 */
	REFUSAL_MISDIRECTED, /* 421: its names do not agree */
	REFUSAL_HEAD_LONG,   /* 431 */
	REFUSAL_METHOD,	     /* 501: a method that the parser does not know */
	REFUSAL_VERSION,     /* 505 */

	/* Allowed, but upstream can't be reached or trusted. */
	REFUSAL_DNS,		  /* 502: no such name, or no address */
	REFUSAL_ADDRESS,	  /* 502: it resolves to where nobody may go */
	REFUSAL_CONNECT,	  /* 502: refused, reset, unreachable */
	REFUSAL_CERTIFICATE,	  /* 502: the origin's is not to be trusted */
	REFUSAL_TLS,		  /* 502: no handshake */
	REFUSAL_PROTOCOL,	  /* 502: the origin's answer makes no sense */
	REFUSAL_RESPONSE_LARGE,	  /* 502: the rule's max-response */
	REFUSAL_DNS_TIMEOUT,	  /* 504 */
	REFUSAL_CONNECT_TIMEOUT,  /* 504 */
	REFUSAL_TLS_TIMEOUT,	  /* 504 */
	REFUSAL_RESPONSE_TIMEOUT, /* 504 */

	/* Not now. */
	REFUSAL_LEDGER, /* 503: the decision can't be recorded */
	REFUSAL_SECRET, /* 503: the rule's secret can't be put in */
	REFUSAL_BUSY,	/* 503: a limit of ours is reached */

	REFUSAL_KINDS,
};

struct slice refusal_slug(enum refusal_kind kind);
uint16_t refusal_status(enum refusal_kind kind);

/* All slices are borrowed for the call and may be empty, then what they would
 * say is left out. Octets other than printable ASCII are shown as \xHH, and
 * what is longer than REFUSAL_TEXT_MAX is cut.
 */
struct refusal {
	enum refusal_kind kind;
	struct slice detail;   /* what exactly, a sentence; empty: the kind's */
	struct slice sandbox;  /* its name */
	struct slice rule;     /* the rule that decided, its text */
	struct slice to_allow; /* the line to add, see policy_suggest() */
	struct slice request_id; /* base/id.h */
	struct slice accept;	 /* the request's field, or empty */
	struct slice user_agent; /* the same */
	uint32_t retry_after_s;	 /* 0: the kind's own, which may be none */
	bool head_request;	 /* the fields of a body, and no body */
};

#define REFUSAL_TEXT_MAX MEDIUM_TEXT_MAX
#define REFUSAL_BODY_MAX 49152 /* octets of the longest body, all escaped */

/* Build the answer: the head in a, the body appended to body. Returns 0, or
 * -ENOBUFS when one of them is full; *ret_head and what body holds are
 * untouched then. A to_allow over REFUSAL_TEXT_MAX is left out, as half a rule
 * is another rule.
 */
int refusal_make(const struct refusal *r, struct arena *a,
		 struct http_head **ret_head, struct buf *body);

/* Compose a detail in a: "TLS was opened for %s, the request is for %.*s".
 * Cut at REFUSAL_TEXT_MAX. Returns 0 or -ENOBUFS with *ret untouched.
 */
int refusal_say(struct arena *a, struct slice *ret, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
