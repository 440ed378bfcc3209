/* tests/unit/gateway/questions_test.c - what waits for the operator. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "gateway/questions.h"

static struct questions q;

static int ask(uint32_t sandbox, const char *line, uint32_t worker,
	       uint32_t index)
{
	struct asking a = {
		.sandbox = sandbox,
		.line = slice_str(line),
		.query = SLICE("a=1"),
		.rule = SLICE("POST https://a.example/**"),
		.who = { .worker = worker, .index = index, .gen = 1 },
	};

	return questions_ask(&q, &a, 1000 + index);
}

static int clear(void **state)
{
	(void)state;
	questions_done(&q);
	q.last_id = 0;
	return 0;
}

static void test_merge(void **state)
{
	struct question *one;

	(void)state;
	assert_int_equal(ask(1, "POST https://a.example/x", 0, 1), 1);
	assert_int_equal(ask(1, "POST https://a.example/x", 1, 2), 0);
	assert_int_equal(ask(1, "POST https://a.example/y", 0, 3), 1);
	assert_int_equal(ask(2, "POST https://a.example/x", 0, 4), 1);
	one = questions_take(&q, 1);
	assert_non_null(one);
	assert_int_equal(one->waiters_len, 2);
	assert_int_equal(one->waiters[1].worker, 1);
	assert_int_equal(one->waiters[1].index, 2);
	assert_string_equal(one->line, "POST https://a.example/x");
	assert_string_equal(one->query, "a=1");
	free(one);
	assert_null(questions_take(&q, 1));
}

static void test_bounds(void **state)
{
	static char long_line[ASK_LINE_MAX + 1];
	char line[64];

	(void)state;
	for (unsigned int i = 0; i < QUESTIONS_SANDBOX; i++) {
		(void)snprintf(line, sizeof(line), "GET https://a.example/%u",
			       i);
		assert_int_equal(ask(1, line, 0, i), 1);
	}
	assert_int_equal(ask(1, "GET https://a.example/more", 0, 99),
			 ERR_LIMIT);
	assert_int_equal(ask(2, "GET https://a.example/more", 0, 99), 1);
	for (uint32_t i = 1; i < WAITERS_MAX; i++)
		assert_int_equal(ask(1, "GET https://a.example/0", 1, i), 0);
	assert_int_equal(ask(1, "GET https://a.example/0", 1, 999), ERR_LIMIT);
	memset(long_line, 'x', ASK_LINE_MAX);
	assert_int_equal(ask(3, long_line, 0, 1), ERR_SYNTAX);
}

static void test_leave(void **state)
{
	struct waiter who = { .worker = 0, .index = 1, .gen = 1 };
	struct question *one;

	(void)state;
	(void)ask(1, "GET https://a.example/0", 0, 1);
	(void)ask(1, "GET https://a.example/0", 1, 1);
	(void)ask(1, "GET https://a.example/1", 1, 2);
	(void)ask(2, "GET https://a.example/2", 0, 3);
	questions_drop(&q, &who);
	assert_int_equal(q.first->waiters_len, 1);
	assert_int_equal(q.first->waiters[0].worker, 1);
	questions_drop_worker(&q, 1);
	assert_non_null(q.first);
	assert_string_equal(q.first->line, "GET https://a.example/2");
	assert_null(q.first->next);
	questions_drop_sandbox(&q, 2);
	assert_null(q.first);
	/* A number is not given again. */
	(void)ask(1, "GET https://a.example/0", 0, 1);
	one = questions_take(&q, 4);
	assert_non_null(one);
	free(one);
}

static void test_old(void **state)
{
	struct question *one;

	(void)state;
	(void)ask(1, "GET https://a.example/0", 0, 1);
	(void)ask(1, "GET https://a.example/1", 0, 9);
	assert_null(questions_take_old(&q, 1001));
	one = questions_take_old(&q, 1005);
	assert_non_null(one);
	assert_int_equal(one->id, 1);
	free(one);
	assert_null(questions_take_old(&q, 1005));
}

static void test_text(void **state)
{
	char text[QUESTION_TEXT_MAX];

	(void)state;
	question_text(SLICE("GET https://a.example/"), SLICE("b=2"), text);
	assert_string_equal(text, "GET https://a.example/?b=2");
	question_text(SLICE("tcp://a.example:22"), SLICE(""), text);
	assert_string_equal(text, "tcp://a.example:22");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_merge, clear),
		cmocka_unit_test_teardown(test_bounds, clear),
		cmocka_unit_test_teardown(test_leave, clear),
		cmocka_unit_test_teardown(test_old, clear),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
