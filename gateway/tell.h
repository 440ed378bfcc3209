/* gateway/tell.h - tell the audit, and count.
 *
 * Between the exchange's words and the ledger's (audit/audit.h). Never asks;
 * never fails but by saying that nothing could be recorded.
 */
#ifndef GATEWAY_TELL_H
#define GATEWAY_TELL_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "gateway/gate.h"
#include "gateway/refusal.h"
#include "gateway/sandbox.h"
#include "http/authority.h"
#include "http/http.h"
#include "policy/policy.h"

/* One exchange's record. */
struct tell {
	uint64_t id;
	uint64_t start_us; /* wall clock */
	uint64_t start_ms; /* monotonic */
	uint32_t slot;
	bool begun;   /* the record exists, or is counted as lost */
	bool kept;    /* it exists */
	bool private; /* the rule that allowed it says so */
	enum audit_verdict verdict;
};

void tell_start(struct tell *t, const struct gate *gate);

struct tell_begin {
	const struct sandbox *sandbox;
	const char *client;
	const char *tls;	     /* or NULL */
	const struct authority *sni; /* or NULL */
	enum http_version version;
	const struct http_head *head; /* NULL: it never became whole */
	const struct authority *host; /* judged; host_len 0 if it was not */
	struct slice path, query;
	const struct policy_answer *answer; /* NULL: not judged */
	struct slice reason;
	struct slice user_agent;
};

/* Begin the record. Returns false when there is no room and the operator chose
 * to refuse then.
 */
bool tell_begin(struct tell *t, struct gate *gate, const struct tell_begin *b);

/* The operator answered what the rule asked, or the policy did: the record's
 * verdict from here on, before anything goes upstream.
 */
void tell_answer(struct tell *t, struct gate *gate, enum audit_verdict verdict);

struct tell_end {
	enum audit_outcome outcome;
	struct slice reason; /* empty: as begun */
	struct slice detail;
	const struct http_head *response; /* or NULL */
	uint64_t bytes_up, bytes_down;
	const char *upstream;	 /* or "" */
	const char *up_protocol; /* or NULL */
	const char *up_tls;	 /* or NULL */
};

void tell_end(struct tell *t, struct gate *gate, const struct tell_end *e);

/* Counters. */
void tell_count_request(struct gate *gate, const struct sandbox *sb);
void tell_count_refusal(struct gate *gate, const struct sandbox *sb,
			enum refusal_kind kind);

/* What is no request and over when it is known: a refused name, a failed
 * handshake, octets of an unknown protocol. All text but reason may be empty.
 */
struct tell_note {
	enum audit_kind kind;
	bool denied; /* the policy was asked and said no; dns always is */
	const struct sandbox *sandbox;
	const char *client;
	struct slice protocol;
	struct slice host;
	uint16_t port;
	struct slice method; /* dns: the type asked for */
	struct slice reason;
	struct slice detail;
};

void tell_note(struct gate *gate, const struct tell_note *n);

#endif
