/* gateway/stats.h - counters that the parent reads and the workers write.
 *
 * One shared mapping, made by the parent before it forks. Each worker writes
 * its own row only, so plain stores suffice; a reader may see a number a
 * moment old.
 */
#ifndef GATEWAY_STATS_H
#define GATEWAY_STATS_H

#include <stdint.h>

#include "gateway/limits.h"

/* Each counter: its field, its name in `penstock status --json` and metrics,
 * and what it counts.
 */
#define STATS_EACH(X)                                                          \
	X(conns, "downstream connections accepted")                            \
	X(conns_open, "downstream connections open")                           \
	X(requests, "requests judged")                                         \
	X(allowed, "requests allowed")                                         \
	X(denied, "requests denied")                                           \
	X(asked, "requests that waited for the operator")                      \
	X(failed, "requests that failed upstream")                             \
	X(malformed, "requests refused before judging")                        \
	X(handshakes, "TLS handshakes completed with clients")                 \
	X(handshakes_failed, "TLS handshakes that clients broke off")          \
	X(untrusting, "clients that do not trust the CA")                      \
	X(leaves_minted, "certificates asked of certgen")                      \
	X(dns_answered, "names answered")                                      \
	X(dns_refused, "names refused")                                        \
	X(upstream_conns, "upstream connections opened")                       \
	X(upstream_open, "upstream connections open")                          \
	X(upstream_reused, "requests sent on a kept connection")               \
	X(unrecorded, "requests refused because the spool was full")           \
	X(lost, "decisions that no record was made of, the spool being full")  \
	X(bytes_up, "body octets, client to origin")                           \
	X(bytes_down, "body octets, origin to client")

#define STATS_REFUSALS 48 /* kinds of refusals there may be */

struct stats_row {
#define STATS_FIELD(name, what) uint64_t name;
	STATS_EACH(STATS_FIELD)
#undef STATS_FIELD
};

struct stats_sandbox {
	uint64_t requests;
	uint64_t denied;
};

/* One worker's part. */
struct stats {
	struct stats_row row;
	uint32_t spool_waiting; /* records not yet in SQLite */
	uint32_t spool_open;	/* exchanges in work */
	uint32_t generation;	/* of the policies in force */
	/* By enum refusal_kind. */
	uint64_t refusals[STATS_REFUSALS];
	/* By slot; the last one is nobody's. */
	struct stats_sandbox sandbox[SANDBOXES_MAX + 1];
};

#endif
