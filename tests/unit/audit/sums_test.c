/* Sums by key, and their octets. */

#include "audit/sums.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"

#define BASE 1000

static struct sum one(int64_t key, uint64_t id)
{
	return (struct sum){ .key = { key },
			     .rows = 1,
			     .bytes_up = 3,
			     .bytes_down = UINT32_MAX,
			     .first_id = id,
			     .last_id = id };
}

/* 1000 keys, each added key % 7 + 1 times, from the last to the first. */
static void seed(struct sums *s)
{
	for (int64_t key = 1000; key-- > 0;)
		for (int64_t n = 0; n <= key % 7; n++) {
			struct sum sum =
				one(key, (uint64_t)(BASE + key * 10 + n));

			assert_int_equal(sums_add(s, &sum), 0);
		}
	assert_int_equal(s->len, 1000);
}

static int expect(void *ctx, const struct sum *sum)
{
	int64_t *key = ctx;
	uint64_t rows = (uint64_t)(*key % 7) + 1;

	assert_int_equal(sum->key[0], *key);
	assert_int_equal(sum->rows, rows);
	assert_int_equal(sum->bytes_up, 3 * rows);
	assert_int_equal(sum->bytes_down, rows * UINT32_MAX);
	assert_int_equal(sum->first_id, BASE + *key * 10);
	assert_int_equal(sum->last_id, sum->first_id + rows - 1);
	(*key)++;
	return 0;
}

static void round_trip(void **state)
{
	struct sums s = { .len = 0 };
	unsigned char *octets;
	int64_t key = 0;
	size_t len;

	(void)state;
	seed(&s);
	assert_int_equal(sums_pack(&s, BASE, &octets, &len), 0);
	assert_int_equal(sums_unpack(octets, len, BASE, expect, &key), 0);
	assert_int_equal(key, 1000);
	free(octets);
	sums_done(&s);
	assert_int_equal(sums_pack(&s, BASE, &octets, &len), 0);
	assert_int_equal(len, 0);
	free(octets);
}

static int ignore(void *ctx, const struct sum *sum)
{
	(void)sum;
	return ++*(int *)ctx == 3 ? 7 : 0;
}

/* Cut anywhere, and octets of nobody's: an error, or sums, never more. */
static void damaged(void **state)
{
	static const unsigned char endless[] = { 0x80, 0x80, 0x80, 0x80,
						 0x80, 0x80, 0x80, 0x80,
						 0x80, 0x80, 0x80, 0x80 };
	struct sums s = { .len = 0 };
	unsigned char *octets;
	int n = 0, whole = 0;
	size_t len;

	(void)state;
	seed(&s);
	assert_int_equal(sums_pack(&s, BASE, &octets, &len), 0);
	for (size_t cut = 0; cut < 200; cut++) {
		int got = -1000000; /* never 3 */
		int err = sums_unpack(octets, cut, BASE, ignore, &got);

		assert_true(!err || err == ERR_PROTO);
		whole += !err;
	}
	assert_true(whole > 5 && whole < 40);
	assert_int_equal(sums_unpack(octets, len, BASE, ignore, &n), 7);
	assert_int_equal(
		sums_unpack(endless, sizeof(endless), BASE, ignore, &n),
		ERR_PROTO);
	free(octets);
	sums_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
