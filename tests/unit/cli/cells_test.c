/* Rows as a table, JSON and CSV, octet by octet. */

#include "cli/cells.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

static const char *const names[] = { "rows", "host", "share" };

/* Two rows, the first with text and numbers. */
static char *print(enum cells_format format, struct slice text,
		   size_t columns_max)
{
	const struct cell first[] = {
		cell_integer(12),
		cell_text(text),
		{ .kind = CELL_REAL, .real = 0.5 },
	};
	const struct cell second[] = {
		cell_integer(3),
		{ .kind = CELL_NULL },
		{ .kind = CELL_REAL, .real = 12 },
	};
	char *got = NULL;
	size_t len;
	FILE *f = open_memstream(&got, &len);
	struct cells *c;

	assert_non_null(f);
	c = cells_begin(f, format, names, 3, columns_max);
	assert_non_null(c);
	cells_row(c, first);
	cells_row(c, second);
	assert_int_equal(cells_end(&c), 0);
	assert_null(c);
	assert_int_equal(fclose(f), 0);
	return got;
}

static void expect(enum cells_format format, struct slice text,
		   size_t columns_max, const char *want)
{
	char *got = print(format, text, columns_max);

	assert_string_equal(got, want);
	free(got);
}

static void formats(void **state)
{
	(void)state;
	expect(CELLS_TABLE, SLICE("a.test"), 0,
	       "ROWS HOST   SHARE\n"
	       "  12 a.test   0.5\n"
	       "   3           12\n");
	expect(CELLS_JSON, SLICE("a\"b"), 0,
	       "[\n{\"rows\":12,\"host\":\"a\\\"b\",\"share\":0.5},\n"
	       "{\"rows\":3,\"host\":null,\"share\":12}\n]\n");
	expect(CELLS_NDJSON, SLICE("a"), 0,
	       "{\"rows\":12,\"host\":\"a\",\"share\":0.5}\n"
	       "{\"rows\":3,\"host\":null,\"share\":12}\n");
	expect(CELLS_CSV, SLICE("a.test"), 0,
	       "rows,host,share\r\n12,a.test,0.5\r\n3,,12\r\n");
}

/* Columns are cut, the widest first, until the table fits. */
static void narrow(void **state)
{
	(void)state;
	expect(CELLS_TABLE, SLICE("long.example.com"), 20,
	       "ROWS HOST      SHARE\n"
	       "  12 long.exa…   0.5\n"
	       "   3              12\n");
}

/* RFC 4180, section 2, and what a spreadsheet must not run. */
static void csv(void **state)
{
	static const struct {
		const char *text, *field;
	} all[] = {
		{ "a,b", "\"a,b\"" },	    { "a\"b", "\"a\"\"b\"" },
		{ "a\r\nb", "\"a\r\nb\"" }, { "a b", "\"a b\"" },
		{ "=1+2", "\"'=1+2\"" },    { "+1", "\"'+1\"" },
		{ "-1", "\"'-1\"" },	    { "@x", "\"'@x\"" },
		{ "\tx", "\"'\tx\"" },	    { "=\"x\"", "\"'=\"\"x\"\"\"" },
		{ "a=1", "a=1" },
	};
	char want[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		(void)snprintf(want, sizeof(want),
			       "rows,host,share\r\n12,%s,0.5\r\n3,,12\r\n",
			       all[i].field);
		expect(CELLS_CSV, slice_str(all[i].text), 0, want);
	}
}

/* No terminal obeys what a table shows. */
static void hostile(void **state)
{
	(void)state;
	expect(CELLS_TABLE, SLICE("\x1b[2J\n"), 0,
	       "ROWS HOST  SHARE\n"
	       "  12 ?[2J?   0.5\n"
	       "   3          12\n");
}

/* A table of no rows is its heading; JSON of none is an empty array. */
static void none(void **state)
{
	static const char *const want[] = { "ROWS HOST SHARE\n", "[]\n", "",
					    "rows,host,share\r\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		char *got = NULL;
		size_t len;
		FILE *f = open_memstream(&got, &len);
		struct cells *c =
			cells_begin(f, (enum cells_format)i, names, 3, 0);

		assert_int_equal(cells_end(&c), 0);
		assert_int_equal(fclose(f), 0);
		assert_string_equal(got, want[i]);
		free(got);
	}
}

/* More rows than are held back: those after are cut to the same widths. */
static void many(void **state)
{
	const char *name[] = { "n" };
	char *got = NULL;
	size_t len;
	FILE *f = open_memstream(&got, &len);
	struct cells *c = cells_begin(f, CELLS_TABLE, name, 1, 0);

	(void)state;
	for (uint64_t i = 0; i <= CELLS_HELD_MAX; i++)
		cells_row(c,
			  &(struct cell){ .kind = CELL_INTEGER, .integer = 7 });
	cells_row(c,
		  &(struct cell){ .kind = CELL_TEXT, .text = SLICE("wide") });
	assert_int_equal(cells_end(&c), 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(len, 2 * (CELLS_HELD_MAX + 2) + 4);
	assert_string_equal(got + len - 4, "…\n");
	free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats), cmocka_unit_test(narrow),
		cmocka_unit_test(csv),	   cmocka_unit_test(hostile),
		cmocka_unit_test(none),	   cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
