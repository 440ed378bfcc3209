/* audit/cache.c - octets to a row's id, as many as fit.
 *
 * Sets of four entries. A key belongs to one set by its hash and is compared
 * in full, as peers choose what is in it: what they can choose is only which
 * entries push each other out.
 */

#include "audit/cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define WAYS 4

struct cache {
	uint32_t sets; /* a power of two */
	uint32_t tick; /* of the last use */
	struct cache_entry entry[];
};

struct cache *cache_new(size_t entries)
{
	struct cache *c = calloc(1, sizeof(*c) + entries * sizeof(c->entry[0]));

	assert(entries >= WAYS && !(entries & (entries - 1)));
	if (c)
		c->sets = (uint32_t)(entries / WAYS);
	return c;
}

void cache_clear(struct cache *c)
{
	for (size_t i = 0; i < (size_t)c->sets * WAYS; i++) {
		free(c->entry[i].key);
		c->entry[i] = (struct cache_entry){ 0 };
	}
}

void cache_free(struct cache **c)
{
	if (!*c)
		return;
	cache_clear(*c);
	free(*c);
	*c = NULL;
}

/* Multiply, and fold the product: sixteen octets a step. */
static uint64_t cache_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint32_t cache_hash(struct slice s)
{
	const uint64_t odd = 0x9e3779b97f4a7c15;
	uint64_t h = s.len ^ odd, word[2];

	for (; s.len >= sizeof(word); s = slice_skip(s, sizeof(word))) {
		memcpy(word, s.ptr, sizeof(word));
		h = cache_mix(h ^ word[0], odd ^ word[1]);
	}
	word[0] = word[1] = 0;
	if (s.len)
		memcpy(word, s.ptr, s.len);
	h = cache_mix(h ^ word[0], odd ^ word[1]);
	return (uint32_t)(h >> 32);
}

bool cache_find(struct cache *c, struct slice key, struct cache_entry **ret)
{
	uint32_t hash = cache_hash(key);
	struct cache_entry *set = &c->entry[(hash & (c->sets - 1)) * WAYS];
	struct cache_entry *oldest = set;

	c->tick++;
	for (int i = 0; i < WAYS; i++) {
		struct cache_entry *e = &set[i];

		if (e->key && e->hash == hash && e->key_len == key.len &&
		    !memcmp(e->key, key.ptr, key.len)) {
			e->used = c->tick;
			*ret = e;
			return true;
		}
		if (c->tick - e->used > c->tick - oldest->used)
			oldest = e;
	}
	*ret = oldest;
	return false;
}

void cache_keep(struct cache *c, struct cache_entry *e, struct slice key,
		int64_t id)
{
	free(e->key);
	*e = (struct cache_entry){
		.id = id,
		.used = c->tick,
		.hash = cache_hash(key),
		.key = malloc(key.len),
	};
	if (!e->key)
		return;
	memcpy(e->key, key.ptr, key.len);
	e->key_len = (uint32_t)key.len;
}
