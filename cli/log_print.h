/* cli/log_print.h - rows of the ledger as lines: a table, JSON, or one row in
 * full. Only cli/log.c uses it.
 *
 * What is printed came from the ledger, where text holds no control and no
 * direction-changing character; it is checked again here, as a file can be
 * replaced.
 */
#ifndef CLI_LOG_PRINT_H
#define CLI_LOG_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "audit/query.h"

#define LOG_COLUMNS 100 /* of a line of the table, at most */

void log_print_heading(FILE *to);

/* One line of the table; times are local. */
void log_print_line(FILE *to, const struct query_row *row, bool colour);

/* One JSON object on one line, every field; null for what is not known. Times
 * are UTC; the names are those of the ledger's view `requests`.
 */
void log_print_json(FILE *to, const struct query_row *row);

/* Every field that is known, one a line. */
void log_print_row(FILE *to, const struct query_row *row);

#endif
