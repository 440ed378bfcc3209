/* audit/find.c - which rows answer a filter.
 *
 * In two steps (see audit/schema.c for the tables):
 *
 *   1. which facts fit: one SELECT over a small table
 *   2. which rows: for each of these facts `seen` says in which seconds it
 *	occurs. The facts stand in a heap by their next second, so seconds come
 *	in order of time and each is read once; of its rows those with fitting
 *	facts are taken, until there are enough
 *
 * A filter that names no facts skips the first and reads the rows in order.
 *
 * Rows stand in the order in which they were entered, and a span of time is one
 * of ids. A row was entered within SCHEMA_NEAR of its id, or `stray` has it: so
 * the span is read for that much longer, and up to the strays of it.
 *
 * One that names a path leaves out what cannot hold it (audit/cover.h), in
 * either case. Where little of a summary is left, that is read without looking
 * for seconds, of which there may be more than rows.
 */

#include "audit/find.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/ids.h"
#include "audit/query_private.h"
#include "audit/schema.h"
#include "base/base.h"
#include "base/id.h"

#define STRETCHES_MAX 65536u /* looked at in one run; four billion rows */

/* SQLite's GLOB pattern: '*' and '?' of s mean what they say, '[' does not.
 * What does not fit matches nothing: no filter is ever widened.
 */
static void find_pattern(struct slice s, bool fold, const char *tail,
			 char ret[FIND_PATTERN_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = fold ? ascii_lower(s.ptr[i]) : s.ptr[i];

		if (len + 8 > FIND_PATTERN_MAX) {
			memcpy(ret, "[", 2); /* "" would ask for nothing */
			return;
		}
		if (c == '[')
			ret[len++] = '[';
		ret[len++] = c;
		if (c == '[')
			ret[len++] = ']';
	}
	memcpy(ret + len, tail, strlen(tail) + 1);
}

static void find_times(struct find *f)
{
	const struct query_filter *filter = f->filter;

	f->from_id = filter->since_us ? id_at(filter->since_us) : 0;
	f->to_id = INT64_MAX;
	if (filter->until_us) {
		uint64_t end = id_at(filter->until_us);

		f->to_id = end ? end - 1 : 0;
	}
}

bool find_in_time(const struct find *f, uint64_t id)
{
	return id >= f->from_id && id <= f->to_id;
}

/* Which entries the rows of these ids may have. */
static int find_span(struct find *f)
{
	sqlite3_stmt *stmt;
	int err;

	f->from = f->from_id;
	f->to = MIN(f->to_id, INT64_MAX - SCHEMA_NEAR) + SCHEMA_NEAR;
	if (f->from_id || f->to_id < INT64_MAX) {
		err = query_prepare(f->q,
				    "SELECT min(entry), max(entry) FROM stray"
				    " WHERE id >= ?1 AND id <= ?2",
				    &stmt);
		if (err)
			return err;
		(void)sqlite3_bind_int64(stmt, 1, (int64_t)f->from_id);
		(void)sqlite3_bind_int64(stmt, 2, (int64_t)f->to_id);
		if (sqlite3_step(stmt) == SQLITE_ROW &&
		    sqlite3_column_type(stmt, 0) != SQLITE_NULL) {
			f->from = MIN(f->from,
				      (uint64_t)sqlite3_column_int64(stmt, 0));
			f->to = MAX(f->to,
				    (uint64_t)sqlite3_column_int64(stmt, 1));
		}
		if (sqlite3_finalize(stmt) != SQLITE_OK)
			return query_fail(f->q);
	}
	if (f->filter->after)
		f->from = MAX(f->from, f->filter->after + 1);
	return 0;
}

void find_host(struct slice host, char ret[FIND_PATTERN_MAX])
{
	find_pattern(host, true, "", ret);
}

void find_sandbox(struct slice sandbox, char ret[FIND_PATTERN_MAX])
{
	find_pattern(sandbox, false, "", ret);
}

/* ",403,4," as the statement looks into it. */
static void find_statuses(const struct query_filter *filter,
			  char ret[8 * QUERY_STATUSES])
{
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < QUERY_STATUSES && filter->status[i]; i++)
		len += (size_t)snprintf(ret + len, 8, "%s%u,", i ? "" : ",",
					filter->status[i]);
}

/* The parameters of the statement, in their order. */
static void find_bind(const struct query_filter *filter, sqlite3_stmt *stmt)
{
	const struct slice exact[] = { filter->client, filter->method,
				       filter->rule, filter->reason };
	char pattern[FIND_PATTERN_MAX], statuses[8 * QUERY_STATUSES];

	(void)sqlite3_bind_int(stmt, 1, (int)filter->what);
	find_host(filter->host, pattern);
	(void)sqlite3_bind_text(stmt, 2, pattern, -1, SQLITE_TRANSIENT);
	find_sandbox(filter->sandbox, pattern);
	(void)sqlite3_bind_text(stmt, 3, pattern, -1, SQLITE_TRANSIENT);
	for (size_t i = 0; i < ARRAY_SIZE(exact); i++)
		(void)sqlite3_bind_text(stmt, 4 + (int)i,
					exact[i].len ? exact[i].ptr : "",
					(int)exact[i].len, SQLITE_STATIC);
	find_statuses(filter, statuses);
	(void)sqlite3_bind_text(stmt, 8, statuses, -1, SQLITE_TRANSIENT);
	(void)sqlite3_bind_int64(stmt, 9, filter->ends);
	(void)sqlite3_bind_int64(stmt, 10, filter->kinds);
}

/* The SELECT of step 1. Parameters are bound whether they are used or not; a
 * condition that is off is true. Returns 0 or as query_fail().
 */
static int find_facts_select(struct find *f, sqlite3_stmt **ret)
{
	static const char sql[] =
		"SELECT id FROM facts WHERE"
		" (?1 = 0 OR verdict = 0 OR (?1 = 1 AND outcome IN (2, 3, 5)))"
		" AND (?2 = '' OR host IN (SELECT id FROM text"
		" WHERE text GLOB ?2))"
		" AND (?3 = '' OR sandbox IN (SELECT id FROM text"
		" WHERE text GLOB ?3))"
		" AND (?4 = '' OR client = (SELECT id FROM text"
		" WHERE text = ?4))"
		" AND (?5 = '' OR method = (SELECT id FROM text"
		" WHERE text = ?5))"
		" AND (?6 = '' OR rule = (SELECT id FROM text WHERE text = ?6))"
		" AND (?7 = '' OR reason = (SELECT id FROM text"
		" WHERE text = ?7))"
		" AND (?8 = '' OR instr(?8, ',' || status || ',')"
		" OR instr(?8, ',' || (status / 100) || ','))"
		" AND (?9 = 0 OR ?9 >> (verdict * 6 + outcome) & 1)"
		" AND (?10 = 0 OR ?10 >> kind & 1)"
		" ORDER BY id";
	int err = query_prepare(f->q, sql, ret);

	static_assert(AUDIT_DENY == 0 && AUDIT_REFUSED == 2 &&
			      AUDIT_FAILED == 3 && AUDIT_INTERRUPTED == 5,
		      "the numbers in the statement");
	static_assert(QUERY_END(1, 0) == 1 << AUDIT_OUTCOMES &&
			      AUDIT_OUTCOMES == 6,
		      "the numbers in the statement");
	static_assert(QUERY_ALL == 0 && QUERY_TROUBLED == 1,
		      "the numbers in the statement");
	if (err)
		return err;
	find_bind(f->filter, *ret);
	return 0;
}

static int find_want(struct find *f, int64_t facts)
{
	size_t n = f->wanted_len;

	if (n == f->wanted_cap) {
		size_t cap = n ? n * 2 : 256;
		int64_t *mem = realloc(f->wanted, cap * sizeof(*mem));

		if (!mem)
			return -ENOMEM;
		f->wanted = mem;
		f->wanted_cap = cap;
	}
	f->wanted[f->wanted_len++] = facts;
	return 0;
}

/* Step 1: the facts that fit, into wanted. */
static int find_facts(struct find *f)
{
	sqlite3_stmt *stmt;
	int err = find_facts_select(f, &stmt);

	if (err)
		return err;
	while (!err && sqlite3_step(stmt) == SQLITE_ROW)
		err = find_want(f, sqlite3_column_int64(stmt, 0));
	if (sqlite3_finalize(stmt) != SQLITE_OK && !err)
		err = query_fail(f->q);
	return err;
}

bool find_wants(const struct find *f, int64_t facts)
{
	uint64_t key = (uint64_t)facts;

	return f->any_facts ||
	       (f->wanted_len && bsearch(&key, f->wanted, f->wanted_len,
					 sizeof(key), ids_compare));
}

/* The next second, from this one on and not past end, in which the facts
 * occur. Returns 1, 0 for none, or as query_fail().
 */
static int find_second(struct find *f, int64_t facts, int64_t end,
		       int64_t *second)
{
	bool up = f->filter->first;
	sqlite3_stmt *stmt = up ? f->q->next_up : f->q->next_down;
	int n = 0;

	(void)sqlite3_bind_int64(stmt, 1, facts);
	(void)sqlite3_bind_int64(stmt, 2, *second);
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		*second = sqlite3_column_int64(stmt, 0);
		n = up ? *second <= end : *second >= end;
	}
	return sqlite3_reset(stmt) == SQLITE_OK ? n : query_fail(f->q);
}

/* Does a come before b in the direction we go? */
static bool find_before(const struct find *f, size_t a, size_t b)
{
	return f->filter->first ? f->heap[a].second < f->heap[b].second
				: f->heap[a].second > f->heap[b].second;
}

static void find_swap(struct find *f, size_t a, size_t b)
{
	struct find_facts t = f->heap[a];

	f->heap[a] = f->heap[b];
	f->heap[b] = t;
}

static void find_sift(struct find *f, size_t i)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= f->heap_len)
			return;
		if (child + 1 < f->heap_len && find_before(f, child + 1, child))
			child++;
		if (!find_before(f, child, i))
			return;
		find_swap(f, child, i);
		i = child;
	}
}

static int find_heap(struct find *f, int64_t begin, int64_t end)
{
	f->heap_len = 0;
	if (!f->heap)
		f->heap = calloc(MAX(f->wanted_len, 1), sizeof(*f->heap));
	if (!f->heap)
		return -ENOMEM;
	for (size_t i = 0; i < f->wanted_len; i++) {
		struct find_facts facts = { f->wanted[i], begin };
		int n = find_second(f, facts.id, end, &facts.second);

		if (n < 0)
			return n;
		if (n)
			f->heap[f->heap_len++] = facts;
	}
	for (size_t i = f->heap_len / 2; i-- > 0;)
		find_sift(f, i);
	return 0;
}

static void find_fill(sqlite3_stmt *stmt, struct find_row *ret)
{
	ret->entry = sqlite3_column_int64(stmt, 0);
	ret->bytes_up = (uint64_t)sqlite3_column_int64(stmt, 2);
	ret->bytes_down = (uint64_t)sqlite3_column_int64(stmt, 3);
	ret->duration_us = (uint64_t)sqlite3_column_int64(stmt, 4);
	ret->id =
		(uint64_t)schema_id(ret->entry, sqlite3_column_int64(stmt, 5));
}

static int find_read(struct find *f, uint64_t from, uint64_t to)
{
	int err = 0;

	(void)sqlite3_reset(f->scan);
	(void)sqlite3_bind_int64(f->scan, 1, (int64_t)from);
	(void)sqlite3_bind_int64(f->scan, 2, (int64_t)to);
	(void)sqlite3_bind_text(f->scan, 3, f->path, -1, SQLITE_STATIC);
	while (!err && !f->enough && sqlite3_step(f->scan) == SQLITE_ROW) {
		struct find_row row;

		row.facts = sqlite3_column_int64(f->scan, 1);
		if (!find_wants(f, row.facts))
			continue;
		find_fill(f->scan, &row);
		if (!find_in_time(f, row.id))
			continue;
		err = f->take(f->ctx, &row);
		f->enough = err > 0;
		err = MIN(err, 0);
	}
	if (sqlite3_reset(f->scan) != SQLITE_OK)
		return query_fail(f->q);
	return err;
}

int find_scan(struct find *f, uint64_t from, uint64_t to)
{
	bool up = f->filter->first;

	while (from <= to && !f->enough) {
		struct cover_piece p = { from, to, true };
		int err = 0;

		if (f->cover.key.len)
			err = cover_piece(&f->cover, up ? from : to, &p);
		if (!err && p.may)
			err = find_read(f, MAX(from, p.first), MIN(to, p.last));
		if (err || (up ? p.last >= to : p.first <= from))
			return err;
		from = up ? p.last + 1 : from;
		to = up ? to : p.first - 1;
	}
	return 0;
}

static int find_prepare_scan(struct find *f)
{
	/* Without a path to look for, the row's own column is not read. */
	const char *path = f->filter->path.len ? " AND path GLOB ?3" : "";
	char sql[200];

	if (f->filter->path.len)
		find_pattern(f->filter->path, false, "*", f->path);
	(void)snprintf(sql, sizeof(sql),
		       "SELECT entry, facts, bytes_up, bytes_down, duration_us,"
		       " delay FROM record WHERE entry >= ?1 AND entry <= ?2%s"
		       " ORDER BY entry%s",
		       path, f->filter->first ? "" : " DESC");
	return query_prepare(f->q, sql, &f->scan);
}

/* All facts of this second move on to their next one. */
static int find_advance(struct find *f, int64_t second, int64_t end)
{
	while (f->heap_len && f->heap[0].second == second) {
		struct find_facts *top = &f->heap[0];
		int n;

		top->second += f->filter->first ? 1 : -1;
		n = find_second(f, top->id, end, &top->second);
		if (n < 0)
			return n;
		if (!n)
			*top = f->heap[--f->heap_len];
		find_sift(f, 0);
	}
	return 0;
}

/* Step 2: the rows, by the seconds of their facts. */
static int find_seconds(struct find *f, uint64_t from, uint64_t to)
{
	bool up = f->filter->first;
	int64_t end = SCHEMA_SECOND(up ? to : from);
	int err = find_heap(f, SCHEMA_SECOND(up ? from : to), end);

	while (!err && f->heap_len && !f->enough) {
		int64_t second = f->heap[0].second;
		uint64_t start = (uint64_t)second << 32;

		err = find_scan(f, MAX(start, from),
				MIN(start + UINT32_MAX, to));
		if (!err)
			err = find_advance(f, second, end);
	}
	return err;
}

/* The first of these entries, in the direction we go: a stretch that hardly has
 * the path, or all that follow on each other and may, but no more than so many.
 */
static int find_run(struct find *f, uint64_t from, uint64_t to, uint32_t most,
		    struct cover_piece *ret)
{
	bool up = f->filter->first;
	struct cover_piece next;
	int err = cover_stretch(&f->cover, up ? from : to, ret);

	for (uint32_t n = 1; !err && ret->may && n < most; n++) {
		if (up ? ret->last >= to : ret->first <= from)
			break;
		err = cover_stretch(&f->cover,
				    up ? ret->last + 1 : ret->first - 1, &next);
		if (err || !next.may)
			break;
		ret->first = MIN(ret->first, next.first);
		ret->last = MAX(ret->last, next.last);
	}
	ret->first = MAX(ret->first, from);
	ret->last = MIN(ret->last, to);
	return err;
}

/* With a path. What is often there is soon enough, so begin with few. */
static int find_stretches(struct find *f, uint64_t from, uint64_t to)
{
	bool up = f->filter->first;
	uint32_t most = 1;

	while (from <= to && !f->enough) {
		struct cover_piece run;
		int err = find_run(f, from, to, most, &run);

		if (!err)
			err = run.may ? find_seconds(f, run.first, run.last)
				      : find_scan(f, run.first, run.last);
		if (err || (up ? run.last == to : run.first == from))
			return err;
		from = up ? run.last + 1 : from;
		to = up ? to : run.first - 1;
		most = MIN(most * 2, STRETCHES_MAX);
	}
	return 0;
}

int find_rows(struct find *f, uint64_t from, uint64_t to)
{
	if (f->any_facts)
		return find_scan(f, from, to);
	if (f->cover.key.len)
		return find_stretches(f, from, to);
	return find_seconds(f, from, to);
}

static bool find_names_facts(const struct query_filter *filter)
{
	return filter->what != QUERY_ALL || filter->host.len ||
	       filter->sandbox.len || filter->client.len ||
	       filter->method.len || filter->rule.len || filter->reason.len ||
	       filter->status[0] || filter->ends || filter->kinds;
}

int find_begin(struct find *f)
{
	int err;

	find_times(f);
	f->any_facts = !find_names_facts(f->filter);
	f->cover.q = f->q;
	err = find_span(f);
	if (!err)
		err = find_prepare_scan(f);
	if (!err)
		err = cover_begin(&f->cover, f->filter->path);
	if (!err && !f->any_facts)
		err = find_facts(f);
	return err;
}

void find_done(struct find *f)
{
	(void)sqlite3_finalize(f->scan);
	cover_done(&f->cover);
	free(f->heap);
	free(f->wanted);
}

int find_all(struct find *f)
{
	int err = query_begin(f->q);

	if (err)
		return err;
	err = find_begin(f);
	if (!err)
		err = find_rows(f, f->from, f->to);
	find_done(f);
	return query_end(f->q, err);
}
