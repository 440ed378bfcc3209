/* cli/audit_prune.c - penstock audit prune.
 *
 * penstock-audit is the ledger's only writer: while it runs, it is asked
 * (audit/request.h); otherwise we do it under its lock.
 */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "audit/offline.h"
#include "audit/query.h"
#include "audit/request.h"
#include "audit/sql.h"
#include "base/base.h"
#include "base/err.h"
#include "cli/audit.h"
#include "cli/cli.h"
#include "policy/units.h"

#define KEEP_ALL_S 9999999999999ull
#define SIZE_ALL   (1ull << 60)
#define LOOK_MS	   50
#define WAIT_MS	   600000
#define EPOCH_2024 1704067200ll

static const char prune_usage[] =
	"usage: penstock audit prune [--keep AGE] [--max-size SIZE] [options]\n"
	"\n"
	"Takes rows away now: those older than AGE (30d, 12h), and the oldest\n"
	"while the ledger is larger than SIZE (1GiB). Whole batches go, so the\n"
	"rest can still be verified. What the configuration says of retention\n"
	"goes on to hold. Rows that wait to be shipped stay, unless SIZE wants\n"
	"them away.\n"
	"\n"
	"  --dry-run      say what would go\n"
	"  --ledger FILE  another ledger than the instance's\n"
	"\n"
	"Exit status: 0 done, 2 usage, 3 it failed.\n";

struct prune {
	uint64_t keep_s;
	uint64_t bytes_max;
	bool dry_run;
	const char *given;
	char path[INSTANCE_PATH_MAX];
};

static bool prune_option(struct prune *p, int option, const char *value)
{
	uint32_t s;

	switch (option) {
	case 'k':
		if (!units_duration(slice_str(value), &s))
			return false;
		p->keep_s = s;
		return true;
	case 'm':
		return units_octets(slice_str(value), &p->bytes_max);
	case 'd':
		p->dry_run = true;
		return true;
	default:
		p->given = value;
		return true;
	}
}

/* The only number that the statement gives. */
static bool prune_ask(struct sql *sql, const char *statement, int64_t *ret)
{
	const char *rest;

	if (sql_begin(sql, statement, &rest) != 1 || sql_step(sql) != 1)
		return false;
	*ret = sql_value(sql, 0).integer;
	return true;
}

/* What would go: whole batches by age, and by size as many rows as make up what
 * is too much. False when the ledger can't be read.
 */
static bool prune_tell(const struct prune *p, struct sql *sql)
{
	int64_t cutoff = ((int64_t)time(NULL) - EPOCH_2024 -
			  (int64_t)MIN(p->keep_s, KEEP_ALL_S));
	int64_t old, rows, bytes, more = 0;
	char text[200];

	(void)snprintf(text, sizeof(text),
		       "SELECT sum(rows) FROM batch WHERE last < %" PRId64,
		       MAX(cutoff, 0) * 1000000 << 12);
	if (!prune_ask(sql, text, &old) ||
	    !prune_ask(sql, "SELECT count(*) FROM record", &rows) ||
	    !prune_ask(sql,
		       "SELECT (page_count - freelist_count) * page_size FROM"
		       " pragma_page_count, pragma_freelist_count,"
		       " pragma_page_size",
		       &bytes))
		return false;
	if (rows && bytes > 0 && (uint64_t)bytes > p->bytes_max)
		more = (int64_t)((double)rows *
				 (double)((uint64_t)bytes - p->bytes_max) /
				 (double)bytes);
	(void)printf("would go: %s%" PRId64 " of %" PRId64 " rows\n",
		     more > old ? "about " : "", MAX(old, more), rows);
	return true;
}

static int prune_dry(const struct prune *p)
{
	struct sql *sql;
	int err = sql_open(p->path, &sql), rc = 0;

	if (err)
		return audit_says(EXIT_BROKEN, "%s: %s", p->path,
				  query_open_str(err));
	if (!prune_tell(p, sql))
		rc = audit_says(EXIT_BROKEN, "%s: %s", p->path, sql_error(sql));
	sql_free(&sql);
	return rc;
}

static int prune_done(uint64_t rows, const char *error)
{
	if (error[0])
		return audit_says(EXIT_BROKEN,
				  "%" PRIu64 " rows went, then: %s", rows,
				  error);
	(void)printf("%" PRIu64 " rows went\n", rows);
	return 0;
}

/* Ask the penstock-audit that runs, and wait for its answer. */
static int prune_request(const struct prune *p)
{
	struct request r = { .keep_s = p->keep_s, .bytes_max = p->bytes_max };
	struct request_answer a;
	char dir[INSTANCE_PATH_MAX];
	const char *slash = strrchr(p->path, '/');
	int err;

	(void)snprintf(dir, sizeof(dir), "%.*s",
		       slash ? (int)(slash - p->path) : 1,
		       slash ? p->path : ".");
	if (getrandom(&r.id, sizeof(r.id), 0) != sizeof(r.id))
		return audit_says(EXIT_BROKEN, "no random number");
	r.id = (r.id >> 8) | 1;
	err = request_write(dir, &r);
	if (err)
		return audit_says(EXIT_BROKEN, "%s/" REQUEST_NAME ": %s", dir,
				  err_str(err));
	for (int ms = 0; ms < WAIT_MS; ms += LOOK_MS) {
		(void)usleep(LOOK_MS * 1000);
		if (!request_answer_read(dir, &a) && a.id == r.id) {
			request_answer_remove(dir);
			return prune_done(a.rows, a.error);
		}
	}
	return audit_says(EXIT_BROKEN,
			  "penstock-audit has not answered; it goes on");
}

static int prune_run(struct prune *p)
{
	char why[OFFLINE_WHY_MAX];
	struct offline *o;
	uint64_t rows;
	int err;

	if (!audit_path(p->given, p->path))
		return EXIT_USAGE;
	if (access(p->path, F_OK))
		return audit_says(EXIT_BROKEN, "%s: %s", p->path,
				  strerror(errno));
	if (p->dry_run)
		return prune_dry(p);
	err = offline_open(p->path, "", &o, why);
	if (err == -EBUSY)
		return prune_request(p);
	if (err)
		return audit_says(EXIT_BROKEN, "%s: %s", p->path, why);
	err = offline_prune(o, p->keep_s, p->bytes_max, &rows);
	(void)snprintf(why, sizeof(why), "%s", err ? offline_error(o) : "");
	offline_close(&o);
	return prune_done(rows, why);
}

int audit_prune(int argc, char **argv)
{
	static const struct option options[] = {
		{ "keep", required_argument, NULL, 'k' },
		{ "max-size", required_argument, NULL, 'm' },
		{ "ledger", required_argument, NULL, 'l' },
		{ "dry-run", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct prune p = { .keep_s = KEEP_ALL_S, .bytes_max = SIZE_ALL };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h' || option == '?') {
			(void)fputs(prune_usage,
				    option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : EXIT_USAGE;
		}
		if (!prune_option(&p, option, optarg))
			return audit_says(EXIT_USAGE, "'%s' is no %s; say %s",
					  optarg,
					  option == 'k' ? "age" : "size",
					  option == 'k' ? "30d or 12h"
							: "1GiB or 500MiB");
	}
	if (optind != argc ||
	    (p.keep_s == KEEP_ALL_S && p.bytes_max == SIZE_ALL)) {
		(void)fputs(prune_usage, stderr);
		return EXIT_USAGE;
	}
	return prune_run(&p);
}
