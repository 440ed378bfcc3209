/* gateway/worker.h - one worker process: the data path, single-threaded.
 *
 * The parent forks it with everything it needs: contexts, tables, the list of
 * sandboxes, one end of a door. From there on the parent speaks to it in
 * frames (gateway/orders.h).
 */
#ifndef GATEWAY_WORKER_H
#define GATEWAY_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct stats;
struct names;
struct quotas;
struct tls_ctx;

/* All borrowed; they live as long as the process. */
struct worker_setup {
	struct tls_ctx *tls;
	struct names *names;
	struct quotas *quotas;
	struct stats *stats;	    /* this worker's row */
	const char *certgen_socket; /* path */
	const char *spool_dir;
	struct slice ca_pem;	/* or empty */
	const char *const *dns; /* resolvers, or none */
	size_t dns_len;
	const uint32_t *durations_ms; /* GATE_TIMERS of them */
	uint16_t writer;	      /* first number in its ids */
	bool count_lost;
	int door; /* to the parent */
};

/* Runs until the parent goes or says DRAIN. Returns the exit status. */
int worker_run(const struct worker_setup *setup);

#endif
