/* cli/cells.c - rows of values, printed as a table, JSON or CSV.
 *
 * Everything but a table is printed as it comes. A table holds its first rows
 * back, as text, until it knows how wide its columns are; rows after these are
 * cut to fit.
 */

#include "cli/cells.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/base.h"
#include "cli/line.h"

#define NUMBER_MAX 32

struct cells {
	FILE *to;
	enum cells_format format;
	const char *const *names; /* borrowed */
	size_t len;
	size_t columns_max;
	uint64_t rows;
	bool lost;
	bool laid_out; /* widths stand, nothing is held back */
	bool grows;    /* or are those that rows have needed so far */
	size_t width[CELLS_MAX];
	bool right[CELLS_MAX];	    /* only numbers so far */
	char *held[CELLS_HELD_MAX]; /* owned; cells ended by NUL each */
	size_t held_len;
};

struct cell cell_text(struct slice s)
{
	return (struct cell){ .kind = s.len ? CELL_TEXT : CELL_NULL,
			      .text = s };
}

struct cell cell_integer(uint64_t n)
{
	return (struct cell){ .kind = CELL_INTEGER,
			      .integer = (int64_t)MIN(n, INT64_MAX) };
}

void cells_string(FILE *to, struct slice s)
{
	(void)fputc('"', to);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c == '"' || c == '\\')
			(void)fprintf(to, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			(void)fprintf(to, "\\u%04x", c);
		else
			(void)fputc(line_shows(s, i) ? c : '?', to);
	}
	(void)fputc('"', to);
}

/* A cell as plain text; mem is for numbers. */
static struct slice cell_plain(const struct cell *cell, char mem[NUMBER_MAX])
{
	switch (cell->kind) {
	case CELL_TEXT:
	case CELL_MEASURE:
		return cell->text;
	case CELL_INTEGER:
		(void)snprintf(mem, NUMBER_MAX, "%" PRId64, cell->integer);
		return slice_str(mem);
	case CELL_REAL:
		(void)snprintf(mem, NUMBER_MAX, "%.15g", cell->real);
		return slice_str(mem);
	case CELL_BOOL:
		return cell->integer ? SLICE("true") : SLICE("false");
	default:
		return slice_of(NULL, 0);
	}
}

void cells_object(FILE *to, const char *const *names, const struct cell *row,
		  size_t len)
{
	char mem[NUMBER_MAX];

	for (size_t i = 0; i < len; i++) {
		struct slice text = cell_plain(&row[i], mem);
		bool null =
			row[i].kind == CELL_NULL ||
			(row[i].kind == CELL_REAL && !isfinite(row[i].real));

		(void)fputs(i ? "," : "{", to);
		cells_string(to, slice_str(names[i]));
		(void)fputc(':', to);
		if (row[i].kind == CELL_TEXT || row[i].kind == CELL_MEASURE)
			cells_string(to, text);
		else if (null)
			(void)fputs("null", to);
		else
			(void)fwrite(text.ptr, 1, text.len, to);
	}
	(void)fputs("}", to);
}

static bool csv_is_formula(struct slice s)
{
	return s.len && strchr("=+-@\t\r", s.ptr[0]);
}

static bool csv_needs_quotes(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (strchr(",\"\r\n", s.ptr[i]) || s.ptr[i] == ' ')
			return true;
	return false;
}

static void csv_field(FILE *to, struct slice s, bool text)
{
	bool formula = text && csv_is_formula(s);
	bool quotes = formula || csv_needs_quotes(s);

	if (quotes)
		(void)fputc('"', to);
	if (formula)
		(void)fputc('\'', to);
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '"')
			(void)fputc('"', to);
		(void)fputc(s.ptr[i] ? s.ptr[i] : '?', to);
	}
	if (quotes)
		(void)fputc('"', to);
}

static void csv_row(struct cells *c, const struct cell *row)
{
	char mem[NUMBER_MAX];

	for (size_t i = 0; i < c->len; i++) {
		if (i)
			(void)fputc(',', c->to);
		csv_field(c->to, cell_plain(&row[i], mem),
			  row[i].kind == CELL_TEXT);
	}
	(void)fputs("\r\n", c->to);
}

static void csv_heading(struct cells *c)
{
	for (size_t i = 0; i < c->len; i++) {
		if (i)
			(void)fputc(',', c->to);
		csv_field(c->to, slice_str(c->names[i]), true);
	}
	(void)fputs("\r\n", c->to);
}

static void table_line(struct cells *c, const char *text)
{
	struct line l;

	l.len = 0;
	for (size_t i = 0; i < c->len; i++) {
		struct slice s = slice_str(text);

		if (c->right[i])
			line_right(&l, s, c->width[i]);
		else
			line_column(&l, s, c->width[i]);
		text += s.len + 1;
	}
	line_print(c->to, &l);
}

/* "rows" as "ROWS". */
static void table_heading(struct cells *c)
{
	struct line l;

	l.len = 0;
	for (size_t i = 0; i < c->len; i++) {
		char name[NUMBER_MAX];
		size_t n = MIN(strlen(c->names[i]), sizeof(name));

		for (size_t k = 0; k < n; k++) {
			char ch = c->names[i][k];

			name[k] =
				ch >= 'a' && ch <= 'z' ? (char)(ch & 0x5f) : ch;
		}
		if (c->right[i])
			line_right(&l, slice_of(name, n), c->width[i]);
		else
			line_column(&l, slice_of(name, n), c->width[i]);
	}
	line_print(c->to, &l);
}

/* Take from the widest column until the table is no wider than it may be. */
static void table_narrow(struct cells *c)
{
	size_t total = c->len ? c->len - 1 : 0, widest = 0;

	for (size_t i = 0; i < c->len; i++) {
		total += c->width[i];
		if (c->width[i] > c->width[widest])
			widest = i;
	}
	if (!c->columns_max || total <= c->columns_max || !c->len ||
	    c->width[widest] <= 4)
		return;
	c->width[widest]--;
	table_narrow(c);
}

static void table_lay_out(struct cells *c)
{
	if (c->laid_out)
		return;
	c->laid_out = true;
	for (size_t i = 0; i < c->len; i++) {
		size_t name = line_width(slice_str(c->names[i]));

		c->width[i] = MAX(MAX(c->width[i], name), 1);
		c->right[i] = c->right[i] && c->held_len;
	}
	table_narrow(c);
	table_heading(c);
	for (size_t i = 0; i < c->held_len; i++) {
		table_line(c, c->held[i]);
		free(c->held[i]);
	}
	c->held_len = 0;
}

/* The cells one after the other, each ended by NUL; or NULL. */
static char *table_text(struct cells *c, const struct cell *row)
{
	char *text = NULL, mem[NUMBER_MAX];
	size_t text_len;
	FILE *f = open_memstream(&text, &text_len);

	if (!f)
		return NULL;
	for (size_t i = 0; i < c->len; i++) {
		struct slice s = cell_plain(&row[i], mem);

		for (size_t k = 0; k < s.len; k++)
			(void)fputc(s.ptr[k] ? s.ptr[k] : '?', f);
		(void)fputc('\0', f);
		if (c->laid_out && !c->grows)
			continue;
		c->width[i] = MAX(c->width[i], line_width(s));
		if (row[i].kind == CELL_TEXT)
			c->right[i] = false;
	}
	if (c->grows)
		table_narrow(c);
	if (!fclose(f))
		return text;
	free(text);
	return NULL;
}

static void table_row(struct cells *c, const struct cell *row)
{
	char *text = table_text(c, row);

	if (!text) {
		c->lost = true;
		return;
	}
	if (!c->laid_out) {
		c->held[c->held_len++] = text;
		if (c->held_len == CELLS_HELD_MAX)
			table_lay_out(c);
		return;
	}
	table_line(c, text);
	free(text);
}

struct cells *cells_begin(FILE *to, enum cells_format format,
			  const char *const *names, size_t len,
			  size_t columns_max)
{
	struct cells *c = calloc(1, sizeof(*c));

	assert(len <= CELLS_MAX);
	if (!c)
		return NULL;
	c->to = to;
	c->format = format;
	c->names = names;
	c->len = len;
	c->columns_max = columns_max;
	for (size_t i = 0; i < len; i++)
		c->right[i] = true;
	if (format == CELLS_CSV)
		csv_heading(c);
	if (format == CELLS_JSON)
		(void)fputc('[', to);
	return c;
}

void cells_row(struct cells *c, const struct cell *row)
{
	switch (c->format) {
	case CELLS_TABLE:
		table_row(c, row);
		break;
	case CELLS_CSV:
		csv_row(c, row);
		break;
	case CELLS_JSON:
		(void)fputs(c->rows ? ",\n" : "\n", c->to);
		cells_object(c->to, c->names, row, c->len);
		break;
	case CELLS_NDJSON:
		cells_object(c->to, c->names, row, c->len);
		(void)fputc('\n', c->to);
		break;
	}
	c->rows++;
}

void cells_flush(struct cells *c)
{
	if (c->format != CELLS_TABLE)
		return;
	table_lay_out(c);
	c->grows = true;
}

int cells_end(struct cells **c)
{
	int err;

	if (!*c)
		return 0;
	if ((*c)->format == CELLS_TABLE)
		table_lay_out(*c);
	if ((*c)->format == CELLS_JSON)
		(void)fputs((*c)->rows ? "\n]\n" : "]\n", (*c)->to);
	err = (*c)->lost ? -ENOMEM : 0;
	free(*c);
	*c = NULL;
	return err;
}
