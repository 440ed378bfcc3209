/* gateway/worker.h - one worker process: the data path, single-threaded.
 *
 * The parent forks it with everything it needs: contexts, tables, the list of
 * sandboxes, one end of a door. From there on the parent speaks to it in
 * frames:
 *
 *   SANDBOX  u32 serial, u32 id, u32 slot, str name, u32 generation,
 *            u8 tcp, u8 udp, u8 dns     descriptors: memfd with ruleset text,
 *                                       listeners in that order
 *   POLICY   u32 serial, u32 id, u32 generation      descriptor: memfd
 *   FROM     u32 serial, u16 count, count times (u32 id, str prefix):
 *            all source prefixes there are, instead of those before
 *   REMOVE   u32 serial, u32 id
 *   LISTEN   u32 serial, u8 enum listen_kind
 *                            descriptor: a listener of the instance itself
 *   TOKEN    u32 serial, u32 id, str token: what proves the sandbox to the
 *            proxy; empty: nothing does
 *   DRAIN    u32 serial                  finish what is in work, then end
 *   ACK      u32 serial, u32 errors      worker → parent, for each of these
 */
#ifndef GATEWAY_WORKER_H
#define GATEWAY_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct stats;
struct names;
struct tls_ctx;

enum worker_frame {
	WORKER_SANDBOX = 1,
	WORKER_POLICY = 2,
	WORKER_FROM = 3,
	WORKER_REMOVE = 4,
	WORKER_DRAIN = 5,
	WORKER_ACK = 6,
	WORKER_LISTEN = 7,
	WORKER_TOKEN = 8,
};

/* All borrowed; they live as long as the process. */
struct worker_setup {
	struct tls_ctx *tls;
	struct names *names;
	struct stats *stats;	    /* this worker's row */
	const char *certgen_socket; /* path */
	const char *spool_dir;
	struct slice ca_pem;	/* or empty */
	const char *const *dns; /* resolvers, or none */
	size_t dns_len;
	const uint32_t *durations_ms; /* GATE_TIMERS of them */
	uint16_t writer;	      /* number in the ids it gives */
	bool count_lost;
	int door; /* to the parent */
};

/* Runs until the parent goes or says DRAIN. Returns the exit status. */
int worker_run(const struct worker_setup *setup);

#endif
