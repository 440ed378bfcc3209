/* cli/log_har.h - rows as an HTTP Archive, version 1.2. For cli/log*.c only.
 *
 * An archive holds requests: rows of other kinds are left out. What the ledger
 * does not keep, most fields and all bodies, is empty in it; which sandbox it
 * was, the verdict and the rule stand in each entry's comment.
 */
#ifndef CLI_LOG_HAR_H
#define CLI_LOG_HAR_H

#include <stdbool.h>
#include <stdio.h>

#include "audit/query.h"

void log_har_begin(FILE *to);

/* Returns whether an entry was printed; first: it is the first. */
bool log_har_row(FILE *to, const struct query_row *row, bool first);
void log_har_end(FILE *to);

#endif
