/* A span of time is found whole, whenever its rows were entered. */

#include "fixture.h"

#include "audit/copy.h"
#include "audit/query.h"
#include "base/base.h"

#define ROWS	4000
#define GAP_US	3700000ull
#define QUERIES 300

static uint32_t state = 5;

static uint32_t dice(uint32_t sides)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % sides;
}

/* Most at once, some after seconds, now and then one after hours, or before it
 * began by a clock that was set back.
 */
static int64_t delay_us(void)
{
	switch (dice(40)) {
	case 0:
		return 4000000 + dice(2000000000) * 4ll;
	case 1:
		return -(int64_t)dice(60000000);
	case 2:
	case 3:
		return dice(4000000);
	default:
		return 1 + dice(20000);
	}
}

static void put(const struct fixture *f, uint64_t i)
{
	static struct record r;
	char host[32], path[32];

	(void)snprintf(host, sizeof(host), "h%u.test", dice(9));
	(void)snprintf(path, sizeof(path), "/p/%u", dice(12));
	fixture_record(&r, fixture_id(i * GAP_US));
	r.verdict = dice(10) ? AUDIT_ALLOW : AUDIT_DENY;
	r.text[RECORD_HOST] = slice_str(host);
	r.text[RECORD_PATH] = slice_str(path);
	assert_int_equal(store_begin(f->store, (uint64_t)((int64_t)r.wall_us +
							  delay_us())),
			 0);
	assert_int_equal(store_put(f->store, &r, false), 0);
	assert_int_equal(store_commit(f->store), 0);
}

/* What the plain reading of the view says. */
static int64_t naive(sqlite3 *db, const char *what,
		     const struct query_filter *filter)
{
	sqlite3_stmt *stmt;
	char sql[400];
	int64_t n;

	(void)snprintf(sql, sizeof(sql),
		       "SELECT %s FROM requests WHERE time_us >= ?1"
		       " AND time_us < ?2 AND (?3 = 0 OR verdict = 'deny')"
		       " AND (?4 = '' OR host = ?4)"
		       " AND (?5 = '' OR path GLOB ?5 || '*')",
		       what);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL),
			 SQLITE_OK);
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)filter->since_us);
	(void)sqlite3_bind_int64(stmt, 2,
				 filter->until_us ? (int64_t)filter->until_us
						  : INT64_MAX);
	(void)sqlite3_bind_int(stmt, 3, filter->what == QUERY_DENIED);
	(void)sqlite3_bind_text(stmt, 4, filter->host.ptr,
				(int)filter->host.len, SQLITE_STATIC);
	(void)sqlite3_bind_text(stmt, 5, filter->path.ptr,
				(int)filter->path.len, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return n;
}

static struct query_filter any_filter(void)
{
	struct query_filter q = { .host = SLICE(""), .path = SLICE("") };
	uint32_t from = dice(ROWS);

	if (dice(5))
		q.since_us = fixture_us(fixture_id(from * GAP_US));
	if (dice(3))
		q.until_us = fixture_us(
			fixture_id((from + dice(ROWS / 4)) * GAP_US));
	if (dice(3) == 0)
		q.what = QUERY_DENIED;
	if (dice(3) == 0)
		q.host = SLICE("h3.test");
	if (dice(4) == 0)
		q.path = SLICE("/p/1");
	q.first = dice(2);
	return q;
}

/* The rows of one filter, found and counted, against the plain reading. */
static void compare(struct query *q, sqlite3 *db)
{
	static const enum query_key by[] = { QUERY_HOUR, QUERY_HOST };
	struct query_filter filter = any_filter();
	int64_t want = naive(db, "count(*)", &filter), rows = 0;
	int64_t sum = naive(db, "ifnull(sum(id % 1000003), 0)", &filter);
	int64_t groups = naive(
		db, "count(DISTINCT substr(time, 1, 13) || host)", &filter);
	struct query_group group;
	struct query_row row;
	uint64_t last = 0;

	assert_int_equal(query_find(q, &filter), want);
	while (query_next(q, &row) == 1) {
		assert_true(row.id > last);
		last = row.id;
		sum -= (int64_t)(row.id % 1000003);
	}
	assert_int_equal(sum, 0);
	assert_int_equal(query_group(q, &filter, by, ARRAY_SIZE(by)), groups);
	while (query_group_next(q, &group) == 1) {
		rows += (int64_t)group.rows;
		assert_true(!filter.since_us ||
			    group.first_us >= filter.since_us);
		assert_true(!filter.until_us ||
			    group.last_us < filter.until_us);
	}
	assert_int_equal(rows, want);
}

static void compare_all(const struct fixture *f)
{
	struct query *q;
	sqlite3 *db;

	assert_int_equal(query_open(f->ledger, &q), 0);
	assert_int_equal(
		sqlite3_open_v2(f->ledger, &db, SQLITE_OPEN_READONLY, NULL),
		SQLITE_OK);
	for (int i = 0; i < QUERIES; i++)
		compare(q, db);
	query_free(&q);
	(void)sqlite3_close(db);
}

/* Summaries of few rows, as those of many are: an empty one stands behind. */
static void summarise(const struct fixture *f)
{
	sqlite3 *db;
	char sql[200];

	assert_int_equal(sqlite3_open(f->ledger, &db), SQLITE_OK);
	for (int part = 8; part > 0; part--) {
		(void)snprintf(sql, sizeof(sql),
			       "INSERT INTO summary SELECT entry + 1,"
			       " entry + 1, x'', x'' FROM record"
			       " ORDER BY entry LIMIT 1 OFFSET %d",
			       part * ROWS / 8 - 1);
		assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL),
				 SQLITE_OK);
	}
	(void)sqlite3_close(db);
	while (store_summarise(f->store, 1ull << 60) > 0)
		;
	assert_in_range(fixture_number(f, "SELECT count(*) FROM summary"), 12,
			16);
}

static void spans(void **ctx)
{
	struct fixture *f = *ctx;

	fixture_open(f);
	for (uint64_t i = 0; i < ROWS; i++)
		put(f, i);
	assert_true(fixture_number(f, "SELECT count(*) FROM stray") > 100);
	compare_all(f);
	summarise(f);
	compare_all(f);
}

/* Each row by its id, and none by an id beside it. */
static void by_id(void **ctx)
{
	struct fixture *f = *ctx;
	struct query_row row;
	struct query *q;

	fixture_open(f);
	for (uint64_t i = 0; i < ROWS; i++)
		put(f, i);
	assert_int_equal(query_open(f->ledger, &q), 0);
	for (uint64_t i = 0; i < ROWS; i++) {
		uint64_t id = fixture_id(i * GAP_US);

		assert_int_equal(query_find_id(q, id), 1);
		assert_int_equal(query_next(q, &row), 1);
		assert_int_equal(row.id, id);
		assert_int_equal(query_next(q, &row), 0);
		assert_int_equal(query_find_id(q, id + 1), 0);
		assert_int_equal(query_next(q, &row), 0);
	}
	query_free(&q);
}

/* Page after page, each row once. */
static void pages(void **ctx)
{
	struct fixture *f = *ctx;
	struct query_filter filter = { .limit = 170, .first = true };
	struct query_row row;
	struct query *q;
	int64_t n = 0, sum = 0;

	fixture_open(f);
	for (uint64_t i = 0; i < ROWS; i++)
		put(f, i);
	assert_int_equal(query_open(f->ledger, &q), 0);
	while (query_find(q, &filter) > 0) {
		for (; query_next(q, &row) == 1; n++)
			sum += (int64_t)(row.id % 1000003);
		filter.after = query_reached(q);
	}
	assert_int_equal(n, ROWS);
	assert_int_equal(sum, fixture_number(f, "SELECT sum(id % 1000003)"
						" FROM requests"));
	query_free(&q);
}

/* An export of a span has all of its rows. */
static void exports(void **ctx)
{
	struct fixture *f = *ctx;
	const struct verify_pins pins = { NULL, NULL };
	char file[100], sql[300], why[COPY_WHY_MAX];

	fixture_open(f);
	for (uint64_t i = 0; i < ROWS; i++)
		put(f, i);
	while (store_seal(f->store, 1ull << 60, 50) > 0)
		;
	assert_int_equal(store_checkpoint(f->store, 1ull << 60), 1);
	(void)snprintf(file, sizeof(file), "%s/x", f->dir);
	for (int i = 0; i < 20; i++) {
		uint32_t from = dice(ROWS), to = from + dice(100);
		struct copy_filter span = {
			.since_us = fixture_us(fixture_id(from * GAP_US)),
			.until_us = fixture_us(fixture_id(to * GAP_US)),
		};
		struct copy_filter filtered = span;
		struct copy_counts counts;
		struct verify_report r;

		assert_int_equal(
			copy_export(f->ledger, &span, file, &counts, why), 0);
		copy_verify(file, &pins, &r);
		assert_string_equal(r.why, "");
		assert_true(r.rows >= counts.rows); /* and bare batches */
		filtered.verdict = "deny";
		assert_int_equal(
			copy_export(f->ledger, &filtered, file, &counts, why),
			0);
		(void)snprintf(sql, sizeof(sql),
			       "SELECT count(*) FROM requests WHERE"
			       " verdict = 'deny' AND time_us >= %llu"
			       " AND time_us < %llu",
			       (unsigned long long)span.since_us,
			       (unsigned long long)span.until_us);
		assert_int_equal(counts.rows, fixture_number(f, sql));
	}
}

/* A row that `stray` should name and does not is found out. */
static void hidden(void **ctx)
{
	struct fixture *f = *ctx;
	const struct verify_pins pins = { NULL, NULL };
	struct verify_report r;
	sqlite3 *db;

	fixture_open(f);
	for (uint64_t i = 0; i < ROWS; i++)
		put(f, i);
	while (store_seal(f->store, 1ull << 60, 500) > 0)
		;
	verify_ledger(f->ledger, &pins, &r);
	assert_string_equal(r.why, "");
	assert_int_equal(sqlite3_open(f->ledger, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				      "UPDATE stray SET entry = entry + 1"
				      " WHERE id = (SELECT max(id) FROM stray)",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	(void)sqlite3_close(db);
	verify_ledger(f->ledger, &pins, &r);
	assert_int_equal(r.verdict, VERIFY_BROKEN);
	assert_non_null(strstr(r.why, "table stray does not name it"));
}

/* Strays go with their rows. */
static void pruned(void **ctx)
{
	struct fixture *f = *ctx;
	struct store_limits limits = { .bytes_max = UINT64_MAX };
	int64_t before;

	fixture_open(f);
	for (uint64_t i = 0; i < ROWS; i++)
		put(f, i);
	while (store_seal(f->store, 1ull << 60, 500) > 0)
		;
	before = fixture_number(f, "SELECT count(*) FROM stray");
	assert_true(store_prune(f->store, &limits,
				(uint64_t)(fixture_number(
					f, "SELECT last >> 12 FROM batch"
					   " WHERE seq = 4")) +
					EPOCH_US + 1,
				ROWS) >= 1500);
	assert_true(fixture_number(f, "SELECT count(*) FROM stray") < before);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM stray WHERE"
					   " entry NOT IN (SELECT entry FROM"
					   " record)"),
			 0);
	assert_int_equal(fixture_number(f,
					"SELECT count(*) FROM record WHERE"
					" delay NOT BETWEEN 0 AND 16384000000"
					" AND entry NOT IN (SELECT entry"
					" FROM stray)"),
			 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(spans), T(by_id), T(pages), T(exports), T(hidden), T(pruned),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
