/* cli/log.c - penstock log: ask the ledger.
 *
 * Reads the file; no process has to run. With --follow it looks again every
 * FOLLOW_MS, waits for a ledger that is not there yet, and opens the new one
 * when the file was replaced.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "audit/query.h"
#include "base/base.h"
#include "base/err.h"
#include "base/id.h"
#include "cli/cli.h"
#include "cli/instance.h"
#include "cli/log_groups.h"
#include "cli/log_har.h"
#include "cli/log_hint.h"
#include "cli/log_options.h"
#include "cli/log_print.h"
#include "cli/log_story.h"

#define FOLLOW_MS 250
#define SETTLE_MS 250 /* audit looks at the spools more often */
#define PAGE_ROWS 10000

struct log_reader {
	char path[INSTANCE_PATH_MAX];
	struct query *q;
	ino_t inode; /* of the file that q reads */
};

/* Rows being printed, in whichever format. */
struct log_out {
	const struct log_options *o;
	struct cells *cells; /* owned; NULL for the log's own table and HAR */
	const char *names[LOG_FIELDS]; /* of cells */
	uint64_t rows;		       /* printed */
	bool more;		       /* older ones fit, too */
};

static bool out_has_cells(const struct log_options *o)
{
	return o->format != LOG_HAR &&
	       (o->format != LOG_TABLE || o->columns_len);
}

static int out_begin(struct log_out *out, const struct log_options *o)
{
	size_t len = o->columns_len ? o->columns_len : LOG_FIELDS;

	*out = (struct log_out){ .o = o };
	if (o->format == LOG_HAR)
		log_har_begin(stdout);
	if (!out_has_cells(o))
		return 0;
	for (size_t i = 0; i < len; i++)
		out->names[i] = log_fields[o->columns_len ? o->columns[i] : i];
	out->cells = cells_begin(stdout, log_cells_format(o->format),
				 out->names, len, o->screen);
	return out->cells ? 0 : -ENOMEM;
}

static void out_row(struct log_out *out, const struct query_row *row)
{
	struct cell all[LOG_FIELDS], some[LOG_FIELDS];
	const struct log_options *o = out->o;
	struct log_text text;

	if (o->format == LOG_HAR) {
		out->rows += log_har_row(stdout, row, !out->rows);
		return;
	}
	if (!out->cells) {
		if (!out->rows++)
			log_print_heading(stdout, log_columns(o));
		log_print_line(stdout, row, log_columns(o), o->colour);
		return;
	}
	log_cells(row, &text, all);
	for (size_t i = 0; i < o->columns_len; i++)
		some[i] = all[o->columns[i]];
	cells_row(out->cells, o->columns_len ? some : all);
	out->rows++;
}

static int out_end(struct log_out *out)
{
	if (out->o->format == LOG_HAR)
		log_har_end(stdout);
	return cells_end(&out->cells);
}

static const char *log_why(const struct log_reader *r, int err)
{
	if (err == ERR_LIMIT)
		return "too many groups; ask for fewer keys or a shorter time";
	return r->q && err == -EIO ? query_error(r->q) : query_open_str(err);
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

/* Print what was found. Returns 0, or < 0 from the ledger, or -EPIPE. */
static int log_print_found(struct log_reader *r, struct log_out *out)
{
	struct query_row row;
	int n;

	while ((n = query_next(r->q, &row)) > 0)
		out_row(out, &row);
	if (fflush(stdout) || ferror(stdout))
		return -EPIPE;
	return n;
}

/* The last rows there are. Returns how many, or as log_print_found(). */
static int log_first(struct log_reader *r, struct log_out *out)
{
	struct query_filter f = out->o->filter;
	bool limited = !out->o->limit_given;
	struct query_row row;
	int n, err = 0;

	f.limit += limited; /* is there one more? */
	n = query_find(r->q, &f);
	out->more = limited && n == (int)f.limit;
	if (out->more)
		err = MIN(query_next(r->q, &row), 0);
	if (n >= 0 && !err)
		err = log_print_found(r, out);
	return n < 0 || !err ? n : err;
}

/* All rows, however many: page after page, the oldest first. */
static int log_pages(struct log_reader *r, struct log_out *out)
{
	struct query_filter f = out->o->filter;
	int n, total = 0;

	f.limit = PAGE_ROWS;
	f.first = true;
	while ((n = query_find(r->q, &f)) > 0) {
		total = MIN(total + n, PAGE_ROWS); /* some, is all we tell */
		n = log_print_found(r, out);
		if (n < 0)
			break;
		f.after = query_reached(r->q);
	}
	return n < 0 ? n : total;
}

static int log_rows(struct log_reader *r, const struct log_options *o)
{
	struct log_out out;
	int n = out_begin(&out, o), err;

	if (n)
		return n;
	n = o->filter.limit ? log_first(r, &out) : log_pages(r, &out);
	err = out_end(&out);
	if (n >= 0 && (fflush(stdout) || ferror(stdout)))
		return -EPIPE;
	if (n >= 0 && out.more)
		(void)fprintf(stderr,
			      "only the newest %" PRIu32
			      "; --limit 0 shows all\n",
			      o->filter.limit);
	return err && n >= 0 ? err : n;
}

static int log_once(struct log_reader *r, const struct log_options *o)
{
	int n = log_open(r);

	if (!n)
		n = o->stats	? log_stats(stdout, r->q, o)
		    : o->by_len ? log_groups(stdout, r->q, o)
				: log_rows(r, o);
	if (n == -EPIPE)
		return EXIT_BROKEN;
	if (n < 0)
		return log_broken(r, n);
	if (!n)
		log_hint(r->q, o);
	if (fflush(stdout) || ferror(stdout))
		return EXIT_BROKEN;
	return n ? 0 : EXIT_NO;
}

static bool log_replaced(const struct log_reader *r)
{
	struct stat st;

	return stat(r->path, &st) || st.st_ino != r->inode;
}

/* The rows there are, and ready for those to come. */
static int log_follow_first(struct log_reader *r, struct log_out *out)
{
	int n = query_follow(r->q);

	if (n)
		return n;
	if (!out->cells && !out->rows++)
		log_print_heading(stdout, log_columns(out->o));
	n = log_first(r, out);
	if (out->cells && n >= 0) {
		cells_flush(out->cells);
		(void)fflush(stdout);
	}
	return n;
}

/* Until the reader of our output goes, or a signal. */
static int log_follow(struct log_reader *r, const struct log_options *o)
{
	const struct timespec pause = { .tv_nsec = FOLLOW_MS * 1000000L };
	bool begun = false;
	struct log_out out;

	if (out_begin(&out, o))
		return log_broken(r, -ENOMEM);
	for (;;) {
		int n = r->q && !log_replaced(r) ? 0 : -ENOENT;

		if (n) {
			n = log_open(r);
			if (n == ERR_STALE || n == ERR_PROTO || n == -EACCES)
				break;
			if (!n)
				n = begun ? query_follow(r->q)
					  : log_follow_first(r, &out);
			begun = begun || n >= 0;
		} else {
			n = query_find_new(r->q, &o->filter);
			n = n < 0 ? n : log_print_found(r, &out);
		}
		if (n == -EPIPE)
			return EXIT_BROKEN;
		if (n < 0)
			query_free(&r->q); /* and try again */
		(void)nanosleep(&pause, NULL);
	}
	(void)out_end(&out);
	return log_broken(r, log_open(r));
}

/* The row of an id. Returns 1, 0 for none, or < 0. */
static int log_one(struct log_reader *r, uint64_t id, struct query_row *ret)
{
	int n = log_open(r);

	if (!n)
		n = query_find_id(r->q, id);
	return n > 0 ? query_next(r->q, ret) : n;
}

static int log_show(struct log_reader *r, const struct log_options *o)
{
	struct query_row row;
	struct log_out out;
	uint64_t id;
	int n;

	if (id_parse(slice_str(o->show), &id) || !id) {
		(void)fprintf(stderr,
			      "penstock log: no request id: %s; it has 13 "
			      "letters and digits\n",
			      o->show);
		return EXIT_USAGE;
	}
	n = log_one(r, id, &row);
	if (n < 0)
		return log_broken(r, n);
	if (!n) {
		log_hint_id(r->q, o->show, id);
		return EXIT_NO;
	}
	if (o->format == LOG_TABLE && !o->columns_len) {
		log_story(stdout, &row);
	} else {
		if (out_begin(&out, o))
			return log_broken(r, -ENOMEM);
		out_row(&out, &row);
		(void)out_end(&out);
	}
	return fflush(stdout) ? EXIT_BROKEN : 0;
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
	struct log_reader r = { .q = NULL };
	struct instance in;
	int status = log_arguments(&o, argc, argv);

	if (status >= 0)
		return status;
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
