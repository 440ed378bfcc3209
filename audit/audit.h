/* audit/audit.h - the door to the ledger: the spool, as its writers see it.
 *
 * Each worker owns one spool file in shared memory. spool_begin() writes a
 * record into a free slot before the first octet goes upstream; spool_end()
 * completes it. From the first call on, the record survives the death of any
 * process: audit finds it in the file, finished or not. No system call, no
 * allocation, no waiting.
 */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* What a row is about. */
enum audit_kind {
	AUDIT_REQUEST,	 /* an HTTP request */
	AUDIT_TUNNEL,	 /* octets after CONNECT or 101, or a tcp:// flow */
	AUDIT_DNS,	 /* a name that was not answered */
	AUDIT_HANDSHAKE, /* a TLS handshake that failed */
	AUDIT_PROTOCOL,	 /* octets that are neither TLS nor HTTP */

	AUDIT_KINDS,
};

enum audit_verdict {
	AUDIT_DENY,
	AUDIT_ASK,
	AUDIT_ALLOW,
	AUDIT_NONE, /* it never came to a judgement */

	AUDIT_VERDICTS,
};

/* How it ended. */
enum audit_outcome {
	AUDIT_OPEN,	   /* still in work */
	AUDIT_DONE,	   /* answered in full */
	AUDIT_REFUSED,	   /* answered by us: denied, malformed */
	AUDIT_FAILED,	   /* allowed, but upstream failed: 502, 504 */
	AUDIT_CUT,	   /* ended in the middle by a peer */
	AUDIT_INTERRUPTED, /* our process ended in the middle */

	AUDIT_OUTCOMES,
};

const char *audit_kind_str(enum audit_kind k);
const char *audit_verdict_str(enum audit_verdict v);
const char *audit_outcome_str(enum audit_outcome o);

/* All text is copied, cut to its bound (audit/record.h) and marked so; secret-
 * looking values and tokens of known forms are masked on the way in.
 */
struct audit_begin {
	uint64_t id; /* base/id.h; the row's key */
	uint64_t wall_us;
	uint16_t owner; /* below AUDIT_OWNERS: whose share of the slots */
	enum audit_kind kind;
	enum audit_verdict verdict;
	struct slice sandbox;
	struct slice client;   /* "addr:port" */
	struct slice protocol; /* "http/1.1", "h2", "dns", "tls" */
	struct slice tls;      /* downstream's version, "TLSv1.3"; or empty */
	struct slice method;
	struct slice scheme;
	struct slice host;
	uint16_t port;
	struct slice path;
	struct slice query;
	struct slice user_agent;
	struct slice reason;	 /* a slug: "no-rule", "misdirected" */
	struct slice rule;	 /* its text */
	struct slice rule_where; /* file:line */
	uint32_t generation;	 /* of the policy that judged */
};

#define AUDIT_OWNERS 2048 /* who share a spool's slots: sandboxes */

struct audit_end {
	uint64_t duration_us;
	enum audit_outcome outcome;
	uint16_t status;     /* as the client saw it; 0: none */
	uint64_t bytes_up;   /* body octets, client to origin */
	uint64_t bytes_down; /* body octets, origin to client */
	struct slice reason; /* replaces the first, unless empty */
	struct slice detail; /* one phrase for people */
	struct slice content_type;
	struct slice upstream;	  /* "addr:port" that was dialled */
	struct slice up_protocol; /* "h2", "http/1.1" */
	struct slice up_tls;
};

struct spool;

/* Create this writer's spool file "WRITER-PID.spool" in dir, locked while we
 * live; audit drains and removes what a dead writer left. Returns 0 or -errno.
 */
int spool_open(const char *dir, uint16_t writer, struct spool **ret);
void spool_close(struct spool **s);

/* Returns 0 and the slot, or -ENOSPC: the owner's share of the slots is taken
 * because audit does not keep up or too much is in flight; the caller refuses
 * the request. An owner may hold four times as many slots as are free: one
 * alone four fifths of them, two 44 % each, and so on; there is always
 * something left for the next one.
 */
int spool_begin(struct spool *s, const struct audit_begin *facts,
		uint32_t *ret_slot);

/* A record that was begun with verdict ASK has got an answer; before anything
 * goes upstream.
 */
void spool_answer(struct spool *s, uint32_t slot, enum audit_verdict verdict);

/* Complete the record; the slot is audit's from here. Never fails. */
void spool_end(struct spool *s, uint32_t slot, const struct audit_end *facts);

/* Both at once, for what is over when it is known (a DNS refusal). */
int spool_write(struct spool *s, const struct audit_begin *begin,
		const struct audit_end *end);

/* What is wrong with the file, as a phrase; NULL when nothing is. When it is
 * not NULL the writer must end: audit reads the file once it has. A system
 * call; ask now and then.
 */
const char *spool_fault(const struct spool *s);

/* Copy s into ret, at most max octets, as a record would show it: secrets
 * masked, odd octets escaped. For what is written elsewhere, as a log. Returns
 * how many were written.
 */
size_t audit_masked(struct slice s, char *ret, size_t max);

/* Records finished and not yet in SQLite; slots in work. */
void spool_load(const struct spool *s, uint32_t *ret_waiting,
		uint32_t *ret_open);

#endif
