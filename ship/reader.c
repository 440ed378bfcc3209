/* ship/reader.c - has the ledger, and gives rows to those who ask.
 *
 * For each destination there are two positions: `had`, behind which everything
 * was accepted by the receiver, and `given`, behind what its sender has in
 * hands. A sender that asks and says "delivered" moves had to given; one that
 * asks without it, or a new one in the place of a dead one, is given from had
 * on again. Each time had passes the end of a batch the cursor is written.
 *
 * A cursor names the hash of its batch. When the ledger has no such batch, or
 * another hash for it, it is another ledger than before (somebody moved the
 * old one away), and its rows are sent from the first on. Batches that were
 * taken away before they were delivered are gaps in the numbers, and counted.
 *
 * Senders are not trusted: their messages have a fixed size, and no more is
 * done for them than what stands above.
 */

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/outbox.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/jail.h"
#include "base/log.h"
#include "ship/cursor.h"
#include "ship/secret.h"
#include "ship/ship.h"
#include "ship/status.h"

#define READER_TICK_MS	 500  /* how often new batches are looked for */
#define READER_ASKS	 16   /* heard of one sender in a turn */
#define READER_STATUS_MS 1000 /* the status file at most so often */

struct reader_dest {
	struct ship_dest *dest; /* borrowed */
	struct outbox_at had;
	struct outbox_at given;
	struct link_ask ask;	   /* the last one */
	struct link_report before; /* counters of senders that died */
	struct link_report shown;  /* how it stands, over all of them */
	bool waits;		   /* for rows */
	uint32_t given_rows;
	uint64_t cursor;    /* batch that is written down */
	uint64_t last;	    /* the end of it, an entry */
	uint64_t delivered; /* rows, since the start */
	uint64_t missed;    /* batches, since the start */
};

struct reader {
	struct ship *ship;
	struct outbox *outbox; /* owned; NULL: no ledger yet */
	struct stat file;      /* the ledger that is open */
	uint64_t last_batch;   /* of it, when it was opened */
	int ledger_err;	       /* the last that was told */
	struct reader_dest dests[CONFIG_SHIP_MAX];
	uint64_t done; /* as it stands in ship.cursor */
	bool done_known;
	uint64_t status_due_ms;
};

static const char *reader_name(const struct reader_dest *d)
{
	return d->dest->config->name;
}

static enum outbox_form reader_form(const struct reader_dest *d)
{
	switch (d->dest->config->kind) {
	case CONFIG_SHIP_CLICKHOUSE:
		return OUTBOX_BARE;
	case CONFIG_SHIP_POSTGRESQL:
		return OUTBOX_TIMED;
	case CONFIG_SHIP_NDJSON:
		break;
	}
	return OUTBOX_KEYED;
}

/* The cursor, if it is one of this ledger. Returns 0 or -EIO. */
static int reader_cursor(struct reader *r, struct reader_dest *d,
			 struct cursor *ret)
{
	struct outbox_mark mark;
	struct cursor c = { 0 };
	int err = cursor_read(r->ship->cursors, reader_name(d), &c);
	int n = 0;

	if (err && err != -ENOENT)
		log_error("%s: the cursor cannot be read (%s): every row is "
			  "sent again",
			  reader_name(d), err_str(err));
	if (c.batch)
		n = outbox_mark(r->outbox, c.batch, &mark);
	if (n < 0)
		return n;
	d->last = n ? mark.last : 0;
	if (n && memcmp(mark.hash, c.hash, sizeof(c.hash)) != 0) {
		log_warn("%s: this is another ledger than the one that was "
			 "sent up to batch %llu: sent from its first row on",
			 reader_name(d), (unsigned long long)c.batch);
		c = (struct cursor){ 0 };
		d->last = 0;
	}
	*ret = c;
	return 0;
}

/* Where a destination stands, by its cursor and the ledger that is there. A
 * cursor behind the ledger's last batch is of another one.
 */
static int reader_place(struct reader *r, struct reader_dest *d)
{
	struct cursor c;
	int err = reader_cursor(r, d, &c);

	if (err)
		return err;
	if (c.batch > r->last_batch) {
		log_warn("%s: batch %llu was sent, and this ledger ends before "
			 "it: sent from its first row on",
			 reader_name(d), (unsigned long long)c.batch);
		c.batch = 0;
	}
	d->had = d->given = (struct outbox_at){ .batch = c.batch };
	d->cursor = c.batch;
	return 0;
}

static int reader_place_all(struct reader *r)
{
	int err = outbox_last(r->outbox, &r->last_batch);

	for (size_t i = 0; i < r->ship->dests_len && !err; i++)
		err = reader_place(r, &r->dests[i]);
	return err;
}

/* Has somebody put another file in the place of the ledger? */
static bool reader_is_other(const struct reader *r)
{
	struct stat st;

	return stat(r->ship->ledger, &st) < 0 || st.st_ino != r->file.st_ino ||
	       st.st_dev != r->file.st_dev;
}

/* Have the ledger that is there now. Returns whether there is one. */
static bool reader_has_ledger(struct reader *r)
{
	int err;

	if (r->outbox && !reader_is_other(r))
		return true;
	outbox_free(&r->outbox);
	if (stat(r->ship->ledger, &r->file) < 0)
		return false;
	err = outbox_open(r->ship->ledger, r->ship->instance, &r->outbox);
	if (!err)
		err = reader_place_all(r);
	if (!err)
		return true;
	/* Nobody may read it before penstock-audit has it open: SQLite keeps
	 * what readers share in a file that only the writer may make.
	 */
	if (err != -ENOENT && err != r->ledger_err)
		log_warn("%s: %s; waiting for penstock-audit", r->ship->ledger,
			 err == -EIO ? "not to be read now" : err_str(err));
	r->ledger_err = err;
	outbox_free(&r->outbox);
	return false;
}

/* The lowest of what the destinations have, for penstock-audit. */
static void reader_say_done(struct reader *r)
{
	uint64_t done = UINT64_MAX;
	int err;

	for (size_t i = 0; i < r->ship->dests_len; i++)
		done = MIN(done, r->dests[i].last);
	if (r->done_known && done == r->done)
		return;
	err = cursor_write_done(r->ship->done, done);
	if (err)
		log_warn("%s: %s", CURSOR_DONE, err_str(err));
	r->done = done;
	r->done_known = !err;
}

/* The end of a batch was accepted: write it down. When that fails the rows
 * will be sent again some day, which does no harm, so all goes on.
 */
static void reader_keep(struct reader *r, struct reader_dest *d)
{
	struct outbox_mark mark;
	struct cursor c = { .batch = d->had.batch };
	int n = outbox_mark(r->outbox, c.batch, &mark);

	if (n != 1)
		return; /* taken away meanwhile: the next one will do */
	memcpy(c.hash, mark.hash, sizeof(c.hash));
	n = cursor_write(r->ship->cursors, reader_name(d), &c);
	if (n < 0) {
		log_warn("%s: the cursor cannot be written: %s", reader_name(d),
			 err_str(n));
		return;
	}
	d->cursor = c.batch;
	d->last = mark.last;
	reader_say_done(r);
}

static void reader_delivered(struct reader *r, struct reader_dest *d)
{
	d->had = d->given;
	d->delivered += d->given_rows;
	d->given_rows = 0;
	if (d->had.batch != d->cursor)
		reader_keep(r, d);
}

/* A sender's report, added to those of its predecessors. One that has sent
 * nothing yet does not make us forget what the last one said.
 */
static void reader_on_report(struct reader_dest *d, bool same,
			     const struct link_report *report)
{
	if (!same) {
		d->before.requests = d->shown.requests;
		d->before.failures = d->shown.failures;
	}
	if (report->state != LINK_FRESH || report->failures)
		d->shown = *report;
	d->shown.requests = d->before.requests + report->requests;
	d->shown.failures = d->before.failures + report->failures;
	d->shown.error[LINK_ERROR_MAX - 1] = '\0';
}

static void reader_on_ask(struct reader *r, struct reader_dest *d,
			  const struct link_ask *ask)
{
	bool same = ask->generation == d->ask.generation;

	d->ask = *ask;
	reader_on_report(d, same, &ask->report);
	if (!r->outbox)
		d->given_rows = 0;
	else if (ask->delivered && same && d->given_rows)
		reader_delivered(r, d);
	/* Its predecessor may have died waiting. A report alone is no wait. */
	d->waits = ask->rows_max != 0;
	if (d->waits) {
		d->given = d->had;
		d->given_rows = 0;
	}
}

/* What a sender has to say, so much in a turn; what is no message is dropped.
 * Returns 0 or < 0: the link is broken, which cannot be, as the supervisor
 * holds both ends.
 */
static int reader_listen(struct reader *r, struct reader_dest *d)
{
	struct link_ask ask;
	int n = 1;

	for (int i = 0; i < READER_ASKS && n; i++) {
		n = link_read_ask(&d->dest->link, &ask);
		if (n == 1)
			reader_on_ask(r, d, &ask);
		else if (n != ERR_PROTO)
			break;
	}
	return n == ERR_PROTO ? 0 : MIN(n, 0);
}

/* Rows for one that waits. Returns 0, or -EIO: the ledger is not read now. */
static int reader_give(struct reader *r, struct reader_dest *d)
{
	struct outbox_load load = {
		.mem = d->dest->link.rows,
		.cap = LINK_OCTETS_MAX,
		.rows_max = MIN(d->ask.rows_max, LINK_ROWS_MAX),
	};
	struct link_give give = { .generation = d->ask.generation };
	int n = outbox_read(r->outbox, reader_form(d), &d->given, &load);

	if (n < 0)
		return n;
	if (load.skipped) {
		d->missed += load.skipped;
		log_warn("%s: %llu batches were taken away before they were "
			 "sent",
			 reader_name(d), (unsigned long long)load.skipped);
	}
	if (!n) {
		d->had = d->given;
		return 0;
	}
	give.rows = load.rows;
	give.len = (uint32_t)load.len;
	give.first_id = load.first_id;
	give.last_id = load.last_id;
	/* One that does not read what it is given waits on. */
	d->waits = link_write_give(&d->dest->link, &give) < 0;
	d->given_rows = d->waits ? 0 : load.rows;
	if (d->waits)
		d->given = d->had;
	return 0;
}

static void reader_status(struct reader *r, uint64_t now_ms)
{
	static const char *const none[] = { NULL };
	struct status status = { .time_us = clock_us(CLOCK_REALTIME) };

	if (now_ms < r->status_due_ms || r->ship->status < 0)
		return;
	r->status_due_ms = now_ms + READER_STATUS_MS;
	status.dests_len = r->ship->dests_len;
	for (size_t i = 0; i < r->ship->dests_len; i++) {
		struct reader_dest *d = &r->dests[i];
		struct status_dest *to = &status.dests[i];
		struct outbox_lag lag = { 0 };

		if (r->outbox)
			(void)outbox_lag(r->outbox, &d->had, &lag);
		*to = (struct status_dest){
			.position = d->had.batch,
			.rows_behind = lag.rows,
			.rows_delivered = d->delivered,
			.missed_batches = d->missed,
			.requests = d->shown.requests,
			.failures = d->shown.failures,
			.tries = d->shown.tries,
		};
		if (lag.since_us && lag.since_us < status.time_us)
			to->seconds_behind =
				(status.time_us - lag.since_us) / 1000000;
		(void)snprintf(to->name, sizeof(to->name), "%s",
			       reader_name(d));
		(void)snprintf(to->state, sizeof(to->state), "%s",
			       link_state_str(d->shown.state));
		secret_phrase(d->shown.error, none, to->error,
			      sizeof(to->error));
	}
	(void)snprintf(status.instance, sizeof(status.instance), "%s",
		       r->ship->instance);
	status_write(r->ship->status, &status);
}

/* One turn: hear all, give to those that wait. */
static int reader_turn(struct reader *r)
{
	bool has = reader_has_ledger(r);
	int n = 0;

	for (size_t i = 0; i < r->ship->dests_len && n >= 0; i++)
		n = reader_listen(r, &r->dests[i]);
	for (size_t i = 0; i < r->ship->dests_len && n >= 0 && has; i++) {
		if (!r->dests[i].waits || reader_give(r, &r->dests[i]) >= 0)
			continue;
		log_warn("ledger: %s; trying again", outbox_error(r->outbox));
		outbox_free(&r->outbox);
		has = false;
	}
	reader_status(r, clock_ms(CLOCK_MONOTONIC));
	return n;
}

static int reader_jail(const struct ship *s)
{
	char cursors[PATH_MAX], status[PATH_MAX];

	(void)snprintf(cursors, sizeof(cursors), "%s/%s", s->state_dir,
		       CURSOR_DIR);
	/* Without one, where it may write already. */
	(void)snprintf(status, sizeof(status), "%s/" SHIP_RUN,
		       s->run_dir ? s->run_dir : s->state_dir);
	return jail_ship_reader(s->state_dir, cursors, status);
}

int reader_run(struct ship *s)
{
	static struct reader r;
	struct pollfd p[CONFIG_SHIP_MAX];

	r.ship = s;
	for (size_t i = 0; i < s->dests_len; i++) {
		r.dests[i].dest = &s->dests[i];
		p[i] = (struct pollfd){ .fd = s->dests[i].link.reader,
					.events = POLLIN };
	}
	if (reader_jail(s) < 0) {
		log_error("the reader cannot give up privileges");
		return EXIT_FAILURE;
	}
	while (reader_turn(&r) >= 0)
		(void)poll(p, s->dests_len, READER_TICK_MS);
	log_error("the reader cannot speak to a sender");
	return EXIT_FAILURE;
}
