/* cli/log_options.h - what penstock log was asked. For cli/log*.c only. */
#ifndef CLI_LOG_OPTIONS_H
#define CLI_LOG_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/query.h"
#include "cli/log_print.h"

enum log_format {
	LOG_TABLE,
	LOG_JSON,
	LOG_NDJSON,
	LOG_CSV,
	LOG_HAR,
};

struct log_options {
	struct query_filter filter;
	char host[256]; /* filter's, when it was not ASCII */
	enum log_format format;
	bool limit_given;
	bool follow;
	bool stats;
	bool colour;
	size_t screen;	  /* columns of the terminal; 0: it is none */
	const char *show; /* an id, or NULL */
	enum query_key by[QUERY_BY_MAX];
	size_t by_len;
	uint32_t top; /* groups shown without a word of the rest; 0: limit */
	uint8_t columns[LOG_FIELDS]; /* of log_fields */
	size_t columns_len;	     /* 0: all */
};

/* The words of --verdict and of --kind, and NULL. */
extern const char *const log_verdicts[];
extern const char *const log_kinds[];

/* Returns -1 to go on, else the exit status, with a message where one is due.
 */
int log_arguments(struct log_options *o, int argc, char **argv);

/* How wide the table of rows is. */
size_t log_columns(const struct log_options *o);

/* The format of cells; not for LOG_HAR. */
enum cells_format log_cells_format(enum log_format format);

#endif
