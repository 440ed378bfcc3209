/* cli/line.h - a line of text being put together, safe for a terminal.
 *
 * Text comes from the ledger, where it holds no control character; it is
 * checked again here, as a file can be replaced. What is beyond the end of a
 * line is left out.
 */
#ifndef CLI_LINE_H
#define CLI_LINE_H

#include <stdio.h>

#include "base/slice.h"

#define LINE_MAX_LEN 8192

struct line {
	char mem[LINE_MAX_LEN];
	size_t len;
};

/* May octet i of s go to a terminal? Not so the controls, of ASCII and of
 * Latin-1 (C2 80 to C2 9F).
 */
bool line_shows(struct slice s, size_t i);

/* Octets that are not to be shown become '?'. */
void line_put(struct line *l, struct slice s);

/* s in exactly width columns and a blank, cut with an ellipsis or filled with
 * blanks: behind it, or before it.
 */
void line_column(struct line *l, struct slice s, size_t width);
void line_right(struct line *l, struct slice s, size_t width);

/* How many columns s fills, one for each character. */
size_t line_width(struct slice s);

/* Columns of the terminal that standard output is; 0 if it is none. */
size_t line_screen(void);

/* Without blanks at the end; begins again. */
void line_print(FILE *to, struct line *l);

static inline struct slice line_text(const struct line *l)
{
	return slice_of(l->mem, l->len);
}

#endif
