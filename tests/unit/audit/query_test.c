/* Filters over the ledger, and following it. */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "audit/find.h"
#include "audit/query.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/err.h"

/* 3000 rows, 100 ms apart: host h0 to h9, every 10th denied, every 25th
 * failed, sandbox a or b, path by number.
 */
#define ROWS   3000
#define GAP_US 100000

static bool is_denied(int i)
{
	return i % 10 == 3;
}

static bool is_failed(int i)
{
	return !is_denied(i) && i % 25 == 0;
}

static void seed(struct fixture *f)
{
	struct spool *s;

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	for (int i = 0; i < ROWS; i++) {
		struct audit_begin begin =
			fixture_begin(fixture_id((uint64_t)i * GAP_US));
		struct audit_end end = fixture_end();
		char host[32], path[32];

		(void)snprintf(host, sizeof(host), "h%d.test", i % 7);
		(void)snprintf(path, sizeof(path), "/p%d/x", i % 30);
		begin.host = slice_str(host);
		begin.path = slice_str(path);
		begin.sandbox = i % 2 ? SLICE("a") : SLICE("b");
		begin.method = i % 3 ? SLICE("GET") : SLICE("POST");
		if (is_denied(i)) {
			begin.verdict = AUDIT_DENY;
			begin.reason = SLICE("no-rule");
			begin.rule = slice_of(NULL, 0);
			end.outcome = AUDIT_REFUSED;
			end.status = 403;
		} else if (is_failed(i)) {
			end.outcome = AUDIT_FAILED;
			end.status = 502;
			end.detail = SLICE("connection refused");
		}
		assert_int_equal(spool_write(s, &begin, &end), 0);
		fixture_drain_at(f, begin.id);
	}
	spool_close(&s);
}

/* Run the filter; compare with what a loop over the rows finds. */
struct expected {
	int i[ROWS];
	int len;
};

static void check(struct fixture *f, struct query_filter filter,
		  const struct expected *want)
{
	int limit = filter.limit ? (int)filter.limit : ROWS;
	int n = MIN(want->len, limit);
	int from = filter.first ? 0 : want->len - n;
	struct query_row row;
	struct query *q;

	assert_int_equal(query_open(f->ledger, &q), 0);
	assert_int_equal(query_find(q, &filter), n);
	for (int k = 0; k < n; k++) {
		int i = want->i[from + k];

		assert_int_equal(query_next(q, &row), 1);
		assert_int_equal(row.id, fixture_id((uint64_t)i * GAP_US));
		assert_int_equal(row.wall_us, fixture_us(row.id));
		assert_int_equal(row.verdict,
				 is_denied(i) ? AUDIT_DENY : AUDIT_ALLOW);
	}
	assert_int_equal(query_next(q, &row), 0);
	assert_int_equal(query_next(q, &row), 0);
	query_free(&q);
}

/* Each limit, from either end. */
static void check_all(struct fixture *f, struct query_filter filter,
		      const struct expected *want)
{
	static const uint32_t limits[] = { 0, 1, 2, 50, ROWS };

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		filter.limit = limits[i];
		filter.first = false;
		check(f, filter, want);
		filter.first = true;
		check(f, filter, want);
	}
}

#define EXPECT(f, filter, condition)                                           \
	do {                                                                   \
		static struct expected want_;                                  \
		want_.len = 0;                                                 \
		for (int i = 0; i < ROWS; i++)                                 \
			if (condition)                                         \
				want_.i[want_.len++] = i;                      \
		check_all((f), (filter), &want_);                              \
	} while (0)

static void filters(void **state)
{
	struct fixture *f = *state;
	struct query_filter all = { 0 };
	struct query_filter q;
	uint64_t noon = fixture_us(fixture_id(1000 * GAP_US));

	seed(f);
	EXPECT(f, all, true);
	q = (struct query_filter){ .what = QUERY_TROUBLED };
	EXPECT(f, q, is_denied(i) || is_failed(i));
	q = (struct query_filter){ .what = QUERY_DENIED };
	EXPECT(f, q, is_denied(i));
	q = (struct query_filter){ .host = SLICE("h3.test") };
	EXPECT(f, q, i % 7 == 3);
	q = (struct query_filter){ .host = SLICE("H3.Test") };
	EXPECT(f, q, i % 7 == 3);
	q = (struct query_filter){ .host = SLICE("*.test") };
	EXPECT(f, q, true);
	q = (struct query_filter){ .host = SLICE("?3.*") };
	EXPECT(f, q, i % 7 == 3);
	q = (struct query_filter){ .host = SLICE("[h]3.test") };
	EXPECT(f, q, false);
	q = (struct query_filter){ .host = SLICE("test") };
	EXPECT(f, q, false);
	q = (struct query_filter){ .sandbox = SLICE("a") };
	EXPECT(f, q, i % 2);
	q = (struct query_filter){ .method = SLICE("POST"),
				   .what = QUERY_DENIED };
	EXPECT(f, q, i % 3 == 0 && is_denied(i));
	q = (struct query_filter){ .path = SLICE("/p1/") };
	EXPECT(f, q, i % 30 == 1);
	q = (struct query_filter){ .path = SLICE("/p1"),
				   .host = SLICE("h2.test") };
	EXPECT(f, q,
	       (i % 30 == 1 || (i % 30 >= 10 && i % 30 < 20)) && i % 7 == 2);
	q = (struct query_filter){ .status = { 403 } };
	EXPECT(f, q, is_denied(i));
	q = (struct query_filter){ .status = { 5 } };
	EXPECT(f, q, is_failed(i));
	q = (struct query_filter){ .reason = SLICE("no-rule") };
	EXPECT(f, q, is_denied(i));
	q = (struct query_filter){
		.rule = SLICE("GET https://api.github.com/repos/acme/**")
	};
	EXPECT(f, q, !is_denied(i));
	q = (struct query_filter){ .since_us = noon };
	EXPECT(f, q, i >= 1000);
	q = (struct query_filter){ .until_us = noon, .what = QUERY_DENIED };
	EXPECT(f, q, i < 1000 && is_denied(i));
	q = (struct query_filter){ .since_us = noon,
				   .until_us = noon + 10 * GAP_US,
				   .sandbox = SLICE("b") };
	EXPECT(f, q, i >= 1000 && i < 1010 && i % 2 == 0);
	q = (struct query_filter){ .after = (uint64_t)fixture_entry(
					   fixture_id(2000ull * GAP_US)) };
	EXPECT(f, q, i > 2000);
	q = (struct query_filter){ .until_us = 1 };
	EXPECT(f, q, false);
}

/* Patterns, and several of a kind. */
static void several(void **state)
{
	struct fixture *f = *state;
	struct query_filter q;

	seed(f);
	q = (struct query_filter){ .sandbox = SLICE("?") };
	EXPECT(f, q, true);
	q = (struct query_filter){ .sandbox = SLICE("[a]*") };
	EXPECT(f, q, false);
	q = (struct query_filter){ .sandbox = SLICE("A") };
	EXPECT(f, q, false);
	q = (struct query_filter){ .status = { 404, 403, 5 } };
	EXPECT(f, q, is_denied(i) || is_failed(i));
	q = (struct query_filter){ .kinds = QUERY_KIND_IS(AUDIT_REQUEST) };
	EXPECT(f, q, true);
	q = (struct query_filter){ .kinds = QUERY_KIND_IS(AUDIT_DNS) };
	EXPECT(f, q, false);
	q = (struct query_filter){ .client = SLICE("10.7.0.9") };
	EXPECT(f, q, true);
	q = (struct query_filter){ .client = SLICE("10.7.0.*") };
	EXPECT(f, q, false);
}

/* A pattern beyond any text matches nothing, and is not left out. */
static void longest(void **state)
{
	struct fixture *f = *state;
	static char text[FIND_PATTERN_MAX];
	struct query_filter q;

	memset(text, 'x', sizeof(text));
	seed(f);
	for (size_t len = sizeof(text) - 16; len <= sizeof(text); len++) {
		q = (struct query_filter){ .host = slice_of(text, len) };
		EXPECT(f, q, false);
		q = (struct query_filter){ .sandbox = slice_of(text, len) };
		EXPECT(f, q, false);
		q = (struct query_filter){ .path = slice_of(text, len) };
		EXPECT(f, q, false);
	}
}

/* Words of verdict and outcome together. */
static void ends(void **state)
{
	struct fixture *f = *state;
	struct query_filter q;

	seed(f);
	q = (struct query_filter){ .ends = QUERY_END(AUDIT_DENY,
						     AUDIT_REFUSED) };
	EXPECT(f, q, is_denied(i));
	q.ends |= QUERY_END(AUDIT_ALLOW, AUDIT_FAILED);
	EXPECT(f, q, is_denied(i) || is_failed(i));
	q.what = QUERY_DENIED;
	EXPECT(f, q, is_denied(i));
	q = (struct query_filter){ .ends = QUERY_END(AUDIT_NONE, AUDIT_CUT) };
	EXPECT(f, q, false);
}

/* What a loop counts for one group. */
struct counted {
	uint64_t rows, denied, failed, down, first_us, last_us;
};

static void count(struct counted *c, int i)
{
	uint64_t us = fixture_us(fixture_id((uint64_t)i * GAP_US));

	c->first_us = c->rows++ ? c->first_us : us;
	c->last_us = us;
	c->denied += is_denied(i);
	c->failed += is_failed(i);
	c->down += fixture_end().bytes_down;
}

static void expect_group(const struct query_group *g, const struct counted *c)
{
	assert_int_equal(g->rows, c->rows);
	assert_int_equal(g->denied, c->denied);
	assert_int_equal(g->failed, c->failed);
	assert_int_equal(g->bytes_up, 0);
	assert_int_equal(g->bytes_down, c->down);
	assert_int_equal(g->first_us, c->first_us);
	assert_int_equal(g->last_us, c->last_us);
}

/* By host and sandbox, of rows from number `from` on: 7 hosts, 2 sandboxes. */
static void check_groups(struct fixture *f, struct query_filter filter,
			 int from, bool only_denied)
{
	static const enum query_key by[] = { QUERY_HOST, QUERY_SANDBOX };
	struct counted want[7][2] = { 0 };
	uint64_t before = UINT64_MAX;
	struct query_group g;
	struct query *q;

	for (int i = from; i < ROWS; i++)
		if (!only_denied || is_denied(i))
			count(&want[i % 7][i % 2], i);
	assert_int_equal(query_open(f->ledger, &q), 0);
	/* What is denied stands in odd places, which are sandbox a's. */
	assert_int_equal(query_group(q, &filter, by, 2), only_denied ? 7 : 14);
	for (int n = 0; n < (only_denied ? 7 : 14); n++) {
		assert_int_equal(query_group_next(q, &g), 1);
		assert_true(g.rows <= before);
		before = g.rows;
		assert_int_equal(g.key[0].len, 7);
		expect_group(&g, &want[g.key[0].ptr[1] - '0']
				      [slice_eq(g.key[1], SLICE("a"))]);
	}
	assert_int_equal(query_group_next(q, &g), 0);
	query_free(&q);
}

/* Sum up what there is, in as many steps as it takes. */
static int summarise(struct fixture *f)
{
	uint64_t later =
		fixture_us(fixture_id((uint64_t)ROWS * GAP_US)) + 3600000000;
	int n, steps = 0;

	while ((n = store_summarise(f->store, later)) == 1)
		steps++;
	assert_int_equal(n, 0);
	return steps;
}

static void all_groups(struct fixture *f)
{
	struct query_filter all = { 0 };
	struct query_filter denied = { .what = QUERY_DENIED };
	struct query_filter since = { .since_us = fixture_us(
					      fixture_id(1234 * GAP_US)) };
	struct query_filter path = { .path = SLICE("/p") };

	check_groups(f, all, 0, false);
	check_groups(f, denied, 0, true);
	check_groups(f, since, 1234, false);
	check_groups(f, path, 0, false);
}

static void execute(struct fixture *f, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->ledger, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	(void)sqlite3_close(db);
}

static int64_t summaries_len(struct fixture *f)
{
	return fixture_number(f, "SELECT count(*) FROM summary");
}

/* An empty summary behind all rows: as they stand before one now, they get one
 * although they are few.
 */
static void close_the_end(struct fixture *f)
{
	char sql[100];

	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO summary VALUES(%llu, %llu, x'', x'')",
		       (unsigned long long)fixture_id(5000ull * GAP_US),
		       (unsigned long long)fixture_id(5000ull * GAP_US + 1));
	execute(f, sql);
}

static void write_one(struct fixture *f, uint64_t id)
{
	struct audit_begin begin = fixture_begin(id);
	struct audit_end end = fixture_end();
	struct spool *s;

	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	assert_int_equal(spool_write(s, &begin, &end), 0);
	fixture_drain_at(f, id);
	spool_close(&s);
}

/* Counting by summaries is counting. */
static void summaries(void **state)
{
	struct fixture *f = *state;

	seed(f);
	assert_int_equal(summarise(f), 0); /* not worth one yet */
	all_groups(f);
	close_the_end(f);
	assert_int_equal(summarise(f), 1);
	assert_int_equal(summaries_len(f), 2);
	assert_true(fixture_number(f, "SELECT max(length(sums)) FROM summary") >
		    100);
	all_groups(f);
	assert_int_equal(summarise(f), 0);
}

/* Rows that come end no summary, nor do those that stand already. */
static void summary_stays(void **state)
{
	struct fixture *f = *state;
	struct query_filter all = { 0 };
	enum query_key by = QUERY_HOST;
	struct query_group g;
	struct query *q;

	seed(f);
	close_the_end(f);
	assert_int_equal(summarise(f), 1);
	fixture_close(f);
	fixture_open(f);
	write_one(f, fixture_id(9000ull * GAP_US)); /* behind all of them */
	assert_int_equal(summaries_len(f), 2);
	write_one(f, fixture_id(1000ull * GAP_US)); /* is there already */
	assert_int_equal(summaries_len(f), 2);
	write_one(f, fixture_id(1000ull * GAP_US + 7)); /* late: behind too */
	assert_int_equal(summaries_len(f), 2);
	assert_int_equal(query_open(f->ledger, &q), 0);
	assert_int_equal(query_group(q, &all, NULL, 0), 1);
	assert_int_equal(query_group_next(q, &g), 1);
	assert_int_equal(g.rows, ROWS + 2);
	execute(f, "UPDATE summary SET sums = x'80' WHERE length(sums) > 9");
	assert_int_equal(query_group(q, &all, &by, 1), -EIO);
	assert_non_null(strstr(query_error(q), "damaged"));
	query_free(&q);
}

static void groups(void **state)
{
	struct fixture *f = *state;
	struct query_filter all = { 0 };
	struct query_filter q;

	seed(f);
	check_groups(f, all, 0, false);
	q = (struct query_filter){ .what = QUERY_DENIED };
	check_groups(f, q, 0, true);
	q = (struct query_filter){ .since_us = fixture_us(
					   fixture_id(1234 * GAP_US)) };
	check_groups(f, q, 1234, false);
	q.limit = 3; /* of rows, not of groups */
	q.first = true;
	check_groups(f, q, 1234, false);
	q.path = SLICE("/p");
	check_groups(f, q, 1234, false);
}

/* The n-th largest group's keys, as "a|b". */
static void expect_keys(struct fixture *f, const enum query_key *by,
			size_t by_len, int groups_len, const char *first)
{
	struct query_filter all = { 0 };
	struct query_group g;
	struct query *q;
	char text[256] = "";

	assert_int_equal(query_open(f->ledger, &q), 0);
	assert_int_equal(query_group(q, &all, by, by_len), groups_len);
	assert_int_equal(query_group_next(q, &g), 1);
	for (size_t i = 0; i < by_len; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
			       "%.*s|", (int)g.key[i].len,
			       g.key[i].len ? g.key[i].ptr : "");
	assert_string_equal(text, first);
	query_free(&q);
}

static void keys(void **state)
{
	struct fixture *f = *state;
	enum query_key key;

	seed(f);
	expect_keys(f, (enum query_key[]){ QUERY_STATUS, QUERY_VERDICT }, 2, 3,
		    "200|allow|");
	expect_keys(f, (enum query_key[]){ QUERY_REASON }, 1, 2, "|");
	expect_keys(f, (enum query_key[]){ QUERY_KIND, QUERY_PORT }, 2, 1,
		    "request|443|");
	expect_keys(f, (enum query_key[]){ QUERY_HOUR, QUERY_DAY }, 2, 1,
		    "2026-03-11T00|2026-03-11|");
	expect_keys(f, NULL, 0, 1, "");
	for (unsigned int i = 0; i < QUERY_KEYS; i++) {
		assert_true(query_key_parse(slice_str(query_key_str(i)), &key));
		assert_int_equal(key, i);
		expect_keys(f, (enum query_key[]){ QUERY_SANDBOX }, 1, 2, "a|");
	}
	assert_false(query_key_parse(SLICE("hosts"), &key));
}

static void occurring(void **state)
{
	struct fixture *f = *state;
	struct slice word;
	struct query *q;
	int n = 0;

	seed(f);
	assert_int_equal(query_open(f->ledger, &q), 0);
	assert_int_equal(query_occurs(q, QUERY_SANDBOX, SLICE("a")), 1);
	assert_int_equal(query_occurs(q, QUERY_SANDBOX, SLICE("c")), 0);
	assert_int_equal(query_occurs(q, QUERY_HOST, SLICE("H3.*")), 1);
	assert_int_equal(query_occurs(q, QUERY_HOST, SLICE("a")), 0);
	assert_int_equal(query_words(q, QUERY_HOST), 0);
	while (query_word_next(q, &word) == 1)
		n += slice_ends(word, SLICE(".test"));
	assert_int_equal(n, 7);
	assert_int_equal(query_words(q, QUERY_STATUS), 0);
	while (query_word_next(q, &word) == 1)
		n++;
	assert_int_equal(n, 10);
	query_free(&q);
}

static void durations(void **state)
{
	struct fixture *f = *state;
	struct query_filter q = { .what = QUERY_DENIED };
	uint64_t us[ROWS];
	struct query *query;

	seed(f);
	assert_int_equal(query_open(f->ledger, &query), 0);
	assert_int_equal(query_durations(query, &q, us, ROWS), ROWS / 10);
	assert_int_equal(us[0], fixture_end().duration_us);
	assert_int_equal(query_durations(query, &q, us, 7), 7);
	query_free(&query);
}

static void fields(void **state)
{
	struct fixture *f = *state;
	struct query_filter filter = { .what = QUERY_TROUBLED, .limit = 1 };
	struct query_row row;
	struct query *q;

	seed(f);
	assert_int_equal(query_open(f->ledger, &q), 0);
	assert_int_equal(query_find(q, &filter), 1);
	assert_int_equal(query_next(q, &row), 1);
	assert_true(slice_eq(row.instance, SLICE("test")));
	assert_true(slice_eq(row.client, SLICE("10.7.0.9")));
	assert_int_equal(row.client_port, 40112);
	assert_true(slice_eq(row.protocol, SLICE("h2")));
	assert_true(slice_eq(row.tls, SLICE("TLSv1.3")));
	assert_true(slice_eq(row.scheme, SLICE("https")));
	assert_true(slice_eq(row.reason, SLICE("no-rule")));
	assert_true(slice_eq(row.query, SLICE("state=open&page=2")));
	assert_true(slice_eq(row.rule_where, SLICE("penstock.yaml:12")));
	assert_true(slice_eq(row.up_tls, SLICE("TLSv1.3")));
	assert_int_equal(row.rule.len, 0);
	assert_int_equal(row.port, 443);
	assert_int_equal(row.status, 403);
	assert_int_equal(row.generation, 3);
	assert_int_equal(row.duration_us, 81234);
	assert_int_equal(row.bytes_down, 5321);
	assert_int_equal(row.outcome, AUDIT_REFUSED);
	assert_false(row.cut);
	query_free(&q);
}

static uint64_t write_now(struct spool *s, uint64_t age_us, uint32_t *ret_slot)
{
	static uint64_t n;
	uint64_t wall = clock_us(CLOCK_REALTIME) - age_us;
	struct audit_begin begin =
		fixture_begin(((wall - EPOCH_US) << 12) | (n++ & 0xfff));
	struct audit_end end = fixture_end();

	begin.wall_us = wall;
	if (ret_slot)
		assert_int_equal(spool_begin(s, &begin, ret_slot), 0);
	else
		assert_int_equal(spool_write(s, &begin, &end), 0);
	return begin.id;
}

static void expect_new(struct query *q, const uint64_t *ids, int len)
{
	const struct query_filter filter = { .host = SLICE("api.github.com") };
	struct query_row row;

	assert_int_equal(query_find_new(q, &filter), len);
	for (int i = 0; i < len; i++) {
		assert_int_equal(query_next(q, &row), 1);
		assert_int_equal(row.id, ids[i]);
	}
	assert_int_equal(query_next(q, &row), 0);
}

/* Rows come late, out of order, twice: each is shown when it comes. */
static void follow(void **state)
{
	struct fixture *f = *state;
	struct audit_end end = fixture_end();
	uint64_t ids[4];
	struct query *q;
	struct spool *s;
	uint32_t slot;

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	(void)write_now(s, 0, NULL);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_int_equal(query_open(f->ledger, &q), 0);
	assert_int_equal(query_follow(q), 0);
	expect_new(q, NULL, 0);
	ids[0] = write_now(s, 1000000, NULL); /* begun before we came */
	ids[1] = write_now(s, 0, NULL);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	expect_new(q, ids, 2);
	expect_new(q, ids, 0);
	ids[0] = write_now(s, 3600000000, NULL); /* ran for an hour */
	ids[1] = write_now(s, 3000000, &slot);	 /* and one still does */
	assert_int_equal(
		drain_all(f->drain, clock_us(CLOCK_REALTIME) + 1500000), 0);
	expect_new(q, ids, 2);
	expect_new(q, ids, 0);
	spool_end(s, slot, &end);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	expect_new(q, ids + 1, 1); /* once more, now that it has ended */
	expect_new(q, ids, 0);
	spool_close(&s);
	query_free(&q);
}

static void no_ledger(void **state)
{
	struct fixture *f = *state;
	struct query *q = (struct query *)(void *)f;
	sqlite3 *db;
	int fd;

	assert_int_equal(query_open(f->ledger, &q), -ENOENT);
	fd = open(f->ledger, O_RDWR | O_CREAT, 0600);
	assert_int_equal(query_open(f->ledger, &q), -ENOENT);
	assert_int_equal(write(fd, "hello, this is no database", 26), 26);
	(void)close(fd);
	assert_int_equal(query_open(f->ledger, &q), ERR_PROTO);
	assert_int_equal(unlink(f->ledger), 0);
	assert_int_equal(sqlite3_open(f->ledger, &db), SQLITE_OK);
	(void)sqlite3_exec(db, "CREATE TABLE x(y)", NULL, NULL, NULL);
	(void)sqlite3_close(db);
	assert_int_equal(query_open(f->ledger, &q), ERR_PROTO);
	assert_int_equal(unlink(f->ledger), 0);
	fixture_open(f);
	fixture_close(f);
	assert_int_equal(sqlite3_open(f->ledger, &db), SQLITE_OK);
	(void)sqlite3_exec(db, "PRAGMA user_version = 7", NULL, NULL, NULL);
	(void)sqlite3_close(db);
	assert_int_equal(query_open(f->ledger, &q), ERR_STALE);
	assert_ptr_equal(q, f);
}

/* Reading leaves the files as they are: nothing is checkpointed. */
static void leaves_wal(void **state)
{
	struct fixture *f = *state;
	struct query_filter filter = { .limit = 5 };
	struct stat before, after;
	char wal[170];
	struct query *q;

	seed(f);
	(void)snprintf(wal, sizeof(wal), "%s-wal", f->ledger);
	assert_int_equal(stat(wal, &before), 0);
	assert_int_equal(query_open(f->ledger, &q), 0);
	assert_int_equal(query_find(q, &filter), 5);
	query_free(&q);
	assert_int_equal(stat(wal, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

/* The writer goes on, and prunes, while a reader holds its rows. */
static void pruned_between(void **state)
{
	struct fixture *f = *state;
	struct store_limits limits = { .keep_s = 1, .bytes_max = UINT64_MAX };
	struct query_filter filter = { .limit = 100 };
	struct query_row row;
	struct query *q;
	int n = 0;

	seed(f);
	while (store_seal(f->store, 1ull << 60, 50) > 0)
		;
	assert_int_equal(query_open(f->ledger, &q), 0);
	assert_int_equal(query_find(q, &filter), 100);
	assert_int_equal(query_next(q, &row), 1);
	assert_int_equal(
		store_prune(f->store, &limits,
			    fixture_us(fixture_id((ROWS - 50ull) * GAP_US)) +
				    1000000,
			    ROWS),
		ROWS - 50);
	while (query_next(q, &row) > 0)
		n++;
	assert_in_range(n, 50, 99);
	query_free(&q);
}

int main(void)
{
#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(filters),	  T(fields),	     T(follow),	   T(no_ledger),
		T(leaves_wal),	  T(pruned_between), T(ends),	   T(groups),
		T(keys),	  T(occurring),	     T(durations), T(summaries),
		T(summary_stays), T(longest),	     T(several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
