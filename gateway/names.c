/* gateway/names.c - synthetic addresses: each name its own.
 *
 * The file is an array of slots of 256 octets, so that none straddles a sector
 * or a page. Slot 0 holds what the layout is and the key of the hash; every
 * other one a name. Offsets in a slot:
 *
 *   offset  size  what
 *        0     2  state: 0 empty, 1 claimed, 2 ready
 *        2     1  octets of the name
 *        3   253  the name
 *
 * A name lives in the first slot that is not ready with another name, from the
 * slot that its hash says onwards. Claiming is a compare-and-swap from empty;
 * a slot that is ready never changes again, so reading needs no lock. A slot
 * that another process has claimed is passed over and not waited for: it may
 * have died there. Two processes may so give one name two slots; both lead
 * back to the name, which is all that an address has to do.
 *
 * A probe ends after NAMES_PROBES slots: a full table must not cost a walk
 * through 32 MiB for every question.
 */

#include "gateway/names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/hash.h"

#define NAMES_SLOTS  (1u << 17) /* addresses in 198.18.0.0/15 */
#define NAMES_LEN    253	/* octets of a name */
#define NAMES_PROBES 1024
#define NAMES_SAMPLE 2048 /* slots looked at to see how full a table is */

enum names_state {
	NAMES_EMPTY,   /* may be claimed */
	NAMES_CLAIMED, /* nothing in it may be read, but by who claimed it */
	NAMES_READY,   /* never changes again */
};

struct names_slot {
	_Atomic uint16_t state;
	uint8_t len;
	char name[NAMES_LEN];
};
static_assert(sizeof(struct names_slot) == 256, "a slot has padding");

/* What stands in slot 0. */
struct names_head {
	char magic[16];
	struct hash_key key;
	char unused[224];
};
static_assert(sizeof(struct names_head) == sizeof(struct names_slot),
	      "slot 0 has another size");

static const char names_magic[16] = "penstock names 1";

#define NAMES_SIZE (NAMES_SLOTS * sizeof(struct names_slot))

struct names {
	struct names_head *head;  /* the mapping, shared */
	struct names_slot *slots; /* the same, from slot 0 */
};

static int names_map(int fd, struct names *n)
{
	void *mem = mmap(NULL, NAMES_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 fd, 0);

	if (mem == MAP_FAILED)
		return -errno;
	n->head = mem;
	n->slots = mem;
	return 0;
}

/* Is the table nearly full? Then names that are new find no place, and those
 * that are in it were most likely put there to that end. The hash spreads
 * names evenly, so the first slots stand for all.
 */
static bool names_crowded(int fd)
{
	struct names_slot slot[16];
	unsigned int ready = 0;

	for (size_t i = 0; i < NAMES_SAMPLE; i += ARRAY_SIZE(slot)) {
		if (pread(fd, slot, sizeof(slot),
			  (off_t)(i * sizeof(slot[0]))) != sizeof(slot))
			return false;
		for (size_t k = 0; k < ARRAY_SIZE(slot); k++)
			ready += slot[k].state == NAMES_READY;
	}
	return ready > NAMES_SAMPLE / 4 * 3;
}

/* Does fd hold a table of ours, with room? Returns 1, 0 or -errno. */
static int names_check(int fd)
{
	char magic[sizeof(names_magic)];
	struct stat st;
	ssize_t got;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size != (off_t)NAMES_SIZE)
		return 0;
	got = pread(fd, magic, sizeof(magic), 0);
	if (got < 0)
		return -errno;
	return got == sizeof(magic) &&
	       !memcmp(magic, names_magic, sizeof(magic)) && !names_crowded(fd);
}

/* Write an empty table. All its blocks are asked for now: to run out of disk
 * later would be a SIGBUS. The magic comes last.
 */
static int names_format(int fd)
{
	struct names_head head = { 0 };
	int err = hash_key_new(&head.key);

	if (err < 0)
		return err;
	err = posix_fallocate(fd, 0, (off_t)NAMES_SIZE);
	if (err)
		return -err;
	memcpy(head.magic, names_magic, sizeof(head.magic));
	return pwrite(fd, &head, sizeof(head), 0) == sizeof(head) ? 0 : -EIO;
}

/* A table at path, of this layout. Returns a descriptor or -errno. */
static int names_open_file(const char *path)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
	int fd = open(path, flags);
	int good = fd < 0 ? -errno : names_check(fd);

	if (good == 1)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	if (good < 0 && good != -ENOENT)
		return good;

	/* Not truncated in place: somebody may have it mapped. */
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	fd = open(path, flags | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return -errno;
	good = names_format(fd);
	if (good >= 0)
		return fd;
	(void)close(fd);
	(void)unlink(path);
	return good;
}

int names_open(const char *path, struct names **ret)
{
	struct names *n = calloc(1, sizeof(*n));
	int fd, err;

	if (!n)
		return -ENOMEM;
	fd = names_open_file(path);
	err = fd < 0 ? fd : names_map(fd, n);
	if (fd >= 0)
		(void)close(fd);
	if (err < 0) {
		free(n);
		return err;
	}
	*ret = n;
	return 0;
}

void names_close(struct names **n)
{
	if (!*n)
		return;
	(void)munmap((*n)->head, NAMES_SIZE);
	free(*n);
	*n = NULL;
}

static struct slice names_read(struct names_slot *slot)
{
	if (atomic_load_explicit(&slot->state, memory_order_acquire) !=
		    NAMES_READY ||
	    slot->len > NAMES_LEN)
		return slice_of(NULL, 0);
	return slice_of(slot->name, slot->len);
}

/* Put name into slot if it is empty. Returns false if somebody was faster. */
static bool names_claim(struct names_slot *slot, struct slice name)
{
	uint16_t state = NAMES_EMPTY;

	if (!atomic_compare_exchange_strong(&slot->state, &state,
					    NAMES_CLAIMED))
		return false;
	memcpy(slot->name, name.ptr, name.len);
	slot->len = (uint8_t)name.len;
	atomic_store_explicit(&slot->state, NAMES_READY, memory_order_release);
	return true;
}

int names_slot(struct names *n, struct slice name)
{
	/* Neither the first address of the net nor its last. */
	const uint32_t usable = NAMES_SLOTS - 2;
	uint32_t at;

	if (!name.len || name.len > NAMES_LEN)
		return -EINVAL;
	at = (uint32_t)(hash_of(&n->head->key, name) % usable);
	for (int i = 0; i < NAMES_PROBES; i++) {
		struct names_slot *slot = &n->slots[at + 1];

		if (slice_eq(names_read(slot), name) || names_claim(slot, name))
			return (int)(at + 1);
		at = (at + 1) % usable;
	}
	return -ENOSPC;
}

int names_find(struct names *n, struct slice name)
{
	const uint32_t usable = NAMES_SLOTS - 2;
	uint32_t at = (uint32_t)(hash_of(&n->head->key, name) % usable);

	for (int i = 0; i < NAMES_PROBES; i++) {
		struct names_slot *slot = &n->slots[at + 1];

		if (slice_eq(names_read(slot), name))
			return (int)(at + 1);
		if (atomic_load(&slot->state) == NAMES_EMPTY)
			break;
		at = (at + 1) % usable;
	}
	return 0;
}

struct slice names_name(const struct names *n, uint32_t slot)
{
	if (!slot || slot >= NAMES_SLOTS)
		return slice_of(NULL, 0);
	return names_read(&n->slots[slot]);
}

#define NAMES_V4 0xc6120000u /* 198.18.0.0 */

/* fd70:656e:7374::, "pen" and "st" in ASCII. */
static const uint8_t names_v6_net[12] = { 0xfd, 0x70, 0x65, 0x6e, 0x73, 0x74 };

struct in_addr names_v4(uint32_t slot)
{
	assert(slot < NAMES_SLOTS);
	return (struct in_addr){ .s_addr = htonl(NAMES_V4 + slot) };
}

struct in6_addr names_v6(uint32_t slot)
{
	const uint32_t low = htonl(slot);
	struct in6_addr addr;

	assert(slot < NAMES_SLOTS);
	memcpy(addr.s6_addr, names_v6_net, sizeof(names_v6_net));
	memcpy(addr.s6_addr + sizeof(names_v6_net), &low, sizeof(low));
	return addr;
}

uint32_t names_of_v4(struct in_addr addr)
{
	/* Below the net this wraps to a large number. */
	uint32_t slot = ntohl(addr.s_addr) - NAMES_V4;

	return slot < NAMES_SLOTS ? slot : 0;
}

uint32_t names_of_v6(const struct in6_addr *addr)
{
	uint32_t low;

	if (memcmp(addr->s6_addr, names_v6_net, sizeof(names_v6_net)) != 0)
		return 0;
	memcpy(&low, addr->s6_addr + sizeof(names_v6_net), sizeof(low));
	low = ntohl(low);
	return low < NAMES_SLOTS ? low : 0;
}
