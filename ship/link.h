/* ship/link.h - between the reader, which has the ledger and no network, and a
 * sender, which has the network and no ledger. Private to ship/.
 *
 * One link for each destination, made before either process: a SOCK_SEQPACKET
 * pair for messages of fixed size, and memory that both see for the rows. The
 * sender asks, the reader answers when there is something; never the other way
 * round. While a sender waits it does not touch the memory; once it has an
 * answer, the reader does not.
 *
 * A sender may die and be replaced. Each has a generation, which the answer
 * repeats, so that an answer to a dead one is known and dropped. What the dead
 * one had and did not report as delivered is given again.
 */
#ifndef SHIP_LINK_H
#define SHIP_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_ROWS_MAX	5000	   /* in one request to a receiver */
#define LINK_OCTETS_MAX (4u << 20) /* the same, before gzip */
#define LINK_ERROR_MAX	200

enum link_state {
	LINK_FRESH,    /* nothing was sent yet: as good as ok */
	LINK_OK,       /* the last request was accepted */
	LINK_RETRYING, /* the last one failed in a way that passes */
	LINK_REFUSED,  /* … in a way that somebody has to mend */

	LINK_STATES,
};

const char *link_state_str(enum link_state s);

/* How the sender stands; counters are since it started. */
struct link_report {
	uint32_t state; /* enum link_state */
	uint32_t tries; /* failures in a row */
	uint64_t requests;
	uint64_t failures;
	char error[LINK_ERROR_MAX]; /* the last failure; empty: none */
};

struct link_ask {
	uint32_t generation;
	uint32_t rows_max;  /* 0: only a report, no rows are wanted */
	uint32_t delivered; /* what was given last has been accepted */
	uint32_t zero;
	struct link_report report;
};

struct link_give {
	uint32_t generation;
	uint32_t rows;
	uint32_t len; /* octets in the memory, NDJSON */
	uint32_t zero;
	uint64_t first_id;
	uint64_t last_id;
};

struct link {
	int reader; /* the reader's end */
	int sender;
	char *rows; /* LINK_OCTETS_MAX octets, shared */
};

/* Returns 0 or -errno. */
int link_open(struct link *ret);

/* Have the memory no more: for senders, of the links of others. */
void link_forget(struct link *l);

/* Whole messages, for either side. Each returns 1, 0 for none now (only with
 * wait_ms 0 or when the time is over; -1 is without end), ERR_CLOSED when the
 * other side has gone, ERR_PROTO, or -errno.
 */
int link_read_ask(const struct link *l, struct link_ask *ret);
int link_read_give(const struct link *l, int wait_ms, struct link_give *ret);
int link_write_ask(const struct link *l, const struct link_ask *ask);
int link_write_give(const struct link *l, const struct link_give *give);

#endif
