/* tests/unit/audit/fixture.h - a state directory, a spool directory, facts. */
#ifndef AUDIT_FIXTURE_H
#define AUDIT_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "audit/audit.h"
#include "audit/drain.h"
#include "audit/store.h"
#include "audit/store_private.h"
#include "base/base.h"

#define EPOCH_US 1704067200000000ull

struct fixture {
	char dir[64];
	char spools[96];
	char ledger[160];
	struct store *store;
	struct drain *drain;
};

static inline void fixture_open(struct fixture *f)
{
	assert_int_equal(store_open(f->ledger, "test", &f->store), 0);
	assert_int_equal(drain_open(f->spools, f->store, &f->drain), 0);
}

static inline void fixture_close(struct fixture *f)
{
	drain_free(&f->drain);
	store_free(&f->store);
}

/* All that stands in the spools comes into the ledger. */
static inline void fixture_drain(struct fixture *f, uint64_t now_us)
{
	assert_int_equal(drain_scan(f->drain), 0);
	assert_int_equal(drain_all(f->drain, now_us), 0);
}

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char cmd[200];

	assert_non_null(f);
	(void)snprintf(f->dir, sizeof(f->dir), "%s/penstock-audit-XXXXXX",
		       access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->spools, sizeof(f->spools), "%s/spool", f->dir);
	(void)snprintf(f->ledger, sizeof(f->ledger), "%s/ledger.db", f->dir);
	(void)snprintf(cmd, sizeof(cmd), "mkdir %s", f->spools);
	assert_int_equal(system(cmd), 0);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	char cmd[200];

	fixture_close(f);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", f->dir);
	(void)!system(cmd);
	free(f);
	return 0;
}

/* The id of the n-th microsecond after a day in 2026, writer 1. */
static inline uint64_t fixture_id(uint64_t n)
{
	return (((uint64_t)800 * 86400 * 1000000 + n) << 12) | 1;
}

static inline uint64_t fixture_us(uint64_t id)
{
	return (id >> 12) + EPOCH_US;
}

/* The same a microsecond after a request with this id began, and the entry that
 * its row then has.
 */
static inline void fixture_drain_at(struct fixture *f, uint64_t id)
{
	fixture_drain(f, fixture_us(id) + 1);
}

static inline int64_t fixture_entry(uint64_t id)
{
	return (int64_t)((id >> 12) + 1) << 12;
}

static inline struct audit_begin fixture_begin(uint64_t id)
{
	return (struct audit_begin){
		.id = id,
		.wall_us = fixture_us(id),
		.kind = AUDIT_REQUEST,
		.verdict = AUDIT_ALLOW,
		.sandbox = SLICE("ci"),
		.client = SLICE("10.7.0.9:40112"),
		.protocol = SLICE("h2"),
		.tls = SLICE("TLSv1.3"),
		.method = SLICE("GET"),
		.scheme = SLICE("https"),
		.host = SLICE("api.github.com"),
		.port = 443,
		.path = SLICE("/repos/acme/site/pulls"),
		.query = SLICE("state=open&page=2"),
		.user_agent = SLICE("git/2.39.5"),
		.rule = SLICE("GET https://api.github.com/repos/acme/**"),
		.rule_where = SLICE("penstock.yaml:12"),
		.generation = 3,
	};
}

static inline struct audit_end fixture_end(void)
{
	return (struct audit_end){
		.duration_us = 81234,
		.outcome = AUDIT_DONE,
		.status = 200,
		.bytes_up = 0,
		.bytes_down = 5321,
		.content_type = SLICE("application/json"),
		.upstream = SLICE("140.82.121.6:443"),
		.up_protocol = SLICE("h2"),
		.up_tls = SLICE("TLSv1.3"),
	};
}

/* A record of a request that was allowed and is done. */
static inline void fixture_record(struct record *r, uint64_t id)
{
	memset(r, 0, sizeof(*r));
	r->id = id;
	r->wall_us = fixture_us(id);
	r->verdict = AUDIT_ALLOW;
	r->outcome = AUDIT_DONE;
}

/* Put a record as if it were entered when its request began, so that its entry
 * is its id, as long as ids grow.
 */
static inline void fixture_put(const struct fixture *f, const struct record *r)
{
	f->store->entry = MAX(f->store->entry, (int64_t)r->id);
	assert_int_equal(store_put(f->store, r, false), 0);
}

/* The one number that sql gives, or -1. */
static inline int64_t fixture_number(const struct fixture *f, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	int64_t n = -1;

	assert_int_equal(
		sqlite3_open_v2(f->ledger, &db, SQLITE_OPEN_READONLY, NULL),
		SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	if (sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
	return n;
}

/* The one text that sql gives, into ret; "(null)" for NULL. */
static inline const char *fixture_text(const struct fixture *f, const char *sql,
				       char ret[1024])
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	const char *text;

	assert_int_equal(
		sqlite3_open_v2(f->ledger, &db, SQLITE_OPEN_READONLY, NULL),
		SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	text = (const char *)sqlite3_column_text(stmt, 0);
	(void)snprintf(ret, 1024, "%s", text ? text : "(null)");
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
	return ret;
}

#endif
