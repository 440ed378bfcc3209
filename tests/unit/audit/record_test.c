/* A slot: bounds, marks of what was cut, and what a reader believes. */

#include "audit/record.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"

static struct record_slot slot;
static struct record record;
static char long_text[4000];

static int clear(void **state)
{
	(void)state;
	memset(&slot, 0, sizeof(slot));
	memset(&record, 0xee, sizeof(record));
	memset(long_text, 'x', sizeof(long_text));
	return 0;
}

static struct audit_begin longest_begin(void)
{
	struct slice x = slice_of(long_text, sizeof(long_text));

	return (struct audit_begin){
		.id = 77,
		.wall_us = 88,
		.kind = AUDIT_TUNNEL,
		.verdict = AUDIT_ASK,
		.sandbox = x,
		.client = x,
		.protocol = x,
		.tls = x,
		.method = x,
		.scheme = x,
		.host = x,
		.port = 65535,
		.path = x,
		.query = x,
		.user_agent = x,
		.reason = x,
		.rule = x,
		.rule_where = x,
		.generation = UINT32_MAX,
	};
}

static struct audit_end longest_end(void)
{
	struct slice x = slice_of(long_text, sizeof(long_text));

	return (struct audit_end){
		.duration_us = 1,
		.outcome = AUDIT_CUT,
		.status = 999,
		.bytes_up = INT64_MAX,
		.bytes_down = 3,
		.reason = x,
		.detail = x,
		.content_type = x,
		.upstream = x,
		.up_protocol = x,
		.up_tls = x,
	};
}

/* All texts at their longest, each exactly at its bound and marked. */
static void longest(void **state)
{
	struct audit_begin begin = longest_begin();
	struct audit_end end = longest_end();

	(void)state;
	record_begin(&slot, &begin);
	record_end(&slot, &end);
	assert_int_equal(record_read(&slot, AUDIT_OPEN, &record), 1);
	for (size_t t = 0; t < RECORD_TEXTS; t++) {
		if (t == RECORD_END_REASON)
			continue;
		assert_int_equal(record.text[t].len, record_bound[t]);
		assert_memory_equal(record.text[t].ptr, long_text,
				    record_bound[t]);
		assert_true(record.cut & BIT(t));
	}
	assert_int_equal(record.id, 77);
	assert_int_equal(record.wall_us, 88);
	assert_int_equal(record.port, 65535);
	assert_int_equal(record.generation, UINT32_MAX);
	assert_int_equal(record.bytes_up, INT64_MAX);
	assert_int_equal(record.outcome, AUDIT_CUT);
}

static void at_the_bound(void **state)
{
	struct audit_begin begin = { .id = 1 };

	(void)state;
	begin.host = slice_of(long_text, record_bound[RECORD_HOST]);
	record_begin(&slot, &begin);
	assert_int_equal(record_read(&slot, AUDIT_OPEN, &record), 1);
	assert_int_equal(record.cut, 0);
	slot.state = RECORD_FREE;
	begin.host.len++;
	record_begin(&slot, &begin);
	assert_int_equal(record_read(&slot, AUDIT_OPEN, &record), 1);
	assert_int_equal(record.cut, BIT(RECORD_HOST));
	assert_int_equal(record.text[RECORD_HOST].len,
			 record_bound[RECORD_HOST]);
}

static void masked(void **state)
{
	struct audit_begin begin = { .id = 1,
				     .path = SLICE("/a;token=p"),
				     .query = SLICE("password=q&a=1"),
				     .user_agent = SLICE("x\r\ny") };
	struct audit_end end = {
		.outcome = AUDIT_REFUSED,
		.detail = SLICE("No rule allows GET https://h/a;token=p"),
	};

	(void)state;
	record_begin(&slot, &begin);
	assert_int_equal(record_read(&slot, AUDIT_OPEN, &record), 1);
	assert_true(slice_eq(record.text[RECORD_PATH], SLICE("/a;token=***")));
	assert_true(
		slice_eq(record.text[RECORD_QUERY], SLICE("password=***&a=1")));
	assert_true(slice_eq(record.text[RECORD_USER_AGENT],
			     SLICE("x\\x0d\\x0ay")));
	record_end(&slot, &end);
	assert_int_equal(record_read(&slot, AUDIT_OPEN, &record), 1);
	assert_true(
		slice_eq(record.text[RECORD_DETAIL],
			 SLICE("No rule allows GET https://h/a;token=***")));
}

/* Not even for a moment: what a slot holds may be looked at at any time, and
 * what is behind a text stays there.
 */
static void masked_before(void **state)
{
	static const char token[] = "glpat-7Kq2vXz9Lm4Tj8Rw3Nc6";
	const struct slice t = SLICE("/a/glpat-7Kq2vXz9Lm4Tj8Rw3Nc6 \n");
	struct audit_begin begin = {
		.id = 1, .path = t, .query = t, .user_agent = t, .rule = t
	};
	struct audit_end end = { .outcome = AUDIT_DONE, .detail = t };
	char text[64];

	(void)state;
	record_begin(&slot, &begin);
	record_end(&slot, &end);
	assert_null(memmem(slot.area, sizeof(slot.area), token + 6,
			   sizeof(token) - 7));
	assert_int_equal(record_read(&slot, AUDIT_OPEN, &record), 1);
	assert_true(slice_eq(record.text[RECORD_RULE],
			     SLICE("/a/glpat-*** \\x0a")));
	assert_int_equal(audit_masked(t, text, sizeof(text)), 17);
	assert_memory_equal(text, "/a/glpat-*** \\x0a", 17);
	assert_int_equal(audit_masked(t, text, 12), 12);
}

/* A question's answer is the record's verdict, ended or not. */
static void answered(void **state)
{
	struct audit_begin begin = { .id = 1, .verdict = AUDIT_ASK };
	struct audit_end end = { .outcome = AUDIT_DONE };

	(void)state;
	record_begin(&slot, &begin);
	assert_int_equal(record_read(&slot, AUDIT_INTERRUPTED, &record), 1);
	assert_int_equal(record.verdict, AUDIT_ASK);
	record_answer(&slot, AUDIT_ALLOW);
	assert_int_equal(record_read(&slot, AUDIT_INTERRUPTED, &record), 1);
	assert_int_equal(record.verdict, AUDIT_ALLOW);
	assert_int_equal(record.outcome, AUDIT_INTERRUPTED);
	record_end(&slot, &end);
	assert_int_equal(record_read(&slot, AUDIT_INTERRUPTED, &record), 1);
	assert_int_equal(record.verdict, AUDIT_ALLOW);
	assert_int_equal(record.outcome, AUDIT_DONE);
}

/* An end's reason replaces the beginning's, unless it is empty. */
static void reasons(void **state)
{
	struct audit_begin begin = { .id = 1, .reason = SLICE("first") };
	struct audit_end end = { .outcome = AUDIT_DONE };

	(void)state;
	record_begin(&slot, &begin);
	record_end(&slot, &end);
	assert_int_equal(record_read(&slot, AUDIT_OPEN, &record), 1);
	assert_true(slice_eq(record.text[RECORD_REASON], SLICE("first")));
	slot.state = RECORD_FREE;
	end.reason = SLICE("second");
	record_begin(&slot, &begin);
	record_end(&slot, &end);
	assert_int_equal(record_read(&slot, AUDIT_OPEN, &record), 1);
	assert_true(slice_eq(record.text[RECORD_REASON], SLICE("second")));
}

/* What a record says while its end is being written, which is what it says
 * when its writer is killed there: the beginning, whole.
 */
static void half_ended(void **state)
{
	struct audit_begin begin = { .id = 9,
				     .verdict = AUDIT_ALLOW,
				     .host = SLICE("h.test"),
				     .reason = SLICE("first") };
	struct audit_end end = longest_end();

	(void)state;
	record_begin(&slot, &begin);
	record_end(&slot, &end);
	slot.state = RECORD_OPEN; /* all is written but the state */
	assert_int_equal(record_read(&slot, AUDIT_INTERRUPTED, &record), 1);
	assert_int_equal(record.outcome, AUDIT_INTERRUPTED);
	assert_int_equal(record.status, 0);
	assert_int_equal(record.duration_us, 0);
	assert_int_equal(record.bytes_up, 0);
	assert_int_equal(record.cut, 0);
	assert_true(slice_eq(record.text[RECORD_HOST], SLICE("h.test")));
	assert_true(slice_eq(record.text[RECORD_REASON], SLICE("first")));
	assert_int_equal(record.text[RECORD_DETAIL].len, 0);
	assert_int_equal(record.text[RECORD_UPSTREAM].len, 0);
}

static void nothing(void **state)
{
	struct audit_begin begin = { .id = 1 };

	(void)state;
	assert_int_equal(record_read(&slot, AUDIT_OPEN, &record), 0);
	record_begin(&slot, &begin);
	slot.state = RECORD_CLAIMED;
	assert_int_equal(record_read(&slot, AUDIT_OPEN, &record), 0);
}

/* Any octets at all: an answer, and nothing outside. */
static void noise(void **state)
{
	uint64_t x = 88172645463325252ull;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct audit_begin begin = longest_begin();
		struct audit_end end = longest_end();
		int n;

		slot.state = RECORD_FREE;
		record_begin(&slot, &begin);
		record_end(&slot, &end);
		for (int i = 0; i < 4; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			((uint8_t *)&slot)[x % 140] = (uint8_t)(x >> 32);
		}
		n = record_read(&slot, AUDIT_OPEN, &record);
		assert_true(n == 1 || n == 0 || n == ERR_SYNTAX);
	}
}

static void words(void **state)
{
	(void)state;
	assert_string_equal(audit_kind_str(AUDIT_DNS), "dns");
	assert_string_equal(audit_verdict_str(AUDIT_NONE), "none");
	assert_string_equal(audit_outcome_str(AUDIT_CUT), "cut");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(longest, clear),
		cmocka_unit_test_setup(at_the_bound, clear),
		cmocka_unit_test_setup(masked, clear),
		cmocka_unit_test_setup(masked_before, clear),
		cmocka_unit_test_setup(answered, clear),
		cmocka_unit_test_setup(reasons, clear),
		cmocka_unit_test_setup(half_ended, clear),
		cmocka_unit_test_setup(nothing, clear),
		cmocka_unit_test_setup(noise, clear),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
