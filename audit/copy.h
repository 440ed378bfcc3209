/* audit/copy.h - rows of the ledger in a file, with their proof.
 *
 * For the command line. A file of JSON objects, one a line, gzipped when its
 * name ends in ".gz" (read either way):
 *
 *   {"is":"export","version":1,"instance":…,"filtered":…,"seq":…,"last":…,
 *    "total":…,"hash":…}		first; the batch before the first one
 *   {"is":"pruned"|"checkpoint",…}	signed statements
 *   {"is":"batch","seq":…,…,"here":…}	a batch; here: whether its rows follow
 *   {"is":"row","id":…,…}		a row, of the batch above
 *   {"is":"end","rows":…}		last; how many rows there were
 *
 * Batches come without a gap up to the first checkpoint behind the last row, so
 * that it is proved that nothing is missing between the first and the last. A
 * filtered export has rows only and proves nothing.
 */
#ifndef AUDIT_COPY_H
#define AUDIT_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/verify.h"

#define COPY_WHY_MAX 320

struct copy_filter {
	uint64_t since_us;   /* batches that end after this; 0: all */
	uint64_t until_us;   /* batches that begin before this; 0: all */
	const char *sandbox; /* exact; NULL: all. From here on: filtered */
	const char *host;
	const char *verdict;
};

struct copy_counts {
	int64_t rows;
	int64_t batches; /* with their rows */
	int64_t left;	 /* import: rows that were there already */
};

/* Write the file at path, whole or not at all. Returns 0, or -EIO with a
 * phrase in why.
 */
int copy_export(const char *ledger, const struct copy_filter *filter,
		const char *path, struct copy_counts *ret,
		char why[COPY_WHY_MAX]);

/* Is the file what was exported? As verify_ledger(). */
void copy_verify(const char *path, const struct verify_pins *pins,
		 struct verify_report *ret);

/* Enter the file's rows into the ledger, which no penstock-audit holds and
 * which is made when there is none: all of them, each once, or none. The file
 * is verified before. Returns 0, or -EIO with a phrase in why.
 */
int copy_import(const char *path, const char *ledger, struct copy_counts *ret,
		char why[COPY_WHY_MAX]);

#endif
