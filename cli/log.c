/* cli/log.c - penstock log: ask the ledger.
 *
 * Reads the file; no process has to run. With --follow it looks again every
 * FOLLOW_MS, waits for a ledger that is not there yet, and opens the new one
 * when the file was replaced.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/query.h"
#include "base/base.h"
#include "base/err.h"
#include "base/id.h"
#include "cli/cli.h"
#include "cli/instance.h"
#include "cli/log_print.h"

#define LIMIT_DEFAULT 50
#define FOLLOW_MS     250
#define SETTLE_MS     250 /* audit looks at the spools more often */

struct log_options {
	struct query_filter filter;
	bool limit_given;
	bool follow;
	bool json;
	const char *show; /* an id, or NULL */
};

struct log_reader {
	char path[INSTANCE_PATH_MAX];
	struct query *q;
	ino_t inode; /* of the file that q reads */
	bool colour;
};

static void log_usage(FILE *to)
{
	(void)fputs(
		"usage: penstock log [options]\n"
		"       penstock log show ID\n"
		"\n"
		"Prints what the gateway recorded, the newest last: denied and\n"
		"failed requests, or with --all everything.\n"
		"\n"
		"  --all            allowed requests too\n"
		"  --denied         denied ones only\n"
		"  --since WHEN     10m, 2h, 7d ago; or 2026-11-22T10:00 (local,"
		" or with Z)\n"
		"  --until WHEN     the same, for the end\n"
		"  --host HOST      this host; * and ? stand for anything\n"
		"  --sandbox NAME   this sandbox\n"
		"  --method METHOD  this method\n"
		"  --path PATH      paths that begin so; * and ? as above\n"
		"  --rule TEXT      decided by this rule\n"
		"  --reason WORD    refused for this reason\n"
		"  --status N       this status; 4 means 400 to 499\n"
		"  --limit N        at most N rows (50; 0: no limit)\n"
		"  --follow         go on printing rows as they come\n"
		"  --json           one JSON object a line, every field\n"
		"\n"
		"Example: penstock log --all --host '*.github.com' --since 1h\n",
		to);
}

/* Seconds of a unit, or 0. */
static uint64_t unit_s(const char *text)
{
	static const struct {
		const char *unit;
		uint64_t s;
	} units[] = {
		{ "s", 1 },	{ "m", 60 },	 { "h", 3600 },
		{ "d", 86400 }, { "w", 604800 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(text, units[i].unit))
			return units[i].s;
	return 0;
}

/* "2026-11-22", "2026-11-22T10:00", "… 10:00:30", each with or without Z. */
static bool parse_date(const char *text, uint64_t *ret_us)
{
	static const char *const formats[] = {
		"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
		"%Y-%m-%d %H:%M",    "%Y-%m-%d",
	};

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(text, formats[i], &tm);
		time_t t;

		if (!end || (*end && strcmp(end, "Z") != 0))
			continue;
		t = *end ? timegm(&tm) : mktime(&tm);
		if (t <= 0)
			return false;
		*ret_us = (uint64_t)t * 1000000;
		return true;
	}
	return false;
}

static bool parse_when(const char *text, uint64_t *ret_us)
{
	uint64_t now = (uint64_t)time(NULL), s;
	unsigned long long n;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	s = unit_s(end);
	if (!s)
		return parse_date(text, ret_us);
	if (errno || n > now / s)
		return false;
	*ret_us = (now - n * s) * 1000000;
	return true;
}

static bool parse_count(const char *text, uint32_t max, uint32_t *ret)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || n > max)
		return false;
	*ret = (uint32_t)n;
	return true;
}

enum log_option {
	LOG_ALL = 256,
	LOG_DENIED,
	LOG_SINCE,
	LOG_UNTIL,
	LOG_HOST,
	LOG_SANDBOX,
	LOG_METHOD,
	LOG_PATH,
	LOG_RULE,
	LOG_REASON,
	LOG_STATUS,
	LOG_LIMIT,
	LOG_FOLLOW,
	LOG_JSON,
	LOG_HELP,
};

static bool log_number_option(struct log_options *o, int option,
			      const char *value)
{
	uint32_t n;

	if (!parse_count(value, option == LOG_STATUS ? 999 : QUERY_ROWS_MAX,
			 &n))
		return false;
	if (option == LOG_STATUS) {
		o->filter.status = (uint16_t)n;
		return true;
	}
	o->filter.limit = n;
	o->limit_given = true;
	return true;
}

/* Returns false for a value that cannot be. */
static bool log_option(struct log_options *o, int option, const char *value)
{
	struct query_filter *f = &o->filter;
	struct slice *const texts[] = {
		[0] = &f->host,
		[LOG_SANDBOX - LOG_HOST] = &f->sandbox,
		[LOG_METHOD - LOG_HOST] = &f->method,
		[LOG_PATH - LOG_HOST] = &f->path,
		[LOG_RULE - LOG_HOST] = &f->rule,
		[LOG_REASON - LOG_HOST] = &f->reason,
	};

	switch (option) {
	case LOG_ALL:
		f->what = QUERY_ALL;
		return true;
	case LOG_DENIED:
		f->what = QUERY_DENIED;
		return true;
	case LOG_SINCE:
		return parse_when(value, &f->since_us);
	case LOG_UNTIL:
		return parse_when(value, &f->until_us);
	case LOG_STATUS:
	case LOG_LIMIT:
		return log_number_option(o, option, value);
	case LOG_FOLLOW:
		o->follow = true;
		return true;
	case LOG_JSON:
		o->json = true;
		return true;
	default:
		*texts[option - LOG_HOST] = slice_str(value);
		return true;
	}
}

static int log_bad_usage(const char *what, const char *value)
{
	(void)fprintf(stderr, "penstock log: %s%s; see penstock log --help\n",
		      what, value);
	return EXIT_USAGE;
}

/* Returns -1 to go on, else the exit status. */
static int log_arguments(struct log_options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, LOG_ALL },
		{ "denied", no_argument, NULL, LOG_DENIED },
		{ "since", required_argument, NULL, LOG_SINCE },
		{ "until", required_argument, NULL, LOG_UNTIL },
		{ "host", required_argument, NULL, LOG_HOST },
		{ "sandbox", required_argument, NULL, LOG_SANDBOX },
		{ "method", required_argument, NULL, LOG_METHOD },
		{ "path", required_argument, NULL, LOG_PATH },
		{ "rule", required_argument, NULL, LOG_RULE },
		{ "reason", required_argument, NULL, LOG_REASON },
		{ "status", required_argument, NULL, LOG_STATUS },
		{ "limit", required_argument, NULL, LOG_LIMIT },
		{ "follow", no_argument, NULL, LOG_FOLLOW },
		{ "json", no_argument, NULL, LOG_JSON },
		{ "help", no_argument, NULL, LOG_HELP },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	optind = 0; /* we may not be the first to read options */
	while ((option = getopt_long(argc, argv, "n:fh", options, NULL)) !=
	       -1) {
		option = option == 'n'	 ? LOG_LIMIT
			 : option == 'f' ? LOG_FOLLOW
			 : option == 'h' ? LOG_HELP
					 : option;
		if (option == '?')
			return EXIT_USAGE;
		if (option == LOG_HELP) {
			log_usage(stdout);
			return 0;
		}
		if (!log_option(o, option, optarg))
			return log_bad_usage("cannot read ", optarg);
	}
	if (optind == argc)
		return -1;
	if (strcmp(argv[optind], "show") != 0 || optind + 2 != argc)
		return log_bad_usage("unexpected word ", argv[optind]);
	o->show = argv[optind + 1];
	return -1;
}

static const char *log_why(const struct log_reader *r, int err)
{
	if (err == ERR_STALE)
		return "written by a newer version of penstock";
	if (err == ERR_PROTO)
		return "this is no ledger of penstock";
	return r->q ? query_error(r->q) : err_str(err);
}

static int log_broken(const struct log_reader *r, int err)
{
	if (err == -ENOENT)
		(void)fprintf(stderr,
			      "penstock log: no ledger at %s yet; penstock up "
			      "or penstock run begins one\n",
			      r->path);
	else
		(void)fprintf(stderr, "penstock log: %s: %s\n", r->path,
			      log_why(r, err));
	return EXIT_BROKEN;
}

static int log_open(struct log_reader *r)
{
	struct stat st;

	query_free(&r->q);
	if (stat(r->path, &st))
		return -errno;
	r->inode = st.st_ino;
	return query_open(r->path, &r->q);
}

static void log_print(const struct log_reader *r, const struct log_options *o,
		      const struct query_row *row)
{
	if (o->json)
		log_print_json(stdout, row);
	else
		log_print_line(stdout, row, r->colour);
}

/* Print what was found. Returns 0, or < 0 from the ledger, or -EPIPE. */
static int log_print_found(struct log_reader *r, const struct log_options *o)
{
	struct query_row row;
	int n;

	while ((n = query_next(r->q, &row)) > 0)
		log_print(r, o, &row);
	if (fflush(stdout) || ferror(stdout))
		return -EPIPE;
	return n;
}

static bool log_is_filtered(const struct query_filter *f)
{
	return f->host.len || f->sandbox.len || f->method.len || f->path.len ||
	       f->rule.len || f->reason.len || f->status || f->since_us ||
	       f->until_us;
}

/* Nothing was found: say what was looked for. */
static void log_hint(const struct log_options *o)
{
	const struct query_filter *f = &o->filter;

	if (f->what == QUERY_ALL)
		(void)fprintf(stderr, log_is_filtered(f) ? "no request fits\n"
							 : "no requests yet\n");
	else
		(void)fprintf(
			stderr, "no %s requests%s; --all shows allowed ones\n",
			f->what == QUERY_DENIED ? "denied" : "denied or failed",
			log_is_filtered(f) ? " fit" : "");
}

/* The rows there are. Returns how many, or as log_print_found(). */
static int log_first(struct log_reader *r, const struct log_options *o)
{
	int n = 0, err;

	if (o->follow)
		n = query_follow(r->q);
	if (n >= 0)
		n = query_find(r->q, &o->filter);
	if (n < 0)
		return n;
	if (!o->json && (n || o->follow))
		log_print_heading(stdout);
	err = log_print_found(r, o);
	return err ? err : n;
}

/* All rows, however many: page after page, the oldest first. */
static int log_pages(struct log_reader *r, const struct log_options *o)
{
	struct query_filter f = o->filter;
	struct query_row row;
	int n, total = 0;

	f.limit = 10000;
	f.first = true;
	while ((n = query_find(r->q, &f)) > 0) {
		if (!o->json && !total)
			log_print_heading(stdout);
		total += n;
		while ((n = query_next(r->q, &row)) > 0) {
			log_print(r, o, &row);
			f.after_id = row.id;
		}
		if (n < 0)
			return n;
		if (fflush(stdout) || ferror(stdout))
			return -EPIPE;
	}
	return n < 0 ? n : total;
}

static int log_once(struct log_reader *r, const struct log_options *o)
{
	int n = log_open(r);

	if (!n)
		n = o->filter.limit ? log_first(r, o) : log_pages(r, o);
	if (n == -EPIPE)
		return EXIT_BROKEN;
	if (n < 0)
		return log_broken(r, n);
	if (!n)
		log_hint(o);
	return 0;
}

static bool log_replaced(const struct log_reader *r)
{
	struct stat st;

	return stat(r->path, &st) || st.st_ino != r->inode;
}

/* Until the reader of our output goes, or a signal. */
static int log_follow(struct log_reader *r, const struct log_options *o)
{
	const struct timespec pause = { .tv_nsec = FOLLOW_MS * 1000000L };
	bool begun = false;

	for (;;) {
		int n = r->q && !log_replaced(r) ? 0 : -ENOENT;

		if (n) {
			n = log_open(r);
			if (n == ERR_STALE || n == ERR_PROTO || n == -EACCES)
				return log_broken(r, n);
			if (!n)
				n = begun ? query_follow(r->q)
					  : log_first(r, o);
			begun = begun || n >= 0;
		} else {
			n = query_find_new(r->q, &o->filter);
			n = n < 0 ? n : log_print_found(r, o);
		}
		if (n == -EPIPE)
			return EXIT_BROKEN;
		if (n < 0)
			query_free(&r->q); /* and try again */
		(void)nanosleep(&pause, NULL);
	}
}

static int log_show(struct log_reader *r, const struct log_options *o)
{
	struct query_filter f = { .limit = 1, .first = true };
	struct query_row row;
	uint64_t id;
	int n;

	if (id_parse(slice_str(o->show), &id))
		return log_bad_usage("no request id: ", o->show);
	f.after_id = id - 1;
	n = log_open(r);
	if (!n)
		n = query_find(r->q, &f);
	if (n >= 0)
		n = query_next(r->q, &row);
	if (n < 0)
		return log_broken(r, n);
	if (!n || row.id != id) {
		(void)fprintf(stderr, "penstock log: no request %s\n", o->show);
		return EXIT_NO;
	}
	if (o->json)
		log_print_json(stdout, &row);
	else
		log_print_row(stdout, &row);
	return fflush(stdout) ? EXIT_BROKEN : 0;
}

static bool log_colours(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && term &&
	       strcmp(term, "dumb") != 0;
}

/* Give audit a moment to take what a command that has just ended left in the
 * spools, so that its last requests are among the rows.
 */
static void log_settle(const struct instance *in)
{
	struct timespec moment = { .tv_nsec = SETTLE_MS * 1000000L };

	if (instance_pid(in))
		(void)nanosleep(&moment, NULL);
}

int cmd_log(int argc, char **argv)
{
	struct log_options o = { .filter = { .what = QUERY_TROUBLED } };
	struct log_reader r = { .colour = log_colours() };
	struct instance in;
	int status = log_arguments(&o, argc, argv);

	if (status >= 0)
		return status;
	if (!o.limit_given)
		o.filter.limit = LIMIT_DEFAULT;
	if (instance_find(&in) ||
	    !instance_path(in.state_dir, INSTANCE_LEDGER, r.path))
		return EXIT_BROKEN;
	if (!o.follow)
		log_settle(&in);
	status = o.show	    ? log_show(&r, &o)
		 : o.follow ? log_follow(&r, &o)
			    : log_once(&r, &o);
	query_free(&r.q);
	return status;
}
