/* Stretches of work are counted once, for the outermost of them, and all kinds
 * add up to the whole.
 */

#include "audit/spent.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static uint64_t cpu_ns(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void burn(uint64_t ns)
{
	uint64_t end = cpu_ns() + ns;

	while (cpu_ns() < end)
		continue;
}

static void test_outermost_has_it(void **state)
{
	struct spent s = { .ns = { 0 } };
	bool outer = spent_begin(&s), inner;

	(void)state;
	assert_true(outer);
	burn(1000000);
	inner = spent_begin(&s);
	assert_false(inner);
	burn(1000000);
	spent_end(&s, inner, SPENT_INSERT);
	assert_int_equal(spent_ns(&s, SPENT_INSERT), 0);
	assert_int_equal(spent_ns(&s, SPENT_SEAL), 0);
	spent_end(&s, outer, SPENT_SEAL);
	assert_int_equal(spent_ns(&s, SPENT_INSERT), 0);
	assert_in_range(spent_ns(&s, SPENT_SEAL), 2000000, cpu_ns());
	assert_true(spent_begin(&s));
}

static void test_adds_up(void **state)
{
	struct spent s = { .ns = { 0 } };
	uint64_t before = cpu_ns(), sum = 0;

	(void)state;
	for (int work = 0; work < SPENT_OTHER; work++) {
		bool began = spent_begin(&s);

		burn(100000);
		spent_end(&s, began, (enum spent_work)work);
	}
	burn(100000);
	for (int work = 0; work < SPENT_WORKS; work++) {
		assert_true(spent_ns(&s, (enum spent_work)work) >= 100000);
		sum += spent_ns(&s, (enum spent_work)work);
	}
	assert_in_range(sum, before, cpu_ns());
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(spent_work_str(SPENT_INSERT), "insert");
	assert_string_equal(spent_work_str(SPENT_OTHER), "other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outermost_has_it),
		cmocka_unit_test(test_adds_up),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
