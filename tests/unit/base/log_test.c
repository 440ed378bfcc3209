/* tests/unit/base/log_test.c - what reaches standard error, to the octet. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"

static char captured[65536];
static int pipe_fds[2], saved_stderr;

static int begin(void **state)
{
	(void)state;
	if (pipe(pipe_fds) < 0)
		return -1;
	saved_stderr = dup(STDERR_FILENO);
	log_init("t", LOG_LEVEL_INFO, 0);
	return dup2(pipe_fds[1], STDERR_FILENO) < 0 ? -1 : 0;
}

/* What was written since begin(); standard error is itself again. */
static const char *end(void)
{
	ssize_t n;

	if (saved_stderr < 0)
		return captured;
	(void)dup2(saved_stderr, STDERR_FILENO);
	(void)close(saved_stderr);
	saved_stderr = -1;
	(void)close(pipe_fds[1]);
	n = read(pipe_fds[0], captured, sizeof(captured) - 1);
	captured[n > 0 ? n : 0] = '\0';
	(void)close(pipe_fds[0]);
	return captured;
}

static int finish(void **state)
{
	(void)state;
	(void)end();
	return 0;
}

static void test_levels(void **state)
{
	(void)state;
	log_error("a %d", 1);
	log_warn("b");
	log_info("c");
	log_debug("d");
	assert_string_equal(end(), "t: error: a 1\nt: warning: b\nt: c\n");
}

static void test_journal(void **state)
{
	(void)state;
	log_init("gateway", LOG_LEVEL_DEBUG, 1);
	log_warn("b");
	log_debug("d");
	assert_string_equal(end(),
			    "<4>gateway: warning: b\n<7>gateway: debug: d\n");
}

static void test_no_second_line(void **state)
{
	(void)state;
	log_info("%s", "one\r\n<0>two\x1b[2J\x7f");
	assert_string_equal(end(), "t: one?"
				   "?<0>two?[2J?\n");
}

static void test_long_line_is_cut(void **state)
{
	char text[3000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	log_info("next");
	(void)end();
	assert_true(strlen(captured) < 1100);
	assert_non_null(strstr(captured, "x\nt: next\n"));
}

static void log_here(int i)
{
	log_info("line %d", i);
}

static void test_rate(void **state)
{
	struct timespec now;
	int lines = 0;

	(void)state;
	/* Away from the end of a second. */
	do
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	while (now.tv_nsec > 700000000);
	for (int i = 0; i < 1000; i++)
		log_here(i);
	log_info("another place");
	(void)nanosleep(&(struct timespec){ 1, 0 }, NULL);
	log_here(1000);
	log_here(1001);
	(void)end();
	for (const char *p = captured; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, LOG_BURST + 3);
	assert_non_null(strstr(captured, "t: another place\n"));
	assert_non_null(strstr(captured,
			       "t: (980 like this not shown) line 1000\n"
			       "t: line 1001\n"));
}

static void test_slice(void **state)
{
	char many[500];
	const char *text;

	(void)state;
	assert_string_equal(log_slice(SLICE("a\r\n\0b\x80\xff\\")),
			    "a\\x0d\\x0a\\x00b\\x80\\xff\\x5c");
	assert_string_equal(log_slice(slice_of(NULL, 0)), "");
	memset(many, '\n', sizeof(many));
	text = log_slice(slice_of(many, sizeof(many)));
	assert_true(strlen(text) < 256);
	assert_string_equal(text + strlen(text) - 7, "\\x0a...");
}

static void test_four_slices_at_a_time(void **state)
{
	const char *a = log_slice(SLICE("a")), *b = log_slice(SLICE("b"));
	const char *c = log_slice(SLICE("c")), *d = log_slice(SLICE("d"));

	(void)state;
	assert_string_equal(a, "a");
	assert_string_equal(b, "b");
	assert_string_equal(c, "c");
	assert_string_equal(d, "d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_levels, begin, finish),
		cmocka_unit_test_setup_teardown(test_journal, begin, finish),
		cmocka_unit_test_setup_teardown(test_no_second_line, begin,
						finish),
		cmocka_unit_test_setup_teardown(test_long_line_is_cut, begin,
						finish),
		cmocka_unit_test_setup_teardown(test_rate, begin, finish),
		cmocka_unit_test(test_slice),
		cmocka_unit_test(test_four_slices_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
