/* audit/query.h - read the ledger. For the command line and the web page.
 *
 * A read-only connection that never checkpoints. A query finds its rows first
 * and then reads them one by one, so rows that come meanwhile are not in it.
 * Which are the newest goes by when they were entered, which is when a request
 * ends, or two to three seconds after its beginning if it takes longer. They
 * are read in order of time, oldest first.
 */
#ifndef AUDIT_QUERY_H
#define AUDIT_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "base/slice.h"

#define QUERY_ROWS_MAX 1000000 /* found by one query; page on with after */

enum query_what {
	QUERY_ALL,
	QUERY_TROUBLED, /* denied, refused, failed, interrupted; not cut */
	QUERY_DENIED,	/* verdict deny */
};

/* A verdict together with an outcome, as a bit. */
#define QUERY_END(verdict, outcome) (1u << ((verdict)*6 + (outcome)))

#define QUERY_KIND_IS(kind) (1u << (kind))
#define QUERY_STATUSES	    16

/* Empty slices and zeros ask for nothing. */
struct query_filter {
	enum query_what what;
	uint32_t ends;	      /* QUERY_END() of those asked for */
	uint64_t since_us;    /* wall clock, since 1970; from here */
	uint64_t until_us;    /* before here */
	uint64_t after;	      /* only rows entered after this one */
	struct slice host;    /* exact, or with * and ? anywhere */
	struct slice sandbox; /* the same */
	struct slice client;
	struct slice method;
	struct slice rule;   /* its text */
	struct slice reason; /* its slug */
	struct slice path;   /* how it begins */
	uint32_t kinds;	     /* QUERY_KIND_IS() of those asked for */
	uint16_t status[QUERY_STATUSES]; /* any of 403; 4 for all of 4xx; … */
	uint32_t limit; /* at most so many; 0: QUERY_ROWS_MAX */
	bool first;	/* of more than limit the oldest, not the newest */
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

/* What rows may be grouped by, and what has words to choose from. */
enum query_key {
	QUERY_HOST,
	QUERY_SANDBOX,
	QUERY_RULE,
	QUERY_REASON,
	QUERY_METHOD,
	QUERY_STATUS,
	QUERY_VERDICT,
	QUERY_OUTCOME,
	QUERY_KIND,
	QUERY_CLIENT,
	QUERY_USER_AGENT,
	QUERY_CONTENT_TYPE,
	QUERY_SCHEME,
	QUERY_PORT,
	QUERY_HOUR, /* UTC, "2026-11-22T11" */
	QUERY_DAY,  /* UTC, "2026-11-22" */

	QUERY_KEYS,
};

#define QUERY_BY_MAX 5 /* keys at once */

/* Rows that are alike. Slices as in a row. */
struct query_group {
	struct slice key[QUERY_BY_MAX]; /* empty: none */
	uint64_t rows;
	uint64_t denied; /* verdict deny */
	uint64_t failed; /* failed or interrupted, not denied */
	uint64_t bytes_up;
	uint64_t bytes_down;
	uint64_t first_us; /* wall clock, since 1970 */
	uint64_t last_us;
};

struct query;

/* Returns 0, -ENOENT (no ledger yet), ERR_STALE (written by a newer version),
 * ERR_PROTO (no ledger), -EACCES, or -EIO.
 */
int query_open(const char *ledger_path, struct query **ret);

/* What query_open() returned, in words. */
const char *query_open_str(int err);

void query_free(struct query **q);

/* What the last failure was; never NULL. */
const char *query_error(const struct query *q);

/* Find the rows. The filter is not kept. Returns how many, or -EIO, -ENOMEM. */
int query_find(struct query *q, const struct query_filter *filter);

/* Returns 1 and the next row of those found, 0 after the last, or -EIO. */
int query_next(struct query *q, struct query_row *ret);

/* The one of those found that was entered last: for the filter's `after`, to
 * find the next ones with `first`. 0 if there was none.
 */
uint64_t query_reached(const struct query *q);

/* Find the row with this id. Returns 1, 0 for none, or -EIO, -ENOMEM; read it
 * by query_next().
 */
int query_find_id(struct query *q, uint64_t id);

/* Count the rows instead, those alike in by_len keys together; the filter's
 * limit is not looked at. Without keys all rows are one group. Returns how many
 * groups, the largest first, or -EIO, -ENOMEM, ERR_LIMIT (too many).
 */
int query_group(struct query *q, const struct query_filter *filter,
		const enum query_key *by, size_t by_len);

/* Returns 1 and the next group, 0 after the last, or -EIO. */
int query_group_next(struct query *q, struct query_group *ret);

/* How long the newest of the rows took, in µs, ascending: at most len of them.
 * Returns how many, or as query_find().
 */
int query_durations(struct query *q, const struct query_filter *filter,
		    uint64_t *ret, size_t len);

/* What occurs for a key, the latest first; for the keys that are text, and for
 * status. Returns 0 or -EIO; then each word: 1, 0 after the last, or -EIO.
 */
int query_words(struct query *q, enum query_key key);
int query_word_next(struct query *q, struct slice *ret);

/* Does some row have this for the key, as a filter would read it? For the keys
 * that are text. Returns 1, 0, or -EIO.
 */
int query_occurs(struct query *q, enum query_key key, struct slice word);

/* "user_agent"; and back, false for what is none. */
const char *query_key_str(enum query_key key);
bool query_key_parse(struct slice name, enum query_key *ret);

/* Rows that come after now, each once, as query_find() does: first call
 * query_follow() to say from when on. A row that was open for long is found
 * when it is entered and again when it has ended. Call it a few times a second.
 */
int query_follow(struct query *q);
int query_find_new(struct query *q, const struct query_filter *filter);

#endif
