/* audit/record.h - the layout of a slot of a spool: one record.
 *
 * Private to audit/. A slot is written by one worker and read by audit, in
 * memory that they share; numbers are the machine's own, as both run on it.
 *
 *   offset  size  what
 *        0     4  state, enum record_state; written last
 *        4     4  cut: bit n is set when text n did not fit its bound
 *        8     8  id (base/id.h)
 *       16     8  wall-clock µs since 1970 at the beginning
 *       24     8  duration, µs			E
 *       32     8  body octets, client to origin	E
 *       40     8  body octets, origin to client	E
 *       48     4  generation of the policy that judged
 *       52     2  port of the host
 *       54     2  status as the client saw it	E
 *       56     1  kind, enum audit_kind
 *       57     1  verdict, enum audit_verdict; record_answer() changes it
 *       58     1  outcome, enum audit_outcome	E
 *       59     5  zero
 *       64  19×4  per text: offset from the start of the text area, length,
 *		   two octets each (E: the last six)
 *      140  3956  text area: octets as text_copy() leaves them, no NUL
 *
 * What is marked E is written by record_end() and may be read in state DONE
 * only.
 */
#ifndef AUDIT_RECORD_H
#define AUDIT_RECORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "base/slice.h"

/*   FREE	nothing; the worker may take it
 *   CLAIMED	being filled: nothing yet, to any reader
 *   OPEN	what was known at the beginning is whole and stays as it is
 *   DONE	all of it is whole; the slot waits for audit
 */
enum record_state {
	RECORD_FREE,
	RECORD_CLAIMED,
	RECORD_OPEN,
	RECORD_DONE,
};

enum record_text {
	RECORD_SANDBOX,
	RECORD_CLIENT,
	RECORD_PROTOCOL,
	RECORD_TLS,
	RECORD_METHOD,
	RECORD_SCHEME,
	RECORD_HOST,
	RECORD_PATH,
	RECORD_QUERY,
	RECORD_USER_AGENT,
	RECORD_REASON,
	RECORD_RULE,
	RECORD_RULE_WHERE,
	RECORD_END_REASON, /* the first that record_end() writes */
	RECORD_DETAIL,
	RECORD_CONTENT_TYPE,
	RECORD_UPSTREAM,
	RECORD_UP_PROTOCOL,
	RECORD_UP_TLS,

	RECORD_TEXTS,
};

#define RECORD_SIZE 4096 /* one page, so that a spool's idle slots cost none */
#define RECORD_AREA (RECORD_SIZE - 64 - 4 * RECORD_TEXTS)

/* The most octets that a text may take; all of them fit the area. */
extern const uint16_t record_bound[RECORD_TEXTS];

struct record_slot {
	_Atomic uint32_t state;
	uint32_t cut;
	uint64_t id;
	uint64_t wall_us;
	uint64_t duration_us;
	uint64_t bytes_up;
	uint64_t bytes_down;
	uint32_t generation;
	uint16_t port;
	uint16_t status;
	uint8_t kind;
	uint8_t verdict;
	uint8_t outcome;
	uint8_t zero[5];
	struct {
		uint16_t off;
		uint16_t len;
	} text[RECORD_TEXTS];
	char area[RECORD_AREA];
};

/* Fill a slot that is FREE; it ends OPEN. */
void record_begin(struct record_slot *slot, const struct audit_begin *facts);

/* Another verdict for a slot that is OPEN: the operator answered. It is one
 * octet, so a reader sees the one or the other.
 */
void record_answer(struct record_slot *slot, enum audit_verdict verdict);

/* Complete a slot that is OPEN; it ends DONE. */
void record_end(struct record_slot *slot, const struct audit_end *facts);

/* A record as audit reads it: a copy, so that its writer, who may be hostile,
 * can change nothing any more. Numbers are within their enums, text is clean.
 */
struct record {
	uint64_t id;
	uint64_t wall_us;
	uint64_t duration_us;
	uint64_t bytes_up;
	uint64_t bytes_down;
	uint32_t cut;
	uint32_t generation;
	uint16_t port;
	uint16_t status;
	enum audit_kind kind;
	enum audit_verdict verdict;
	enum audit_outcome outcome;
	struct slice text[RECORD_TEXTS]; /* in area, or empty */
	char area[RECORD_AREA];
};

/* Copy the slot. An OPEN one gives the outcome that is passed in, OPEN while
 * its writer lives or INTERRUPTED. Returns 1 with *ret filled, 0 for a slot
 * that holds nothing, ERR_SYNTAX for one that no record_begin() has written;
 * *ret is undefined then.
 */
int record_read(const struct record_slot *slot, enum audit_outcome open_as,
		struct record *ret);

#endif
