/* A record that is put once more is the same row, wherever that stands. */

#include "fixture.h"

#include "audit/again.h"
#include "audit/schema.h"

#define GAP_US 1000
#define SECOND ((uint64_t)1 << 20)

static void put(const struct fixture *f, uint64_t id,
		enum audit_outcome outcome, bool again)
{
	static struct record r;

	fixture_record(&r, id);
	r.outcome = outcome;
	r.text[RECORD_HOST] = SLICE("h.test");
	r.text[RECORD_PATH] = SLICE("/a");
	assert_int_equal(store_put(f->store, &r, again), 0);
}

/* One in a transaction of its own, so long after it began. */
static void enter(const struct fixture *f, uint64_t id, uint64_t after_us,
		  enum audit_outcome outcome, bool again)
{
	assert_int_equal(store_begin(f->store, fixture_us(id) + after_us), 0);
	put(f, id, outcome, again);
	assert_int_equal(store_commit(f->store), 0);
}

static int64_t rows(const struct fixture *f)
{
	return fixture_number(f, "SELECT count(*) FROM record");
}

static int64_t strays(const struct fixture *f)
{
	return fixture_number(f, "SELECT count(*) FROM stray JOIN requests"
				 " USING(id, entry)");
}

/* At once, after seconds, after hours, before it began: found all the same. */
static void wherever(void **state)
{
	static const int64_t after_us[] = {
		1, 1000, 3900000, 4100000, 60000000, 7200000000, -5000000,
	};
	struct fixture *f = *state;
	uint64_t id[ARRAY_SIZE(after_us)];

	fixture_open(f);
	for (size_t i = 0; i < ARRAY_SIZE(after_us); i++) {
		id[i] = fixture_id(i * 86400000000ull);
		enter(f, id[i], (uint64_t)after_us[i], AUDIT_DONE, false);
	}
	assert_int_equal(rows(f), ARRAY_SIZE(after_us));
	assert_int_equal(strays(f), 4);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(after_us); i++)
			enter(f, id[i], 9000000, AUDIT_CUT, true);
		assert_int_equal(rows(f), ARRAY_SIZE(after_us));
		fixture_close(f);
		fixture_open(f);
	}
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests"
					   " WHERE outcome = 'done'"),
			 ARRAY_SIZE(after_us));
}

/* Old ones and new ones among each other, in one transaction and in many. */
static void mixed(void **state)
{
	struct fixture *f = *state;
	uint64_t at = 0;

	fixture_open(f);
	for (uint64_t pass = 0; pass < 60; pass++) {
		uint64_t now = (pass + 1) * 500 * GAP_US + pass % 7 * SECOND;

		assert_int_equal(
			store_begin(f->store, fixture_us(fixture_id(now))), 0);
		for (uint64_t i = 0; i < 500; i++) {
			put(f, fixture_id(at++ * GAP_US), AUDIT_DONE,
			    pass % 3 == 1);
			if (pass % 3 && i % 5 == 0)
				put(f, fixture_id(at * i / 500 * GAP_US),
				    AUDIT_DONE, true);
		}
		assert_int_equal(store_commit(f->store), 0);
	}
	assert_int_equal(rows(f), 30000);
	assert_int_equal(fixture_number(f, "SELECT count(DISTINCT id) FROM"
					   " requests"),
			 30000);
}

/* What was open ends, in the same transaction, in another, after a rollback. */
static void opened(void **state)
{
	struct fixture *f = *state;
	const uint64_t a = fixture_id(0), b = fixture_id(GAP_US),
		       c = fixture_id(2 * GAP_US);

	fixture_open(f);
	assert_int_equal(store_begin(f->store, fixture_us(c) + 2000000), 0);
	put(f, a, AUDIT_OPEN, false);
	put(f, b, AUDIT_OPEN, false);
	put(f, a, AUDIT_DONE, false);
	assert_int_equal(store_commit(f->store), 0);
	assert_int_equal(rows(f), 2);
	assert_int_equal(store_begin(f->store, fixture_us(c) + 3000000), 0);
	put(f, b, AUDIT_DONE, false);
	put(f, c, AUDIT_OPEN, false);
	store_rollback(f->store);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests"
					   " WHERE outcome = 'open'"),
			 1);
	/* Of b it is known again, of c no more. */
	assert_int_equal(store_begin(f->store, fixture_us(c) + 3000000), 0);
	put(f, b, AUDIT_CUT, false);
	put(f, c, AUDIT_DONE, false);
	assert_int_equal(store_commit(f->store), 0);
	assert_int_equal(rows(f), 3);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests"
					   " WHERE outcome = 'open'"),
			 0);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests"
					   " WHERE outcome = 'cut'"),
			 1);
}

/* What our predecessor left open, until it is sealed. */
static void left_open(void **state)
{
	struct fixture *f = *state;
	const uint64_t now_us = fixture_us(fixture_id(SECOND));

	fixture_open(f);
	for (uint64_t i = 0; i < 4; i++)
		enter(f, fixture_id(i * GAP_US), 2000000, AUDIT_OPEN, false);
	assert_int_equal(store_seal(f->store, now_us, 100), 0);
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(store_close_open_rows(f->store), 0);
	enter(f, fixture_id(0), 2 * SECOND, AUDIT_OPEN, false);
	enter(f, fixture_id(GAP_US), 2 * SECOND, AUDIT_DONE, false);
	assert_int_equal(rows(f), 4);
	assert_int_equal(store_seal(f->store, now_us, 100), 3);
	enter(f, fixture_id(0), 3 * SECOND, AUDIT_DONE, false);
	enter(f, fixture_id(2 * GAP_US), 3 * SECOND, AUDIT_DONE, false);
	enter(f, fixture_id(3 * GAP_US), 3 * SECOND, AUDIT_DONE, true);
	assert_int_equal(rows(f), 4);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests"
					   " WHERE outcome = 'interrupted'"),
			 2);
}

/* The clock goes back: entries go on, at half its pace until it is there. */
static void clock_back(void **state)
{
	struct fixture *f = *state;
	const uint64_t ahead = fixture_id(3600000000), now = fixture_id(0);

	fixture_open(f);
	enter(f, ahead, 1, AUDIT_DONE, false);
	enter(f, now, 1, AUDIT_DONE, false);
	(void)usleep(100000);
	enter(f, now + (1 << 12), 1, AUDIT_DONE, false);
	assert_in_range(fixture_number(f, "SELECT (max(entry) - min(entry))"
					  " >> 12 FROM record"),
			50000, 5000000);
	assert_int_equal(strays(f), 2);
	enter(f, fixture_id(7200000000), 1, AUDIT_DONE, false);
	assert_int_equal(fixture_number(f, "SELECT max(entry) FROM record"),
			 fixture_entry(fixture_id(7200000000)));
	assert_int_equal(strays(f), 2);
	enter(f, now, 9, AUDIT_CUT, true);
	assert_int_equal(rows(f), 4);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(wherever), T(mixed), T(opened), T(left_open), T(clock_back),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
