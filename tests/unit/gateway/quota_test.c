/* tests/unit/gateway/quota_test.c - how often: rates shared by processes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/quota.h"

#define S 1000000ull

static struct quotas *quotas;

static int setup(void **state)
{
	(void)state;
	return quotas_new(&quotas);
}

static void test_burst_and_refill(void **state)
{
	uint64_t key = quota_key(quotas, 1, SLICE("GET https://a.example/**"));
	uint64_t now = 5000 * S;

	(void)state;
	/* Five in ten seconds: five at once, then one each two seconds. */
	for (int i = 0; i < 5; i++)
		assert_int_equal(quota_take(quotas, key, 5, 10, now), 0);
	assert_int_equal(quota_take(quotas, key, 5, 10, now), 3);
	assert_int_equal(quota_take(quotas, key, 5, 10, now + S), 2);
	assert_int_equal(quota_take(quotas, key, 5, 10, now + 2 * S), 0);
	assert_int_equal(quota_take(quotas, key, 5, 10, now + 2 * S), 3);
	/* Refused ones cost nothing: after ten quiet seconds five again. */
	now += 20 * S;
	for (int i = 0; i < 5; i++)
		assert_int_equal(quota_take(quotas, key, 5, 10, now), 0);
	assert_true(quota_take(quotas, key, 5, 10, now) > 0);
}

static void test_keys(void **state)
{
	struct slice a = SLICE("GET https://a.example/**");
	struct slice b = SLICE("GET https://b.example/**");
	uint64_t key = quota_key(quotas, 7, a);

	(void)state;
	assert_true(key != 0);
	assert_int_equal(key, quota_key(quotas, 7, a));
	assert_true(key != quota_key(quotas, 8, a));
	assert_true(key != quota_key(quotas, 7, b));
	assert_int_equal(quota_take(quotas, key, 1, 60, S), 0);
	assert_true(quota_take(quotas, key, 1, 60, S) > 0);
	assert_int_equal(quota_take(quotas, quota_key(quotas, 8, a), 1, 60, S),
			 0);
}

/* Buckets whose time has passed are taken again; while none has, what finds no
 * place is refused.
 */
static void test_full(void **state)
{
	uint64_t now = 100000 * S;
	uint32_t refused = 0;

	(void)state;
	for (uint32_t i = 0; i < 4 * QUOTAS_MAX; i++)
		refused += quota_take(quotas, quota_key(quotas, i, SLICE("x")),
				      1, 60, now) > 0;
	assert_true(refused > QUOTAS_MAX);
	now += 61 * S;
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(quota_take(quotas,
					    quota_key(quotas, i, SLICE("y")), 1,
					    60, now),
				 0);
}

/* Two processes share one rate. */
static void test_shared(void **state)
{
	uint64_t key = quota_key(quotas, 99, SLICE("shared"));
	uint64_t now = 900000 * S;
	int taken = 0, status;
	pid_t pid = fork();

	(void)state;
	for (int i = 0; i < 100; i++)
		taken += quota_take(quotas, key, 100, 3600, now) == 0;
	if (pid == 0)
		_exit(taken);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(taken + WEXITSTATUS(status), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_and_refill),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_shared),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
