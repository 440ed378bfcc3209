/* Where paths are: nothing that is there is ever left out. */
#include "fixture.h"

#include "audit/copy.h"
#include "audit/paths.h"
#include "audit/query.h"
#include "audit/verify.h"
#include "base/base.h"
#include "base/id.h"

#define ROWS	     70000 /* a summary and some */
#define PATH_MAX_LEN 160
#define QUERIES	     40

static uint64_t seed = 88172645463325252ull;

static uint32_t dice(uint32_t sides)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 33) % sides;
}

/* A path as the ledger holds them: most are common, some occur once; with
 * what is masked, escaped, percent-encoded, not ASCII, none at all.
 */
static struct slice any_path(char to[PATH_MAX_LEN])
{
	static const char *const root[] = {
		"/v1/messages",
		"/repos/acme/site",
		"/r\xc3\xa9sum\xc3\xa9",
		"/%2e%2e/x",
		"/[a]/b",
		"/login;token=***",
		"/a\\x0ab",
		"*",
		"/",
		"",
	};
	int len =
		snprintf(to, PATH_MAX_LEN, "%s", root[dice(ARRAY_SIZE(root))]);

	for (uint32_t n = dice(4); n && len; n--)
		len += snprintf(to + len, (size_t)(PATH_MAX_LEN - len), "/%s%u",
				dice(2) ? "p" : "\xe6\xbc\xa2long-segment-",
				dice(dice(3) ? 7 : 100000));
	return slice_of(to, (size_t)len);
}

static bool found_at(const struct paths_found *found, uint64_t id)
{
	for (size_t i = 0; i < PATHS_PARTS; i++)
		if (id >= found->first[i] && id < found->first[i + 1])
			return found->mask >> i & 1;
	return false;
}

static struct paths_found look(const unsigned char *octets, size_t len,
			       struct slice path)
{
	struct paths_found found;
	struct paths_key key;

	paths_key(path, &key);
	assert_true(
		paths_look(slice_of(octets, len), UINT32_MAX, &key, &found));
	return found;
}

/* Every beginning of every path is found where it is; of what is nowhere few
 * parts pass.
 */
static void round_trip(void **state)
{
	enum {
		N = 5000
	};
	static char text[N][PATH_MAX_LEN];
	unsigned char *octets;
	struct paths p;
	unsigned passed = 0;
	size_t len;

	(void)state;
	assert_int_equal(paths_init(&p), 0);
	for (uint64_t i = 0; i < N; i++)
		paths_add(&p, 1000 + i * 3, any_path(text[i]));
	assert_int_equal(paths_pack(&p, &octets, &len), 0);
	for (uint64_t i = 0; i < N; i++) {
		struct slice s = slice_str(text[i]);
		struct paths_found found;

		s.len = dice((uint32_t)s.len + 1);
		found = look(octets, len, s);
		assert_true(found_at(&found, 1000 + i * 3));
		(void)snprintf(text[i], sizeof(text[i]), "/none/%u", dice(N));
		found = look(octets, len, slice_str(text[i]));
		passed += (unsigned)__builtin_popcountll(found.mask);
	}
	assert_true(passed < N * 5 / 50); /* of its five parts, one in 50 */
	free(octets);
	paths_done(&p);
}

/* What is none of ours is refused, never read beyond its end, and its parts
 * are in order.
 */
static void damaged(void **state)
{
	struct paths_key key;
	struct paths_found found;
	unsigned char *octets, *copy;
	struct paths p;
	size_t len;

	(void)state;
	paths_key(SLICE("/v1/messages"), &key);
	assert_int_equal(key.len, 4);
	assert_int_equal(paths_init(&p), 0);
	for (uint64_t i = 0; i < 3000; i++)
		paths_add(&p, 1000 + i, SLICE("/v1/messages"));
	assert_int_equal(paths_pack(&p, &octets, &len), 0);
	paths_done(&p);
	assert_int_equal(len, 1024); /* one path in all rows: next to nothing */
	assert_true(paths_look(slice_of(octets, len), 5000, &key, &found));
	assert_int_equal(found.mask, 7);
	assert_int_equal(found.first[1], 2024);
	assert_int_equal(found.first[3], 5001);
	for (size_t cut = 0; cut < len; cut++) {
		copy = malloc(cut + 1); /* so that a checker sees the end */
		assert_non_null(copy);
		memcpy(copy, octets, cut);
		(void)paths_look(slice_of(copy, cut), 5000, &key, &found);
		free(copy);
	}
	assert_false(paths_look(slice_of(octets, 511), 5000, &key, &found));
	assert_false(paths_look(slice_of(octets, 512), 5000, &key, &found));
	assert_false(paths_look(slice_of(octets, len - 8), 5000, &key, &found));
	assert_false(paths_look(slice_of(octets, len), 3000, &key, &found));
	octets[9] = 0;
	assert_false(paths_look(slice_of(octets, len), 5000, &key, &found));
	free(octets);
}

/* The ledger: rows in bursts, some of them open. */
static uint64_t row_id(uint64_t i)
{
	return fixture_id(i * 500 + i / 9000 * 40000000);
}

#define LATER (fixture_us(row_id(ROWS)) + 3600000000)

static void put(struct fixture *f, uint64_t id, struct slice path,
		enum audit_outcome outcome)
{
	struct record r;
	uint32_t n = dice(1000);
	char host[32];

	(void)snprintf(host, sizeof(host), "h%u.test", n ? n % 5 : 99);
	fixture_record(&r, id);
	r.verdict = n % 25 ? AUDIT_ALLOW : AUDIT_DENY;
	r.outcome = outcome;
	r.text[RECORD_SANDBOX] = n % 2 ? SLICE("ci") : SLICE("bob");
	r.text[RECORD_HOST] = slice_str(host);
	r.text[RECORD_PATH] = path;
	fixture_put(f, &r);
}

static void fill(struct fixture *f)
{
	char path[PATH_MAX_LEN];

	fixture_open(f);
	assert_int_equal(store_begin(f->store, 0), 0);
	for (uint64_t i = 0; i < ROWS; i++)
		put(f, row_id(i),
		    i == ROWS / 2 ? SLICE("/needle/in/the/middle")
				  : any_path(path),
		    i % 9999 == 5 ? AUDIT_OPEN : AUDIT_DONE);
	assert_int_equal(store_commit(f->store), 0);
}

static void summarise(struct fixture *f)
{
	int n;

	while ((n = store_summarise(f->store, LATER)) == 1)
		;
	assert_int_equal(n, 0);
}

/* A filter with a path, others sometimes beside it. */
static struct query_filter any_filter(char path[PATH_MAX_LEN])
{
	struct query_filter q = { .path = any_path(path) };

	if (dice(8) == 0)
		q.path = SLICE("/needle/in");
	else if (dice(8) == 0)
		q.path = SLICE("/*/p3");
	else if (dice(12) == 0)
		q.path = SLICE("/now/here/else");
	else if (q.path.len)
		q.path.len = 1 + dice((uint32_t)q.path.len);
	q.first = dice(2);
	q.limit = dice(3) ? 0 : 1 + dice(50);
	if (dice(3) == 0)
		q.what = QUERY_DENIED;
	if (dice(4) == 0)
		q.host = dice(2) ? SLICE("h99.test") : SLICE("h3.*");
	if (dice(5) == 0)
		q.sandbox = SLICE("bob");
	if (dice(3) == 0)
		q.since_us = fixture_us(row_id(dice(ROWS)));
	if (dice(3) == 0)
		q.until_us = fixture_us(row_id(dice(ROWS)));
	return q;
}

/* What the filters find, folded into one number each. */
static void ask_all(struct fixture *f, uint64_t from_seed,
		    uint64_t ret[QUERIES], uint64_t *ret_rows)
{
	enum query_key by = QUERY_HOST;
	struct query_group group;
	struct query_row row;
	struct query *q;

	seed = from_seed;
	*ret_rows = 0;
	assert_int_equal(query_open(f->ledger, &q), 0);
	for (size_t i = 0; i < QUERIES; i++) {
		char path[PATH_MAX_LEN];
		struct query_filter filter = any_filter(path);
		int n = query_find(q, &filter);

		assert_true(n >= 0);
		ret[i] = (uint64_t)n;
		*ret_rows += (uint64_t)n;
		for (int k = 0; k < MIN(n, 100); k++) {
			assert_int_equal(query_next(q, &row), 1);
			ret[i] = ret[i] * 31 + row.id;
			assert_true(
				memchr(filter.path.ptr, '*', filter.path.len) ||
				slice_starts(row.path, filter.path));
		}
		assert_true(query_group(q, &filter, &by, 1) >= 0);
		while (query_group_next(q, &group) == 1)
			ret[i] = ret[i] * 31 + group.rows;
	}
	query_free(&q);
}

static void execute(const struct fixture *f, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->ledger, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 5000);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
}

static int64_t summaries(const struct fixture *f)
{
	return fixture_number(f, "SELECT count(*) FROM summary");
}

/* With summaries and without them the same is found. Leaves none. */
static void compare(struct fixture *f)
{
	static uint64_t with[QUERIES], without[QUERIES];
	uint64_t from_seed = seed, rows, all;

	assert_true(summaries(f) > 0);
	ask_all(f, from_seed, with, &rows);
	execute(f, "DELETE FROM summary");
	ask_all(f, from_seed, without, &all);
	assert_int_equal(rows, all);
	assert_true(rows > QUERIES);
	for (size_t i = 0; i < QUERIES; i++)
		if (with[i] != without[i])
			fail_msg("filter %zu finds something else", i);
}

static void same_rows(void **state)
{
	struct fixture *f = *state;

	fill(f);
	summarise(f);
	assert_int_equal(summaries(f), 1);
	compare(f);
	/* What a row was, and became: the summary that knew it goes. */
	summarise(f);
	assert_int_equal(store_close_open_rows(f->store), 0);
	assert_int_equal(summaries(f), 0);
	summarise(f);
	assert_int_equal(store_begin(f->store, 0), 0);
	put(f, row_id(5), SLICE("/needle/in/time"), AUDIT_DONE);
	assert_int_equal(store_commit(f->store), 0);
	assert_int_equal(summaries(f), 0);
	summarise(f);
	compare(f);
}

/* Damaged octets make it slow, not wrong. */
static void damaged_ledger(void **state)
{
	static const char *const how[] = {
		"UPDATE summary SET paths = x''",
		"UPDATE summary SET paths = substr(paths, 1, 4096)",
		"UPDATE summary SET paths = 7",
	};
	struct fixture *f = *state;

	fill(f);
	for (size_t i = 0; i < ARRAY_SIZE(how); i++) {
		summarise(f);
		execute(f, how[i]);
		compare(f);
	}
}

static struct verify_report verify(const struct fixture *f)
{
	const struct verify_pins pins = { NULL, NULL };
	struct verify_report r;

	verify_ledger(f->ledger, &pins, &r);
	return r;
}

/* Who may write to the ledger cannot hide rows from those who look by path. */
static void tampered(void **state)
{
	static const char *const how[] = {
		"UPDATE summary SET paths = zeroblob(1024)",
		"UPDATE summary SET sums = x''",
		"UPDATE summary SET last = last + 4096000",
		"UPDATE summary SET first = 0, last = 1 << 62",
		"UPDATE summary SET last = first - 1",
	};
	struct fixture *f = *state;

	fill(f);
	assert_int_equal(store_close_open_rows(f->store), 0);
	while (store_seal(f->store, LATER, STORE_SEAL_ROWS) > 0)
		;
	assert_int_equal(store_checkpoint(f->store, LATER), 1);
	for (size_t i = 0; i < ARRAY_SIZE(how); i++) {
		struct verify_report r;

		summarise(f);
		r = verify(f);
		assert_string_equal(r.why, "");
		execute(f, how[i]);
		r = verify(f);
		assert_int_equal(r.verdict, VERIFY_BROKEN);
		assert_non_null(strstr(r.why, "summar"));
		execute(f, "DELETE FROM summary");
	}
}

static void after_prune(void **state)
{
	struct store_limits limits = { .bytes_max = UINT64_MAX };
	struct fixture *f = *state;
	int n;

	fill(f);
	assert_int_equal(store_close_open_rows(f->store), 0);
	while ((n = store_seal(f->store, LATER, STORE_SEAL_ROWS)) > 0)
		;
	assert_int_equal(n, 0);
	summarise(f);
	limits.keep_s = 3600;
	n = store_prune(f->store, &limits,
			fixture_us(row_id(30000)) + 3600000000, 20000);
	assert_true(n > 10000);
	assert_int_equal(summaries(f), 0);
	execute(f, "INSERT INTO summary VALUES(1 << 62, 1 << 62, x'', x'')");
	summarise(f);
	assert_int_equal(summaries(f), 2);
	compare(f);
}

/* Rows that are imported come behind those that are there, of whatever time. */
static void after_import(void **state)
{
	const struct copy_filter half = { .until_us =
						  fixture_us(row_id(20000)) };
	struct fixture *f = *state;
	char file[200], why[COPY_WHY_MAX];
	struct copy_counts counts;
	int n;

	(void)snprintf(file, sizeof(file), "%s/half.ndjson", f->dir);
	fill(f);
	assert_int_equal(store_close_open_rows(f->store), 0);
	while ((n = store_seal(f->store, LATER, STORE_SEAL_ROWS)) > 0)
		;
	assert_int_equal(n, 0);
	assert_int_equal(store_checkpoint(f->store, LATER), 1);
	assert_int_equal(copy_export(f->ledger, &half, file, &counts, why), 0);
	assert_in_range(counts.rows, 20000, 30000);
	fixture_close(f);
	assert_int_equal(unlink(f->ledger), 0);
	fixture_open(f);
	assert_int_equal(store_begin(f->store, 0), 0);
	for (uint64_t i = 0; i < ROWS; i++)
		put(f, row_id(i) + 4096, SLICE("/other"), AUDIT_DONE);
	assert_int_equal(store_commit(f->store), 0);
	summarise(f);
	assert_int_equal(summaries(f), 1);
	fixture_close(f);
	if (copy_import(file, f->ledger, &counts, why))
		fail_msg("%s", why);
	assert_int_equal(counts.left, 0);
	assert_int_equal(summaries(f), 1);
	fixture_open(f);
	execute(f, "INSERT INTO summary VALUES(1 << 62, 1 << 62, x'', x'')");
	summarise(f);
	assert_int_equal(summaries(f), 3);
	compare(f);
}

int main(void)
{
#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(damaged),
		T(same_rows),
		T(damaged_ledger),
		T(tampered),
		T(after_prune),
		T(after_import),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
