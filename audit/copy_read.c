/* audit/copy_read.c - verify an export, and enter one into a ledger.
 *
 * The file is read line by line. To verify it, the chain is followed as in a
 * ledger (audit/verify.c). To import it, it is verified first and then read
 * again, all rows in one transaction.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/copy.h"
#include "audit/copy_line.h"
#include "audit/copy_row.h"
#include "audit/offline.h"
#include "audit/store.h"
#include "audit/store_private.h"
#include "audit/verify_private.h"
#include "base/base.h"
#include "base/err.h"
#include "base/id.h"

#define INSTANCE_MAX 512

struct read {
	struct verify v;
	struct copy_in in;
	const char *path; /* borrowed */
	char instance[INSTANCE_MAX];
	struct chain_batch before; /* from the first line */
	bool started;		   /* batches have begun */
	bool in_batch;		   /* one whose rows follow */
	bool ended;
	struct chain_batch batch;
	int64_t batch_rows; /* of it that came */
	int64_t rows;
};

static bool read_broken(struct read *r, const char *what, struct slice name)
{
	return verify_broken(
		&r->v, r->batch.seq, 0, "%s: line %" PRId64 ": %s%.*s", r->path,
		r->in.line, what, (int)name.len, name.len ? name.ptr : "");
}

static bool read_wrong(struct read *r, const char *what)
{
	return read_broken(r, what, slice_of(NULL, 0));
}

static bool read_unsure(struct read *r, const char *what, struct slice name)
{
	return verify_unsure(&r->v, "%s: line %" PRId64 ": %s%.*s", r->path,
			     r->in.line, what, (int)name.len,
			     name.len ? name.ptr : "");
}

/* Every field is one of these; a list of words with blanks between. */
static bool read_knows(struct read *r, const char *names)
{
	for (size_t i = 0; i < r->in.len; i++) {
		struct slice rest = slice_str(names), word;
		bool known = slice_eq(r->in.field[i].name, SLICE("is"));

		while (rest.len && !known) {
			(void)slice_cut(rest, ' ', &word, &rest);
			known = slice_eq(word, r->in.field[i].name);
		}
		if (!known)
			return read_unsure(r,
					   "unknown field; written by a newer "
					   "version? ",
					   r->in.field[i].name);
	}
	return true;
}

static bool read_head(struct read *r)
{
	struct chain_batch *b = &r->before;
	struct slice name = copy_find_text(&r->in, "instance");

	if (!slice_eq(copy_find_text(&r->in, "is"), SLICE("export")))
		return read_unsure(r, "not an export of penstock",
				   slice_of(NULL, 0));
	if (copy_find_number(&r->in, "version") != 1)
		return read_unsure(r, "written by a newer version of penstock",
				   slice_of(NULL, 0));
	if (!read_knows(r, "version instance filtered seq last total hash"))
		return false;
	(void)snprintf(r->instance, sizeof(r->instance), "%.*s", (int)name.len,
		       name.len ? name.ptr : "");
	r->v.instance = r->instance;
	r->v.report->filtered = copy_find_number(&r->in, "filtered");
	b->seq = copy_find_number(&r->in, "seq");
	b->last = copy_find_number(&r->in, "last");
	b->total = copy_find_number(&r->in, "total");
	return copy_find_octets(&r->in, "hash", b->hash, CHAIN_HASH) ||
	       read_wrong(r, "the hash is none");
}

static bool read_statement(struct read *r, enum chain_kind kind)
{
	struct chain_statement st = {
		.kind = kind,
		.batch = copy_find_number(&r->in, "batch"),
		.last = copy_find_number(&r->in, "last"),
		.total = copy_find_number(&r->in, "total"),
		.signed_us = copy_find_number(&r->in, "signed_us"),
	};

	if (!read_knows(r, "batch last total signed_us hash key signature"))
		return false;
	if (r->started)
		return read_wrong(r, "a statement among the batches");
	if (!copy_find_octets(&r->in, "hash", st.hash, CHAIN_HASH) ||
	    !copy_find_octets(&r->in, "key", st.key, CHAIN_KEY) ||
	    !copy_find_octets(&r->in, "signature", st.signature,
			      CHAIN_SIGNATURE))
		return read_wrong(r, "the statement is damaged");
	return verify_statement(&r->v, &st);
}

/* The rows of the batch under way are over. */
static bool read_batch_end(struct read *r)
{
	uint8_t content[CHAIN_HASH];

	if (!r->in_batch)
		return true;
	r->in_batch = false;
	chain_rows_end(r->v.chain, content);
	if (r->batch_rows != r->batch.rows)
		return verify_broken(
			&r->v, r->batch.seq, 0,
			"batch %" PRId64 " has %" PRId64
			" rows here and had %" PRId64 ": rows were %s",
			r->batch.seq, r->batch_rows, r->batch.rows,
			r->batch_rows < r->batch.rows ? "removed" : "inserted");
	return verify_batch(&r->v, &r->batch, content);
}

static bool read_start(struct read *r)
{
	if (r->started)
		return true;
	r->started = true;
	return verify_start(&r->v, &r->before);
}

static bool read_batch(struct read *r)
{
	struct chain_batch b = {
		.seq = copy_find_number(&r->in, "seq"),
		.first = copy_find_number(&r->in, "first"),
		.last = copy_find_number(&r->in, "last"),
		.rows = copy_find_number(&r->in, "rows"),
		.late = copy_find_number(&r->in, "late"),
		.total = copy_find_number(&r->in, "total"),
		.sealed_us = copy_find_number(&r->in, "sealed_us"),
	};

	if (!read_knows(r, "seq first last rows late total sealed_us content "
			   "hash here"))
		return false;
	if (!copy_find_octets(&r->in, "content", b.content, CHAIN_HASH) ||
	    !copy_find_octets(&r->in, "hash", b.hash, CHAIN_HASH))
		return read_wrong(r, "the batch is damaged");
	if (!read_start(r) || !verify_follows(&r->v, &b))
		return false;
	r->batch = b;
	if (!copy_find_number(&r->in, "here"))
		return verify_batch(&r->v, &b, NULL);
	r->in_batch = true;
	r->batch_rows = 0;
	chain_rows_begin(r->v.chain);
	return true;
}

static bool read_row(struct read *r)
{
	uint8_t facts[CHAIN_HASH], mark[CHAIN_MARK];
	struct slice unknown = copy_row_unknown(&r->in);
	struct copy_row row;
	const char *why;

	if (unknown.len)
		return read_unsure(
			r, "unknown field; written by a newer version? ",
			unknown);
	why = copy_row_read(&r->in, &row);
	if (why)
		return read_wrong(r, why);
	r->rows++;
	if (r->v.report->filtered)
		return true;
	if (!r->in_batch)
		return read_wrong(r, "a row of no batch");
	r->batch_rows++;
	chain_facts(r->v.chain, &row.facts, facts);
	chain_row(r->v.chain, &row.row, facts, mark);
	return true;
}

static bool read_end(struct read *r)
{
	r->ended = true;
	if (copy_find_number(&r->in, "rows") != r->rows)
		return read_wrong(r, "rows are missing");
	return true;
}

static bool read_line(struct read *r)
{
	struct slice is = copy_find_text(&r->in, "is");

	if (r->in.line == 1)
		return read_head(r);
	if (r->ended)
		return read_wrong(r, "something comes after the end");
	if (slice_eq(is, SLICE("row")))
		return read_row(r);
	if (!read_batch_end(r))
		return false;
	if (slice_eq(is, SLICE("batch")))
		return read_batch(r);
	if (slice_eq(is, SLICE("checkpoint")))
		return read_statement(r, CHAIN_CHECKPOINT);
	if (slice_eq(is, SLICE("pruned")))
		return read_statement(r, CHAIN_PRUNED);
	if (slice_eq(is, SLICE("end")))
		return read_end(r);
	return read_unsure(r, "unknown line; written by a newer version? ", is);
}

static bool read_finish(struct read *r)
{
	struct verify_report *report = r->v.report;

	if (!r->ended)
		return read_wrong(r, "the file is cut off here");
	if (!report->filtered)
		return read_start(r) && verify_finish(&r->v);
	report->rows = r->rows;
	return verify_unsure(&r->v,
			     "%s: %" PRId64 " rows of a filtered export: "
			     "nothing proves that they are all, or unchanged",
			     r->path, r->rows);
}

static bool read_all(struct read *r)
{
	int n;

	while ((n = copy_next(&r->in)) == 1)
		if (!read_line(r))
			return false;
	if (n == ERR_SYNTAX || n == ERR_CUT || n == ERR_LIMIT) {
		if (r->in.line <= 1)
			return read_unsure(r, "not an export of penstock",
					   slice_of(NULL, 0));
		return read_wrong(r, n == ERR_CUT ? "the line is cut off"
						  : "the line is damaged");
	}
	if (n < 0) {
		r->in.line++;
		return read_wrong(r, "the file is damaged or cut off here");
	}
	return read_finish(r);
}

static struct read *read_new(const char *path, const struct verify_pins *pins,
			     struct verify_report *report)
{
	struct read *r = calloc(1, sizeof(*r));

	*report = (struct verify_report){ .verdict = VERIFY_UNSURE };
	if (!r) {
		(void)snprintf(report->why, sizeof(report->why), "%s",
			       err_str(-ENOMEM));
		return NULL;
	}
	r->path = path;
	if (!verify_init(&r->v, pins, report))
		return r;
	r->in.gz = gzopen(path, "rbe");
	if (!r->in.gz)
		(void)verify_unsure(&r->v, "%s: %s", path, strerror(errno));
	return r;
}

static void read_free(struct read *r)
{
	if (!r)
		return;
	if (r->in.gz)
		(void)gzclose(r->in.gz);
	verify_done(&r->v);
	free(r);
}

void copy_verify(const char *path, const struct verify_pins *pins,
		 struct verify_report *ret)
{
	struct read *r = read_new(path, pins, ret);

	if (r && r->in.gz)
		(void)read_all(r);
	read_free(r);
}

static int import_says(char why[COPY_WHY_MAX], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int import_says(char why[COPY_WHY_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, COPY_WHY_MAX, fmt, ap);
	va_end(ap);
	return -EIO;
}

/* All rows of a file that was verified, in one transaction. */
static int import_rows(struct read *r, struct store *s, struct copy_counts *ret,
		       char why[COPY_WHY_MAX])
{
	static struct record record;
	char client[COPY_CLIENT_MAX];
	struct copy_row row;
	int n, err = store_begin(s, 0);

	while (!err && (n = copy_next(&r->in)) == 1) {
		if (!slice_eq(copy_find_text(&r->in, "is"), SLICE("row")))
			continue;
		if (copy_row_read(&r->in, &row))
			return import_says(why, "%s: changed meanwhile",
					   r->path);
		copy_row_record(&row, client, &record);
		/* As if it had been entered when it began. */
		s->entry = MAX(s->entry, row.row.id);
		err = store_put(s, &record, true);
		ret->rows++;
	}
	if (!err && n < 0)
		return import_says(why, "%s: changed meanwhile", r->path);
	if (!err)
		err = store_commit(s);
	return err ? import_says(why, "%s", store_error(s)) : 0;
}

static int import_into(struct read *r, const char *ledger, const char *instance,
		       struct copy_counts *ret, char why[COPY_WHY_MAX])
{
	struct offline *o;
	struct store *s;
	char error[OFFLINE_WHY_MAX];
	int err = offline_open(ledger, instance, &o, error);

	if (err == -EBUSY)
		return import_says(why,
				   "%s: %s: stop it, or import into another "
				   "ledger",
				   ledger, error);
	if (err)
		return import_says(why, "%s: %s", ledger, error);
	s = offline_store(o);
	if (strcmp(store_instance(s), instance) != 0) {
		err = import_says(why,
				  "%s is the ledger of %s, the rows are of %s: "
				  "import them into another ledger",
				  ledger, store_instance(s), instance);
	} else {
		uint64_t before = store_rows(s);

		err = import_rows(r, s, ret, why);
		if (err)
			store_rollback(s);
		else
			ret->left =
				ret->rows - (int64_t)(store_rows(s) - before);
	}
	offline_close(&o);
	return err;
}

/* What a failure leaves of a ledger that we have made. */
static void import_undo(const char *ledger)
{
	static const char *const tails[] = { "", "-wal", "-shm" };
	char path[1024];

	for (size_t i = 0; i < ARRAY_SIZE(tails); i++)
		if (snprintf(path, sizeof(path), "%s%s", ledger, tails[i]) <
		    (int)sizeof(path))
			(void)unlink(path);
}

int copy_import(const char *path, const char *ledger, struct copy_counts *ret,
		char why[COPY_WHY_MAX])
{
	const struct verify_pins pins = { NULL, NULL };
	bool fresh = access(ledger, F_OK) != 0;
	char instance[INSTANCE_MAX];
	struct verify_report report;
	struct read *r = read_new(path, &pins, &report);
	int err = 0;

	*ret = (struct copy_counts){ 0 };
	if (r && r->in.gz)
		(void)read_all(r);
	if (report.verdict != VERIFY_INTACT &&
	    !(r && report.filtered && r->ended))
		err = import_says(why, "%s", report.why);
	if (!err) {
		(void)snprintf(instance, sizeof(instance), "%s", r->instance);
		ret->batches = report.batches;
		if (gzrewind(r->in.gz))
			err = import_says(why, "%s: cannot be read again",
					  path);
	}
	if (!err) {
		err = import_into(r, ledger, instance, ret, why);
		if (err && fresh)
			import_undo(ledger);
	}
	read_free(r);
	return err;
}
