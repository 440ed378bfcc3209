/* tests/unit/http/h2_score_test.c - who works, and who makes work. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/h2_score.h"

#define DATA	   0
#define HEADERS	   1
#define RST_STREAM 3
#define PING	   6

static void frames(struct h2_score *score, uint8_t type, unsigned int n)
{
	while (n--)
		h2_score_frame(score, type, 0, 0);
}

static void test_churn(void **state)
{
	struct h2_score score = { 0 };

	(void)state;
	frames(&score, RST_STREAM, 749);
	assert_int_equal(h2_score_level(&score), H2_LEVEL_GOOD);
	frames(&score, RST_STREAM, 1);
	assert_int_equal(h2_score_level(&score), H2_LEVEL_CALM);
	frames(&score, RST_STREAM, 250);
	assert_int_equal(h2_score_level(&score), H2_LEVEL_FLOOD);
	/* No further than that, or it could not be made up for. */
	frames(&score, RST_STREAM, 100000);
	h2_score_done(&score);
	assert_int_equal(h2_score_level(&score), H2_LEVEL_CALM);
	/* Turns of reading do not help. */
	for (int i = 0; i < 1000; i++)
		h2_score_turn(&score);
	assert_int_equal(h2_score_level(&score), H2_LEVEL_CALM);
	for (int i = 0; i < 1000; i++)
		h2_score_done(&score);
	assert_int_equal(score.churn, 0);
}

static void test_reset(void **state)
{
	static const uint32_t codes[] = { 0, 1, 2, 3, 5, 6, 7, 8, 11 };
	static const int32_t churn[] = { 0, 5, 0, 5, 5, 5, 0, 0, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct h2_score score = { 0 };

		h2_score_reset(&score, codes[i]);
		assert_int_equal(score.churn, churn[i]);
		assert_int_equal(score.noise, 0);
	}
}

static void test_noise(void **state)
{
	struct h2_score score = { 0 };

	(void)state;
	frames(&score, HEADERS, 5000);
	h2_score_frame(&score, DATA, 0, 1);
	h2_score_frame(&score, DATA, 1, 0);
	assert_int_equal(score.noise, 0);
	h2_score_frame(&score, DATA, 0, 0);
	assert_int_equal(score.noise, 1);
	frames(&score, PING, 999);
	assert_int_equal(h2_score_level(&score), H2_LEVEL_FLOOD);
	h2_score_turn(&score);
	assert_int_equal(h2_score_level(&score), H2_LEVEL_CALM);
	for (int i = 0; i < 1000; i++)
		h2_score_turn(&score);
	assert_int_equal(score.noise, 0);

	/* Credit for what was sent, and no end of it is bounded. */
	h2_score_sent(&score, 16384);
	assert_int_equal(score.noise, -17);
	h2_score_turn(&score);
	assert_int_equal(score.noise, -17);
	for (int i = 0; i < 100000; i++)
		h2_score_sent(&score, SIZE_MAX);
	assert_int_equal(score.noise, -4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
