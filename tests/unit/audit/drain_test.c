/* The drain takes from every spool, and puts in what is of this moment. */

#include "fixture.h"

#include "base/base.h"

/* Write until the spool has no slot left; ids go on from *id. */
static void flood(struct spool *s, uint64_t *id)
{
	struct audit_end end = fixture_end();
	struct audit_begin begin = fixture_begin(fixture_id(0));

	do
		begin.id = fixture_id(++*id);
	while (!spool_write(s, &begin, &end));
}

/* Two writers that never rest, and one that writes a record now and then. */
static void fair(void **state)
{
	struct fixture *f = *state;
	struct audit_end end = fixture_end();
	struct spool *loud[2], *calm;
	uint64_t id = 0;
	uint32_t waiting, open;

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &loud[0]), 0);
	assert_int_equal(spool_open(f->spools, 2, &loud[1]), 0);
	assert_int_equal(spool_open(f->spools, 3, &calm), 0);
	assert_int_equal(drain_scan(f->drain), 0);
	for (int turn = 0; turn < 12; turn++) {
		struct audit_begin begin = fixture_begin(fixture_id(++id));
		int n;

		flood(loud[0], &id);
		flood(loud[1], &id);
		spool_load(loud[0], &waiting, &open);
		assert_true(waiting >= DRAIN_BATCH);
		assert_int_equal(spool_write(calm, &begin, &end), 0);
		n = drain_pass(f->drain, 1);
		assert_int_equal(n, DRAIN_BATCH);
		spool_load(calm, &waiting, &open);
		assert_in_range(waiting, 0, ARRAY_SIZE(loud));
	}
	spool_close(&calm);
	spool_close(&loud[0]);
	spool_close(&loud[1]);
}

/* Rows of this moment and strays, of two writers, none of them twice. */
static void prompt_and_stray(void **state)
{
	struct fixture *f = *state;
	struct audit_end end = fixture_end();
	const uint64_t now = fixture_id(9000000000) >> 12;
	struct spool *s[2];

	fixture_open(f);
	for (uint16_t w = 0; w < 2; w++)
		assert_int_equal(spool_open(f->spools, w, &s[w]), 0);
	for (uint64_t i = 0; i < 3000; i++) {
		uint64_t us = i % 3 ? now - i : fixture_id(i) >> 12;
		struct audit_begin begin = fixture_begin(us << 12 | i % 2);

		assert_int_equal(spool_write(s[i % 2], &begin, &end), 0);
	}
	for (int again = 0; again < 2; again++) {
		fixture_drain(f, EPOCH_US + now);
		assert_int_equal(fixture_number(f, "SELECT count(*) FROM"
						   " requests"),
				 3000);
		assert_int_equal(fixture_number(f, "SELECT count(DISTINCT id)"
						   " FROM requests"),
				 3000);
		assert_int_equal(fixture_number(f, "SELECT count(*) FROM"
						   " stray JOIN requests"
						   " USING(id, entry)"),
				 1000);
		assert_int_equal(fixture_number(f, "SELECT count(*) FROM"
						   " stray"),
				 1000);
		assert_int_equal(store_rows(f->store), again ? 0 : 3000);
		/* A new reader, and dead writers: their slots once more. */
		fixture_close(f);
		for (int w = 0; w < 2 && !again; w++)
			spool_close(&s[w]);
		fixture_open(f);
	}
}

static int refuse(void *ctx)
{
	(void)ctx;
	return 1;
}

/* Entered as open, then by a new process as interrupted: what its writer, who
 * lives, says in the end is not lost by then being sealed.
 */
static void open_after_restart(struct fixture *f, uint64_t back_us, bool fails)
{
	struct audit_end end = fixture_end();
	struct audit_begin begin = fixture_begin(fixture_id(0));
	uint64_t now_us = begin.wall_us + 3000000;
	struct spool *s;
	uint32_t slot;

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	assert_int_equal(spool_begin(s, &begin, &slot), 0);
	fixture_drain(f, now_us);
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(store_close_open_rows(f->store), 0);
	now_us -= back_us;
	assert_int_equal(drain_scan(f->drain), 0);
	if (fails) {
		(void)sqlite3_commit_hook(f->store->db, refuse, NULL);
		assert_true(drain_pass(f->drain, now_us) < 0);
		(void)sqlite3_commit_hook(f->store->db, NULL, NULL);
	}
	assert_true(drain_pass(f->drain, now_us) >= 0);
	assert_int_equal(store_seal(f->store, now_us, 100), 0);
	spool_end(s, slot, &end);
	fixture_drain(f, now_us);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests"
					   " WHERE outcome = 'done'"),
			 1);
	spool_close(&s);
}

static void open_and_clock_back(void **state)
{
	open_after_restart(*state, 3600000000, false);
}

static void open_and_clock_a_little_back(void **state)
{
	open_after_restart(*state, 1500000, false);
}

static void open_and_pass_fails(void **state)
{
	open_after_restart(*state, 0, true);
}

/* Write so many, and have them entered, sealed and pruned. */
static void come_and_go(struct fixture *f, struct spool *s, int n, uint64_t *id)
{
	const struct store_limits none = { .keep_s = 0 };
	const uint64_t now_us = fixture_us(fixture_id(90000000));
	struct audit_end end = fixture_end();

	for (int i = 0; i < n; i++) {
		struct audit_begin begin = fixture_begin(fixture_id(++*id));

		assert_int_equal(spool_write(s, &begin, &end), 0);
	}
	fixture_drain(f, now_us);
	assert_int_equal(store_seal(f->store, now_us, 100), n);
	assert_int_equal(store_prune(f->store, &none, now_us + 9000000, 100),
			 n);
}

/* Slots that a writer had no use for again: what was in them is in the ledger,
 * or was taken away there. Only what came last is new.
 */
static void pruned_stays_away(void **state)
{
	struct fixture *f = *state;
	struct audit_end end = fixture_end();
	struct audit_begin begin;
	uint64_t id = 0;
	struct spool *s;

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	come_and_go(f, s, 50, &id);
	come_and_go(f, s, 20, &id);
	begin = fixture_begin(fixture_id(++id));
	assert_int_equal(spool_write(s, &begin, &end), 0);
	spool_close(&s);
	fixture_drain(f, begin.wall_us + 9000000);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests"), 1);
}

static void pruned_stays_away_at_first(void **state)
{
	struct fixture *f = *state;
	uint64_t id = 0;
	struct spool *s;

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	come_and_go(f, s, 1, &id);
	spool_close(&s);
	fixture_drain(f, fixture_us(fixture_id(99000000)));
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests"), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(fair),
		T(prompt_and_stray),
		T(open_and_clock_back),
		T(open_and_clock_a_little_back),
		T(open_and_pass_fails),
		T(pruned_stays_away),
		T(pruned_stays_away_at_first),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
