/* The ledger as an outbox: each finished row once, in the order of its sealing,
 * whatever is late, large, restarted or taken away.
 */

#include "fixture.h"

#include <errno.h>

#include "audit/outbox.h"
#include "audit/schema.h"
#include "base/base.h"
#include "base/err.h"

#define ROWS	 3000
#define GAP_US	 1000
#define READERS	 3
#define LOAD_MAX 65536

static uint32_t dice_state;

/* The same in each run. */
static uint32_t dice(uint32_t sides)
{
	dice_state = dice_state * 1664525 + 1013904223;
	return (dice_state >> 8) % sides;
}

static void put_rows(struct fixture *f, uint64_t first, int n)
{
	struct audit_end end = fixture_end();
	struct spool *s;

	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	for (int i = 0; i < n; i++) {
		struct audit_begin begin = fixture_begin(
			fixture_id((first + (uint64_t)i) * GAP_US));

		assert_int_equal(spool_write(s, &begin, &end), 0);
		fixture_drain_at(f, begin.id);
	}
	spool_close(&s);
	fixture_drain_at(f, fixture_id((first + (uint64_t)n) * GAP_US));
}

static int seal_all(struct fixture *f, uint32_t rows)
{
	int n, batches = 0;

	while ((n = store_seal(f->store, 1ull << 60, rows)) > 0)
		batches++;
	assert_int_equal(n, 0);
	return batches;
}

static void test_form(void **state)
{
	struct fixture *f = *state;
	char mem[4096], want[4096];
	struct outbox_load load = { .mem = mem, .cap = 4096, .rows_max = 10 };
	struct outbox_at at = { 0 };
	struct outbox *o;
	static const char row[] =
		"\"instance\":\"gw\",\"id\":%llu,\"time_us\":1773187200000000,"
		"\"sandbox\":\"ci\",\"client\":\"10.7.0.9\","
		"\"client_port\":40112,\"kind\":\"request\","
		"\"verdict\":\"allow\",\"outcome\":\"done\",\"status\":200,"
		"\"method\":\"GET\",\"scheme\":\"https\","
		"\"host\":\"api.github.com\",\"port\":443,"
		"\"path\":\"/repos/acme/site/pulls\","
		"\"query\":\"state=open&page=2\",\"reason\":null,"
		"\"rule\":\"GET https://api.github.com/repos/acme/**\","
		"\"rule_where\":\"penstock.yaml:12\",\"generation\":3,"
		"\"detail\":null,\"duration_us\":81234,\"bytes_up\":0,"
		"\"bytes_down\":5321,\"content_type\":\"application/json\","
		"\"user_agent\":\"git/2.39.5\",\"protocol\":\"h2\","
		"\"tls\":\"TLSv1.3\",\"upstream\":\"140.82.121.6:443\","
		"\"up_protocol\":\"h2\",\"up_tls\":\"TLSv1.3\",\"cut\":0}\n";

	fixture_open(f);
	put_rows(f, 0, 1);
	assert_int_equal(outbox_open(f->ledger, "gw", &o), 0);
	assert_int_equal(outbox_read(o, OUTBOX_BARE, &at, &load), 0);
	assert_int_equal(seal_all(f, 100), 1);
	for (int i = 0; i < OUTBOX_FORMS; i++) {
		unsigned long long id = fixture_id(0);
		int n = snprintf(want, sizeof(want), "{");

		if (i == OUTBOX_KEYED)
			n += snprintf(want + n, 99, "\"key\":\"gw/%llu\",", id);
		if (i != OUTBOX_BARE)
			n += snprintf(want + n, 99,
				      "\"time\":\"2026-03-11T00:00:00.000Z\",");
		(void)snprintf(want + n, sizeof(want) - (size_t)n, row, id);
		at = (struct outbox_at){ 0 };
		assert_int_equal(
			outbox_read(o, (enum outbox_form)i, &at, &load), 1);
		mem[load.len] = '\0';
		assert_string_equal(mem, want);
		assert_int_equal(at.batch, 1);
		assert_int_equal(load.first_id, id);
		assert_int_equal(load.last_id, id);
	}
	assert_int_equal(strncmp(outbox_columns(OUTBOX_TIMED),
				 "time, instance, id, time_us, sandbox", 36),
			 0);
	assert_string_equal(outbox_columns(OUTBOX_TIMED) + 6,
			    outbox_columns(OUTBOX_BARE));
	outbox_free(&o);
}

/* One that carries rows on, and forgets all but its position. */
struct reader {
	struct outbox *outbox;
	struct outbox_at at;
	uint8_t had[ROWS];
};

/* Which row of the test a line is about. */
static size_t number_of(const char *line)
{
	const char *id = strstr(line, "\"id\":");

	assert_non_null(id);
	return (((strtoull(id + 5, NULL, 10) - fixture_id(0)) >> 12) / GAP_US);
}

static void read_some(struct reader *r, bool to_the_end)
{
	static char mem[LOAD_MAX + 1];
	struct outbox_load load = { .mem = mem };
	int n;

	do {
		char *line = mem;

		load.cap = 1000 + dice(LOAD_MAX - 1000);
		load.rows_max = 1 + dice(dice(4) ? 200 : 3);
		n = outbox_read(r->outbox, OUTBOX_BARE, &r->at, &load);
		assert_true(n >= 0 && n == (int)load.rows);
		assert_true(n <= (int)load.rows_max);
		mem[load.len] = '\0';
		for (int i = 0; i < n; i++) {
			size_t row = number_of(line);

			assert_true(row < ROWS);
			r->had[row]++;
			line = strchr(line, '\n') + 1;
		}
		assert_true(!*line || !n);
	} while (n > 0 && (to_the_end || dice(4)));
}

/* Rows finish in any order, some of them long after their range was sealed;
 * readers read now and then, each at its own pace.
 */
static void test_each_once(void **state)
{
	struct fixture *f = *state;
	static struct reader readers[READERS];
	struct audit_end end = fixture_end();
	uint32_t slot[64], held = 0;
	struct spool *s;

	dice_state = 7;
	memset(readers, 0, sizeof(readers));
	fixture_open(f);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(
			outbox_open(f->ledger, "gw", &readers[i].outbox), 0);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	for (uint64_t i = 0; i < ROWS; i++) {
		struct audit_begin begin =
			fixture_begin(fixture_id(i * GAP_US));
		uint32_t this;

		assert_int_equal(spool_begin(s, &begin, &this), 0);
		if (held < 64 && !dice(8))
			slot[held++] = this;
		else
			spool_end(s, this, &end);
		if (held && !dice(12)) {
			uint32_t which = dice(held);

			spool_end(s, slot[which], &end);
			slot[which] = slot[--held];
		}
		if (!dice(40))
			fixture_drain(f, begin.wall_us + 2500000);
		if (!dice(60))
			assert_true(store_seal(f->store,
					       begin.wall_us + dice(9000000),
					       1 + dice(300)) >= 0);
		if (!dice(50))
			read_some(&readers[dice(READERS)], false);
	}
	while (held)
		spool_end(s, slot[--held], &end);
	spool_close(&s);
	fixture_drain_at(f, fixture_id(ROWS * GAP_US));
	(void)seal_all(f, 77);
	assert_true(fixture_number(f, "SELECT count(*) FROM batch_late") > 50);
	for (int i = 0; i < READERS; i++) {
		read_some(&readers[i], true);
		for (int k = 0; k < ROWS; k++)
			if (readers[i].had[k] != 1)
				fail_msg("reader %d, row %d: %d times", i, k,
					 readers[i].had[k]);
		outbox_free(&readers[i].outbox);
	}
}

static void test_lag(void **state)
{
	struct fixture *f = *state;
	struct outbox_at at = { 0 };
	struct outbox_lag lag = { 9, 9 };
	struct outbox_mark one = { { 0 }, 0 }, two;
	struct outbox *o;
	uint64_t last = 9;

	fixture_open(f);
	assert_int_equal(outbox_open(f->ledger, "gw", &o), 0);
	assert_int_equal(outbox_lag(o, &at, &lag), 0);
	assert_int_equal(lag.rows, 0);
	assert_int_equal(lag.since_us, 0);
	assert_int_equal(outbox_last(o, &last), 0);
	assert_int_equal(last, 0);
	put_rows(f, 0, 250);
	assert_int_equal(seal_all(f, 100), 3);
	assert_int_equal(outbox_lag(o, &at, &lag), 0);
	assert_int_equal(lag.rows, 250);
	assert_int_equal(lag.since_us, 1ull << 60);
	at.batch = 1;
	assert_int_equal(outbox_lag(o, &at, &lag), 0);
	assert_int_equal(lag.rows, 150);
	at.batch = 3;
	assert_int_equal(outbox_lag(o, &at, &lag), 0);
	assert_int_equal(lag.rows, 0);
	assert_int_equal(outbox_last(o, &last), 0);
	assert_int_equal(last, 3);
	assert_int_equal(outbox_mark(o, 1, &one), 1);
	assert_int_equal(one.last, fixture_entry(fixture_id(99 * GAP_US)));
	assert_int_equal(outbox_mark(o, 2, &two), 1);
	assert_memory_not_equal(one.hash, two.hash, sizeof(one.hash));
	assert_int_equal(outbox_mark(o, 4, &two), 0);
	outbox_free(&o);
}

/* Who was away for too long goes on behind the gap, and is told of it. */
static void test_pruned(void **state)
{
	struct fixture *f = *state;
	struct store_limits limits = { .keep_s = 1, .bytes_max = UINT64_MAX };
	static char mem[LOAD_MAX];
	struct outbox_load load = { .mem = mem,
				    .cap = LOAD_MAX,
				    .rows_max = 30 };
	struct outbox_at at = { 0 }, fresh = { 0 };
	struct outbox *o;
	uint64_t last;

	fixture_open(f);
	put_rows(f, 0, 500);
	assert_int_equal(seal_all(f, 100), 5);
	assert_int_equal(outbox_open(f->ledger, "gw", &o), 0);
	for (int i = 0; i < 5; i++) /* into the middle of the second batch */
		assert_int_equal(outbox_read(o, OUTBOX_BARE, &at, &load), 30);
	assert_int_equal(at.batch, 1);
	assert_int_equal(at.entry, fixture_entry(fixture_id(149 * GAP_US)));
	/* Of batch 3 and all before it the last row is older than a second. */
	assert_int_equal(
		store_prune(f->store, &limits,
			    fixture_us(fixture_id(350 * GAP_US)) + 1000000,
			    ROWS),
		300);
	assert_int_equal(outbox_read(o, OUTBOX_BARE, &at, &load), 30);
	assert_int_equal(load.skipped, 2);
	assert_int_equal(load.first_id, fixture_id(300 * GAP_US));
	assert_int_equal(at.batch, 3);
	assert_int_equal(outbox_read(o, OUTBOX_BARE, &fresh, &load), 30);
	assert_int_equal(load.skipped, 0); /* it misses nothing that it had */
	/* All of them: the number of the last one is still known. */
	assert_int_equal(store_prune(f->store, &limits, 1ull << 60, ROWS), 200);
	assert_int_equal(outbox_last(o, &last), 0);
	assert_int_equal(last, 5);
	assert_int_equal(outbox_read(o, OUTBOX_BARE, &at, &load), 0);
	outbox_free(&o);
}

/* A row that fits no load stops there; nothing is left out. */
static void test_large(void **state)
{
	struct fixture *f = *state;
	char mem[600];
	struct outbox_load load = { .mem = mem, .cap = 600, .rows_max = 5 };
	struct outbox_at at = { 0 };
	struct outbox *o;

	fixture_open(f);
	put_rows(f, 0, 2);
	(void)seal_all(f, 10);
	assert_int_equal(outbox_open(f->ledger, "gw", &o), 0);
	assert_int_equal(outbox_read(o, OUTBOX_BARE, &at, &load), ERR_LIMIT);
	assert_int_equal(at.batch, 0);
	assert_int_equal(at.entry, 0);
	outbox_free(&o);
}

static void test_no_ledger(void **state)
{
	struct fixture *f = *state;
	struct outbox *o = NULL;
	FILE *file;

	assert_int_equal(outbox_open(f->ledger, "gw", &o), -ENOENT);
	file = fopen(f->ledger, "w");
	assert_non_null(file);
	(void)fclose(file);
	assert_int_equal(outbox_open(f->ledger, "gw", &o), -ENOENT);
	file = fopen(f->ledger, "w");
	assert_non_null(file);
	(void)fputs("this is no database at all, but it is long enough to be "
		    "read as one: its first sixteen octets say so, and nothing"
		    " behind them would help",
		    file);
	(void)fclose(file);
	assert_int_equal(outbox_open(f->ledger, "gw", &o), ERR_PROTO);
	assert_null(o);
}

int main(void)
{
#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(test_form),	T(test_each_once), T(test_lag),
		T(test_pruned), T(test_large),	   T(test_no_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
