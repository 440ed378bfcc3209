/* audit/query_group.c - how many rows, by what.
 *
 * First rows are counted by their facts, and by hour or day where that was
 * asked for; then these few thousand sums by the keys, which the facts hold;
 * the words of the keys are looked up as the groups are read.
 *
 * Most rows need not be read: what the rows of a summary come to, by facts,
 * stands in it (audit/summary.c). Rows are read where no summary is, where one
 * reaches beyond the span of time, the hour or the day that was asked for, and
 * when a path was, which no facts tell: then those that may have it.
 */

#include "audit/query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/find.h"
#include "audit/ids.h"
#include "audit/query_private.h"
#include "base/base.h"
#include "base/err.h"
#include "base/id.h"

#define HOUR_US	   3600000000ull
#define DAY_US	   86400000000ull
#define RARE_FACTS 2000 /* these are quicker found by second than read past */

static_assert(QUERY_BY_MAX < SUMS_KEYS, "a key for each, and the outcome");

struct group {
	struct find f;
	struct query *q;
	struct sums facts;  /* by facts and period */
	uint64_t period_us; /* of an hour, a day, or 0 */
	bool bounded;	    /* by time, or periods: a summary may not fit */
};

static bool key_is_text(enum query_key key)
{
	return key != QUERY_STATUS && key != QUERY_VERDICT &&
	       key != QUERY_OUTCOME && key != QUERY_KIND && key != QUERY_PORT &&
	       key != QUERY_HOUR && key != QUERY_DAY;
}

static bool key_is_period(enum query_key key)
{
	return key == QUERY_HOUR || key == QUERY_DAY;
}

/* The hour or day of an id; 0 where none was asked for. */
static int64_t group_period(const struct group *g, uint64_t id)
{
	return g->period_us ? (int64_t)(id_wall_us(id) / g->period_us) : 0;
}

static int group_take(void *ctx, const struct find_row *row)
{
	struct group *g = ctx;
	struct sum one = {
		.key = { row->facts, group_period(g, row->id) },
		.rows = 1,
		.bytes_up = row->bytes_up,
		.bytes_down = row->bytes_down,
		.first_id = row->id,
		.last_id = row->id,
	};

	return sums_add(&g->facts, &one);
}

/* Rows that no summary tells of. */
static int group_read(struct group *g, uint64_t from, uint64_t to)
{
	if (from > to)
		return 0;
	if (g->f.wanted_len < RARE_FACTS)
		return find_rows(&g->f, from, to);
	return find_scan(&g->f, from, to);
}

static int group_summed(void *ctx, const struct sum *sum)
{
	struct group *g = ctx;
	struct sum one = *sum;

	one.key[1] = group_period(g, sum->first_id);
	return find_wants(&g->f, sum->key[0]) ? sums_add(&g->facts, &one) : 0;
}

/* Is what a summary says of some facts all of the time that was asked for, and
 * of one period? Returns 0, or 1 for no.
 */
static int group_fits(void *ctx, const struct sum *sum)
{
	const struct group *g = ctx;

	return !find_in_time(&g->f, sum->first_id) ||
	       !find_in_time(&g->f, sum->last_id) ||
	       group_period(g, sum->first_id) != group_period(g, sum->last_id);
}

/* All summaries that lie within the span, and the rows between them. */
static int group_summaries(struct group *g, sqlite3_stmt *stmt)
{
	uint64_t at = g->f.from;
	int err = 0;

	(void)sqlite3_bind_int64(stmt, 1, (int64_t)g->f.from);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)g->f.to);
	while (!err && sqlite3_step(stmt) == SQLITE_ROW) {
		uint64_t from = (uint64_t)sqlite3_column_int64(stmt, 0);
		uint64_t to = (uint64_t)sqlite3_column_int64(stmt, 1);
		const void *octets = sqlite3_column_blob(stmt, 2);
		size_t len = (size_t)sqlite3_column_bytes(stmt, 2);

		if (g->bounded)
			err = sums_unpack(octets, len, from, group_fits, g);
		if (err == 1) {
			/* Its rows are read with those before the next one. */
			err = 0;
			continue;
		}
		if (!err && from > at)
			err = group_read(g, at, from - 1);
		if (!err)
			err = sums_unpack(octets, len, from, group_summed, g);
		at = to + 1;
	}
	if (err == ERR_PROTO) {
		(void)snprintf(g->q->error, sizeof(g->q->error),
			       "a summary of rows is damaged");
		return -EIO;
	}
	return err ? err : group_read(g, at, g->f.to);
}

/* First step: sums by facts. */
static int group_count(struct group *g)
{
	sqlite3_stmt *stmt;
	int err;

	if (g->f.filter->path.len || !g->q->summaries)
		return group_read(g, g->f.from, g->f.to);
	err = query_prepare(g->q,
			    "SELECT first, last, sums FROM summary WHERE"
			    " first >= ?1 AND last <= ?2 ORDER BY first",
			    &stmt);
	if (err)
		return err;
	g->bounded = g->period_us || g->f.from_id || g->f.to_id < INT64_MAX;
	err = group_summaries(g, stmt);
	if (sqlite3_finalize(stmt) != SQLITE_OK && !err)
		err = query_fail(g->q);
	return err;
}

static int compare_facts(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;

	return (x->key[0] > y->key[0]) - (x->key[0] < y->key[0]);
}

/* The most rows first; then who was there last. */
static int compare_rows(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;

	if (x->rows != y->rows)
		return x->rows < y->rows ? 1 : -1;
	return (x->last_id < y->last_id) - (x->last_id > y->last_id);
}

/* "SELECT id, verdict, outcome, …" */
static int group_facts_select(struct query *q, sqlite3_stmt **ret)
{
	char sql[320] = "SELECT id, verdict, outcome";
	size_t len = strlen(sql);

	for (size_t i = 0; i < q->by_len; i++)
		len += (size_t)snprintf(sql + len, sizeof(sql) - len, ", %s",
					key_is_period(q->by[i])
						? "0"
						: query_key_str(q->by[i]));
	(void)snprintf(sql + len, sizeof(sql) - len,
		       " FROM facts WHERE id >= ? AND id <= ? ORDER BY id");
	return query_prepare(q, sql, ret);
}

/* The sum of some facts becomes part of its group. */
static int group_add(struct group *g, sqlite3_stmt *stmt, const struct sum *s)
{
	int verdict = sqlite3_column_int(stmt, 1);
	int outcome = sqlite3_column_int(stmt, 2);
	struct sum sum = *s;

	memset(sum.key, 0, sizeof(sum.key));
	for (size_t i = 0; i < g->q->by_len; i++) {
		if (g->q->by[i] == QUERY_HOUR)
			sum.key[i] = s->key[1];
		else if (g->q->by[i] == QUERY_DAY)
			sum.key[i] =
				s->key[1] / (int64_t)(DAY_US / g->period_us);
		else
			sum.key[i] = sqlite3_column_int64(stmt, 3 + (int)i);
	}
	if (verdict == AUDIT_DENY)
		sum.denied = sum.rows;
	else if (outcome == AUDIT_FAILED || outcome == AUDIT_INTERRUPTED)
		sum.failed = sum.rows;
	return sums_add(&g->q->groups, &sum);
}

/* Second step: facts and their sums, both in order, side by side. */
static int group_merge(struct group *g)
{
	struct sums *s = &g->facts;
	sqlite3_stmt *stmt;
	size_t i = 0;
	int err;

	if (!s->len)
		return 0;
	sums_sort(s, compare_facts);
	err = group_facts_select(g->q, &stmt);
	if (err)
		return err;
	(void)sqlite3_bind_int64(stmt, 1, s->mem[0].key[0]);
	(void)sqlite3_bind_int64(stmt, 2, s->mem[s->len - 1].key[0]);
	while (!err && i < s->len && sqlite3_step(stmt) == SQLITE_ROW) {
		int64_t facts = sqlite3_column_int64(stmt, 0);

		while (i < s->len && s->mem[i].key[0] < facts)
			i++;
		while (!err && i < s->len && s->mem[i].key[0] == facts)
			err = group_add(g, stmt, &s->mem[i++]);
	}
	if (sqlite3_finalize(stmt) != SQLITE_OK && !err)
		err = query_fail(g->q);
	return err;
}

/* The shortest period among the keys, of which the others are made. */
static uint64_t group_period_us(const struct query *q)
{
	uint64_t us = 0;

	for (size_t i = 0; i < q->by_len; i++) {
		if (q->by[i] == QUERY_HOUR)
			return HOUR_US;
		if (q->by[i] == QUERY_DAY)
			us = DAY_US;
	}
	return us;
}

static int group_run(struct group *g)
{
	int err = find_begin(&g->f);

	if (!err)
		err = group_count(g);
	if (!err)
		err = group_merge(g);
	if (!err)
		sums_sort(&g->q->groups, compare_rows);
	find_done(&g->f);
	sums_done(&g->facts);
	return err;
}

int query_group(struct query *q, const struct query_filter *filter,
		const enum query_key *by, size_t by_len)
{
	struct group g = { .f = { .q = q, .filter = filter }, .q = q };
	int err = query_begin(q);

	assert(by_len <= QUERY_BY_MAX);
	if (err)
		return err;
	sums_done(&q->groups);
	q->group_at = 0;
	q->by_len = by_len;
	for (size_t i = 0; i < by_len; i++)
		q->by[i] = by[i];
	g.f.take = group_take;
	g.f.ctx = &g;
	g.period_us = group_period_us(q);
	err = group_run(&g);
	if (err)
		q->groups.len = 0;
	err = query_end(q, err);
	return err < 0 ? err : (int)q->groups.len;
}

/* A number of a key as its word. */
static struct slice group_number(struct query *q, size_t i, int64_t n)
{
	char *to = q->number[i];
	time_t t = (time_t)n * (q->by[i] == QUERY_HOUR ? 3600 : 86400);
	struct tm tm;

	switch (q->by[i]) {
	case QUERY_VERDICT:
		return slice_str(audit_verdict_str((enum audit_verdict)n));
	case QUERY_OUTCOME:
		return slice_str(audit_outcome_str((enum audit_outcome)n));
	case QUERY_KIND:
		return slice_str(audit_kind_str((enum audit_kind)n));
	case QUERY_HOUR:
	case QUERY_DAY:
		(void)gmtime_r(&t, &tm);
		(void)strftime(to, sizeof(q->number[i]),
			       q->by[i] == QUERY_HOUR ? "%Y-%m-%dT%H"
						      : "%Y-%m-%d",
			       &tm);
		return slice_str(to);
	default:
		(void)snprintf(to, sizeof(q->number[i]), "%" PRId64, n);
		return n ? slice_str(to) : slice_of(NULL, 0);
	}
}

/* The word of key i. */
static int group_word(struct query *q, size_t i, int64_t key, struct slice *ret)
{
	int err = 0;

	if (!key_is_text(q->by[i])) {
		*ret = group_number(q, i, key);
		return 0;
	}
	if (!q->text[i])
		err = query_prepare(q, "SELECT text FROM text WHERE id = ?",
				    &q->text[i]);
	if (err)
		return err;
	(void)sqlite3_reset(q->text[i]);
	(void)sqlite3_bind_int64(q->text[i], 1, key);
	switch (sqlite3_step(q->text[i])) {
	case SQLITE_ROW:
		*ret = query_text(q->text[i], 0);
		return 0;
	case SQLITE_DONE:
		*ret = slice_of(NULL, 0);
		return 0;
	default:
		return query_fail(q);
	}
}

int query_group_next(struct query *q, struct query_group *ret)
{
	const struct sum *s;
	struct query_group g;
	int err = 0;

	if (q->group_at == q->groups.len)
		return 0;
	s = &q->groups.mem[q->group_at++];
	g = (struct query_group){
		.rows = s->rows,
		.denied = s->denied,
		.failed = s->failed,
		.bytes_up = s->bytes_up,
		.bytes_down = s->bytes_down,
		.first_us = id_wall_us(s->first_id),
		.last_us = id_wall_us(s->last_id),
	};
	for (size_t i = 0; i < q->by_len && !err; i++)
		err = group_word(q, i, s->key[i], &g.key[i]);
	if (err)
		return err;
	*ret = g;
	return 1;
}

struct durations {
	uint64_t *us;
	size_t len;
	size_t cap;
};

static int durations_take(void *ctx, const struct find_row *row)
{
	struct durations *d = ctx;

	d->us[d->len++] = row->duration_us;
	return d->len == d->cap;
}

int query_durations(struct query *q, const struct query_filter *filter,
		    uint64_t *ret, size_t len)
{
	struct durations d = { .us = ret, .cap = len };
	struct find f = {
		.q = q, .filter = filter, .take = durations_take, .ctx = &d
	};
	int err = find_all(&f);

	qsort(ret, d.len, sizeof(*ret), ids_compare);
	return err < 0 ? err : (int)d.len;
}
