/* The system calls that a sandbox does not have, each made under the filter. */

#include "cli/sandbox.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "cli/sandbox_calls.h"

struct call {
	const char *name;
	long native, compat;
	int err;
};

#if defined(__x86_64__)
#define COMPAT(i386, arm) i386
#else
#define COMPAT(i386, arm) arm
#endif
#define REFUSED(call, i386, arm)                                               \
	{ #call, SYS_##call, COMPAT(i386, arm), EPERM },
#define ABSENT(call, i386, arm)                                                \
	{ #call, SYS_##call, COMPAT(i386, arm), ENOSYS },

static const struct call calls[] = { SANDBOX_CALLS_REFUSED(REFUSED)
					     SANDBOX_CALLS_ABSENT(ABSENT) };

/* Arguments that no call takes: without the filter none would do anything,
 * and the errno would be another.
 */
static long call_native(long nr)
{
	return syscall(nr, -1L, -1L, -1L, -1L, -1L, -1L) < 0 ? errno : 0;
}

#if defined(__x86_64__)
/* The same by the 32-bit convention. */
static long call_compat(long nr)
{
	long ret = nr;

	__asm__ volatile("int $0x80"
			 : "+a"(ret)
			 : "b"(-1L), "c"(-1L), "d"(-1L), "S"(-1L), "D"(-1L)
			 : "memory", "r8", "r9", "r10", "r11");
	return -(int)ret;
}
#endif

/* In a child under the filter: its exit status is fn's answer. */
static int under_filter(long (*fn)(long), long nr)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    sandbox_filter_enter())
			_exit(255);
		_exit((int)fn(nr));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_native(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		int err = under_filter(call_native, calls[i].native);

		if (err != calls[i].err)
			fail_msg("%s: errno %d", calls[i].name, err);
	}
}

static void test_compat(void **state)
{
	(void)state;
#if defined(__x86_64__)
	/* getpid; a kernel without this convention kills. */
	if (under_filter(call_compat, 20) < 0)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		int err;

		if (!calls[i].compat)
			continue;
		err = under_filter(call_compat, calls[i].compat);
		if (err != calls[i].err)
			fail_msg("%s: errno %d", calls[i].name, err);
	}
#else
	skip();
#endif
}

static long call_harmless(long nr)
{
	(void)nr;
	if (getppid() <= 0 || access("/", F_OK) || dup(2) < 0)
		return 1;
	return fork() < 0;
}

static void test_others_pass(void **state)
{
	(void)state;
	assert_int_equal(under_filter(call_harmless, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_native),
		cmocka_unit_test(test_compat),
		cmocka_unit_test(test_others_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
