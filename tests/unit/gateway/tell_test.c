/* tests/unit/gateway/tell_test.c - what the audit and the counters hear. */

#include "gate_rig.h"

#include "gateway/tell.h"

static struct authority host;

static struct tell_begin begin(const struct http_head *head)
{
	static const struct policy_answer allow = { .verdict = VERDICT_ALLOW };

	return (struct tell_begin){
		.sandbox = rig.sb,
		.client = "10.7.0.9:40000",
		.version = HTTP_2,
		.head = head,
		.host = &host,
		.path = SLICE("/p"),
		.answer = &allow,
		.reason = SLICE("rule"),
	};
}

static void test_request(void **state)
{
	struct http_head head = { .method = SLICE("GET"),
				  .scheme = SLICE("https"),
				  .authority = SLICE("GOOD.example") };
	struct http_head response = { .status = 204 };
	struct tell_end end = { .outcome = AUDIT_DONE,
				.bytes_up = 3,
				.bytes_down = 4,
				.response = &response };
	struct tell_begin b = begin(&head);
	struct tell t;

	(void)state;
	assert_int_equal(host_parse(SLICE("good.example"), &host), 0);
	tell_start(&t, &rig.gate);
	assert_false(t.begun);
	assert_int_equal(t.verdict, AUDIT_NONE);
	assert_true(tell_begin(&t, &rig.gate, &b));
	assert_true(t.begun && t.kept);
	assert_int_equal(t.verdict, AUDIT_ALLOW);
	assert_string_equal(rig.rows[0].host, "good.example");
	assert_string_equal(rig.rows[0].method, "GET");
	/* The wall clock may be set back; a duration is not of it. */
	rig.ahead_ms += 5000;
	rig_turns(1);
	tell_end(&t, &rig.gate, &end);
	rig_row(0, AUDIT_DONE, 204, "rule");
	assert_int_equal(rig.rows[0].duration_us / 1000000, 5);
	assert_int_equal(rig.stats->row.bytes_up, 3);
	assert_int_equal(rig.stats->row.bytes_down, 4);
	/* Once only: the slot is another's now. */
	tell_end(&t, &rig.gate, &end);
}

/* A head that never became whole: the name of TLS stands for it. */
static void test_no_head(void **state)
{
	struct authority none = { 0 };
	struct tell_begin b = begin(NULL);
	struct tell t;

	(void)state;
	b.host = &none;
	b.sni = &host;
	b.answer = NULL;
	assert_int_equal(host_parse(SLICE("sni.example"), &host), 0);
	tell_start(&t, &rig.gate);
	assert_true(tell_begin(&t, &rig.gate, &b));
	assert_int_equal(rig.rows[0].verdict, AUDIT_NONE);
	assert_string_equal(rig.rows[0].host, "sni.example");
	tell_end(&t, &rig.gate, &(struct tell_end){ .outcome = AUDIT_CUT });
	assert_int_equal(rig.rows[0].status, 0);
}

static void test_full(void **state)
{
	struct tell_begin b = begin(NULL);
	struct tell_note note = { .kind = AUDIT_DNS,
				  .reason = SLICE("no-rule") };
	struct tell t;

	(void)state;
	rig.spool_full = true;
	tell_start(&t, &rig.gate);
	assert_false(tell_begin(&t, &rig.gate, &b));
	assert_true(t.begun);
	assert_false(t.kept);
	tell_end(&t, &rig.gate, &(struct tell_end){ .bytes_up = 1 });
	rig.gate.count_lost = true;
	tell_start(&t, &rig.gate);
	assert_true(tell_begin(&t, &rig.gate, &b));
	assert_false(t.kept);
	tell_note(&rig.gate, &note);
	assert_int_equal(rig.rows_len, 0);
	assert_int_equal(rig.stats->row.unrecorded, 1);
	assert_int_equal(rig.stats->row.lost, 2);
}

/* When the worker has ended itself nobody cut anything: the record is left. */
static void test_over(void **state)
{
	struct tell_begin b = begin(NULL);
	struct tell t;

	(void)state;
	tell_start(&t, &rig.gate);
	assert_true(tell_begin(&t, &rig.gate, &b));
	rig.gate.over = true;
	tell_end(&t, &rig.gate, &(struct tell_end){ .outcome = AUDIT_CUT });
	assert_false(rig.rows[0].ended);
	rig.rows[0].ended = true; /* the rig wants to see all of them ended */
}

static void test_note(void **state)
{
	struct tell_note note = { .kind = AUDIT_DNS,
				  .sandbox = rig.sb,
				  .client = "10.7.0.9:53",
				  .host = SLICE("x.example"),
				  .reason = SLICE("no-rule") };

	(void)state;
	tell_note(&rig.gate, &note);
	rig_row(0, AUDIT_REFUSED, 0, "no-rule");
	assert_int_equal(rig.rows[0].verdict, AUDIT_DENY);
	note.kind = AUDIT_HANDSHAKE;
	note.sandbox = NULL;
	tell_note(&rig.gate, &note);
	assert_int_equal(rig.rows[1].verdict, AUDIT_NONE);
}

/* Ids are never given twice, also when the clock stands still. */
static void test_ids(void **state)
{
	struct tell_begin b = begin(NULL);
	struct tell t[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		tell_start(&t[i], &rig.gate);
		assert_true(tell_begin(&t[i], &rig.gate, &b));
		assert_true(!i || t[i].id > t[i - 1].id);
	}
	for (int i = 0; i < 3; i++)
		tell_end(&t[i], &rig.gate, &(struct tell_end){ 0 });
}

static void test_counters(void **state)
{
	const struct stats_row *row = &rig.stats->row;

	(void)state;
	tell_count_request(&rig.gate, rig.sb);
	tell_count_refusal(&rig.gate, rig.sb, REFUSAL_DENIED);
	tell_count_refusal(&rig.gate, rig.sb, REFUSAL_RATE);
	tell_count_refusal(&rig.gate, rig.sb, REFUSAL_CONNECT);
	tell_count_refusal(&rig.gate, rig.sb, REFUSAL_LEDGER);
	tell_count_refusal(&rig.gate, rig.sb, REFUSAL_MALFORMED);
	assert_int_equal(row->requests, 1);
	assert_int_equal(row->denied, 2);
	assert_int_equal(row->failed, 2);
	assert_int_equal(row->malformed, 1);
	assert_int_equal(rig.stats->sandbox[0].requests, 1);
	assert_int_equal(rig.stats->sandbox[0].denied, 2);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_request),  TEST(test_no_head), TEST(test_full),
		TEST(test_over),     TEST(test_note),	 TEST(test_ids),
		TEST(test_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
