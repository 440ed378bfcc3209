/* audit/chain.h - what the proof of the ledger is computed from.
 *
 * Private to audit/. Octets in, hashes out: no file, no database, no clock.
 * All numbers are eight octets, the highest first; a text is its length in
 * four octets, then itself; H is SHA-256. In order:
 *
 *   facts   = H("penstock facts 1\n", kind, verdict, outcome, status, port,
 *		 generation, the texts as the columns of table facts)
 *   content = H("penstock rows 1\n", of each row: id, skew_us, client_port,
 *		 duration_us, bytes_up, bytes_down, cut, facts, path, query,
 *		 detail)
 *   hash    = H("penstock batch 1\n", hash of the batch before, seq, first,
 *		 last, rows, late, total, sealed_us, content)
 *
 * Ids of texts and facts are not in it: equal rows give equal hashes, however
 * they are stored. Before the first batch the hash is 32 zeros.
 */
#ifndef AUDIT_CHAIN_H
#define AUDIT_CHAIN_H

#include <stdint.h>

#include "audit/schema.h"
#include "base/slice.h"

#define CHAIN_HASH  32 /* octets */
#define CHAIN_MARK  2 /* octets kept of each row, to name the one that differs */
#define CHAIN_TEXTS (FACTS_COLUMNS - FACTS_FIRST_TEXT)

/* Numbers and texts in the order of SCHEMA_FACTS. */
struct chain_facts {
	int64_t number[FACTS_FIRST_TEXT];
	struct slice text[CHAIN_TEXTS];
};

struct chain_row {
	int64_t id;
	int64_t skew_us;
	int64_t client_port;
	int64_t duration_us;
	int64_t bytes_up;
	int64_t bytes_down;
	int64_t cut;
	struct slice path;
	struct slice query;
	struct slice detail;
};

/* Rows that were sealed together: the finished ones of entries first to last,
 * and `late` ones of earlier entries, which finished after their range was
 * sealed.
 */
struct chain_batch {
	int64_t seq; /* 1, 2, … */
	int64_t first;
	int64_t last;
	int64_t rows; /* late ones included */
	int64_t late;
	int64_t total; /* rows of this batch and all before it */
	int64_t sealed_us;
	uint8_t content[CHAIN_HASH];
	uint8_t hash[CHAIN_HASH];
};

struct chain;

/* Returns 0 or -ENOMEM. */
int chain_new(struct chain **ret);
void chain_free(struct chain **c);

/* Once anything has failed, which only want of memory can do, false. */
bool chain_is_good(const struct chain *c);

void chain_facts(struct chain *c, const struct chain_facts *facts,
		 uint8_t ret[CHAIN_HASH]);

/* Rows in order of entry, the late ones first, between begin and end. */
void chain_rows_begin(struct chain *c);
void chain_row(struct chain *c, const struct chain_row *row,
	       const uint8_t facts[CHAIN_HASH], uint8_t ret_mark[CHAIN_MARK]);
void chain_rows_end(struct chain *c, uint8_t ret[CHAIN_HASH]);

/* The hash of a batch, of everything in it but its hash. */
void chain_batch_hash(struct chain *c, const struct chain_batch *batch,
		      const uint8_t prev[CHAIN_HASH], uint8_t ret[CHAIN_HASH]);

#endif
