/* audit/query.h - read the ledger. For the command line and the web page.
 *
 * A read-only connection that never checkpoints. Rows come in order of time,
 * oldest first. A query finds its rows first and then reads them one by one,
 * so rows that come meanwhile are not in it.
 */
#ifndef AUDIT_QUERY_H
#define AUDIT_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "base/slice.h"

#define QUERY_ROWS_MAX 1000000 /* found by one query; page on with after_id */

enum query_what {
	QUERY_ALL,
	QUERY_TROUBLED, /* denied, refused, failed, cut, interrupted */
	QUERY_DENIED,	/* verdict deny */
};

/* Empty slices and zeros ask for nothing. */
struct query_filter {
	enum query_what what;
	uint64_t since_us; /* wall clock, since 1970; from here */
	uint64_t until_us; /* before here */
	uint64_t after_id; /* later rows only */
	struct slice host; /* exact, or with * and ? anywhere */
	struct slice sandbox;
	struct slice method;
	struct slice rule;   /* its text */
	struct slice reason; /* its slug */
	struct slice path;   /* how it begins */
	uint16_t status;     /* 403; or 4 for all of 4xx */
	uint32_t limit;	     /* at most so many; 0: QUERY_ROWS_MAX */
	bool first;	     /* of more than limit the oldest, not the newest */
};

/* Slices are valid until the next call. What is not known is empty or 0. */
struct query_row {
	uint64_t id;
	uint64_t wall_us;
	uint64_t duration_us;
	uint64_t bytes_up;
	uint64_t bytes_down;
	enum audit_kind kind;
	enum audit_verdict verdict;
	enum audit_outcome outcome;
	uint16_t status;
	uint16_t port;
	uint16_t client_port;
	uint32_t generation;
	bool cut; /* some text did not fit its bound */
	struct slice instance;
	struct slice sandbox;
	struct slice client; /* address */
	struct slice protocol;
	struct slice tls;
	struct slice method;
	struct slice scheme;
	struct slice host;
	struct slice path;
	struct slice query;
	struct slice user_agent;
	struct slice reason;
	struct slice rule;
	struct slice rule_where;
	struct slice detail;
	struct slice content_type;
	struct slice upstream;
	struct slice up_protocol;
	struct slice up_tls;
};

struct query;

/* Returns 0, -ENOENT (no ledger yet), ERR_STALE (written by a newer version),
 * ERR_PROTO (no ledger), -EACCES, or -EIO.
 */
int query_open(const char *ledger_path, struct query **ret);
void query_free(struct query **q);

/* What the last failure was; never NULL. */
const char *query_error(const struct query *q);

/* Find the rows. The filter is not kept. Returns how many, or -EIO, -ENOMEM. */
int query_find(struct query *q, const struct query_filter *filter);

/* Returns 1 and the next row of those found, 0 after the last, or -EIO. */
int query_next(struct query *q, struct query_row *ret);

/* Rows that come after now, each once, as query_find() does: first call
 * query_follow() to say from when on. A row that was open for long is found
 * when it is entered and again when it has ended. Call it a few times a second.
 */
int query_follow(struct query *q);
int query_find_new(struct query *q, const struct query_filter *filter);

#endif
