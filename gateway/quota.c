/* gateway/quota.c - how often: the option rate= of a rule.
 *
 * A bucket is one number, the time at which it would be full again if nothing
 * more came (the virtual scheduling of the generic cell rate algorithm, ITU-T
 * I.371, annex A). A request moves it by span / rate and is refused if it would
 * then lie further than span ahead. Both the key and the number are changed by
 * compare-and-swap, so workers need no lock, and one that dies leaves nothing
 * half done. A bucket whose time has passed says nothing any more and may be
 * taken for another key.
 */

#include "gateway/quota.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "base/base.h"
#include "base/hash.h"

#define QUOTA_PROBES 16 /* buckets looked at for one key */

struct quota {
	_Atomic uint64_t key;	  /* 0: free */
	_Atomic uint64_t full_us; /* see above */
};

struct quotas {
	struct hash_key key;
	struct quota at[QUOTAS_MAX];
};
static_assert((QUOTAS_MAX & (QUOTAS_MAX - 1)) == 0, "a mask is made of it");

int quotas_new(struct quotas **ret)
{
	void *mem = mmap(NULL, sizeof(struct quotas), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return -errno;
	*ret = mem;
	return hash_key_new(&(*ret)->key);
}

uint64_t quota_key(const struct quotas *q, uint32_t sandbox, struct slice rule)
{
	uint64_t pair[2] = { hash_of(&q->key, rule), sandbox };
	uint64_t key =
		hash_of(&q->key, slice_of((const char *)pair, sizeof(pair)));

	return key ? key : 1;
}

/* The key's bucket, taken if need be; NULL when all that it may have are in
 * use.
 */
static struct quota *quota_find(struct quotas *q, uint64_t key, uint64_t now_us)
{
	for (unsigned int i = 0; i < QUOTA_PROBES; i++) {
		struct quota *at = &q->at[(key + i) & (QUOTAS_MAX - 1)];

		if (atomic_load(&at->key) == key)
			return at;
	}
	for (unsigned int i = 0; i < QUOTA_PROBES; i++) {
		struct quota *at = &q->at[(key + i) & (QUOTAS_MAX - 1)];
		uint64_t old = atomic_load(&at->key);

		if (old && atomic_load(&at->full_us) > now_us)
			continue;
		if (atomic_compare_exchange_strong(&at->key, &old, key) ||
		    old == key)
			return at;
	}
	return NULL;
}

uint32_t quota_take(struct quotas *q, uint64_t key, uint32_t rate,
		    uint32_t span_s, uint64_t now_us)
{
	uint64_t span_us = (uint64_t)span_s * 1000000;
	uint64_t step_us = span_us / MAX(rate, 1u);
	struct quota *at = quota_find(q, key, now_us);
	uint64_t full_us, next_us;

	if (!at)
		return span_s;
	full_us = atomic_load(&at->full_us);
	do {
		next_us = MAX(full_us, now_us) + step_us;
		if (next_us > now_us + span_us)
			return (uint32_t)((next_us - now_us - span_us) /
					  1000000) +
			       1;
	} while (
		!atomic_compare_exchange_weak(&at->full_us, &full_us, next_us));
	return 0;
}
