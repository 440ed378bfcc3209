/* audit/spool_read.c - records on their way to the ledger: the reader's side.
 *
 * The theory of operation is in audit/spool.c. Its writer reads hostile bytes
 * and may have been taken over, so nothing in the file is believed: sizes are
 * checked when it is opened, every index and cursor when it is read, records
 * are copied before they are judged. What remains is that a writer truncates
 * the file while we read it, which ends this process by SIGBUS: the supervisor
 * starts it again, the file is then set aside for its size, and no other
 * spool loses anything by it.
 */

#include "audit/spool_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"

static_assert(offsetof(struct spool_head, produced) == 64, "as documented");
static_assert(offsetof(struct spool_head, touched) == 72, "as documented");
static_assert(offsetof(struct spool_head, consumed) == 128, "as documented");
static_assert(offsetof(struct spool_file, ring) == 4096, "as documented");
static_assert(offsetof(struct spool_file, slot) == 20480, "as documented");

struct spool_reader {
	struct spool_file *file; /* mapped */
	int fd;
	bool dead;	   /* the lock is ours */
	uint64_t consumed; /* as in the file; ours to write */
	uint64_t taken;	   /* ring positions below were handed out */
};

/* Is it one of ours, of the right size? Returns 0 or as the header says. */
static int spool_reader_check(int fd)
{
	struct spool_head head;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size != sizeof(struct spool_file))
		return ERR_SYNTAX;
	n = pread(fd, &head, sizeof(head), 0);
	if (n < 0)
		return -errno;
	if (n != sizeof(head) || memcmp(head.magic, SPOOL_MAGIC, 8) != 0 ||
	    head.version != SPOOL_VERSION || head.slots != SPOOL_SLOTS ||
	    head.slot_size != RECORD_SIZE || head.touched > SPOOL_SLOTS ||
	    head.consumed > head.produced ||
	    head.produced - head.consumed > SPOOL_SLOTS)
		return ERR_SYNTAX;
	return 0;
}

static int spool_reader_map(struct spool_reader *r)
{
	void *p;
	int err = spool_reader_check(r->fd);

	if (err)
		return err;
	p = mmap(NULL, sizeof(*r->file), PROT_READ | PROT_WRITE, MAP_SHARED,
		 r->fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->file = p;
	r->consumed = r->taken = r->file->head.consumed;
	return 0;
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
		err = errno == ELOOP || errno == EISDIR ? ERR_SYNTAX : -errno;
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
	if ((*r)->file)
		(void)munmap((*r)->file, sizeof(*(*r)->file));
	if ((*r)->fd >= 0)
		(void)close((*r)->fd);
	free(*r);
	*r = NULL;
}

bool spool_reader_dead(struct spool_reader *r)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (!r->dead)
		r->dead = !fcntl(r->fd, F_OFD_SETLK, &lock);
	return r->dead;
}

bool spool_reader_waiting(const struct spool_reader *r)
{
	return atomic_load_explicit(&r->file->head.produced,
				    memory_order_relaxed) != r->taken;
}

int spool_reader_take(struct spool_reader *r, struct record *ret)
{
	struct spool_file *file = r->file;
	uint64_t produced = atomic_load_explicit(&file->head.produced,
						 memory_order_acquire);
	uint32_t index;
	int n;

	if (produced < r->taken || produced - r->consumed > SPOOL_SLOTS)
		return ERR_PROTO;
	if (produced == r->taken)
		return 0;
	index = file->ring[r->taken % SPOOL_SLOTS];
	if (index >= SPOOL_SLOTS)
		return ERR_PROTO;
	r->taken++;
	n = record_read(&file->slot[index], AUDIT_INTERRUPTED, ret);
	return n == 1 ? 1 : ERR_SYNTAX;
}

void spool_reader_commit(struct spool_reader *r)
{
	if (r->consumed == r->taken)
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

	return MIN(n, SPOOL_SLOTS);
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
	return record_read(&r->file->slot[index], AUDIT_INTERRUPTED, ret);
}
