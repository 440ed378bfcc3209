/* audit/schema.h - the ledger's tables: their version, and how to get there.
 *
 * Private to audit/. Readers ask for schema_check() only; the writer migrates.
 */
#ifndef AUDIT_SCHEMA_H
#define AUDIT_SCHEMA_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define SCHEMA_APPLICATION 0x50454e53 /* "PENS", PRAGMA application_id */
#define SCHEMA_VERSION	   5	      /* PRAGMA user_version */
#define SCHEMA_ENTRY	   5	      /* from here on rows have entries */

/* seen.second of an entry: its upper bits, units of 2^20 µs (1.05 s). */
#define SCHEMA_SECOND(entry) ((int64_t)((entry) >> 32))

/* The id of a row. Whatever a damaged ledger says, it is a number. */
static inline int64_t schema_id(int64_t entry, int64_t delay)
{
	return (int64_t)((uint64_t)entry - (uint64_t)delay);
}

/* A row with a delay of 0 to this is found by its id; any other is in `stray`.
 * What is open for long is entered after two to three seconds.
 */
#define SCHEMA_NEAR ((int64_t)4000000 << 12)
static inline bool schema_is_near(int64_t entry, int64_t id)
{
	return (uint64_t)entry - (uint64_t)id <= (uint64_t)SCHEMA_NEAR;
}

/* Columns of table facts after id, in order, as (name). */
#define SCHEMA_FACTS(X)                                                        \
	X(kind)                                                                \
	X(verdict)                                                             \
	X(outcome)                                                             \
	X(status)                                                              \
	X(port)                                                                \
	X(generation)                                                          \
	X(sandbox)                                                             \
	X(client)                                                              \
	X(protocol)                                                            \
	X(tls)                                                                 \
	X(method)                                                              \
	X(scheme)                                                              \
	X(host)                                                                \
	X(user_agent)                                                          \
	X(reason)                                                              \
	X(rule)                                                                \
	X(rule_where)                                                          \
	X(content_type)                                                        \
	X(upstream)                                                            \
	X(up_protocol)                                                         \
	X(up_tls)

#define SCHEMA_FACTS_ENUM(name) FACTS_##name,
enum schema_facts {
	SCHEMA_FACTS(SCHEMA_FACTS_ENUM)

	FACTS_COLUMNS,
};
#define FACTS_FIRST_TEXT FACTS_sandbox /* from here on ids of texts */

/* Is db a ledger that we can read? Returns 1, 0 for an empty database,
 * ERR_STALE (newer than we are), ERR_PROTO (something else), or -EIO.
 */
int schema_check(sqlite3 *db);

/* Bring an empty or older ledger to SCHEMA_VERSION, each step in its own
 * transaction. Returns an SQLite result code.
 */
int schema_migrate(sqlite3 *db, const char *instance, uint64_t wall_us);

#endif
