/* A ledger of a former version becomes one of today's, whole or not at all. */
#include "tests/unit/audit/fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include "audit/copy.h"
#include "audit/query.h"
#include "audit/schema.h"
#include "audit/verify.h"
#include "base/err.h"

#define ROWS  3000
#define KILLS 20

/* As version 1 wrote it. */
static const char version_1[] =
	"PRAGMA auto_vacuum = INCREMENTAL;"
	"PRAGMA journal_mode = WAL;"
	"BEGIN;"
	"CREATE TABLE migration(version INTEGER PRIMARY KEY,"
	" applied_us INTEGER NOT NULL, what TEXT NOT NULL);"
	"CREATE TABLE ledger(key TEXT PRIMARY KEY, value TEXT NOT NULL)"
	" WITHOUT ROWID;"
	"CREATE TABLE text(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE,"
	" last_day INTEGER NOT NULL);"
	"CREATE TABLE facts(id INTEGER PRIMARY KEY,"
	" kind INTEGER NOT NULL, verdict INTEGER NOT NULL,"
	" outcome INTEGER NOT NULL, status INTEGER NOT NULL,"
	" port INTEGER NOT NULL, generation INTEGER NOT NULL,"
	" sandbox INTEGER NOT NULL, client INTEGER NOT NULL,"
	" protocol INTEGER NOT NULL, tls INTEGER NOT NULL,"
	" method INTEGER NOT NULL, scheme INTEGER NOT NULL,"
	" host INTEGER NOT NULL, user_agent INTEGER NOT NULL,"
	" reason INTEGER NOT NULL, rule INTEGER NOT NULL,"
	" rule_where INTEGER NOT NULL, content_type INTEGER NOT NULL,"
	" upstream INTEGER NOT NULL, up_protocol INTEGER NOT NULL,"
	" up_tls INTEGER NOT NULL, last_day INTEGER NOT NULL);"
	"CREATE INDEX facts_all ON facts(kind, verdict, outcome, status, port,"
	" generation, sandbox, client, protocol, tls, method, scheme, host,"
	" user_agent, reason, rule, rule_where, content_type, upstream,"
	" up_protocol, up_tls, id);"
	"CREATE TABLE record(id INTEGER PRIMARY KEY, facts INTEGER NOT NULL,"
	" skew_us INTEGER NOT NULL, client_port INTEGER NOT NULL,"
	" duration_us INTEGER NOT NULL, bytes_up INTEGER NOT NULL,"
	" bytes_down INTEGER NOT NULL, cut INTEGER NOT NULL,"
	" path TEXT, query TEXT, detail TEXT);"
	"CREATE TABLE seen(facts INTEGER, second INTEGER,"
	" PRIMARY KEY(facts, second)) WITHOUT ROWID;"
	"CREATE TABLE late(seq INTEGER PRIMARY KEY, id INTEGER NOT NULL);"
	"INSERT INTO ledger VALUES('instance', 'old');"
	"INSERT INTO text VALUES(1, 'ci', 800), (2, '10.7.0.9', 800),"
	" (3, 'GET', 800), (4, 'api.github.com', 800);"
	"INSERT INTO facts VALUES(1, 0, 2, 1, 200, 443, 1, 1, 2, 0, 0, 3, 0, 4,"
	" 0, 0, 0, 0, 0, 0, 0, 0, 800);"
	"INSERT INTO facts VALUES(2, 0, 2, 0, 0, 443, 1, 1, 2, 0, 0, 3, 0, 4,"
	" 0, 0, 0, 0, 0, 0, 0, 0, 800);"
	"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n"
	" WHERE i < 2999) INSERT INTO record SELECT ((800 * 86400000000 + i *"
	" 10000) << 12) + 1, CASE WHEN i = 1000 THEN 2 ELSE 1 END, 0, 40000 + i"
	" % 1000, 1234, 0, 99, 0, '/p/' || i, NULL, NULL FROM n;"
	"INSERT INTO seen SELECT DISTINCT facts, id >> 32 FROM record;"
	"INSERT INTO late(id) SELECT id FROM record WHERE id % 7 = 0;"
	"CREATE VIEW requests AS SELECT id FROM record;"
	"INSERT INTO migration VALUES(1, 1, 'the first ledger');"
	"PRAGMA application_id = 1346719315;"
	"PRAGMA user_version = 1;"
	"COMMIT;";

static void make(const struct fixture *f, const char *sql)
{
	sqlite3 *db;
	char *error = NULL;

	assert_int_equal(sqlite3_open(f->ledger, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s", error);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void seal_all(struct fixture *f)
{
	int n;

	assert_int_equal(store_close_open_rows(f->store), 0);
	while ((n = store_seal(f->store, 1ull << 60, 1000)) > 0)
		;
	assert_int_equal(n, 0);
}

static void first_version(void **state)
{
	struct fixture *f = *state;
	const struct verify_pins pins = { NULL, NULL };
	struct verify_report r;
	char text[1024];

	make(f, version_1);
	verify_ledger(f->ledger, &pins, &r);
	assert_int_equal(r.verdict, VERIFY_UNSURE);
	assert_non_null(strstr(r.why, "older version, 1"));
	fixture_open(f);
	assert_int_equal(fixture_number(f, "PRAGMA user_version"),
			 SCHEMA_VERSION);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM migration"),
			 SCHEMA_VERSION);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"),
			 ROWS);
	assert_string_equal(fixture_text(f,
					 "SELECT value FROM ledger WHERE"
					 " key = 'instance'",
					 text),
			    "old");
	seal_all(f);
	assert_int_equal(fixture_number(f, "SELECT total FROM batch ORDER BY"
					   " seq DESC LIMIT 1"),
			 ROWS);
	fixture_close(f);
	verify_ledger(f->ledger, &pins, &r);
	assert_string_equal(r.why, "");
	assert_int_equal(r.rows, ROWS);
}

/* A ledger as version 4 left it: 60 rows whose keys are their ids, 38 of them
 * in four batches, three of which were late, one of which still waits; some
 * open.
 */
static void make_version_4(const struct fixture *f)
{
	static char sql[65536];
	FILE *file = fopen(TEST_DIR "/unit/audit/version_4.sql", "r");
	size_t len;

	assert_non_null(file);
	len = fread(sql, 1, sizeof(sql) - 1, file);
	assert_in_range(len, 10000, sizeof(sql) - 2);
	sql[len] = '\0';
	(void)fclose(file);
	make(f, sql);
}

/* What is found of it, folded into a number. */
static uint64_t found(const struct fixture *f)
{
	const struct query_filter filters[] = {
		{ .limit = 20 },
		{ .host = SLICE("h1.test") },
		{ .path = SLICE("/p/2") },
		{ .since_us = fixture_us(fixture_id(20 * 40000)),
		  .until_us = fixture_us(fixture_id(30 * 40000)) },
	};
	enum query_key by = QUERY_HOST;
	struct query_group group;
	struct query_row row;
	struct query *q;
	uint64_t fold = 0;

	assert_int_equal(query_open(f->ledger, &q), 0);
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		assert_true(query_find(q, &filters[i]) > 5);
		while (query_next(q, &row) == 1)
			fold = fold * 31 + row.id + row.bytes_down;
		assert_true(query_group(q, &filters[i], &by, 1) > 0);
		while (query_group_next(q, &group) == 1)
			fold = fold * 31 + group.rows + group.first_us;
	}
	assert_int_equal(query_find_id(q, fixture_id(7 * 40000)), 1);
	assert_int_equal(query_next(q, &row), 1);
	assert_int_equal(row.id, fixture_id(7 * 40000));
	query_free(&q);
	return fold;
}

static void version_4(void **state)
{
	struct fixture *f = *state;
	const struct verify_pins pins = { NULL, NULL };
	const struct copy_filter all = { .since_us = 0 };
	struct store_limits limits = { .bytes_max = UINT64_MAX };
	char file[100], why[COPY_WHY_MAX];
	struct copy_counts counts;
	struct verify_report r;
	uint64_t before;

	make_version_4(f);
	before = found(f);
	fixture_open(f);
	assert_int_equal(fixture_number(f, "PRAGMA user_version"),
			 SCHEMA_VERSION);
	assert_true(found(f) == before);
	/* What was sealed then is proved now. */
	verify_ledger(f->ledger, &pins, &r);
	assert_string_equal(r.why, "");
	assert_int_equal(r.rows, 38);
	assert_int_equal(r.late, 3);
	assert_int_equal(r.unsealed, 19);
	seal_all(f);
	verify_ledger(f->ledger, &pins, &r);
	assert_string_equal(r.why, "");
	assert_int_equal(r.rows, 60);
	assert_int_equal(r.late, 5);
	(void)snprintf(file, sizeof(file), "%s/x", f->dir);
	assert_int_equal(store_checkpoint(f->store, 1ull << 60), 1);
	assert_int_equal(copy_export(f->ledger, &all, file, &counts, why), 0);
	assert_int_equal(counts.rows, 60);
	copy_verify(file, &pins, &r);
	assert_string_equal(r.why, "");
	/* The first two batches go, and what later ones took in late stays. */
	assert_int_equal(store_prune(f->store, &limits,
				     fixture_us(fixture_id(29 * 40000)), 100),
			 24);
	verify_ledger(f->ledger, &pins, &r);
	assert_string_equal(r.why, "");
	assert_int_equal(r.rows, 36);
}

/* SIGKILL at any moment of it: the one or the other, and the next one ends it.
 */
static void killed(void **state)
{
	struct fixture *f = *state;

	make(f, version_1);
	for (useconds_t i = 0; i < KILLS; i++) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			fixture_open(f);
			seal_all(f);
			for (;;)
				(void)pause();
		}
		(void)usleep(i * i * 100);
		(void)kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(fixture_number(f, "SELECT count(*) FROM"
						   " record"),
				 ROWS);
		assert_int_equal(fixture_number(f,
						"SELECT (SELECT count(*) FROM"
						" migration) = user_version"
						" FROM pragma_user_version"),
				 1);
	}
	fixture_open(f);
	seal_all(f);
	assert_int_equal(fixture_number(f, "SELECT sum(rows) FROM batch"),
			 ROWS);
}

/* A step that cannot be made leaves everything as it was. */
static void rolled_back(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db;

	make(f, version_1);
	assert_int_equal(sqlite3_open(f->ledger, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "CREATE TABLE statement(x)", NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_true(store_open(f->ledger, "x", &f->store) < 0);
	assert_non_null(strstr(store_error(NULL), "make the tables"));
	assert_int_equal(fixture_number(f, "PRAGMA user_version"), 1);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM sqlite_schema"
					   " WHERE name = 'batch'"),
			 0);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"),
			 ROWS);
}

int main(void)
{
#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(first_version),
		T(version_4),
		T(killed),
		T(rolled_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
