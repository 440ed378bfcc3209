/* Tests of gateway/rules_fd.c. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "gateway/rules_fd.h"

static void test_round_trip(void **state)
{
	struct rule_error err = { 0 };
	struct ruleset *rs = NULL, *again = NULL;
	int fd;

	(void)state;
	assert_int_equal(ruleset_new(&rs), 0);
	assert_int_equal(ruleset_add(rs, VERDICT_ALLOW, SLICE("h.example"),
				     SLICE("x:1"), &err),
			 0);
	assert_int_equal(ruleset_add(rs, VERDICT_DENY, SLICE("any *.h.example"),
				     SLICE("x:2"), &err),
			 0);
	fd = rules_fd_write(rs);
	assert_true(fd >= 0);
	assert_int_equal(rules_fd_read(fd, &again, &err), 0);
	assert_int_equal(ruleset_len(again), 2);
	assert_int_equal(rule_verdict(ruleset_at(again, 1)), VERDICT_DENY);
	assert_true(slice_eq(rule_where(ruleset_at(again, 1)), SLICE("x:2")));
	ruleset_free(&again);
	/* It can be read again: a successor is told the same. */
	assert_int_equal(rules_fd_read(fd, &again, &err), 0);
	assert_int_equal(ruleset_len(again), 2);
	ruleset_free(&again);
	ruleset_free(&rs);
	(void)close(fd);
}

static void test_bad(void **state)
{
	struct ruleset *untouched = (struct ruleset *)(void *)&state;
	struct ruleset *rs = untouched;
	struct rule_error err = { 0 };
	int fd = memfd_create("test", MFD_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "garbage", 7), 7);
	assert_int_equal(rules_fd_read(fd, &rs, &err), ERR_SYNTAX);
	assert_ptr_equal(rs, untouched);
	assert_int_equal(ftruncate(fd, RULES_FD_MAX + 1), 0);
	assert_int_equal(rules_fd_read(fd, &rs, &err), ERR_LIMIT);
	assert_ptr_equal(rs, untouched);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(rules_fd_read(fd, &rs, &err), 0);
	assert_int_equal(ruleset_len(rs), 0);
	ruleset_free(&rs);
	(void)close(fd);
	assert_int_equal(rules_fd_read(-1, &rs, &err), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
