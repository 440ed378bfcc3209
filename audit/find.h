/* audit/find.h - the rows that answer a filter, one after the other. Private
 * to audit/query_*.c; audit/find.c says how.
 */
#ifndef AUDIT_FIND_H
#define AUDIT_FIND_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/cover.h"
#include "audit/query.h"

#define FIND_PATTERN_MAX 2600 /* octets; each of a path's may be escaped */

/* A row that fits. */
struct find_row {
	uint64_t id;
	int64_t entry;
	int64_t facts;
	uint64_t bytes_up;
	uint64_t bytes_down;
	uint64_t duration_us;
};

/* Called with each row that fits. Returns 0 to go on, 1 for enough, or < 0. */
typedef int find_take_fn(void *ctx, const struct find_row *row);

/* Facts that fit, and the next second in which they occur. */
struct find_facts {
	int64_t id;
	int64_t second;
};

struct find {
	struct query *q;
	const struct query_filter *filter;
	find_take_fn *take;
	void *ctx;
	uint64_t from_id; /* ids from here */
	uint64_t to_id;	  /* to here, this one included */
	uint64_t from;	  /* entries that may have them, the same */
	uint64_t to;
	bool any_facts; /* the filter names no facts */
	bool enough;
	struct find_facts *heap; /* owned */
	size_t heap_len;
	int64_t *wanted; /* owned; ids of facts, ascending */
	size_t wanted_len;
	size_t wanted_cap;
	sqlite3_stmt *scan; /* owned */
	struct cover cover; /* where the filter's path may be */
	char path[FIND_PATTERN_MAX];
};

/* Find the facts that fit and ready f, whose q, filter, take and ctx are set
 * and all else is zero. Returns 0, -EIO or -ENOMEM; find_done() in any case.
 */
int find_begin(struct find *f);
void find_done(struct find *f);

/* Take the rows of entries from..to, the newest first unless the filter says
 * so, by the quickest way; or by reading all of them in their order. Each
 * returns 0, -EIO, or what take failed with.
 */
int find_rows(struct find *f, uint64_t from, uint64_t to);
int find_scan(struct find *f, uint64_t from, uint64_t to);

/* From find_begin() to find_done(), in a transaction; all rows that fit. */
int find_all(struct find *f);

/* Is this id of the filter's span of time? */
bool find_in_time(const struct find *f, uint64_t id);

/* Are these among the facts that fit? */
bool find_wants(const struct find *f, int64_t facts);

/* The filter's host or sandbox as a pattern of SQLite's GLOB. */
void find_host(struct slice host, char ret[FIND_PATTERN_MAX]);
void find_sandbox(struct slice sandbox, char ret[FIND_PATTERN_MAX]);

#endif
