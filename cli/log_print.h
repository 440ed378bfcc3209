/* cli/log_print.h - rows of the ledger as lines of a table and as cells. For
 * cli/log*.c only.
 */
#ifndef CLI_LOG_PRINT_H
#define CLI_LOG_PRINT_H

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "audit/query.h"
#include "base/id.h"
#include "cli/cells.h"
#include "cli/line.h"

#define LOG_COLUMNS	100 /* of a line of the table, without a terminal */
#define LOG_COLUMNS_MIN 80
#define LOG_COLUMNS_MAX 240
#define LOG_FIELDS	32 /* of a row */

/* Their names are those of the ledger's view `requests`. */
extern const char *const log_fields[LOG_FIELDS + 1]; /* and NULL */

/* What cells of a row point into. */
struct log_text {
	char id[ID_TEXT];
	char time[40];
};

/* Every field, null for what is not known. Times are UTC. */
void log_cells(const struct query_row *row, struct log_text *text,
	       struct cell ret[LOG_FIELDS]);

/* The table is LOG_COLUMNS_MIN to LOG_COLUMNS_MAX columns wide. Where there is
 * room it has the ids, which penstock log show takes.
 */
void log_print_heading(FILE *to, size_t columns);

/* One line of the table; times are local. */
void log_print_line(FILE *to, const struct query_row *row, size_t columns,
		    bool colour);

/* One word on how it went, as in column VERDICT. */
const char *log_word(enum audit_verdict verdict, enum audit_outcome outcome);

/* "GET", or what stands for it: "dns". */
struct slice log_method(const struct query_row *row);

/* As a rule would say it: https is not worth a word. */
void log_target(const struct query_row *row, struct line *ret);

struct tm log_time(uint64_t wall_us, bool utc);

#endif
