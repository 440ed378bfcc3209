/* What is cached is found, what is not found is not made up. */

#include "audit/cache.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/slice.h"

#define ENTRIES 64

static struct cache *cache;

static int setup(void **state)
{
	(void)state;
	cache = cache_new(ENTRIES);
	assert_non_null(cache);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cache_free(&cache);
	assert_null(cache);
	cache_free(&cache);
	return 0;
}

static void keep(struct slice key, int64_t id)
{
	struct cache_entry *e;

	assert_false(cache_find(cache, key, &e));
	cache_keep(cache, e, key, id);
	assert_int_equal(e->id, id);
	assert_int_equal(e->day, 0);
	assert_int_equal(e->second, 0);
}

/* The id of a key, or 0. */
static int64_t look(struct slice key)
{
	struct cache_entry *e;

	return cache_find(cache, key, &e) ? e->id : 0;
}

static void all_lengths(void **state)
{
	char key[70], other[70];

	(void)state;
	for (size_t n = 1; n < sizeof(key); n++) {
		memset(key, 'k', n);
		memset(other, 'k', n);
		keep(slice_of(key, n), (int64_t)n);
		assert_int_equal(look(slice_of(other, n)), n);
		for (size_t i = 0; i < n; i++) {
			other[i] ^= 1;
			assert_int_equal(look(slice_of(other, n)), 0);
			other[i] ^= 1;
		}
		assert_int_equal(look(slice_of(key, n - 1)),
				 n > 1 ? (int64_t)n - 1 : 0);
	}
}

/* The key is copied. */
static void key_is_kept(void **state)
{
	char key[] = "key";

	(void)state;
	keep(slice_str(key), 7);
	key[0] = 'x';
	assert_int_equal(look(SLICE("key")), 7);
	assert_int_equal(look(slice_str(key)), 0);
}

/* Ten times as many as there is room for: what is in use stays. */
static void oldest_goes(void **state)
{
	char key[16];
	int kept = 0;

	(void)state;
	keep(SLICE("in use"), 1);
	for (int i = 0; i < ENTRIES * 10; i++) {
		(void)snprintf(key, sizeof(key), "key %d", i);
		keep(slice_str(key), i + 2);
		assert_int_equal(look(slice_str(key)), i + 2);
		assert_int_equal(look(SLICE("in use")), 1);
	}
	for (int i = 0; i < ENTRIES * 10; i++) {
		(void)snprintf(key, sizeof(key), "key %d", i);
		kept += look(slice_str(key)) == i + 2;
	}
	assert_in_range(kept, ENTRIES / 2, ENTRIES - 1);
}

static void cleared(void **state)
{
	(void)state;
	keep(SLICE("a"), 1);
	keep(SLICE("b"), 2);
	cache_clear(cache);
	assert_int_equal(look(SLICE("a")), 0);
	keep(SLICE("a"), 3);
	assert_int_equal(look(SLICE("a")), 3);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(all_lengths),
		T(key_is_kept),
		T(oldest_goes),
		T(cleared),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
