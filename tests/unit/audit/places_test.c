/* Where rows stand: put, found, dropped, as a plain list would have it. */

#include "audit/places.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

#define IDS 3000

static uint32_t state = 7;

static uint32_t dice(uint32_t sides)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % sides;
}

/* Ids of one writer, a microsecond apart, as ids are. */
static uint64_t id_of(uint32_t n)
{
	return ((uint64_t)69120000000000 + n) << 12 | 1;
}

static void empty(void **ctx)
{
	struct places p = { 0 };

	(void)ctx;
	assert_int_equal(places_find(&p, id_of(1)), 0);
	places_drop(&p, id_of(1));
	assert_int_equal(p.len, 0);
	places_done(&p);
	places_done(&p);
}

static void as_a_list(void **ctx)
{
	static int64_t have[IDS];
	struct places p = { 0 };
	size_t len = 0;

	(void)ctx;
	for (int turn = 0; turn < 200000; turn++) {
		uint32_t n = dice(IDS);

		if (dice(100) < (turn / 20000 % 2 ? 30u : 70u)) {
			int64_t entry = 1 + dice(1000000);

			len += !have[n];
			have[n] = entry;
			assert_int_equal(places_put(&p, id_of(n), entry), 0);
		} else {
			len -= have[n] != 0;
			have[n] = 0;
			places_drop(&p, id_of(n));
		}
		n = dice(IDS);
		assert_int_equal(places_find(&p, id_of(n)), have[n]);
		assert_int_equal(p.len, len);
	}
	for (uint32_t n = 0; n < IDS; n++)
		assert_int_equal(places_find(&p, id_of(n)), have[n]);
	places_done(&p);
	assert_int_equal(places_find(&p, id_of(1)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(as_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
