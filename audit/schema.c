/* audit/schema.c - the ledger's tables.
 *
 * Most of a row repeats: the same client asks the same host by the same rule
 * with the same outcome. So a row is split into
 *
 *   text	each distinct string, once
 *   facts	each distinct combination of what repeats, once
 *   record	what is its own: id, path, sizes, duration
 *
 * and view `requests` puts it together again.
 *
 * A record's key, `entry`, is the time at which it was entered, in the form of
 * an id (base/id.h: microseconds since 2024 in the upper bits); what is entered
 * together has keys that follow on each other. So SQLite writes to the end of
 * the table and nowhere else. `delay` is the entry less the id, which says when
 * the request began.
 *
 * There is no index on record but its key. What indexes are for, three small
 * tables do:
 *
 *   seen	in which seconds (of entries) which facts occur. A filter first
 *		finds the facts, then the seconds (few steps), then looks at the
 *		rows of these, newest first. It costs a write only when facts
 *		occur for the first time in a second, which at high load is
 *		nearly never. It may name a second in which the facts no longer
 *		occur, never miss one in which they do
 *   stray	ids of rows that were not entered within SCHEMA_NEAR of them:
 *		all others are found by looking there
 *   summary	what many rows come to (audit/summary.c)
 *
 * skew_us is the difference between id and clock, 0 unless the clock was set
 * back.
 *
 * last_day is the latest day (of entries, since 2024) that uses a text or
 * facts; pruning drops what no row can use any more without counting
 * references.
 *
 * Before version 5 a record's key was its id. Rows of that time have it as
 * their entry, with no delay.
 */

#include "audit/schema.h"

#include <errno.h>
#include <stdio.h>

#include "base/base.h"
#include "base/err.h"

/* SQL is laid out as SQL. A step is history: what it made stands in ledgers, so
 * it stays as it is, and a change is a step of its own.
 */
/* clang-format off */
#define COLUMN_NAME(name) #name ", "
#define COLUMN_DEF(name)  #name " INTEGER NOT NULL, "

static const char schema_1_tables[] =
	"CREATE TABLE migration("
	"  version INTEGER PRIMARY KEY,"
	"  applied_us INTEGER NOT NULL,"
	"  what TEXT NOT NULL);"
	"CREATE TABLE ledger("
	"  key TEXT PRIMARY KEY,"
	"  value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE text("
	"  id INTEGER PRIMARY KEY,"
	"  text TEXT NOT NULL UNIQUE,"
	"  last_day INTEGER NOT NULL);"
	"CREATE TABLE facts("
	"  id INTEGER PRIMARY KEY,"
	SCHEMA_FACTS(COLUMN_DEF)
	"  last_day INTEGER NOT NULL);"
	"CREATE INDEX facts_all ON facts("
	SCHEMA_FACTS(COLUMN_NAME)
	"  id);"
	"CREATE TABLE record("
	"  id INTEGER PRIMARY KEY,"
	"  facts INTEGER NOT NULL,"
	"  skew_us INTEGER NOT NULL,"
	"  client_port INTEGER NOT NULL,"
	"  duration_us INTEGER NOT NULL,"
	"  bytes_up INTEGER NOT NULL,"
	"  bytes_down INTEGER NOT NULL,"
	"  cut INTEGER NOT NULL,"
	"  path TEXT,"
	"  query TEXT,"
	"  detail TEXT);"
	"CREATE TABLE seen("
	"  facts INTEGER,"
	"  second INTEGER,"
	"  PRIMARY KEY(facts, second)) WITHOUT ROWID;"
	"CREATE TABLE late("
	"  seq INTEGER PRIMARY KEY,"
	"  id INTEGER NOT NULL);";

/* The chain (audit/chain.h). A statement's kind is 0 checkpoint, 1 pruned. */
static const char schema_2_chain[] =
	"CREATE TABLE batch("
	"  seq INTEGER PRIMARY KEY,"
	"  first INTEGER NOT NULL,"
	"  last INTEGER NOT NULL,"
	"  rows INTEGER NOT NULL,"
	"  late INTEGER NOT NULL,"
	"  total INTEGER NOT NULL,"
	"  sealed_us INTEGER NOT NULL,"
	"  content BLOB NOT NULL,"
	"  hash BLOB NOT NULL,"
	"  marks BLOB NOT NULL);"
	/* Which rows of a range are not of its batch, and those of a batch that
	 * are of no range; the second is asked when the batch is read.
	 */
	"CREATE TABLE batch_late("
	"  id INTEGER PRIMARY KEY,"
	"  batch INTEGER NOT NULL);"
	"CREATE INDEX batch_late_batch ON batch_late(batch);"
	"CREATE TABLE statement("
	"  kind INTEGER,"
	"  batch INTEGER,"
	"  last INTEGER NOT NULL,"
	"  total INTEGER NOT NULL,"
	"  signed_us INTEGER NOT NULL,"
	"  hash BLOB NOT NULL,"
	"  key BLOB NOT NULL,"
	"  signature BLOB NOT NULL,"
	"  PRIMARY KEY(kind, batch)) WITHOUT ROWID;"
	"INSERT INTO ledger VALUES('late_seq', '0');";

/* What rows come to, by facts (audit/summary.c). */
static const char schema_3_summary[] =
	"CREATE TABLE summary("
	"  first_id INTEGER PRIMARY KEY,"
	"  last_id INTEGER NOT NULL,"
	"  sums BLOB NOT NULL);";

/* And where paths occur (audit/paths.h). They are all made again. */
static const char schema_4_paths[] =
	"DROP TABLE summary;"
	"CREATE TABLE summary("
	"  first_id INTEGER PRIMARY KEY,"
	"  last_id INTEGER NOT NULL,"
	"  sums BLOB NOT NULL,"
	"  paths BLOB NOT NULL);";
/* Rows by when they were entered. Summaries are made again: they go by it. The
 * views of former versions were made in step 1.
 */
static const char schema_5_entry[] =
	"DROP VIEW IF EXISTS requests;"
	"DROP VIEW IF EXISTS requests_by_facts;"
	"DROP VIEW IF EXISTS denied;"
	"DROP VIEW IF EXISTS troubled;"
	"ALTER TABLE record RENAME COLUMN id TO entry;"
	"ALTER TABLE record ADD COLUMN delay INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE late RENAME COLUMN id TO entry;"
	"ALTER TABLE batch_late RENAME COLUMN id TO entry;"
	"CREATE TABLE stray("
	"  id INTEGER PRIMARY KEY,"
	"  entry INTEGER NOT NULL);"
	"DROP TABLE summary;"
	"CREATE TABLE summary("
	"  first INTEGER PRIMARY KEY,"
	"  last INTEGER NOT NULL,"
	"  sums BLOB NOT NULL,"
	"  paths BLOB NOT NULL);";

/* The columns of a row put together, of record r and facts f. */
#define TEXT_OF(name) "(SELECT text FROM text WHERE id = f." #name ") AS " #name
#define ROW_COLUMNS                                                            \
	"SELECT r.entry - r.delay AS id,"                                      \
	"  strftime('%Y-%m-%dT%H:%M:%fZ',"                                     \
	"    (((r.entry - r.delay) >> 12) + r.skew_us) / 1e6"                  \
	"    + 1704067200, 'unixepoch')"                                       \
	"    AS time,"                                                         \
	"  ((r.entry - r.delay) >> 12) + r.skew_us + 1704067200000000"         \
	"    AS time_us,"                                                      \
	"  (SELECT value FROM ledger WHERE key = 'instance') AS instance,"     \
	"  " TEXT_OF(sandbox) ","                                              \
	"  " TEXT_OF(client) ","                                               \
	"  r.client_port AS client_port,"                                      \
	"  CASE f.kind WHEN 0 THEN 'request' WHEN 1 THEN 'tunnel'"             \
	"    WHEN 2 THEN 'dns' WHEN 3 THEN 'handshake' ELSE 'protocol' END"    \
	"    AS kind,"                                                         \
	"  CASE f.verdict WHEN 0 THEN 'deny' WHEN 1 THEN 'ask'"                \
	"    WHEN 2 THEN 'allow' ELSE 'none' END AS verdict,"                  \
	"  CASE f.outcome WHEN 0 THEN 'open' WHEN 1 THEN 'done'"               \
	"    WHEN 2 THEN 'refused' WHEN 3 THEN 'failed' WHEN 4 THEN 'cut'"     \
	"    ELSE 'interrupted' END AS outcome,"                               \
	"  nullif(f.status, 0) AS status,"                                     \
	"  " TEXT_OF(method) ","                                               \
	"  " TEXT_OF(scheme) ","                                               \
	"  " TEXT_OF(host) ","                                                 \
	"  nullif(f.port, 0) AS port,"                                         \
	"  r.path AS path,"                                                    \
	"  r.query AS query,"                                                  \
	"  " TEXT_OF(reason) ","                                               \
	"  " TEXT_OF(rule) ","                                                 \
	"  " TEXT_OF(rule_where) ","                                           \
	"  f.generation AS generation,"                                        \
	"  r.detail AS detail,"                                                \
	"  r.duration_us AS duration_us,"                                      \
	"  r.bytes_up AS bytes_up,"                                            \
	"  r.bytes_down AS bytes_down,"                                        \
	"  " TEXT_OF(content_type) ","                                         \
	"  " TEXT_OF(user_agent) ","                                           \
	"  " TEXT_OF(protocol) ","                                             \
	"  " TEXT_OF(tls) ","                                                  \
	"  " TEXT_OF(upstream) ","                                             \
	"  " TEXT_OF(up_protocol) ","                                          \
	"  " TEXT_OF(up_tls) ","                                               \
	"  r.cut AS cut,"                                                      \
	"  r.entry AS entry"

/* From the facts to their rows, without reading any other second. The plus
 * keeps SQLite from building an index over all of record instead.
 */
#define FROM_FACTS                                                             \
	" FROM facts f"                                                        \
	" CROSS JOIN seen s ON s.facts = f.id"                                 \
	" CROSS JOIN record r ON r.entry >= s.second << 32"                    \
	"   AND r.entry < (s.second + 1) << 32 AND +r.facts = f.id"

static const char schema_5_views[] =
	"CREATE VIEW requests AS " ROW_COLUMNS
	" FROM record r JOIN facts f ON f.id = r.facts;"
	"CREATE VIEW requests_by_facts AS " ROW_COLUMNS FROM_FACTS ";"
	"CREATE VIEW denied AS " ROW_COLUMNS FROM_FACTS " WHERE f.verdict = 0;"
	"CREATE VIEW troubled AS " ROW_COLUMNS FROM_FACTS
	" WHERE f.verdict = 0 OR f.outcome IN (2, 3, 4, 5);";
/* clang-format on */

/* One step from version i to version i + 1. */
struct schema_step {
	const char *what;
	const char *sql[2];
};
static const struct schema_step schema_steps[] = {
	{ "the first ledger", { schema_1_tables } },
	{ "a chain over the rows", { schema_2_chain } },
	{ "summaries of rows", { schema_3_summary } },
	{ "paths in summaries", { schema_4_paths } },
	{ "rows by entry", { schema_5_entry, schema_5_views } },
};
static_assert(ARRAY_SIZE(schema_steps) == SCHEMA_VERSION,
	      "a version without its step");

/* The value of a pragma or count, or -1. */
static int64_t schema_number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t n = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return n;
}

int schema_check(sqlite3 *db)
{
	int64_t application = schema_number(db, "PRAGMA application_id");
	int64_t version = schema_number(db, "PRAGMA user_version");
	int64_t tables =
		schema_number(db, "SELECT count(*) FROM sqlite_schema");

	if (application < 0 || version < 0 || tables < 0)
		return sqlite3_errcode(db) == SQLITE_NOTADB ? ERR_PROTO : -EIO;
	if (!application && !version && !tables)
		return 0;
	if (application != SCHEMA_APPLICATION || version < 1)
		return ERR_PROTO;
	return version > SCHEMA_VERSION ? ERR_STALE : 1;
}

/* Write down that a step was made, in the step's own transaction. */
static int schema_note(sqlite3 *db, int version, const char *what,
		       uint64_t wall_us)
{
	char sql[160];

	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO migration VALUES(%d, %llu, '%s');"
		       "PRAGMA application_id = %d; PRAGMA user_version = %d;",
		       version, (unsigned long long)wall_us, what,
		       SCHEMA_APPLICATION, version);
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int schema_name(sqlite3 *db, const char *instance)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(
		db, "INSERT OR IGNORE INTO ledger VALUES('instance', ?)", -1,
		&stmt, NULL);

	if (rc != SQLITE_OK)
		return rc;
	(void)sqlite3_bind_text(stmt, 1, instance, -1, SQLITE_STATIC);
	(void)sqlite3_step(stmt);
	return sqlite3_finalize(stmt);
}

static int schema_step_up(sqlite3 *db, int version, const char *instance,
			  uint64_t wall_us)
{
	const struct schema_step *step = &schema_steps[version];
	int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(step->sql) && rc == SQLITE_OK; i++)
		if (step->sql[i])
			rc = sqlite3_exec(db, step->sql[i], NULL, NULL, NULL);
	if (rc == SQLITE_OK && version == 0)
		rc = schema_name(db, instance);
	if (rc == SQLITE_OK)
		rc = schema_note(db, version + 1, step->what, wall_us);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	if (rc != SQLITE_OK && !sqlite3_get_autocommit(db))
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

int schema_migrate(sqlite3 *db, const char *instance, uint64_t wall_us)
{
	int64_t version = schema_number(db, "PRAGMA user_version");
	int rc = version < 0 ? SQLITE_IOERR : SQLITE_OK;

	for (; version < SCHEMA_VERSION && rc == SQLITE_OK; version++)
		rc = schema_step_up(db, (int)version, instance, wall_us);
	return rc;
}
