/* cli/sql.c - penstock sql: the operator's own questions to the ledger.
 *
 * One statement or several, from the command line, from standard input, or at
 * a prompt. A signal ends the statement at work, not the prompt.
 */

#include <editline/readline.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/query.h"
#include "audit/sql.h"
#include "base/base.h"
#include "base/err.h"
#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/instance.h"
#include "cli/line.h"

#define TEXT_MAX    (1 << 20) /* octets of statements read at once */
#define TIMEOUT_MAX 86400
#define BLOB_SHOWN  64 /* octets */

static const char sql_usage[] =
	"usage: penstock sql [options] [STATEMENT]\n"
	"\n"
	"Asks the ledger, read-only. Without a statement: a prompt, or the\n"
	"statements on standard input. The views requests, denied and troubled\n"
	"have a column for each field; docs/ledger.md explains them.\n"
	"\n"
	"  --format FORMAT    table, json, ndjson, csv\n"
	"  --timeout SECONDS  give up then (0: never)\n"
	"\n"
	"Exit status: 0 good, 2 a statement that is wrong or that writes,\n"
	"3 no ledger, interrupted, or it took too long.\n"
	"\n"
	"  penstock sql 'SELECT host, count(*) FROM denied GROUP BY host'\n";

static const char sql_help[] =
	".views    the views and their columns\n"
	".schema   the tables behind them\n"
	".quit     leave (also Ctrl-D)\n"
	"Anything else is SQL, as SQLite has it, ended by a semicolon:\n"
	"  SELECT time, host, path FROM denied ORDER BY id DESC LIMIT 10;\n";

static const char sql_views[] =
	"SELECT m.name AS view, group_concat(c.name, ' ') AS columns"
	" FROM sqlite_schema m JOIN pragma_table_info(m.name) c"
	" WHERE m.type = 'view' GROUP BY m.name";

static const char sql_schema[] =
	"SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
	" ORDER BY type, name";

struct asker {
	struct sql *sql; /* owned */
	enum cells_format format;
	uint32_t timeout_s;
	char path[INSTANCE_PATH_MAX];
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

/* A blob as x'…'; mem holds it. */
static struct slice blob_text(struct slice blob, char mem[2 * BLOB_SHOWN + 8])
{
	size_t n = MIN(blob.len, BLOB_SHOWN), len = 2;

	memcpy(mem, "x'", 2);
	for (size_t i = 0; i < n; i++, len += 2)
		(void)snprintf(mem + len, 3, "%02x",
			       (unsigned char)blob.ptr[i]);
	memcpy(mem + len, n < blob.len ? "…'" : "'", n < blob.len ? 5 : 2);
	return slice_str(mem);
}

static struct cell sql_cell(const struct sql_value *v,
			    char mem[2 * BLOB_SHOWN + 8])
{
	static const enum cell_kind kinds[] = {
		[SQL_NULL] = CELL_NULL, [SQL_INTEGER] = CELL_INTEGER,
		[SQL_REAL] = CELL_REAL, [SQL_TEXT] = CELL_TEXT,
		[SQL_BLOB] = CELL_TEXT,
	};

	return (struct cell){
		.kind = kinds[v->kind],
		.text = v->kind == SQL_BLOB ? blob_text(v->text, mem) : v->text,
		.integer = v->integer,
		.real = v->real,
	};
}

/* The rows of the statement. Returns 0 or as sql_step(), or -EPIPE. */
static int sql_rows(struct asker *a)
{
	const char *names[CELLS_MAX];
	struct cell row[CELLS_MAX];
	char mem[CELLS_MAX][2 * BLOB_SHOWN + 8];
	size_t len = MIN(sql_columns(a->sql), CELLS_MAX);
	int n = sql_step(a->sql), err;
	struct cells *out;

	if (n < 0 || !len)
		return n;
	for (size_t i = 0; i < len; i++)
		names[i] = sql_column(a->sql, i);
	out = cells_begin(stdout, a->format, names, len, line_screen());
	if (!out)
		return -ENOMEM;
	for (; n > 0 && !ferror(stdout); n = sql_step(a->sql)) {
		for (size_t i = 0; i < len; i++) {
			struct sql_value v = sql_value(a->sql, i);

			row[i] = sql_cell(&v, mem[i]);
		}
		cells_row(out, row);
	}
	err = cells_end(&out);
	if (fflush(stdout) || ferror(stdout))
		return -EPIPE;
	return n ? n : err;
}

static int sql_status(struct asker *a, int err)
{
	if (err == -EPIPE)
		return EXIT_BROKEN;
	(void)fprintf(stderr, "penstock sql: %s\n",
		      err == -ENOMEM ? err_str(err) : sql_error(a->sql));
	return err == -EROFS || err == ERR_SYNTAX ? EXIT_USAGE : EXIT_BROKEN;
}

/* All statements of text. Returns an exit status. */
static int sql_run(struct asker *a, const char *text)
{
	int n = 0;

	interrupted = 0;
	while (n >= 0 && *text) {
		n = sql_begin(a->sql, text, &text);
		if (n > 0)
			n = sql_rows(a);
	}
	return n < 0 ? sql_status(a, n) : 0;
}

/* A line that begins with a dot. Returns false for the end. */
static bool sql_dot(struct asker *a, const char *line)
{
	if (!strcmp(line, ".quit") || !strcmp(line, ".exit"))
		return false;
	if (!strcmp(line, ".views"))
		(void)sql_run(a, sql_views);
	else if (!strcmp(line, ".schema"))
		(void)sql_run(a, sql_schema);
	else
		(void)fputs(sql_help, stdout);
	return true;
}

/* Add a line to text. Returns false when it is too long. */
static bool sql_line(char *text, const char *line)
{
	size_t len = strlen(text), more = strlen(line);

	if (len + more + 2 > TEXT_MAX)
		return false;
	memcpy(text + len, line, more);
	memcpy(text + len + more, "\n", 2);
	return true;
}

/* One line of the prompt, which is text so far. Returns false for the end. */
static bool sql_prompt_line(struct asker *a, char *text, const char *line)
{
	if (!*text && *line == '.')
		return sql_dot(a, line);
	if (!*text && !*line)
		return true;
	if (!sql_line(text, line))
		(void)fprintf(stderr, "penstock sql: too long\n");
	else if (!sql_is_whole(text))
		return true;
	else
		(void)sql_run(a, text);
	*text = '\0';
	return true;
}

/* At the prompt an interrupt is the end, as it is of any program. */
static int sql_prompt(struct asker *a, char *text)
{
	bool more = true;

	(void)printf("The ledger %s, read-only. .help explains.\n", a->path);
	while (more) {
		char *line;

		(void)signal(SIGINT, SIG_DFL);
		line = readline(*text ? "    ...> " : "penstock> ");
		(void)signal(SIGINT, on_interrupt);
		if (!line)
			break;
		if (*line)
			(void)add_history(line);
		more = sql_prompt_line(a, text, line);
		free(line);
	}
	(void)putchar('\n');
	return 0;
}

static int sql_input(struct asker *a, char *text)
{
	size_t len;

	if (isatty(STDIN_FILENO))
		return sql_prompt(a, text);
	len = fread(text, 1, TEXT_MAX, stdin);
	if (len == TEXT_MAX || ferror(stdin)) {
		(void)fprintf(stderr,
			      "penstock sql: standard input is too long\n");
		return EXIT_USAGE;
	}
	text[len] = '\0';
	return sql_run(a, text);
}

static int sql_ledger(struct asker *a)
{
	struct instance in;
	int err;

	if (instance_find(&in) ||
	    !instance_path(in.state_dir, INSTANCE_LEDGER, a->path))
		return EXIT_BROKEN;
	err = sql_open(a->path, &a->sql);
	if (!err) {
		sql_limit(a->sql, a->timeout_s * 1000);
		sql_watch(a->sql, &interrupted);
		return 0;
	}
	(void)fprintf(stderr, "penstock sql: %s: %s\n", a->path,
		      query_open_str(err));
	return EXIT_BROKEN;
}

static bool sql_format(const char *name, enum cells_format *ret)
{
	static const char *const names[] = { [CELLS_TABLE] = "table",
					     [CELLS_JSON] = "json",
					     [CELLS_NDJSON] = "ndjson",
					     [CELLS_CSV] = "csv" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(name, names[i]) != 0)
			continue;
		*ret = (enum cells_format)i;
		return true;
	}
	(void)fprintf(stderr,
		      "penstock sql: no format '%s'; there are table, "
		      "json, ndjson, csv\n",
		      name);
	return false;
}

static bool sql_timeout(const char *text, uint32_t *ret)
{
	uint64_t n;

	if (!slice_number(slice_str(text), TIMEOUT_MAX, &n)) {
		(void)fprintf(stderr,
			      "penstock sql: --timeout takes seconds, at most "
			      "%d\n",
			      TIMEOUT_MAX);
		return false;
	}
	*ret = (uint32_t)n;
	return true;
}

/* A statement that begins with a comment looks like an option: leave it out. */
static char *sql_without_comment(char *word)
{
	while (!strncmp(word, "-- ", 3))
		word += strcspn(word, "\n") + (strchr(word, '\n') != NULL);
	return word;
}

/* Returns -1 to go on, else the exit status. */
static int sql_arguments(struct asker *a, int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, 'F' },
		{ "timeout", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	optind = 0;
	for (int i = 1; i < argc; i++)
		argv[i] = sql_without_comment(argv[i]);
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		bool good = option == 'F'   ? sql_format(optarg, &a->format)
			    : option == 't' ? sql_timeout(optarg, &a->timeout_s)
					    : option == 'h';

		if (option == 'h')
			(void)fputs(sql_usage, stdout);
		if (!good || option == 'h')
			return good ? 0 : EXIT_USAGE;
	}
	if (argc - optind > 1) {
		(void)fprintf(stderr, "penstock sql: one statement, between "
				      "quotes; see penstock sql --help\n");
		return EXIT_USAGE;
	}
	return -1;
}

int cmd_sql(int argc, char **argv)
{
	struct asker a = { .format = CELLS_TABLE };
	int status = sql_arguments(&a, argc, argv);
	char *text;

	if (status >= 0)
		return status;
	status = sql_ledger(&a);
	if (status)
		return status;
	text = calloc(1, TEXT_MAX + 1);
	(void)signal(SIGINT, on_interrupt);
	if (!text)
		status = EXIT_BROKEN;
	else
		status = optind < argc ? sql_run(&a, argv[optind])
				       : sql_input(&a, text);
	free(text);
	sql_free(&a.sql);
	return status;
}
