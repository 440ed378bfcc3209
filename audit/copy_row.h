/* audit/copy_row.h - a row as a line. For audit/copy*.c only. */
#ifndef AUDIT_COPY_ROW_H
#define AUDIT_COPY_ROW_H

#include "audit/chain.h"
#include "audit/copy_line.h"
#include "audit/record.h"

struct copy_row {
	struct chain_row row;
	struct chain_facts facts;
};

void copy_row_write(struct copy_out *o, const struct copy_row *r);

/* Returns NULL, or what is wrong with the line; texts are slices of it. Only
 * what the ledger could hold passes.
 */
const char *copy_row_read(const struct copy_in *in, struct copy_row *ret);

/* As it came from a spool; client is where its address and port are put
 * together. Texts are borrowed.
 */
#define COPY_CLIENT_MAX 256
void copy_row_record(const struct copy_row *r, char client[COPY_CLIENT_MAX],
		     struct record *ret);

/* Is there a field that is none of a row? Empty: no. */
struct slice copy_row_unknown(const struct copy_in *in);

#endif
