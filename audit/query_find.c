/* audit/query_find.c - which rows answer a filter.
 *
 * In two steps (see audit/schema.c for the tables):
 *
 *   1. which facts fit: one SELECT over a small table
 *   2. which rows: for each of these facts `seen` says in which seconds it
 *	occurs. The facts stand in a heap by their next second, so seconds come
 *	in order of time and each is read once; of its rows those with fitting
 *	facts are taken, until there are enough
 *
 * A filter that names no facts skips the first and reads the keys in order.
 *
 * Rows do not arrive in the order of their ids: an id is given when a request
 * begins and its row is entered when it ends. Who follows looks back
 * FOLLOW_BACK_US each time and leaves out what it has had; rows that come
 * later than that are listed by the writer in `late`.
 */

#include "audit/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/query_private.h"
#include "audit/schema.h"
#include "base/base.h"

#define EPOCH_2024_US  1704067200000000ull
#define FOLLOW_BACK_US 6000000ull /* what comes after 2 s is in `late` */
#define PATTERN_MAX    2600	  /* octets; each of a path's may be escaped */

/* Facts that fit, and the next second in which they occur. */
struct find_facts {
	int64_t id;
	int64_t second;
};

struct find {
	struct query *q;
	const struct query_filter *filter;
	uint64_t from; /* ids from here */
	uint64_t to;   /* to here, this one included */
	size_t limit;
	bool any_facts;		 /* the filter names no facts */
	struct find_facts *heap; /* owned */
	size_t heap_len;
	int64_t *wanted; /* owned; ids of facts, ascending */
	size_t wanted_len;
	size_t wanted_cap;
	sqlite3_stmt *scan; /* owned */
	char path[PATTERN_MAX];
};

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t id_at(uint64_t wall_us)
{
	if (wall_us <= EPOCH_2024_US)
		return 0;
	return MIN(wall_us - EPOCH_2024_US, (uint64_t)INT64_MAX >> 12) << 12;
}

/* SQLite's GLOB pattern: '*' and '?' of s mean what they say, '[' does not.
 * What does not fit matches nothing: no filter is ever widened.
 */
static void find_pattern(struct slice s, bool fold, const char *tail,
			 char ret[PATTERN_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = fold ? ascii_lower(s.ptr[i]) : s.ptr[i];

		if (len + 8 > PATTERN_MAX) {
			ret[0] = '\0';
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

static void find_range(struct find *f)
{
	const struct query_filter *filter = f->filter;

	f->from = filter->since_us ? id_at(filter->since_us) : 0;
	if (filter->after_id >= f->from && filter->after_id)
		f->from = filter->after_id + 1;
	f->to = INT64_MAX;
	if (filter->until_us) {
		uint64_t end = id_at(filter->until_us);

		f->to = end ? end - 1 : 0;
	}
	f->limit = filter->limit ? MIN(filter->limit, QUERY_ROWS_MAX)
				 : QUERY_ROWS_MAX;
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
		" AND (?3 = '' OR sandbox = (SELECT id FROM text"
		" WHERE text = ?3))"
		" AND (?4 = '' OR method = (SELECT id FROM text"
		" WHERE text = ?4))"
		" AND (?5 = '' OR rule = (SELECT id FROM text WHERE text = ?5))"
		" AND (?6 = '' OR reason = (SELECT id FROM text"
		" WHERE text = ?6))"
		" AND (?7 = 0 OR status = ?7 OR status / 100 = ?7)"
		" ORDER BY id";
	const struct query_filter *filter = f->filter;
	const struct slice exact[] = { filter->sandbox, filter->method,
				       filter->rule, filter->reason };
	char host[PATTERN_MAX];
	int err = query_prepare(f->q, sql, ret);

	static_assert(AUDIT_DENY == 0 && AUDIT_REFUSED == 2 &&
			      AUDIT_FAILED == 3 && AUDIT_INTERRUPTED == 5,
		      "the numbers in the statement");
	static_assert(QUERY_ALL == 0 && QUERY_TROUBLED == 1,
		      "the numbers in the statement");
	if (err)
		return err;
	find_pattern(filter->host, true, "", host);
	(void)sqlite3_bind_int(*ret, 1, (int)filter->what);
	(void)sqlite3_bind_text(*ret, 2, host, -1, SQLITE_TRANSIENT);
	for (size_t i = 0; i < ARRAY_SIZE(exact); i++)
		(void)sqlite3_bind_text(*ret, 3 + (int)i,
					exact[i].len ? exact[i].ptr : "",
					(int)exact[i].len, SQLITE_STATIC);
	(void)sqlite3_bind_int(*ret, 7, filter->status);
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

static bool find_wants(const struct find *f, int64_t facts)
{
	uint64_t key = (uint64_t)facts;

	return f->any_facts ||
	       (f->wanted_len && bsearch(&key, f->wanted, f->wanted_len,
					 sizeof(key), compare_u64));
}

/* The next second, from this one on, in which the facts occur. Returns 1, 0
 * for none, or as query_fail().
 */
static int find_second(struct find *f, int64_t facts, int64_t *second)
{
	sqlite3_stmt *stmt = f->filter->first ? f->q->next_up : f->q->next_down;
	int n = 0;

	(void)sqlite3_bind_int64(stmt, 1, facts);
	(void)sqlite3_bind_int64(stmt, 2, *second);
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		*second = sqlite3_column_int64(stmt, 0);
		n = *second >= SCHEMA_SECOND(f->from) &&
		    *second <= SCHEMA_SECOND(f->to);
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

static int find_heap(struct find *f)
{
	int64_t start = SCHEMA_SECOND(f->filter->first ? f->from : f->to);

	f->heap = calloc(MAX(f->wanted_len, 1), sizeof(*f->heap));
	if (!f->heap)
		return -ENOMEM;
	for (size_t i = 0; i < f->wanted_len; i++) {
		struct find_facts facts = { f->wanted[i], start };
		int n = find_second(f, facts.id, &facts.second);

		if (n < 0)
			return n;
		if (n)
			f->heap[f->heap_len++] = facts;
	}
	for (size_t i = f->heap_len / 2; i-- > 0;)
		find_sift(f, i);
	return 0;
}

/* Rows of ids from..to in our direction, those that fit, until limit. */
static int find_scan(struct find *f, uint64_t from, uint64_t to)
{
	int err = 0;

	(void)sqlite3_reset(f->scan);
	(void)sqlite3_bind_int64(f->scan, 1, (int64_t)from);
	(void)sqlite3_bind_int64(f->scan, 2, (int64_t)to);
	(void)sqlite3_bind_text(f->scan, 3, f->path, -1, SQLITE_STATIC);
	while (!err && f->q->found.len < f->limit &&
	       sqlite3_step(f->scan) == SQLITE_ROW)
		if (find_wants(f, sqlite3_column_int64(f->scan, 1)))
			err = ids_add(
				&f->q->found,
				(uint64_t)sqlite3_column_int64(f->scan, 0));
	if (sqlite3_reset(f->scan) != SQLITE_OK)
		return query_fail(f->q);
	return err;
}

static int find_prepare_scan(struct find *f)
{
	/* Without a path to look for, the row's own column is not read. */
	static const char *const sql[2][2] = {
		{ "SELECT id, facts FROM record WHERE id >= ?1 AND id <= ?2"
		  " ORDER BY id DESC",
		  "SELECT id, facts FROM record WHERE id >= ?1 AND id <= ?2"
		  " ORDER BY id" },
		{ "SELECT id, facts FROM record WHERE id >= ?1 AND id <= ?2"
		  " AND path GLOB ?3 ORDER BY id DESC",
		  "SELECT id, facts FROM record WHERE id >= ?1 AND id <= ?2"
		  " AND path GLOB ?3 ORDER BY id" },
	};

	if (f->filter->path.len)
		find_pattern(f->filter->path, false, "*", f->path);
	return query_prepare(
		f->q, sql[f->filter->path.len > 0][f->filter->first], &f->scan);
}

/* All facts of this second move on to their next one. */
static int find_advance(struct find *f, int64_t second)
{
	while (f->heap_len && f->heap[0].second == second) {
		struct find_facts *top = &f->heap[0];
		int n;

		top->second += f->filter->first ? 1 : -1;
		n = find_second(f, top->id, &top->second);
		if (n < 0)
			return n;
		if (!n)
			*top = f->heap[--f->heap_len];
		find_sift(f, 0);
	}
	return 0;
}

/* Step 2: the rows. */
static int find_rows(struct find *f)
{
	int err = 0;

	if (f->any_facts)
		return find_scan(f, f->from, f->to);
	while (!err && f->heap_len && f->q->found.len < f->limit) {
		int64_t second = f->heap[0].second;
		uint64_t from = (uint64_t)second << 32;

		err = find_scan(f, MAX(from, f->from),
				MIN(from + UINT32_MAX, f->to));
		if (!err)
			err = find_advance(f, second);
	}
	return err;
}

static bool find_names_facts(const struct query_filter *filter)
{
	return filter->what != QUERY_ALL || filter->host.len ||
	       filter->sandbox.len || filter->method.len || filter->rule.len ||
	       filter->reason.len || filter->status;
}

/* Ready f for scans. */
static int find_begin(struct find *f)
{
	int err;

	find_range(f);
	f->any_facts = !find_names_facts(f->filter);
	err = find_prepare_scan(f);
	if (!err && !f->any_facts)
		err = find_facts(f);
	if (!err && !f->any_facts)
		err = find_heap(f);
	return err;
}

static void find_done(struct find *f)
{
	(void)sqlite3_finalize(f->scan);
	free(f->heap);
	free(f->wanted);
}

/* One view of the ledger for all the statements of a search. */
static int query_begin(struct query *q)
{
	(void)sqlite3_reset(q->row);
	q->found.len = q->at = 0;
	if (sqlite3_exec(q->db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return query_fail(q);
}

static int query_end(struct query *q, int err)
{
	(void)sqlite3_exec(q->db, "COMMIT", NULL, NULL, NULL);
	if (err)
		q->found.len = 0;
	return err ? err : (int)q->found.len;
}

int query_find(struct query *q, const struct query_filter *filter)
{
	struct find f = { .q = q, .filter = filter };
	int err = query_begin(q);

	if (err)
		return err;
	err = find_begin(&f);
	if (!err)
		err = find_rows(&f);
	find_done(&f);
	if (!filter->first)
		ids_reverse(&q->found);
	return query_end(q, err);
}

static uint64_t query_back_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 -
	       FOLLOW_BACK_US;
}

/* How far `late` goes. */
static int query_late_seq(struct query *q, int64_t *ret)
{
	sqlite3_stmt *stmt;
	int err = query_prepare(q, "SELECT max(seq) FROM late", &stmt);

	if (err)
		return err;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		*ret = sqlite3_column_int64(stmt, 0);
	return sqlite3_finalize(stmt) == SQLITE_OK ? 0 : query_fail(q);
}

int query_follow(struct query *q)
{
	struct query_filter all = { .since_us = query_back_us(),
				    .first = true };
	struct ids t;
	int n = query_late_seq(q, &q->late_seq);

	if (!n)
		n = query_find(q, &all);
	if (n < 0)
		return n;
	t = q->had;
	q->had = q->found;
	q->found = t;
	q->found.len = 0;
	return 0;
}

/* Rows that came late and fit, appended to found. The first fresh_len of found
 * are there already.
 */
static int find_late(struct find *f, size_t fresh_len)
{
	struct query *q = f->q;
	sqlite3_stmt *stmt;
	int err = query_prepare(q,
				"SELECT seq, id FROM late WHERE seq > ?1"
				" ORDER BY seq",
				&stmt);

	if (err)
		return err;
	(void)sqlite3_bind_int64(stmt, 1, q->late_seq);
	while (!err && sqlite3_step(stmt) == SQLITE_ROW) {
		struct ids fresh = { .mem = q->found.mem, .len = fresh_len };
		uint64_t id = (uint64_t)sqlite3_column_int64(stmt, 1);

		q->late_seq = sqlite3_column_int64(stmt, 0);
		if (!ids_have(&fresh, id))
			err = find_scan(f, id, id);
	}
	if (sqlite3_finalize(stmt) != SQLITE_OK && !err)
		err = query_fail(q);
	return err;
}

/* found holds the rows of the last seconds that fit: keep those that are new,
 * add the late ones.
 */
static int find_new(struct find *f)
{
	struct query *q = f->q;
	struct ids window = q->found;
	int err = 0;

	q->found = (struct ids){ 0 };
	for (size_t i = 0; i < window.len && !err; i++)
		if (!ids_have(&q->had, window.mem[i]))
			err = ids_add(&q->found, window.mem[i]);
	if (!err)
		err = find_late(f, q->found.len);
	free(q->had.mem);
	q->had = window;
	/* What was opened and ended since the last call was late twice. */
	ids_sort_once(&q->found);
	return err;
}

int query_find_new(struct query *q, const struct query_filter *filter)
{
	struct query_filter recent = *filter;
	struct find f = { .q = q, .filter = &recent };
	int err = query_begin(q);

	if (err)
		return err;
	recent.since_us = query_back_us();
	recent.until_us = recent.after_id = 0;
	recent.limit = 0;
	recent.first = true;
	err = find_begin(&f);
	if (!err)
		err = find_rows(&f);
	if (!err)
		err = find_new(&f);
	find_done(&f);
	return query_end(q, err);
}
