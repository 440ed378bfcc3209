/* audit/drain.c - from the spools of a directory into the ledger.
 *
 * A pass is: begin; take records from each spool in turn; commit; only then
 * tell the spools. If anything fails between, the transaction is rolled back
 * and the spools are rewound, so the next pass takes the same records. If we
 * are killed between the commit and telling the spools, the next process takes
 * them again, and the ledger has them already. So what may have been entered
 * before is put as such: all that began before we did, all that stands in a
 * spool when it is found or whose writer has gone, and after a failure all
 * until the spools were emptied once.
 *
 * A spool whose writer has gone is read slot by slot, in as many passes as it
 * takes, then unlinked. One that is not sound is condemned, so that its writer
 * ends, and renamed to *.bad, once what is sound in it has been entered: it is
 * evidence, and not ours to lose.
 *
 * Records that are open for longer than OPEN_US are entered as open, so that
 * a stream of an hour is seen while it runs.
 */

#include "audit/drain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/spool_read.h"
#include "base/base.h"
#include "base/err.h"
#include "base/log.h"
#include "base/slice.h"

#define NAME_LEN_MAX 64		 /* octets of a spool's file name */
#define OPEN_US	     2000000	 /* then it is worth a row while it runs */
#define OPEN_SCAN_US 1000000	 /* how often open records are looked for */
#define NEW_STALE_S  60		 /* then a half-made spool has no maker */
#define BAD_IN_A_ROW SPOOL_SLOTS /* more would be read twice in one pass */

struct drain_spool {
	char name[NAME_LEN_MAX];
	struct spool_reader *reader;   /* owned */
	bool dead;		       /* read by slots from now on */
	bool bad;		       /* set aside at the end */
	bool drained;		       /* nothing left after this commit */
	uint32_t next_slot;	       /* of a dead one: first not committed */
	uint32_t pass_slot;	       /* the same, within the pass */
	uint64_t open_id[SPOOL_SLOTS]; /* entered as open */
};

struct drain {
	int dir;
	struct store *store; /* borrowed */
	uint64_t open_scan_us;
	uint64_t began_us; /* wall clock of the first pass, or less since */
	bool failed;	   /* a pass, and none has emptied the spools since */
	struct drain_counts counts;
	size_t spools_len;
	size_t turn; /* spool that begins the next pass, for fairness */
	struct drain_spool *spool[DRAIN_SPOOLS_MAX]; /* owned */
	struct record record;
};

int drain_guard(void)
{
	return spool_reader_guard();
}

int drain_open(const char *dir, struct store *store, struct drain **ret)
{
	struct drain *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->store = store;
	d->began_us = UINT64_MAX;
	d->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dir < 0) {
		err = -errno;
		free(d);
		return err;
	}
	*ret = d;
	return 0;
}

static void drain_forget(struct drain *d, size_t i)
{
	spool_reader_free(&d->spool[i]->reader);
	free(d->spool[i]);
	d->spool[i] = d->spool[--d->spools_len];
	d->spool[d->spools_len] = NULL;
}

void drain_free(struct drain **d)
{
	if (!*d)
		return;
	while ((*d)->spools_len)
		drain_forget(*d, 0);
	(void)close((*d)->dir);
	free(*d);
	*d = NULL;
}

struct drain_counts drain_counts(const struct drain *d)
{
	struct drain_counts c = d->counts;

	c.spools = (uint32_t)d->spools_len;
	return c;
}

/* A pipe or a link holds nothing that could be kept. */
static bool drain_remove_special(struct drain *d, const char *name)
{
	struct stat st;

	return !fstatat(d->dir, name, &st, AT_SYMLINK_NOFOLLOW) &&
	       !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) &&
	       !unlinkat(d->dir, name, 0);
}

/* Rename to NAME.bad, or NAME.N.bad where that exists. */
static void drain_set_aside(struct drain *d, const char *name, const char *why)
{
	char to[NAME_LEN_MAX + 16];
	int err = -EEXIST;

	d->counts.bad_spools++;
	if (drain_remove_special(d, name)) {
		log_error("spool %s is %s, and no file: removed", name, why);
		return;
	}
	for (int i = 0; i < 100 && err == -EEXIST; i++) {
		(void)snprintf(to, sizeof(to),
			       i ? "%s.%d" SPOOL_BAD : "%s" SPOOL_BAD, name, i);
		err = renameat2(d->dir, name, d->dir, to, RENAME_NOREPLACE)
			      ? -errno
			      : 0;
	}
	if (err)
		log_error("spool %s is %s, and can't be renamed: %s", name, why,
			  err_str(err));
	else
		log_error("spool %s is %s; kept as %s", name, why, to);
}

static bool drain_knows(const struct drain *d, const char *name)
{
	for (size_t i = 0; i < d->spools_len; i++)
		if (!strcmp(d->spool[i]->name, name))
			return true;
	return false;
}

/* Has it been found damaged? Said once. */
static void drain_look(struct drain_spool *sp)
{
	const char *fault = spool_reader_fault(sp->reader);

	if (!fault || sp->bad)
		return;
	sp->bad = true;
	log_error("spool %s is %s; its writer must end, then what is sound in "
		  "it is entered",
		  sp->name, fault);
}

static void drain_add(struct drain *d, const char *name)
{
	struct drain_spool *sp;
	int err;

	if (d->spools_len == DRAIN_SPOOLS_MAX)
		return; /* its turn comes when another has gone */
	sp = calloc(1, sizeof(*sp));
	if (!sp)
		return;
	(void)snprintf(sp->name, sizeof(sp->name), "%.*s", NAME_LEN_MAX - 1,
		       name);
	err = spool_reader_open(d->dir, name, &sp->reader);
	if (err) {
		free(sp);
		if (err == ERR_SYNTAX)
			drain_set_aside(d, name, "no spool of this version");
		else if (err != -ENOENT)
			log_warn("spool %s: %s; trying again", name,
				 err_str(err));
		return;
	}
	d->spool[d->spools_len++] = sp;
	drain_look(sp);
}

/* A spool that was never finished: its maker was killed. Nothing is in it. */
static void drain_remove_new(struct drain *d, const char *name)
{
	struct stat st;

	if (!fstatat(d->dir, name, &st, AT_SYMLINK_NOFOLLOW) &&
	    time(NULL) - st.st_mtime > NEW_STALE_S)
		(void)unlinkat(d->dir, name, 0);
}

int drain_scan(struct drain *d)
{
	int fd = openat(d->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		int err = -errno;

		if (fd >= 0)
			(void)close(fd);
		return err;
	}
	while ((e = readdir(dir))) {
		struct slice name = slice_str(e->d_name);

		if (name.len >= NAME_LEN_MAX)
			continue;
		if (slice_ends(name, SLICE(SPOOL_NEW)))
			drain_remove_new(d, e->d_name);
		else if (slice_ends(name, SLICE(SPOOL_SUFFIX)) &&
			 !drain_knows(d, e->d_name))
			drain_add(d, e->d_name);
	}
	(void)closedir(dir);
	for (size_t i = 0; i < d->spools_len; i++)
		d->spool[i]->dead = spool_reader_dead(d->spool[i]->reader);
	return 0;
}

/* A slot that is no record: count it, keep the file. */
static void drain_bad_record(struct drain *d, struct drain_spool *sp)
{
	d->counts.bad_records++;
	sp->bad = true;
	log_error("spool %s holds a record that is damaged", sp->name);
}

static int drain_put(struct drain *d, struct drain_spool *sp)
{
	bool again = d->failed || sp->dead ||
		     d->record.wall_us <= d->began_us ||
		     spool_reader_old(sp->reader);

	return store_put(d->store, &d->record, again);
}

/* Take finished records off a living writer's ring. Returns how many, or the
 * store's error.
 */
static int drain_ring(struct drain *d, struct drain_spool *sp, int max)
{
	int n = 0, tries = 0;

	while (n < max && tries++ < BAD_IN_A_ROW) {
		int got = spool_reader_take(sp->reader, &d->record);
		int err;

		if (!got)
			break;
		if (got == ERR_PROTO) {
			drain_look(sp);
			break;
		}
		if (got == ERR_SYNTAX) {
			drain_bad_record(d, sp);
			continue;
		}
		err = drain_put(d, sp);
		if (err)
			return err;
		n++;
	}
	return n;
}

/* The same of a dead writer's slots. */
static int drain_slots(struct drain *d, struct drain_spool *sp, int max)
{
	int n = 0;

	while (n < max) {
		int got = spool_reader_rest(sp->reader, sp->pass_slot,
					    &d->record);
		int err;

		if (got == -ERANGE) {
			sp->drained = true;
			break;
		}
		sp->pass_slot++;
		if (got == ERR_SYNTAX)
			drain_bad_record(d, sp);
		if (got != 1)
			continue;
		err = drain_put(d, sp);
		if (err)
			return err;
		n++;
	}
	return n;
}

/* Enter what has been open for long and is not entered yet. What our
 * predecessor entered stands as interrupted until we say otherwise: at once,
 * however young it seems to be by a clock that was set back, or it would be
 * sealed like that.
 */
static int drain_open_slots(struct drain *d, struct drain_spool *sp,
			    uint64_t wall_us)
{
	int n = 0;

	for (uint32_t i = 0; !sp->dead; i++) {
		int got = spool_reader_open_slot(sp->reader, i, &d->record);
		int err;

		if (got == -ERANGE)
			break;
		if (got != 1 || sp->open_id[i] == d->record.id ||
		    (d->record.wall_us + OPEN_US > wall_us &&
		     !store_may_change(d->store, d->record.id)))
			continue;
		err = drain_put(d, sp);
		if (err)
			return err;
		sp->open_id[i] = d->record.id;
		n++;
	}
	return n;
}

static int drain_take(struct drain *d, uint64_t wall_us)
{
	bool scan = wall_us - d->open_scan_us >= OPEN_SCAN_US;
	int n = 0;

	for (size_t i = 0; i < d->spools_len; i++) {
		struct drain_spool *sp =
			d->spool[(d->turn + i) % d->spools_len];
		int max = DRAIN_BATCH - n;
		int got = sp->dead ? drain_slots(d, sp, max)
				   : drain_ring(d, sp, max);

		if (got < 0)
			return got;
		n += got;
		got = scan ? drain_open_slots(d, sp, wall_us) : 0;
		if (got < 0)
			return got;
		n += got;
		if (n >= DRAIN_BATCH)
			break;
	}
	d->turn++;
	if (scan && n < DRAIN_BATCH)
		d->open_scan_us = wall_us;
	return n;
}

/* The ledger has it: let go. Backwards, as forgetting moves the last one. */
static void drain_confirm(struct drain *d)
{
	for (size_t i = d->spools_len; i-- > 0;) {
		struct drain_spool *sp = d->spool[i];

		spool_reader_commit(sp->reader);
		drain_look(sp);
		sp->next_slot = sp->pass_slot;
		if (!sp->drained)
			continue;
		if (sp->bad)
			drain_set_aside(d, sp->name, "damaged");
		else
			(void)unlinkat(d->dir, sp->name, 0);
		drain_forget(d, i);
	}
}

/* The ledger has nothing of this pass. */
static void drain_undo(struct drain *d)
{
	for (size_t i = 0; i < d->spools_len; i++) {
		struct drain_spool *sp = d->spool[i];

		spool_reader_rewind(sp->reader);
		sp->pass_slot = sp->next_slot;
		sp->drained = false;
		memset(sp->open_id, 0, sizeof(sp->open_id));
	}
	d->failed = true;
	d->open_scan_us = 0;
	store_rollback(d->store);
}

/* Is there anything to do at all? Spares idle time its empty transactions. */
static bool drain_is_idle(struct drain *d, uint64_t wall_us)
{
	if (wall_us - d->open_scan_us >= OPEN_SCAN_US)
		return false;
	for (size_t i = 0; i < d->spools_len; i++)
		if (d->spool[i]->dead ||
		    spool_reader_waiting(d->spool[i]->reader))
			return false;
	return true;
}

int drain_pass(struct drain *d, uint64_t wall_us)
{
	int n;

	d->began_us = MIN(d->began_us, wall_us);
	if (!d->spools_len || drain_is_idle(d, wall_us))
		return 0;
	n = store_begin(d->store, wall_us);
	if (!n)
		n = drain_take(d, wall_us);
	if (n >= 0) {
		int err = store_commit(d->store);

		n = err ? err : n;
	}
	if (n < 0) {
		drain_undo(d);
		return n;
	}
	drain_confirm(d);
	if (n < DRAIN_BATCH) /* all that the failed one had was read again */
		d->failed = false;
	return n;
}

int drain_all(struct drain *d, uint64_t wall_us)
{
	int n;

	do
		n = drain_pass(d, wall_us);
	while (n > 0);
	return n;
}
