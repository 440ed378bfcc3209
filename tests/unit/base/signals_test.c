/* Tests of base/signals.c. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/base.h"
#include "base/signals.h"

static void test_read(void **state)
{
	static const int signals[] = { SIGUSR1, SIGHUP };
	struct signalfd_siginfo si;
	int fd = signals_open(signals, ARRAY_SIZE(signals));

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(read(fd, &si, sizeof(si)), -1); /* does not block */
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(read(fd, &si, sizeof(si)), sizeof(si));
	assert_int_equal(si.ssi_signo, SIGUSR1);
	assert_int_equal(read(fd, &si, sizeof(si)), -1);
	(void)close(fd);
}

static volatile sig_atomic_t test_seen;

static void test_note(int number)
{
	test_seen = number;
}

static void test_none(void **state)
{
	static const int signals[] = { SIGUSR2 };
	int fd = signals_open(signals, ARRAY_SIZE(signals));

	(void)state;
	assert_true(fd >= 0);
	assert_true(signal(SIGUSR2, test_note) != SIG_ERR);
	assert_int_equal(raise(SIGUSR2), 0);
	assert_int_equal(test_seen, 0);
	signals_none();
	assert_int_equal(test_seen, SIGUSR2);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
