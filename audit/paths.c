/* audit/paths.c - where among the rows of a summary a path may begin so.
 *
 * A beginning has PATHS_HASHES buckets; a bucket is a mask of the parts that
 * have something there. Where all masks of a beginning have a bit in common,
 * its part may hold it. As whoever looks for a long beginning looks for the
 * shorter ones too, a part that passes without having it is rarer than one
 * filter would let it be.
 *
 * The hash is no secret: who chooses paths so that they share buckets makes
 * searches read more rows, and hides nothing.
 */

#include "audit/paths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define PATHS_HASHES	5
#define PATHS_BUCKETS	65536 /* at first; 8 octets a row */
#define PATHS_FEW	64    /* at last */
#define PATHS_FULL	40    /* percent of the bits, at most, after folding */
#define PATHS_HEAD	((size_t)PATHS_PARTS * 8)
#define PATHS_MASKS_MAX ((size_t)PATHS_BUCKETS * 8)

static const size_t paths_length[] = { 2, 4, 8, 12, 16, 24, 32, 48, 64 };
static_assert(ARRAY_SIZE(paths_length) == PATHS_LENGTHS, "a hash for each");

int paths_init(struct paths *p)
{
	*p = (struct paths){ .rows = 0 };
	p->mask = calloc(PATHS_BUCKETS, sizeof(*p->mask));
	return p->mask ? 0 : -ENOMEM;
}

void paths_done(struct paths *p)
{
	free(p->mask);
	*p = (struct paths){ .rows = 0 };
}

/* FNV-1a over the octets, stirred at each length (murmur's last step) since
 * its low bits alone are poor.
 */
void paths_key(struct slice s, struct paths_key *ret)
{
	uint64_t h = 0xcbf29ce484222325ull;
	size_t at = 0;

	ret->len = 0;
	while (ret->len < PATHS_LENGTHS && s.len >= paths_length[ret->len]) {
		uint64_t stirred;

		for (; at < paths_length[ret->len]; at++)
			h = (h ^ (unsigned char)s.ptr[at]) * 0x100000001b3ull;
		stirred = (h ^ h >> 33) * 0xff51afd7ed558ccdull;
		stirred = (stirred ^ stirred >> 33) * 0xc4ceb9fe1a85ec53ull;
		ret->hash[ret->len++] = stirred ^ stirred >> 33;
	}
}

/* Bucket i of a beginning, among a power of two. */
static size_t paths_bucket(uint64_t hash, uint32_t i, size_t buckets)
{
	uint32_t step = (uint32_t)(hash >> 32) | 1;

	return ((uint32_t)hash + i * step) & (buckets - 1);
}

void paths_add(struct paths *p, uint64_t entry, struct slice path)
{
	uint32_t part = p->rows / PATHS_ROWS;
	struct paths_key key;

	assert(part < PATHS_PARTS);
	if (p->rows++ % PATHS_ROWS == 0)
		p->first[part] = entry;
	paths_key(path, &key);
	for (size_t n = 0; n < key.len; n++)
		for (uint32_t i = 0; i < PATHS_HASHES; i++)
			p->mask[paths_bucket(key.hash[n], i, PATHS_BUCKETS)] |=
				1ull << part;
}

/* How many bits would be set with the upper half laid upon the lower. */
static uint64_t paths_folded(const struct paths *p, size_t half)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < half; i++)
		bits += (uint64_t)__builtin_popcountll(p->mask[i] |
						       p->mask[i + half]);
	return bits;
}

/* As few buckets as do. A bucket of the half is the bucket of the whole modulo
 * the half, so what is found there is found still.
 */
static size_t paths_fold(struct paths *p)
{
	uint64_t parts = (p->rows + PATHS_ROWS - 1) / PATHS_ROWS;
	size_t buckets = PATHS_BUCKETS;

	while (buckets > PATHS_FEW) {
		size_t half = buckets / 2;

		if (paths_folded(p, half) * 100 > half * parts * PATHS_FULL)
			break;
		for (size_t i = 0; i < half; i++)
			p->mask[i] |= p->mask[i + half];
		buckets = half;
	}
	return buckets;
}

static void put_u64(unsigned char *to, uint64_t n)
{
	for (size_t i = 0; i < 8; i++)
		to[i] = (unsigned char)(n >> (8 * i));
}

static uint64_t get_u64(const char *from)
{
	uint64_t n = 0;

	for (size_t i = 0; i < 8; i++)
		n |= (uint64_t)(unsigned char)from[i] << (8 * i);
	return n;
}

int paths_pack(struct paths *p, unsigned char **ret, size_t *ret_len)
{
	size_t buckets = paths_fold(p), len = PATHS_HEAD + buckets * 8;
	uint32_t parts = (p->rows + PATHS_ROWS - 1) / PATHS_ROWS;
	unsigned char *octets = malloc(len);

	if (!octets)
		return -ENOMEM;
	for (size_t i = 0; i < PATHS_PARTS; i++)
		put_u64(octets + i * 8, i < parts ? p->first[i] : UINT64_MAX);
	for (size_t i = 0; i < buckets; i++)
		put_u64(octets + PATHS_HEAD + i * 8, p->mask[i]);
	*ret = octets;
	*ret_len = len;
	return 0;
}

/* Where the parts begin; false unless one comes after the other. */
static bool look_parts(struct slice octets, uint64_t last,
		       struct paths_found *ret)
{
	ret->first[PATHS_PARTS] = last + 1;
	for (size_t i = PATHS_PARTS; i-- > 0;) {
		uint64_t first = get_u64(octets.ptr + i * 8);

		if (first == UINT64_MAX)
			first = last + 1;
		if (first > ret->first[i + 1])
			return false;
		ret->first[i] = first;
	}
	return true;
}

bool paths_look(struct slice octets, uint64_t last, const struct paths_key *key,
		struct paths_found *ret)
{
	size_t masks = octets.len - PATHS_HEAD, buckets = masks / 8;

	if (octets.len < PATHS_HEAD || masks > PATHS_MASKS_MAX || !buckets ||
	    masks % 8 || (buckets & (buckets - 1)))
		return false;
	if (!look_parts(octets, last, ret))
		return false;
	ret->mask = UINT64_MAX;
	for (size_t n = 0; n < key->len; n++)
		for (uint32_t i = 0; i < PATHS_HASHES; i++)
			ret->mask &= get_u64(
				octets.ptr + PATHS_HEAD +
				8 * paths_bucket(key->hash[n], i, buckets));
	return true;
}
