/* gateway/guard.c - which addresses may be dialled.
 *
 * Two tables of prefixes, after the special-purpose registries (RFC 6890 and
 * its successors); the first that matches decides, so an exception stands
 * before the net around it. IPv4: what is in no line is global. IPv6: the
 * other way round, only 2000::/3 is given out, so the last line refuses the
 * rest of the space, known or not.
 *
 * State: the host's own addresses, in memory that the parent shares with its
 * workers. The parent reads them anew each second and, when they are others,
 * writes the table that is not in use, then says that it is. A worker looks
 * again when that happened in the middle of a look.
 */

#include "gateway/guard.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/base.h"

/* More than this many addresses on one host is not expected; past it the
 * start fails, or what was known stays, rather than forget one.
 */
#define GUARD_OWN_MAX 1024

struct guard_v4 {
	uint8_t net[4];
	uint8_t bits;
	enum guard_class class;
	const char *why;
};

struct guard_v6 {
	uint8_t net[16]; /* zero behind what is written */
	uint8_t bits;
	enum guard_class class;
	const char *why;
};

static const struct guard_v4 guard_v4[] = {
	{ { 0 }, 8, GUARD_NEVER, "unspecified" },
	{ { 127 }, 8, GUARD_NEVER, "loopback" },
	{ { 169, 254 }, 16, GUARD_NEVER, "link-local" },
	{ { 100, 100, 100, 200 }, 32, GUARD_NEVER, "cloud metadata" },
	{ { 168, 63, 129, 16 }, 32, GUARD_NEVER, "cloud metadata" },
	{ { 192, 0, 0 }, 24, GUARD_NEVER, "reserved" },
	{ { 192, 88, 99 }, 24, GUARD_NEVER, "6to4" },
	/* Ours (gateway/names.h): dialling it would lead back here. */
	{ { 198, 18 }, 15, GUARD_NEVER, "synthetic" },
	{ { 224 }, 4, GUARD_NEVER, "multicast" },
	{ { 255, 255, 255, 255 }, 32, GUARD_NEVER, "broadcast" },
	{ { 240 }, 4, GUARD_NEVER, "reserved" },
	{ { 10 }, 8, GUARD_PRIVATE, "private" },
	{ { 172, 16 }, 12, GUARD_PRIVATE, "private" },
	{ { 192, 168 }, 16, GUARD_PRIVATE, "private" },
	{ { 100, 64 }, 10, GUARD_PRIVATE, "carrier-grade NAT" },
	{ { 192, 0, 2 }, 24, GUARD_PRIVATE, "documentation" },
	{ { 198, 51, 100 }, 24, GUARD_PRIVATE, "documentation" },
	{ { 203, 0, 113 }, 24, GUARD_PRIVATE, "documentation" },
};

static const struct guard_v6 guard_v6[] = {
	{ { [15] = 0 }, 128, GUARD_NEVER, "unspecified" },
	{ { [15] = 1 }, 128, GUARD_NEVER, "loopback" },
	{ { 0 }, 96, GUARD_NEVER, "IPv4-compatible" },
	{ { [10] = 0xff, 0xff }, 96, GUARD_NEVER, "IPv4-mapped" },
	{ { 0x00, 0x64, 0xff, 0x9b }, 32, GUARD_NEVER, "NAT64" },
	{ { 0xfe, 0x80 }, 10, GUARD_NEVER, "link-local" },
	{ { 0xfe, 0xc0 }, 10, GUARD_NEVER, "site-local" },
	{ { 0xff }, 8, GUARD_NEVER, "multicast" },
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, GUARD_PRIVATE, "documentation" },
	{ { 0x3f, 0xff }, 20, GUARD_PRIVATE, "documentation" },
	{ { 0x20, 0x01, 0x00, 0x02 }, 48, GUARD_PRIVATE, "benchmarking" },
	{ { 0x20, 0x01 }, 32, GUARD_NEVER, "Teredo" },
	{ { 0x20, 0x01 }, 23, GUARD_NEVER, "reserved" },
	{ { 0x20, 0x02 }, 16, GUARD_NEVER, "6to4" },
	/* fd00:ec2::254 and its neighbours; fd20:ce::254. */
	{ { 0xfd, 0x00, 0x0e, 0xc2 }, 32, GUARD_NEVER, "cloud metadata" },
	{ { 0xfd, 0x20, 0x00, 0xce }, 32, GUARD_NEVER, "cloud metadata" },
	{ { 0xfd, 0x70, 0x65, 0x6e, 0x73, 0x74 },
	  48,
	  GUARD_NEVER,
	  "synthetic" },
	{ { 0xfc }, 7, GUARD_PRIVATE, "private" },
	{ { 0x20 }, 3, GUARD_GLOBAL, "global" },
	{ { 0 }, 0, GUARD_NEVER, "reserved" },
};

struct guard_own {
	sa_family_t family;
	uint8_t octets[16]; /* v4 in the first four, zero behind */
};

struct guard_table {
	size_t len;
	struct guard_own own[GUARD_OWN_MAX];
};

/* The table in use is the one of the turn's parity. */
static struct {
	_Atomic uint32_t turn;
	struct guard_table table[2];
} * guard_shared;

static bool guard_within(const uint8_t *addr, const uint8_t *net,
			 unsigned int bits)
{
	unsigned int rest = bits % 8;

	if (memcmp(addr, net, bits / 8) != 0)
		return false;
	return !rest || !((addr[bits / 8] ^ net[bits / 8]) >> (8 - rest));
}

static enum guard_class guard_class_v4(const uint8_t *addr, const char **ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(guard_v4); i++)
		if (guard_within(addr, guard_v4[i].net, guard_v4[i].bits)) {
			*ret = guard_v4[i].why;
			return guard_v4[i].class;
		}
	*ret = "global";
	return GUARD_GLOBAL;
}

static enum guard_class guard_class_v6(const uint8_t *addr, const char **ret)
{
	size_t i = 0;

	/* The last line holds every address. */
	while (!guard_within(addr, guard_v6[i].net, guard_v6[i].bits))
		i++;
	*ret = guard_v6[i].why;
	return guard_v6[i].class;
}

/* The octets of an address and how many; 0 for another family. */
static size_t guard_octets(const struct sockaddr *addr, uint8_t ret[16])
{
	/* By copy: a sockaddr may lie anywhere in a larger buffer. */
	if (addr->sa_family == AF_INET) {
		memcpy(ret,
		       (const char *)addr +
			       offsetof(struct sockaddr_in, sin_addr),
		       4);
		return 4;
	}
	if (addr->sa_family == AF_INET6) {
		memcpy(ret,
		       (const char *)addr +
			       offsetof(struct sockaddr_in6, sin6_addr),
		       16);
		return 16;
	}
	return 0;
}

enum guard_class guard_class(const struct sockaddr *addr, const char **ret_why)
{
	enum guard_class class = GUARD_NEVER;
	const char *why = "not an internet address";
	uint8_t octets[16];

	switch (guard_octets(addr, octets)) {
	case 4:
		class = guard_class_v4(octets, &why);
		break;
	case 16:
		class = guard_class_v6(octets, &why);
		break;
	}
	if (class != GUARD_NEVER && guard_is_own(addr)) {
		class = GUARD_NEVER;
		why = "the gateway's own address";
	}
	if (ret_why)
		*ret_why = why;
	return class;
}

/* The host's addresses as of now. */
static int guard_read(struct guard_table *ret)
{
	struct ifaddrs *all;
	int err = 0;

	if (getifaddrs(&all) < 0)
		return -errno;
	memset(ret, 0, sizeof(*ret));
	for (struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct guard_own *own = &ret->own[ret->len];
		uint8_t octets[16] = { 0 };

		if (!i->ifa_addr || !guard_octets(i->ifa_addr, octets))
			continue;
		if (ret->len == GUARD_OWN_MAX) {
			err = -ENOBUFS;
			break;
		}
		own->family = i->ifa_addr->sa_family;
		memcpy(own->octets, octets, sizeof(octets));
		ret->len++;
	}
	freeifaddrs(all);
	return err;
}

static int guard_share(void)
{
	void *p = mmap(NULL, sizeof(*guard_shared), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	guard_shared = p;
	return 0;
}

int guard_learn_own(void)
{
	static struct guard_table now;
	int err = guard_shared ? 0 : guard_share();
	uint32_t turn;

	if (!err)
		err = guard_read(&now);
	if (err)
		return err;
	assert(guard_shared);
	turn = atomic_load_explicit(&guard_shared->turn, memory_order_relaxed);
	if (!memcmp(&now, &guard_shared->table[turn % 2], sizeof(now)))
		return 0;
	guard_shared->table[(turn + 1) % 2] = now;
	atomic_store_explicit(&guard_shared->turn, turn + 1,
			      memory_order_release);
	return 1;
}

static bool guard_holds(const struct guard_table *t, sa_family_t family,
			const uint8_t octets[16])
{
	for (size_t i = 0; i < MIN(t->len, (size_t)GUARD_OWN_MAX); i++)
		if (t->own[i].family == family &&
		    !memcmp(t->own[i].octets, octets, 16))
			return true;
	return false;
}

bool guard_is_own(const struct sockaddr *addr)
{
	uint8_t octets[16] = { 0 };
	uint32_t turn, after;
	bool own;

	if (!guard_shared || !guard_octets(addr, octets))
		return false;
	do {
		turn = atomic_load_explicit(&guard_shared->turn,
					    memory_order_acquire);
		own = guard_holds(&guard_shared->table[turn % 2],
				  addr->sa_family, octets);
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&guard_shared->turn,
					     memory_order_relaxed);
	} while (after != turn);
	return own;
}
