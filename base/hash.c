/* base/hash.c - SipHash-2-4. */

#include "base/hash.h"

#include <errno.h>
#include <sys/random.h>

#include "base/base.h"

struct hash_state {
	uint64_t v0, v1, v2, v3;
};

int hash_key_new(struct hash_key *ret)
{
	struct hash_key key;

	/* 256 octets or fewer come whole or not at all. */
	if (getrandom(&key, sizeof(key), 0) < 0)
		return -errno;
	*ret = key;
	return 0;
}

/* Up to eight octets, the first one lowest. */
static uint64_t hash_word(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t v = 0;

	for (size_t i = len; i > 0; i--)
		v = v << 8 | p[i - 1];
	return v;
}

static uint64_t hash_turn(uint64_t v, int bits)
{
	return v << bits | v >> (64 - bits);
}

static void hash_rounds(struct hash_state *s, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		s->v0 += s->v1;
		s->v1 = hash_turn(s->v1, 13) ^ s->v0;
		s->v0 = hash_turn(s->v0, 32);
		s->v2 += s->v3;
		s->v3 = hash_turn(s->v3, 16) ^ s->v2;
		s->v0 += s->v3;
		s->v3 = hash_turn(s->v3, 21) ^ s->v0;
		s->v2 += s->v1;
		s->v1 = hash_turn(s->v1, 17) ^ s->v2;
		s->v2 = hash_turn(s->v2, 32);
	}
}

static void hash_put(struct hash_state *s, uint64_t word)
{
	s->v3 ^= word;
	hash_rounds(s, 2);
	s->v0 ^= word;
}

uint64_t hash_of(const struct hash_key *key, struct slice text)
{
	uint64_t k0 = hash_word(key->octets, 8);
	uint64_t k1 = hash_word(key->octets + 8, 8);
	uint64_t last = (uint64_t)text.len << 56;
	struct hash_state s = {
		.v0 = k0 ^ 0x736f6d6570736575,
		.v1 = k1 ^ 0x646f72616e646f6d,
		.v2 = k0 ^ 0x6c7967656e657261,
		.v3 = k1 ^ 0x7465646279746573,
	};

	for (; text.len >= 8; text = slice_skip(text, 8))
		hash_put(&s, hash_word(text.ptr, 8));
	hash_put(&s, last | hash_word(text.ptr, text.len));
	s.v2 ^= 0xff;
	hash_rounds(&s, 4);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
