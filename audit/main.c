/* audit/main.c - the program penstock-audit: the ledger's only writer.
 *
 * It polls. The spools are memory that the workers fill without a system call,
 * so nobody could wake us; and the more records a pass finds, the sooner comes
 * the next one, after POLL_MAX_MS down to POLL_MIN_MS. When the ledger refuses
 * (disk full, locked, read-only, damaged) the spools are kept and the pass is
 * tried again, ever more slowly up to RETRY_MAX_MS; they fill up meanwhile, and
 * then the workers refuse requests.
 *
 * A ledger that is damaged is given another name and a new one begins. That is
 * done by ending: the supervisor starts us again, and the spools have it all.
 *
 * What it is doing stands in the file "audit.status" of the spool directory,
 * lines of "name value".
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/drain.h"
#include "audit/rescue.h"
#include "audit/store.h"
#include "audit/upkeep.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/jail.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/slice.h"

#define LEDGER_NAME  "ledger.db"
#define LOCK_NAME    "ledger.lock"
#define STATUS_NAME  "audit.status"
#define PATH_LEN_MAX 512

/* Whose requests we enter must not keep us from entering them: on a machine
 * with more work than processors the spools fill while we wait for our turn,
 * and then requests are refused.
 */
#define AUDIT_NICE (-10)

#define PASS_ROWS      1500 /* worth a transaction of their own */
#define POLL_MIN_MS    5
#define POLL_MAX_MS    50   /* one sandbox's share of slots, at full load */
#define SCAN_MS	       200  /* new spools, dead writers */
#define STATUS_MS      1000 /* the status file at most so often */
#define RETRY_MIN_MS   100
#define RETRY_MAX_MS   5000
#define KEEP_DEFAULT_S (90ull * 24 * 3600)
#define BYTES_DEFAULT  (10ull << 30)

struct audit {
	const char *state_dir;
	const char *spool_dir;
	const char *instance;
	int ready_fd; /* -1: nobody waits */
	struct upkeep upkeep;

	int signals; /* signalfd */
	int lock;
	struct store *store;
	struct drain *drain;
	bool recovered; /* rows that our predecessor left open are closed */
	bool over;	/* the ledger stepped aside: end, to begin anew */
	int damaged;	/* ledgers that did so, and are still there */
	uint32_t wait_ms;
	uint32_t retry_ms; /* 0: all is well */
	uint64_t scan_due_ms;
	uint64_t status_due_ms;
};

static bool audit_path(const char *dir, const char *name,
		       char ret[PATH_LEN_MAX])
{
	int n = snprintf(ret, PATH_LEN_MAX, "%s/%s", dir, name);

	return n > 0 && n < PATH_LEN_MAX;
}

static void usage(FILE *to)
{
	(void)fputs("usage: penstock-audit --state DIR --spool DIR\n"
		    "           [--keep SECONDS] [--max-bytes N]\n"
		    "           [--instance NAME] [--ready-fd N]\n"
		    "\n"
		    "Writes DIR/" LEDGER_NAME
		    " from the workers' spools. Rows older than\n"
		    "--keep (90 days) go, and the oldest ones when the "
		    "ledger is larger\n"
		    "than --max-bytes (10 GiB). A byte is written to "
		    "--ready-fd once\n"
		    "the ledger is open.\n",
		    to);
}

static bool audit_option(struct audit *a, int option, const char *value)
{
	uint64_t n = 0;

	switch (option) {
	case 's':
		a->state_dir = value;
		return true;
	case 'p':
		a->spool_dir = value;
		return true;
	case 'i':
		a->instance = value;
		return true;
	case 'k':
		return slice_number(slice_str(value), UINT64_MAX,
				    &a->upkeep.limits.keep_s);
	case 'm':
		return slice_number(slice_str(value), UINT64_MAX,
				    &a->upkeep.limits.bytes_max);
	case 'r':
		if (!slice_number(slice_str(value), INT16_MAX, &n))
			return false;
		a->ready_fd = (int)n;
		return true;
	default:
		return false;
	}
}

/* Returns -1 to go on, else the exit status. */
static int audit_arguments(struct audit *a, int argc, char **argv)
{
	static const struct option options[] = {
		{ "state", required_argument, NULL, 's' },
		{ "spool", required_argument, NULL, 'p' },
		{ "keep", required_argument, NULL, 'k' },
		{ "max-bytes", required_argument, NULL, 'm' },
		{ "instance", required_argument, NULL, 'i' },
		{ "ready-fd", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h') {
			usage(stdout);
			return 0;
		}
		if (!audit_option(a, option, optarg)) {
			usage(stderr);
			return 2;
		}
	}
	if (!a->state_dir || !a->spool_dir || optind != argc) {
		usage(stderr);
		return 2;
	}
	if (!a->instance)
		a->instance = a->state_dir;
	return -1;
}

/* One audit for one ledger. */
static int audit_lock(struct audit *a)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_LEN_MAX];

	if (!audit_path(a->state_dir, LOCK_NAME, path))
		return -ENAMETOOLONG;
	a->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (a->lock < 0)
		return -errno;
	if (fcntl(a->lock, F_OFD_SETLK, &lock))
		return -EBUSY;
	return 0;
}

static int audit_signals(struct audit *a)
{
	static const int ours[] = { SIGTERM, SIGINT };

	(void)signal(SIGPIPE, SIG_IGN);
	/* A file-size limit is an error like a full disk, not an end. */
	(void)signal(SIGXFSZ, SIG_IGN);
	a->signals = signals_open(ours, ARRAY_SIZE(ours));
	return a->signals < 0 ? a->signals : drain_guard();
}

/* The ledger is damaged: out of the way with it. False when it is not, or can't
 * be moved.
 */
static bool audit_rescue(struct audit *a, int err, const char *why)
{
	char path[PATH_LEN_MAX], to[PATH_LEN_MAX];

	if (!audit_path(a->state_dir, LEDGER_NAME, path) ||
	    !rescue_wanted(path, err))
		return false;
	err = rescue_move(path, clock_us(CLOCK_REALTIME), to, sizeof(to));
	if (err) {
		log_error("ledger %s is damaged (%s) and can't be moved aside: "
			  "%s",
			  path, why, err_str(err));
		return false;
	}
	log_error("ledger %s is damaged (%s): kept as %s, a new one begins",
		  path, why, to);
	return true;
}

static int audit_ledger(struct audit *a)
{
	char path[PATH_LEN_MAX];
	int err;

	if (!audit_path(a->state_dir, LEDGER_NAME, path))
		return -ENAMETOOLONG;
	err = store_open(path, a->instance, &a->store);
	if (err && audit_rescue(a, err, store_error(NULL)))
		err = store_open(path, a->instance, &a->store);
	if (err)
		log_error("ledger %s: %s", path, store_error(NULL));
	a->damaged = rescue_count(path);
	return err;
}

/* What stands as open was left by our predecessor. Before the first drain it is
 * closed: dead writers' spools then say interrupted too, and living ones say
 * open again.
 */
static void audit_recover(struct audit *a)
{
	int err = a->recovered ? 0 : store_close_open_rows(a->store);

	if (err)
		a->over = audit_rescue(a, err, store_error(a->store));
	a->recovered = !err;
}

static int audit_setup(struct audit *a)
{
	int err = audit_signals(a);

	if (!err)
		err = audit_lock(a);
	if (err) {
		log_error("%s/%s: %s", a->state_dir, LOCK_NAME,
			  err == -EBUSY ? "another penstock-audit writes this "
					  "ledger"
					: err_str(err));
		return err;
	}
	err = audit_ledger(a);
	if (err)
		return err;
	a->upkeep.store = a->store;
	a->upkeep.state_dir = a->state_dir;
	err = drain_open(a->spool_dir, a->store, &a->drain);
	if (err)
		log_error("%s: %s", a->spool_dir, err_str(err));
	return err;
}

static void audit_ready(struct audit *a)
{
	if (a->ready_fd < 0)
		return;
	(void)!write(a->ready_fd, "\n", 1);
	(void)close(a->ready_fd);
	a->ready_fd = -1;
}

/* Replace the status file; on tmpfs, so it can tell of a full disk. */
static void audit_status(struct audit *a, uint64_t now_ms)
{
	struct drain_counts c = drain_counts(a->drain);
	struct store_chain chain = store_chain(a->store);
	const struct spent *spent = store_spent(a->store);
	char path[PATH_LEN_MAX], new_path[PATH_LEN_MAX];
	FILE *f;

	if (now_ms < a->status_due_ms)
		return;
	a->status_due_ms = now_ms + STATUS_MS;
	if (!audit_path(a->spool_dir, STATUS_NAME, path) ||
	    !audit_path(a->spool_dir, STATUS_NAME ".tmp", new_path))
		return;
	f = fopen(new_path, "we");
	if (!f)
		return;
	(void)fprintf(f,
		      "state %s\nrows %llu\nspools %u\nbad_spools %llu\n"
		      "bad_records %llu\ndamaged %d\nbatches %lld\n"
		      "sealed %lld\npruned_unshipped %llu\n",
		      a->retry_ms ? "stuck" : "ok",
		      (unsigned long long)store_rows(a->store), c.spools,
		      (unsigned long long)c.bad_spools,
		      (unsigned long long)c.bad_records, a->damaged,
		      (long long)chain.batches, (long long)chain.rows,
		      (unsigned long long)store_unshipped(a->store));
	for (enum spent_work w = 0; w < SPENT_WORKS; w++)
		(void)fprintf(f, "cpu_%s_us %llu\n", spent_work_str(w),
			      (unsigned long long)spent_ns(spent, w) / 1000);
	if (a->retry_ms)
		(void)fprintf(f, "error %s\n", store_error(a->store));
	if (!fclose(f))
		(void)rename(new_path, path);
}

/* The ledger refused: keep everything and come back later. */
static void audit_stuck(struct audit *a, int err)
{
	a->over = a->over || audit_rescue(a, err, store_error(a->store));
	if (!a->retry_ms)
		log_error("ledger: %s; records stay in their spools",
			  store_error(a->store));
	a->retry_ms = MIN(MAX(a->retry_ms * 2, RETRY_MIN_MS), RETRY_MAX_MS);
	a->wait_ms = a->retry_ms;
}

/* How long to wait after a pass that took n records: until PASS_ROWS more have
 * come, if they come as these did. A full batch means that there are more.
 */
static uint32_t audit_pause_ms(const struct audit *a, int n)
{
	uint32_t ms;

	if (n >= DRAIN_BATCH)
		return 0;
	if (!n)
		return MIN(a->wait_ms * 2 + 1, POLL_MAX_MS);
	ms = MAX(a->wait_ms, 1) * PASS_ROWS / (uint32_t)n;
	return MIN(MAX(ms, POLL_MIN_MS), POLL_MAX_MS);
}

static void audit_turn(struct audit *a)
{
	uint64_t now_ms = clock_ms(CLOCK_MONOTONIC);
	int n;

	if (now_ms >= a->scan_due_ms) {
		int err = drain_scan(a->drain);

		if (err)
			log_warn("spools: %s; trying again", err_str(err));
		a->scan_due_ms = now_ms + SCAN_MS;
	}
	audit_recover(a);
	n = a->recovered ? drain_pass(a->drain, clock_us(CLOCK_REALTIME))
			 : -EAGAIN;
	if (n < 0) {
		audit_stuck(a, n);
	} else {
		if (a->retry_ms)
			log_warn("ledger: writing again");
		a->retry_ms = 0;
		a->wait_ms = audit_pause_ms(a, n);
		n = upkeep_turn(&a->upkeep, n, now_ms);
		if (n == -EUCLEAN)
			audit_stuck(a, n);
		else if (n > 0)
			a->wait_ms = 0;
	}
	audit_status(a, now_ms);
}

static void audit_run(struct audit *a)
{
	struct pollfd p = { .fd = a->signals, .events = POLLIN };

	while (!a->over &&
	       (!poll(&p, 1, (int)a->wait_ms) || !(p.revents & POLLIN)))
		audit_turn(a);
}

/* The end: everything that is finished goes in. Workers that still live keep
 * their spools for the next one of us.
 */
static int audit_end(struct audit *a)
{
	int err = a->over ? -EUCLEAN : drain_scan(a->drain);

	if (!err)
		err = drain_all(a->drain, clock_us(CLOCK_REALTIME));
	if (err)
		log_error("ledger: %s; records stay in their spools",
			  store_error(a->store));
	else
		upkeep_end(&a->upkeep);
	a->status_due_ms = 0;
	audit_status(a, clock_ms(CLOCK_MONOTONIC));
	drain_free(&a->drain);
	store_free(&a->store);
	return err ? 3 : 0;
}

int main(int argc, char **argv)
{
	static struct audit a = {
		.ready_fd = -1,
		.signals = -1,
		.lock = -1,
		.upkeep = { .limits = { .keep_s = KEEP_DEFAULT_S,
					.bytes_max = BYTES_DEFAULT } },
	};
	int status;

	log_init("penstock-audit", LOG_LEVEL_INFO,
		 getenv("JOURNAL_STREAM") != NULL);
	status = audit_arguments(&a, argc, argv);
	if (status >= 0)
		return status;
	(void)umask(0077);
	(void)setpriority(PRIO_PROCESS, 0, AUDIT_NICE); /* if we may */
	if (audit_setup(&a))
		return 3;
	if (jail_audit(a.state_dir, a.spool_dir) < 0) {
		log_error("cannot give up privileges");
		return 3;
	}
	audit_recover(&a);
	audit_ready(&a);
	audit_run(&a);
	return audit_end(&a);
}
