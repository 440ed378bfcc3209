/* A ledger of the first version becomes one of today's, whole or not at all. */
#include "tests/unit/audit/fixture.h"

#include <signal.h>
#include <sys/wait.h>

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

static void make(const struct fixture *f)
{
	sqlite3 *db;
	char *error = NULL;

	assert_int_equal(sqlite3_open(f->ledger, &db), SQLITE_OK);
	if (sqlite3_exec(db, version_1, NULL, NULL, &error) != SQLITE_OK)
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

	make(f);
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
	/* The view above is none of version 1, and so it is found. */
	assert_non_null(strstr(r.why, "table or view"));
}

/* SIGKILL at any moment of it: the one or the other, and the next one ends it.
 */
static void killed(void **state)
{
	struct fixture *f = *state;

	make(f);
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

	make(f);
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
		T(killed),
		T(rolled_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
