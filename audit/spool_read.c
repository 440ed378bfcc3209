/* audit/spool_read.c - records on their way to the ledger: the reader's side.
 *
 * The theory of operation is in audit/spool.c. Its writer reads hostile bytes
 * and may have been taken over, so nothing in the file is believed: sizes are
 * checked when it is opened, every index and cursor when it is read, records
 * are copied before they are judged.
 *
 * A file whose ring can't be believed is condemned: that is written into it,
 * for a writer that lives to end, and its ring is not read any more. Once the
 * writer has gone its slots are, each of which is sound or not by itself.
 *
 * A file may be cut short while it is mapped. Touching what is gone raises
 * SIGBUS; the handler puts a page of zeros there, which is a FREE slot, or a
 * head that makes no sense, and notes that the file is condemned.
 */

#include "audit/spool_read.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"

#define EXPECT_AHEAD  4	  /* records */
#define EXPECT_OCTETS 640 /* of each: most are no longer */

static_assert(offsetof(struct spool_head, produced) == 64, "as documented");
static_assert(offsetof(struct spool_head, touched) == 72, "as documented");
static_assert(offsetof(struct spool_head, reclaimed) == 80, "as documented");
static_assert(offsetof(struct spool_head, consumed) == 128, "as documented");
static_assert(offsetof(struct spool_file, ring) == 4096, "as documented");
static_assert(offsetof(struct spool_file, slot) == 36864, "as documented");

static_assert(offsetof(struct spool_head, condemned) == 136, "as documented");

#define PAGE 4096

struct spool_reader {
	struct spool_file *file; /* mapped */
	int fd;
	bool dead;		   /* the lock is ours */
	const char *fault;	   /* condemned, and why */
	volatile sig_atomic_t cut; /* the handler was here */
	uint64_t consumed;	   /* as in the file; ours to write */
	uint64_t taken;		   /* ring positions below were handed out */
	uint64_t found; /* those below stood there when we opened it */
	bool entered[SPOOL_SLOTS]; /* of a dead writer: in the ledger */
	struct spool_reader *next;
};

/* All there are, for the handler. */
static struct spool_reader *spool_readers;

static void spool_reader_condemn(struct spool_reader *r, const char *why)
{
	if (r->fault)
		return;
	r->fault = why;
	atomic_store_explicit(&r->file->head.condemned, 1,
			      memory_order_relaxed);
}

const char *spool_reader_fault(const struct spool_reader *r)
{
	return r->cut ? "cut short" : r->fault;
}

/* A page that was cut off: zeros in its place. Anything else is our mistake,
 * and the fault comes again without a handler.
 */
static void spool_reader_on_bus(int number, siginfo_t *info, void *context)
{
	char *at = info->si_addr;

	(void)context;
	for (struct spool_reader *r = spool_readers; r; r = r->next) {
		char *start = (char *)r->file;

		if (at < start || at >= start + sizeof(*r->file))
			continue;
		at -= (size_t)(at - start) % PAGE;
		r->cut = 1;
		if (mmap(at, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			 0) != MAP_FAILED)
			return;
	}
	(void)signal(number, SIG_DFL);
}

int spool_reader_guard(void)
{
	struct sigaction act = {
		.sa_sigaction = spool_reader_on_bus,
		.sa_flags = SA_SIGINFO,
	};

	(void)sigemptyset(&act.sa_mask);
	return sigaction(SIGBUS, &act, NULL) ? -errno : 0;
}

/* What the head says. Returns NULL when all of it is sound, or a phrase;
 * ERR_SYNTAX in *ret_err for a layout that is not ours to read.
 */
static const char *spool_reader_head_fault(const struct spool_head *head,
					   int *ret_err)
{
	if (memcmp(head->magic, SPOOL_MAGIC, sizeof(head->magic)) != 0)
		return "overwritten at its beginning";
	if (head->version != SPOOL_VERSION || head->slots != SPOOL_SLOTS ||
	    head->slot_size != RECORD_SIZE)
		*ret_err = ERR_SYNTAX;
	else if (head->touched > SPOOL_SLOTS ||
		 head->consumed > head->produced ||
		 head->produced - head->consumed > SPOOL_SLOTS)
		return "overwritten in its cursors";
	return NULL;
}

/* Is it one of ours? Returns 0, with *ret_fault when it is damaged, or as the
 * header says. Without our magic only the size can tell that it was a spool.
 */
static int spool_reader_check(int fd, const char **ret_fault)
{
	struct spool_head head;
	struct stat st;
	int err = 0;
	ssize_t n;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return ERR_SYNTAX;
	n = pread(fd, &head, sizeof(head), 0);
	if (n < 0)
		return -errno;
	if (n != sizeof(head))
		return ERR_SYNTAX;
	*ret_fault = spool_reader_head_fault(&head, &err);
	if (st.st_size == sizeof(struct spool_file))
		return err;
	if (memcmp(head.magic, SPOOL_MAGIC, sizeof(head.magic)) != 0)
		return ERR_SYNTAX;
	*ret_fault = st.st_size < (off_t)sizeof(struct spool_file)
			     ? "cut short"
			     : "longer than it should be";
	return err;
}

static int spool_reader_map(struct spool_reader *r)
{
	const char *fault = NULL;
	void *p;
	int err = spool_reader_check(r->fd, &fault);

	if (err)
		return err;
	p = mmap(NULL, sizeof(*r->file), PROT_READ | PROT_WRITE, MAP_SHARED,
		 r->fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->file = p;
	r->next = spool_readers;
	spool_readers = r;
	if (fault)
		spool_reader_condemn(r, fault);
	else
		r->consumed = r->taken = r->file->head.consumed;
	r->found = atomic_load_explicit(&r->file->head.produced,
					memory_order_acquire);
	return 0;
}

/* What can't be opened, now or ever, is no spool. */
static int spool_reader_open_err(int err)
{
	switch (err) {
	case ELOOP:
	case EISDIR:
	case ENXIO:
	case EACCES:
	case EPERM:
		return ERR_SYNTAX;
	default:
		return -err;
	}
}

int spool_reader_open(int dir, const char *name, struct spool_reader **ret)
{
	struct spool_reader *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	/* O_NONBLOCK: whatever stands there, do not wait for its other end. */
	r->fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (r->fd < 0)
		err = spool_reader_open_err(errno);
	else
		err = spool_reader_map(r);
	if (err)
		spool_reader_free(&r);
	else
		*ret = r;
	return err;
}

void spool_reader_free(struct spool_reader **r)
{
	if (!*r)
		return;
	for (struct spool_reader **p = &spool_readers; *p; p = &(*p)->next) {
		if (*p == *r) {
			*p = (*r)->next;
			break;
		}
	}
	if ((*r)->file)
		(void)munmap((*r)->file, sizeof(*(*r)->file));
	if ((*r)->fd >= 0)
		(void)close((*r)->fd);
	free(*r);
	*r = NULL;
}

/* Which slots the writer would have taken back. */
static void spool_reader_settle(struct spool_reader *r)
{
	const struct spool_file *file = r->file;
	uint64_t next = atomic_load_explicit(&file->head.reclaimed,
					     memory_order_acquire);

	if (spool_reader_fault(r) || !next || next - 1 > r->consumed ||
	    r->consumed - (next - 1) > SPOOL_SLOTS)
		return;
	for (uint64_t i = next - 1; i < r->consumed; i++)
		r->entered[file->ring[i % SPOOL_SLOTS] % SPOOL_SLOTS] = true;
}

bool spool_reader_dead(struct spool_reader *r)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (r->dead)
		return true;
	r->dead = !fcntl(r->fd, F_OFD_SETLK, &lock);
	if (r->dead)
		spool_reader_settle(r);
	return r->dead;
}

bool spool_reader_old(const struct spool_reader *r)
{
	return r->taken <= r->found;
}

bool spool_reader_waiting(const struct spool_reader *r)
{
	if (spool_reader_fault(r))
		return false;
	return atomic_load_explicit(&r->file->head.produced,
				    memory_order_relaxed) != r->taken;
}

/* Let a record that is taken soon come near. Another processor wrote it, and to
 * wait for its memory line by line is most of what reading it costs.
 */
static void spool_reader_expect(const struct spool_file *file,
				uint64_t position)
{
	uint32_t index = file->ring[position % SPOOL_SLOTS] % SPOOL_SLOTS;
	const char *slot = (const char *)&file->slot[index];

	for (size_t i = 0; i < EXPECT_OCTETS; i += 64)
		__builtin_prefetch(slot + i);
}

int spool_reader_take(struct spool_reader *r, struct record *ret)
{
	struct spool_file *file = r->file;
	uint64_t produced = atomic_load_explicit(&file->head.produced,
						 memory_order_acquire);
	uint32_t index;
	int n;

	if (produced < r->taken || produced - r->consumed > SPOOL_SLOTS)
		spool_reader_condemn(r, "overwritten in its cursors");
	if (spool_reader_fault(r))
		return ERR_PROTO;
	if (produced == r->taken)
		return 0;
	index = file->ring[r->taken % SPOOL_SLOTS];
	if (index >= SPOOL_SLOTS) {
		spool_reader_condemn(r, "overwritten in its ring");
		return ERR_PROTO;
	}
	r->taken++;
	if (produced - r->taken > EXPECT_AHEAD)
		spool_reader_expect(file, r->taken + EXPECT_AHEAD);
	n = record_read(&file->slot[index], AUDIT_INTERRUPTED, ret);
	if (r->cut)
		return ERR_PROTO;
	return n == 1 ? 1 : ERR_SYNTAX;
}

void spool_reader_commit(struct spool_reader *r)
{
	if (r->consumed == r->taken || spool_reader_fault(r))
		return;
	r->consumed = r->taken;
	atomic_store_explicit(&r->file->head.consumed, r->consumed,
			      memory_order_release);
}

void spool_reader_rewind(struct spool_reader *r)
{
	r->taken = r->consumed;
}

/* The slots ever used, as far as that can be. */
static uint32_t spool_reader_touched(const struct spool_reader *r)
{
	uint32_t n = atomic_load_explicit(&r->file->head.touched,
					  memory_order_acquire);

	return spool_reader_fault(r) ? SPOOL_SLOTS : MIN(n, SPOOL_SLOTS);
}

int spool_reader_open_slot(struct spool_reader *r, uint32_t index,
			   struct record *ret)
{
	const struct record_slot *slot = &r->file->slot[index];

	if (index >= spool_reader_touched(r))
		return -ERANGE;
	if (slot->state != RECORD_OPEN)
		return 0;
	/* It may be DONE by now, but not reused: that takes our consent. */
	return record_read(slot, AUDIT_OPEN, ret);
}

int spool_reader_rest(struct spool_reader *r, uint32_t index,
		      struct record *ret)
{
	assert(r->dead);
	if (index >= spool_reader_touched(r))
		return -ERANGE;
	if (r->entered[index] && r->file->slot[index].state == RECORD_DONE)
		return 0;
	return record_read(&r->file->slot[index], AUDIT_INTERRUPTED, ret);
}
