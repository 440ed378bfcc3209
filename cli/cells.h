/* cli/cells.h - rows of values, printed as a table, JSON or CSV.
 *
 * JSON is an array of objects, NDJSON one object a line. CSV is as RFC 4180
 * says, with a heading; text that a spreadsheet would take for a formula gets
 * an apostrophe before it. A table is as wide as its first rows need.
 */
#ifndef CLI_CELLS_H
#define CLI_CELLS_H

#include <stdint.h>
#include <stdio.h>

#include "base/slice.h"

#define CELLS_MAX      64  /* columns */
#define CELLS_HELD_MAX 500 /* rows that a table's widths are taken from */

enum cells_format {
	CELLS_TABLE,
	CELLS_JSON,
	CELLS_NDJSON,
	CELLS_CSV,
};

enum cell_kind {
	CELL_NULL,
	CELL_TEXT,
	CELL_MEASURE, /* text that a table sets as a number: "1.2 MB" */
	CELL_INTEGER,
	CELL_REAL,
	CELL_BOOL,
};

struct cell {
	enum cell_kind kind;
	struct slice text; /* borrowed */
	int64_t integer;
	double real;
};

/* Text, or null for the empty one. */
struct cell cell_text(struct slice s);
struct cell cell_integer(uint64_t n);

struct cells;

/* names are borrowed until the end. columns_max: as wide as a table may get, 0
 * for no limit. Returns NULL without memory.
 */
struct cells *cells_begin(FILE *to, enum cells_format format,
			  const char *const *names, size_t len,
			  size_t columns_max);

/* One row of as many cells as there are names. */
void cells_row(struct cells *c, const struct cell *row);

/* Print what is held back, as whoever follows wants it now. A column grows when
 * a later row needs it.
 */
void cells_flush(struct cells *c);

/* Print what was held back, end and free. Returns 0, or -ENOMEM if a row was
 * lost to a lack of memory.
 */
int cells_end(struct cells **c);

/* One object, without a line's end. */
void cells_object(FILE *to, const char *const *names, const struct cell *row,
		  size_t len);

/* A string of JSON with its quotes. */
void cells_string(FILE *to, struct slice s);

#endif
