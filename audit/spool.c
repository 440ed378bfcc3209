/* audit/spool.c - records on their way to the ledger: the writer's side.
 *
 * Theory of operation
 *
 * Each worker has one file on tmpfs, mapped shared by it and by audit. It
 * holds slots, each one record, and a ring of the indexes of finished slots:
 *
 *	free ──begin──▶ open ──end──▶ done, on the ring ──▶ in the ledger ─┐
 *	 ▲                                                                 │
 *	 └──────────────── reclaimed, once consumed has passed it ◀────────┘
 *
 * One producer, one consumer. The worker writes slots, ring and `produced`;
 * audit writes `consumed` and nothing else, and only after SQLite has
 * committed. Between the two the file is the only copy, and it is in the page
 * cache: it outlives every process, though not the machine.
 *
 * A SIGKILL may fall between any two instructions. What it leaves, by where:
 *
 *   in begin, before the state says OPEN	the slot is FREE or CLAIMED:
 *		no record. The request has not been forwarded either, as the
 *		caller does so only after begin has returned.
 *   after that, and within end	the slot is OPEN. end writes only fields that
 *		no reader looks at before the state says DONE, and text behind
 *		the text of begin. So the record is whole as begin left it; it
 *		is entered as interrupted.
 *   between DONE and `produced`	the slot is not on the ring. Audit reads
 *		a dead writer's spool by its slots, not by its ring.
 *   after that	it is on the ring, or consumed, or reclaimed: FREE. A slot
 *		that was consumed and not reclaimed is passed over: it is as
 *		old as may be, and its row may have been pruned. `reclaimed`
 *		tells which these are; it moves before they are used again.
 *
 * The order is enforced by storing the state with release order after the
 * fields; a killed thread's earlier stores do not vanish. If audit is killed
 * after the commit and before `consumed` moves, the batch is entered again:
 * the same ids, nothing changes.
 *
 * The ring has as many entries as there are slots and a slot stands on it at
 * most once, so it cannot overflow. Free slots are a stack and fresh ones are
 * taken only when it is empty, so a calm worker touches few pages. Fresh pages
 * are populated by the kernel before they are written: a full tmpfs is then an
 * answer and no SIGBUS.
 *
 * A slot belongs to a sandbox from begin until it is reclaimed. One that holds
 * four times as many as are free gets no more, so a flood, however long the
 * ledger is stuck, leaves room for the others.
 *
 * The file may be damaged, unlinked or cut short by somebody who can write
 * here. Audit then condemns it: the writer ends at its next tick, its slots
 * are read, its successor has a fresh file. A writer that touches a page that
 * was cut off dies by SIGBUS, as its record would go nowhere.
 *
 * The lock on the file says that its writer lives. It belongs to the open
 * file, so the kernel drops it however the worker ends. A file gets its final
 * name when it is whole and locked, so audit never sees half of one.
 */

#include "audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/record.h"
#include "audit/spool_read.h"
#include "base/base.h"

#define SHARE	       4   /* see spool_has_share() */
#define POPULATE_SLOTS 16  /* fresh slots made ready at once: 64 KiB */
#define NAME_TRIES     100 /* leftovers of dead writers with our pid */

struct spool {
	struct spool_file *file; /* mapped */
	int fd;			 /* holds the lock */
	uint64_t produced;	 /* as in the file; ours to write */
	uint64_t reclaimed;	 /* ring positions below are free again */
	uint32_t touched;	 /* as in the file */
	uint32_t populated;	 /* slots below have their pages */
	uint32_t free_len;
	uint16_t free[SPOOL_SLOTS];  /* a stack of indexes */
	uint16_t ring[SPOOL_SLOTS];  /* as in the file; this one is believed */
	uint16_t owner[SPOOL_SLOTS]; /* of slots that are not free */
	uint16_t held[AUDIT_OWNERS]; /* slots that are an owner's */
};

/* A new file under a temporary name, of full size, locked, all zero. Returns
 * the descriptor or -errno.
 */
static int spool_create(int dir, const char *name)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd, err;

	(void)unlinkat(dir, name, 0); /* ours by its pid: half-made, dead */
	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_OFD_SETLK, &lock) || fchmod(fd, 0600) ||
	    ftruncate(fd, sizeof(struct spool_file))) {
		err = -errno;
		(void)unlinkat(dir, name, 0);
		(void)close(fd);
		return err;
	}
	return fd;
}

/* Make pages present, so that writing to them cannot fail. */
static int spool_populate(void *start, size_t len)
{
	if (!madvise(start, len, MADV_POPULATE_WRITE))
		return 0;
	if (errno == EINVAL) /* Linux before 5.14 lacks it: do without */
		return 0;
	return -ENOSPC;
}

static int spool_map(struct spool *s, uint16_t writer)
{
	struct spool_file *file;
	void *p = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_SHARED,
		       s->fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	s->file = file = p;
	if (spool_populate(file, offsetof(struct spool_file, slot)))
		return -ENOSPC;
	memcpy(file->head.magic, SPOOL_MAGIC, sizeof(file->head.magic));
	file->head.version = SPOOL_VERSION;
	file->head.reclaimed = 1; /* none */
	file->head.slots = SPOOL_SLOTS;
	file->head.slot_size = RECORD_SIZE;
	file->head.writer = writer;
	file->head.pid = (uint32_t)getpid();
	return 0;
}

/* Give the file its final name. A dead writer may have had our number and our
 * pid (in a container everybody is pid 7): its spool is not ours to replace.
 */
static int spool_publish(int dir, const char *from, uint16_t writer)
{
	char name[64];

	for (int i = 0; i < NAME_TRIES; i++) {
		(void)snprintf(name, sizeof(name),
			       i ? "%u-%d-%d" SPOOL_SUFFIX
				 : "%u-%d" SPOOL_SUFFIX,
			       writer, (int)getpid(), i);
		if (!renameat2(dir, from, dir, name, RENAME_NOREPLACE))
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static int spool_setup(struct spool *s, int dir, uint16_t writer)
{
	char name[64];
	int err;

	(void)snprintf(name, sizeof(name), "%u-%d" SPOOL_NEW, writer,
		       (int)getpid());
	s->fd = spool_create(dir, name);
	if (s->fd < 0)
		return s->fd;
	err = spool_map(s, writer);
	if (!err)
		err = spool_publish(dir, name, writer);
	if (err)
		(void)unlinkat(dir, name, 0);
	return err;
}

int spool_open(const char *dir, uint16_t writer, struct spool **ret)
{
	struct spool *s = calloc(1, sizeof(*s));
	int dir_fd, err;

	if (!s)
		return -ENOMEM;
	s->fd = -1;
	dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	err = dir_fd < 0 ? -errno : spool_setup(s, dir_fd, writer);
	if (dir_fd >= 0)
		(void)close(dir_fd);
	if (err)
		spool_close(&s);
	else
		*ret = s;
	return err;
}

/* The file stays: audit takes what is in it and removes it. */
void spool_close(struct spool **s)
{
	if (!*s)
		return;
	if ((*s)->file)
		(void)munmap((*s)->file, sizeof(*(*s)->file));
	if ((*s)->fd >= 0)
		(void)close((*s)->fd);
	free(*s);
	*s = NULL;
}

/* Take back the slots that are in the ledger. A `consumed` that cannot be is
 * not believed; then nothing is free and requests are refused.
 */
static void spool_reclaim(struct spool *s)
{
	struct spool_file *file = s->file;
	uint64_t consumed = atomic_load_explicit(&file->head.consumed,
						 memory_order_acquire);

	if (consumed > s->produced)
		return;
	for (; s->reclaimed < consumed; s->reclaimed++) {
		uint16_t index = s->ring[s->reclaimed % SPOOL_SLOTS];

		assert(s->free_len < SPOOL_SLOTS);
		atomic_store_explicit(&file->slot[index].state, RECORD_FREE,
				      memory_order_relaxed);
		s->free[s->free_len++] = index;
		assert(s->held[s->owner[index]]);
		s->held[s->owner[index]]--;
	}
	atomic_store_explicit(&file->head.reclaimed, s->reclaimed + 1,
			      memory_order_release);
}

/* A slot that was never used. */
static int spool_fresh(struct spool *s, uint32_t *ret_slot)
{
	if (s->touched == SPOOL_SLOTS)
		return -ENOSPC;
	if (s->touched == s->populated) {
		size_t n = MIN(POPULATE_SLOTS, SPOOL_SLOTS - s->populated);

		if (spool_populate(&s->file->slot[s->populated],
				   n * RECORD_SIZE))
			return -ENOSPC;
		s->populated += (uint32_t)n;
	}
	*ret_slot = s->touched++;
	atomic_store_explicit(&s->file->head.touched, s->touched,
			      memory_order_release);
	return 0;
}

/* May this owner have one more? It may hold SHARE times as many as are free:
 * one alone four fifths of all, and each that comes later finds as much of the
 * rest (dynamic thresholds; Choudhury and Hahne, 1998).
 */
static bool spool_has_share(struct spool *s, uint16_t owner)
{
	for (int tries = 0; tries < 2; tries++) {
		uint32_t free = s->free_len + SPOOL_SLOTS - s->touched;

		if (s->held[owner] < SHARE * free)
			return true;
		spool_reclaim(s);
	}
	return false;
}

int spool_begin(struct spool *s, const struct audit_begin *facts,
		uint32_t *ret_slot)
{
	uint32_t slot;

	assert(facts->owner < AUDIT_OWNERS);
	if (!s->free_len)
		spool_reclaim(s);
	if (!spool_has_share(s, facts->owner))
		return -ENOSPC;
	if (s->free_len)
		slot = s->free[--s->free_len];
	else if (spool_fresh(s, &slot))
		return -ENOSPC;
	s->owner[slot] = facts->owner;
	s->held[facts->owner]++;
	record_begin(&s->file->slot[slot], facts);
	*ret_slot = slot;
	return 0;
}

void spool_answer(struct spool *s, uint32_t slot, enum audit_verdict verdict)
{
	assert(slot < s->touched);
	record_answer(&s->file->slot[slot], verdict);
}

void spool_end(struct spool *s, uint32_t slot, const struct audit_end *facts)
{
	assert(slot < s->touched);
	record_end(&s->file->slot[slot], facts);
	s->ring[s->produced % SPOOL_SLOTS] = (uint16_t)slot;
	atomic_store_explicit(&s->file->ring[s->produced % SPOOL_SLOTS], slot,
			      memory_order_relaxed);
	atomic_store_explicit(&s->file->head.produced, ++s->produced,
			      memory_order_release);
}

int spool_write(struct spool *s, const struct audit_begin *begin,
		const struct audit_end *end)
{
	uint32_t slot;
	int err = spool_begin(s, begin, &slot);

	if (err)
		return err;
	spool_end(s, slot, end);
	return 0;
}

void spool_load(const struct spool *s, uint32_t *ret_waiting,
		uint32_t *ret_open)
{
	uint64_t consumed = atomic_load_explicit(&s->file->head.consumed,
						 memory_order_relaxed);
	uint64_t taken = s->touched - s->free_len;

	*ret_waiting = (uint32_t)(s->produced - MIN(consumed, s->produced));
	*ret_open = (uint32_t)(taken - (s->produced - s->reclaimed));
}

const char *spool_fault(const struct spool *s)
{
	struct stat st;

	if (fstat(s->fd, &st) || !st.st_nlink)
		return "deleted";
	if (st.st_size != sizeof(*s->file))
		return "cut or grown";
	if (atomic_load_explicit(&s->file->head.condemned,
				 memory_order_relaxed))
		return "damaged, says penstock-audit";
	return NULL;
}
