/* audit/verify_private.h - following a chain, for audit/verify*.c and
 * audit/import.c only.
 *
 * First the statements, in any order, then verify_start(), then the batches in
 * order of their numbers, then verify_finish(). Once something is wrong each of
 * these answers false and the report says what.
 */
#ifndef AUDIT_VERIFY_PRIVATE_H
#define AUDIT_VERIFY_PRIVATE_H

#include "audit/chain_key.h"
#include "audit/verify.h"

#define VERIFY_STATEMENTS_MAX 4096

struct verify {
	struct chain *chain;	      /* owned */
	struct verify_report *report; /* borrowed */
	const char *instance;	      /* borrowed */
	struct chain_statement
		*statement; /* owned; by batch from _start() on */
	size_t statements;
	bool pinned;
	uint8_t pin[CHAIN_KEY];
	bool has_kept;
	struct chain_statement kept; /* the checkpoint kept elsewhere */
	struct chain_batch tip;	     /* the last batch that was good */
	int64_t signed_total;
};

/* Returns false when the pins cannot be read, or memory lacks. */
bool verify_init(struct verify *v, const struct verify_pins *pins,
		 struct verify_report *report);
void verify_done(struct verify *v);

/* Something is wrong. Returns false. */
bool verify_broken(struct verify *v, int64_t batch, uint64_t row,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));
bool verify_unsure(struct verify *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

bool verify_statement(struct verify *v, const struct chain_statement *st);

/* The chain begins behind `before`; all zero: at its beginning. With NULL where
 * the statement on pruning says.
 */
bool verify_start(struct verify *v, const struct chain_batch *before);

/* Does b follow, and has it got this content? NULL: its rows are not here, and
 * its own word on them is taken.
 */
bool verify_follows(struct verify *v, const struct chain_batch *b);
bool verify_batch(struct verify *v, const struct chain_batch *b,
		  const uint8_t content[CHAIN_HASH]);

/* No batch comes after this. */
bool verify_finish(struct verify *v);

#endif
