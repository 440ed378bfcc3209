/* cli/audit_stats.c - penstock audit stats. */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/query.h"
#include "audit/sql.h"
#include "base/base.h"
#include "base/err.h"
#include "cli/audit.h"
#include "cli/cells.h"
#include "cli/cli.h"

static const char stats_usage[] =
	"usage: penstock audit stats [--ledger FILE] [--json | --checkpoint]\n"
	"\n"
	"Says how much is in the ledger, since when, what of it is sealed, and\n"
	"the public key that signs it.\n"
	"\n"
	"  --checkpoint  print the last checkpoint: keep it on another machine\n"
	"                and give it to penstock audit verify --checkpoint\n"
	"\n"
	"Exit status: 0 good, 2 usage, 3 no ledger.\n";

/* One row, the numbers of stats_names in order; rows are counted by sandbox.
 * Entries become µs since 1970.
 */
static const char stats_numbers[] =
	"WITH b AS (SELECT count(*) AS n, max(seq) AS seq, sum(rows) AS rows,"
	" sum(late) AS late, max(sealed_us) AS sealed_us FROM batch),"
	" c AS (SELECT batch, signed_us FROM statement WHERE kind = 0"
	" ORDER BY batch DESC LIMIT 1),"
	" p AS (SELECT total, last FROM statement WHERE kind = 1"
	" ORDER BY batch DESC LIMIT 1),"
	" s AS (SELECT (page_count - freelist_count) * page_size AS bytes"
	" FROM pragma_page_count, pragma_freelist_count, pragma_page_size)"
	" SELECT 0, s.bytes,"
	" (SELECT (min(rowid) >> 12) + 1704067200000000 FROM record),"
	" (SELECT (max(rowid) >> 12) + 1704067200000000 FROM record),"
	" b.n, b.seq, b.rows, b.late, b.sealed_us,"
	" (SELECT batch FROM c), (SELECT signed_us FROM c),"
	" (SELECT total FROM p),"
	" (SELECT (last >> 12) + 1704067200000000 FROM p) FROM b, s";

enum stats_number {
	STATS_ROWS,
	STATS_BYTES,
	STATS_FIRST_US,
	STATS_LAST_US,
	STATS_BATCHES,
	STATS_LAST_BATCH,
	STATS_SEALED,
	STATS_LATE,
	STATS_SEALED_US,
	STATS_SIGNED_BATCH,
	STATS_SIGNED_US,
	STATS_PRUNED,
	STATS_PRUNED_US,

	STATS_NUMBERS,
};

static const char *const stats_names[] = {
	"rows",	      "bytes",	"first_us",  "last_us",	  "batches",
	"last_batch", "sealed", "late",	     "sealed_us", "signed_batch",
	"signed_us",  "pruned", "pruned_us",
};
static_assert(ARRAY_SIZE(stats_names) == STATS_NUMBERS, "a name for each");

static const char stats_signed[] =
	"SELECT 'penstock checkpoint 1' || char(10) || 'instance ' ||"
	" (SELECT value FROM ledger WHERE key = 'instance') || char(10) ||"
	" 'batch ' || batch || char(10) || 'last ' || last || char(10) ||"
	" 'rows ' || total || char(10) || 'time_us ' || signed_us ||"
	" char(10) || 'hash ' || lower(hex(hash)) || char(10) ||"
	" 'key ' || lower(hex(key)) || char(10) || 'signature ' ||"
	" lower(hex(signature)), lower(hex(key)) FROM statement"
	" WHERE kind = 0 ORDER BY batch DESC LIMIT 1";

struct stats {
	struct sql *sql; /* owned */
	struct query *q; /* owned; counts the rows */
	int64_t n[STATS_NUMBERS];
	char key[80];
};

static int stats_fail(const struct stats *s)
{
	return audit_says(EXIT_BROKEN, "%s", sql_error(s->sql));
}

static bool stats_begin(struct stats *s, const char *sql)
{
	const char *rest;

	return sql_begin(s->sql, sql, &rest) == 1;
}

static int stats_query_fail(const struct stats *s, int err)
{
	return audit_says(EXIT_BROKEN, "%s",
			  err == -EIO ? query_error(s->q) : err_str(err));
}

static int stats_count(struct stats *s)
{
	static const enum query_key by[] = { QUERY_SANDBOX, QUERY_VERDICT };
	const struct query_filter all = { .what = QUERY_ALL };
	int n = query_group(s->q, &all, by, ARRAY_SIZE(by));

	return n < 0 ? stats_query_fail(s, n) : 0;
}

static int stats_rows(struct stats *s)
{
	struct query_group g;
	int n = stats_count(s);

	if (n)
		return n;
	while ((n = query_group_next(s->q, &g)) > 0)
		s->n[STATS_ROWS] += (int64_t)g.rows;
	return n < 0 ? stats_query_fail(s, n) : 0;
}

static int stats_read(struct stats *s)
{
	if (!stats_begin(s, stats_numbers) || sql_step(s->sql) != 1)
		return stats_fail(s);
	for (size_t i = 0; i < STATS_NUMBERS; i++)
		s->n[i] = sql_value(s->sql, i).integer;
	if (!stats_begin(s, stats_signed))
		return stats_fail(s);
	if (sql_step(s->sql) == 1) {
		struct slice key = sql_value(s->sql, 1).text;

		(void)snprintf(s->key, sizeof(s->key), "%.*s", (int)key.len,
			       key.ptr);
	}
	return stats_rows(s);
}

static double stats_days(const struct stats *s)
{
	return (double)(s->n[STATS_LAST_US] - s->n[STATS_FIRST_US]) / 86400e6;
}

static int stats_json(struct stats *s)
{
	const char *before = "";
	struct query_group g;
	int n = stats_count(s);

	if (n)
		return n;
	(void)printf("{");
	for (size_t i = 0; i < STATS_NUMBERS; i++)
		(void)printf("\"%s\":%" PRId64 ",", stats_names[i], s->n[i]);
	(void)printf("\"key\":\"%s\",\"by\":[", s->key);
	while ((n = query_group_next(s->q, &g)) > 0) {
		(void)printf("%s{\"sandbox\":", before);
		cells_string(stdout, g.key[0]);
		(void)printf(",\"verdict\":");
		cells_string(stdout, g.key[1]);
		(void)printf(",\"rows\":%" PRIu64 "}", g.rows);
		before = ",";
	}
	(void)puts("]}");
	return n < 0 ? stats_query_fail(s, n) : 0;
}

static void stats_span(const struct stats *s)
{
	char first[AUDIT_TIME], last[AUDIT_TIME];
	double days = stats_days(s);

	if (!s->n[STATS_ROWS])
		return;
	audit_time((uint64_t)s->n[STATS_FIRST_US], first);
	audit_time((uint64_t)s->n[STATS_LAST_US], last);
	(void)printf("span       %s to %s", first, last);
	if (days >= 1)
		(void)printf(", %.0f rows a day",
			     (double)s->n[STATS_ROWS] / days);
	(void)putchar('\n');
}

static void stats_chain(const struct stats *s)
{
	char when[AUDIT_TIME];

	(void)printf("sealed     %" PRId64 " rows in %" PRId64
		     " batches, %" PRId64 " late; %" PRId64 " not yet\n",
		     s->n[STATS_SEALED], s->n[STATS_BATCHES], s->n[STATS_LATE],
		     MAX(s->n[STATS_ROWS] - s->n[STATS_SEALED], 0));
	if (s->n[STATS_SIGNED_US]) {
		audit_time((uint64_t)s->n[STATS_SIGNED_US], when);
		(void)printf(
			"signed     batch %" PRId64 " of %" PRId64 ", %s\n",
			s->n[STATS_SIGNED_BATCH], s->n[STATS_LAST_BATCH], when);
	}
	if (s->n[STATS_PRUNED]) {
		audit_time((uint64_t)s->n[STATS_PRUNED_US], when);
		(void)printf("pruned     %" PRId64
			     " rows since the beginning, up to %s\n",
			     s->n[STATS_PRUNED], when);
	}
	if (s->key[0])
		(void)printf("key        %s\n", s->key);
}

static int stats_text(struct stats *s)
{
	int64_t rows = s->n[STATS_ROWS];
	struct query_group g;
	int n;

	(void)printf("rows       %" PRId64 "\n", rows);
	(void)printf("size       %.1f MiB",
		     (double)s->n[STATS_BYTES] / 1048576);
	if (rows)
		(void)printf(", %.0f octets a row",
			     (double)s->n[STATS_BYTES] / (double)rows);
	(void)putchar('\n');
	stats_span(s);
	stats_chain(s);
	n = stats_count(s);
	if (n)
		return n;
	(void)printf("\n%12s  %-8s %s\n", "ROWS", "VERDICT", "SANDBOX");
	while ((n = query_group_next(s->q, &g)) > 0)
		(void)printf("%12" PRIu64 "  %-8.*s %.*s\n", g.rows,
			     (int)g.key[1].len, g.key[1].ptr, (int)g.key[0].len,
			     g.key[0].len ? g.key[0].ptr : "");
	return n < 0 ? stats_query_fail(s, n) : 0;
}

static int stats_checkpoint(struct stats *s)
{
	struct slice text;

	if (!stats_begin(s, stats_signed))
		return stats_fail(s);
	if (sql_step(s->sql) != 1)
		return audit_says(EXIT_BROKEN, "there is no checkpoint yet");
	text = sql_value(s->sql, 0).text;
	(void)printf("%.*s\n", (int)text.len, text.ptr);
	return 0;
}

static int stats_run(const char *given, int format)
{
	struct stats s = { .sql = NULL };
	char path[INSTANCE_PATH_MAX];
	int err, rc;

	if (!audit_path(given, path))
		return EXIT_USAGE;
	err = sql_open(path, &s.sql);
	if (!err)
		err = query_open(path, &s.q);
	if (err) {
		sql_free(&s.sql);
		return audit_says(EXIT_BROKEN, "%s: %s", path,
				  query_open_str(err));
	}
	if (format == 'c') {
		rc = stats_checkpoint(&s);
	} else {
		rc = stats_read(&s);
		if (!rc)
			rc = format == 'j' ? stats_json(&s) : stats_text(&s);
	}
	query_free(&s.q);
	sql_free(&s.sql);
	return rc;
}

int audit_stats(int argc, char **argv)
{
	static const struct option options[] = {
		{ "ledger", required_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },
		{ "checkpoint", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = NULL;
	int option, format = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'l') {
			path = optarg;
		} else if (option == 'j' || option == 'c') {
			format = option;
		} else {
			(void)fputs(stats_usage,
				    option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : EXIT_USAGE;
		}
	}
	if (optind != argc) {
		(void)fputs(stats_usage, stderr);
		return EXIT_USAGE;
	}
	return stats_run(path, format);
}
