/* cli/log_groups.h - rows counted: --group-by and --stats. For cli/log*.c only.
 */
#ifndef CLI_LOG_GROUPS_H
#define CLI_LOG_GROUPS_H

#include <stdio.h>

#include "cli/log_options.h"

/* Count and print. Each returns how many groups or rows there were, or < 0
 * from the ledger.
 */
int log_groups(FILE *to, struct query *q, const struct log_options *o);
int log_stats(FILE *to, struct query *q, const struct log_options *o);

/* "1.2 MB" */
#define LOG_SIZE_MAX 24
const char *log_size(uint64_t bytes, char ret[LOG_SIZE_MAX]);

#endif
