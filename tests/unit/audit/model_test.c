/* The ledger's writer against a model of what its rows must come to.
 *
 * Writers begin and end requests, and die; the clock goes forward, leaps, and
 * goes back; penstock-audit drains, seals, sums up, prunes, fails, and is
 * killed, also between a commit and telling the spools. All of it by dice:
 * PENSTOCK_SEED is the first seed, PENSTOCK_ROUNDS how many.
 */

#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "audit/query.h"
#include "audit/spool_read.h"
#include "audit/verify.h"

#define ROUNDS 3
#define STEPS  260

#define LIVE_MAX   4
#define SAID_MAX   7000
#define FLIGHT_MAX 2500	    /* of one writer */
#define BACK_US	   60000000 /* then ids begin again at the clock */
#define PAGE	   4096

struct said {
	uint64_t id;
	uint32_t slot;
	uint32_t writer;
	enum audit_outcome outcome; /* its writer's last word */
	bool dead;		    /* its writer */
	bool there;		    /* in the ledger, when last looked */
	bool sealed;
	bool pruned;
	enum audit_outcome as; /* in the ledger, when last looked */
	int shown;	       /* to who follows: outcome and one */
};

struct writer {
	struct spool *spool; /* owned */
	uint64_t last_us;
	uint32_t number;
	uint32_t flight;
};

/* A spool's file as of before a pass. */
struct kept {
	char name[64];
	char *head; /* owned, as the other: up to the slots */
	char *slots;
	size_t len; /* of slots */
};

struct model {
	struct fixture *f;
	struct query *follow;
	uint64_t seed;
	uint64_t wall_us;
	uint32_t dice;
	uint32_t step;
	uint32_t writers; /* there have been */
	uint32_t failed;  /* passes */
	bool recovered;
	bool caught_up;

	size_t said_len;
	struct writer writer[LIVE_MAX];
	struct said said[SAID_MAX];
};

static uint32_t roll(struct model *m, uint32_t sides)
{
	m->dice = m->dice * 1664525 + 1013904223;
	return (m->dice >> 8) % sides;
}

/* What must be so; the rest tells of which row. */
#define MUST(m, what, ...)                                                     \
	do {                                                                   \
		if (!(what)) {                                                 \
			print_error("seed %llu, step %u\n",                    \
				    (unsigned long long)(m)->seed, (m)->step); \
			fail_msg(#what " " __VA_ARGS__);                       \
		}                                                              \
	} while (0)

/* --- the writers ------------------------------------------------------------
 */

static void writer_comes(struct model *m, struct writer *w)
{
	memset(w, 0, sizeof(*w));
	w->number = ++m->writers;
	assert_true(w->number < 4096);
	assert_int_equal(
		spool_open(m->f->spools, (uint16_t)w->number, &w->spool), 0);
}

static void writer_dies(struct model *m, struct writer *w)
{
	spool_close(&w->spool);
	for (size_t i = 0; i < m->said_len; i++)
		if (m->said[i].writer == w->number)
			m->said[i].dead = true;
}

static uint64_t writer_id(struct model *m, struct writer *w)
{
	uint64_t us = m->wall_us - EPOCH_US;

	if (us + BACK_US > w->last_us)
		us = MAX(us, w->last_us + 1);
	w->last_us = us;
	return us << 12 | w->number;
}

static void request_begins(struct model *m, struct writer *w)
{
	struct said *said = &m->said[m->said_len];
	char host[32], path[32];
	struct audit_begin b;

	if (m->said_len == SAID_MAX || w->flight == FLIGHT_MAX)
		return;
	*said = (struct said){ .id = writer_id(m, w), .writer = w->number };
	(void)snprintf(host, sizeof(host), "h%u.test", roll(m, 5));
	(void)snprintf(path, sizeof(path), "/%zu", m->said_len);
	b = fixture_begin(said->id);
	b.wall_us = m->wall_us;
	b.host = slice_str(host);
	b.path = slice_str(path);
	b.verdict = roll(m, 6) ? AUDIT_ALLOW : AUDIT_DENY;
	if (spool_begin(w->spool, &b, &said->slot))
		return;
	w->flight++;
	m->said_len++;
}

static void request_ends(struct model *m, struct writer *w, struct said *said)
{
	static const enum audit_outcome ends[] = {
		AUDIT_DONE, AUDIT_DONE, AUDIT_REFUSED, AUDIT_FAILED, AUDIT_CUT,
	};
	struct audit_end e = fixture_end();

	e.outcome = said->outcome = ends[roll(m, ARRAY_SIZE(ends))];
	e.bytes_down = said->id & 0xffff;
	spool_end(w->spool, said->slot, &e);
	w->flight--;
}

/* One in sixteen takes long. */
static bool request_is_over(struct model *m, size_t i)
{
	return roll(m, i % 16 ? 3 : 60) == 0;
}

/* More than one pass takes, now and then. */
static uint32_t writer_hurry(struct model *m)
{
	return roll(m, 300) ? roll(m, 12) : DRAIN_BATCH + roll(m, 300);
}

static void writers_work(struct model *m)
{
	for (size_t i = 0; i < LIVE_MAX; i++) {
		struct writer *w = &m->writer[i];

		if (!w->spool && roll(m, 3) == 0)
			writer_comes(m, w);
		if (!w->spool)
			continue;
		for (uint32_t n = writer_hurry(m); n > 0; n--) {
			request_begins(m, w);
			m->wall_us += roll(m, 3000);
		}
		for (size_t k = 0; k < m->said_len; k++)
			if (m->said[k].writer == w->number &&
			    !m->said[k].outcome && request_is_over(m, k))
				request_ends(m, w, &m->said[k]);
		if (roll(m, 40) == 0)
			writer_dies(m, w);
	}
}

static void clock_goes(struct model *m)
{
	static const uint64_t leap_us[] = {
		1500000,
		5000000,
		61000000,
		3600000000u,
		86400000000ull,
		40 * 86400000000ull,
		3 * 365 * 86400000000ull,
	};
	uint64_t us = leap_us[roll(m, ARRAY_SIZE(leap_us))];

	us += roll(m, 1000000);
	switch (roll(m, 24)) {
	case 0:
		m->wall_us += us;
		break;
	case 1:
	case 2:
		if (m->wall_us > EPOCH_US + 2 * us)
			m->wall_us -= us;
		break;
	default:
		m->wall_us += roll(m, 1500000);
	}
}

/* --- what fails -------------------------------------------------------------
 */

struct fault {
	sqlite3 *holder; /* somebody holds a lock */
	enum {
		NONE,
		LOCK,
		FULL,
		BREAK,
		COMMIT
	} kind;
};

static int on_progress(void *ctx)
{
	(void)ctx;
	return 1;
}

static struct fault fault_begins(struct model *m)
{
	struct fault fault = { .kind = NONE };
	sqlite3 *db = m->f->store->db;

	if (roll(m, 5))
		return fault;
	fault.kind = (int)roll(m, 4) + LOCK;
	(void)sqlite3_busy_timeout(db, 0);
	switch (fault.kind) {
	case LOCK:
		assert_int_equal(sqlite3_open(m->f->ledger, &fault.holder),
				 SQLITE_OK);
		assert_int_equal(sqlite3_exec(fault.holder, "BEGIN IMMEDIATE",
					      NULL, NULL, NULL),
				 SQLITE_OK);
		break;
	case FULL:
		assert_int_equal(sqlite3_exec(db, "PRAGMA max_page_count = 1",
					      NULL, NULL, NULL),
				 SQLITE_OK);
		break;
	case BREAK:
		sqlite3_progress_handler(db, 20 << roll(m, 12), on_progress,
					 NULL);
		break;
	default:
		(void)sqlite3_commit_hook(db, on_progress, NULL);
	}
	return fault;
}

static void fault_ends(struct model *m, struct fault *fault)
{
	sqlite3 *db = m->f->store->db;

	if (fault->holder)
		(void)sqlite3_close(fault->holder);
	fault->holder = NULL;
	sqlite3_progress_handler(db, 0, NULL, NULL);
	(void)sqlite3_commit_hook(db, NULL, NULL);
	assert_int_equal(sqlite3_exec(db, "PRAGMA max_page_count = 1000000",
				      NULL, NULL, NULL),
			 SQLITE_OK);
}

/* --- what stands in the ledger ----------------------------------------------
 */

static void row_check(struct model *m, struct said *said, enum audit_outcome as,
		      bool sealed)
{
	MUST(m, !said->there);
	MUST(m, !said->pruned);
	MUST(m, !said->sealed || as == said->as);
	MUST(m, !said->sealed || sealed);
	if (said->outcome)
		MUST(m, as == said->outcome || as == AUDIT_OPEN ||
				as == AUDIT_INTERRUPTED);
	else
		MUST(m, as == AUDIT_OPEN || as == AUDIT_INTERRUPTED);
	/* Who may speak on is not sealed as interrupted. */
	if (sealed && !said->outcome)
		MUST(m, said->dead);
	if (sealed && said->outcome)
		MUST(m, as == said->outcome);
	said->there = true;
	said->sealed = sealed;
	said->as = as;
}

/* Read it whole. What is gone must have been pruned just now. Returns how many
 * went.
 */
static int rows_check(struct model *m, bool pruned)
{
	sqlite3 *db = m->f->store->db;
	sqlite3_stmt *stmt;
	int gone = 0;
	bool *was = calloc(SAID_MAX, sizeof(*was));

	assert_non_null(was);
	for (size_t i = 0; i < m->said_len; i++) {
		was[i] = m->said[i].there;
		m->said[i].there = false;
	}
	assert_int_equal(
		sqlite3_prepare_v2(
			db,
			"SELECT r.entry - r.delay, f.outcome, substr(path, 2),"
			" r.bytes_down, f.outcome <> 0 AND r.entry <= ?1"
			" AND (NOT EXISTS (SELECT 1 FROM late WHERE seq > ?2"
			" AND entry = r.entry) OR r.entry IN"
			" (SELECT entry FROM batch_late)) FROM record r"
			" JOIN facts f ON f.id = r.facts",
			-1, &stmt, NULL),
		SQLITE_OK);
	(void)sqlite3_bind_int64(stmt, 1, m->f->store->sealed);
	(void)sqlite3_bind_int64(stmt, 2, seal_late_seq(m->f->store->seal));
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		size_t i = (size_t)sqlite3_column_int64(stmt, 2);
		uint64_t id = (uint64_t)sqlite3_column_int64(stmt, 0);
		enum audit_outcome as = sqlite3_column_int(stmt, 1);

		MUST(m, i < m->said_len && id == m->said[i].id);
		row_check(m, &m->said[i], as, sqlite3_column_int(stmt, 4));
		if (as != AUDIT_OPEN && as != AUDIT_INTERRUPTED)
			MUST(m, sqlite3_column_int64(stmt, 3) ==
					(int64_t)(id & 0xffff));
	}
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	for (size_t i = 0; i < m->said_len; i++) {
		if (!was[i] || m->said[i].there)
			continue;
		MUST(m, pruned && m->said[i].sealed, "row %zu", i);
		m->said[i].pruned = true;
		gone++;
	}
	free(was);
	return gone;
}

/* Each row that is not near its id is a stray, and nothing else. */
static void strays_check(struct model *m)
{
	int64_t n = fixture_number(
		m->f, "SELECT count(*) FROM record WHERE delay NOT BETWEEN 0"
		      " AND 16384000000");

	MUST(m, n == fixture_number(m->f, "SELECT count(*) FROM stray"));
	MUST(m, n == fixture_number(m->f, "SELECT count(*) FROM stray"
					  " JOIN requests USING(id, entry)"));
}

static void proof_check(struct model *m)
{
	struct verify_report report;

	verify_ledger(m->f->ledger, &(struct verify_pins){ 0 }, &report);
	MUST(m, report.verdict == VERIFY_INTACT, "%s", report.why);
}

/* Who follows has been shown each row as it stands, and no last word twice. */
static void follow_check(struct model *m)
{
	const struct query_filter all = { 0 };
	struct query_row row;

	MUST(m, query_find_new(m->follow, &all) >= 0);
	while (query_next(m->follow, &row) == 1) {
		size_t i = strtoul(row.path.ptr + 1, NULL, 10);
		int as = (int)row.outcome + 1;

		MUST(m, i < m->said_len && row.id == m->said[i].id);
		if (row.outcome != AUDIT_OPEN &&
		    row.outcome != AUDIT_INTERRUPTED)
			MUST(m, m->said[i].shown != as, "row %zu", i);
		m->said[i].shown = as;
	}
	for (size_t i = 0; i < m->said_len; i++)
		if (m->said[i].there && !m->said[i].pruned)
			MUST(m, m->said[i].shown == (int)m->said[i].as + 1,
			     "row %zu", i);
}

static int64_t plain(struct model *m, const char *what,
		     const struct query_filter *q)
{
	sqlite3_stmt *stmt;
	char sql[300];
	int64_t n;

	(void)snprintf(sql, sizeof(sql),
		       "SELECT %s FROM requests WHERE id >> 12 >= ?1"
		       " AND (?2 = 0 OR id >> 12 < ?2) AND (?3 = '' OR"
		       " host = ?3)",
		       what);
	assert_int_equal(
		sqlite3_prepare_v2(m->f->store->db, sql, -1, &stmt, NULL),
		SQLITE_OK);
	(void)sqlite3_bind_int64(
		stmt, 1, q->since_us ? (int64_t)(q->since_us - EPOCH_US) : 0);
	(void)sqlite3_bind_int64(
		stmt, 2, q->until_us ? (int64_t)(q->until_us - EPOCH_US) : 0);
	(void)sqlite3_bind_text(stmt, 3, q->host.ptr ? q->host.ptr : "",
				(int)q->host.len, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return n;
}

static void query_check(struct model *m, struct query *q)
{
	static const enum query_key by[] = { QUERY_HOST, QUERY_OUTCOME };
	const struct said *a = &m->said[roll(m, (uint32_t)m->said_len)];
	const struct said *b = &m->said[roll(m, (uint32_t)m->said_len)];
	struct query_filter filter = { 0 };
	struct query_group group;
	struct query_row row;
	int64_t sum, rows;

	if (roll(m, 4))
		filter.since_us = fixture_us(MIN(a->id, b->id));
	if (roll(m, 4))
		filter.until_us = fixture_us(MAX(a->id, b->id)) + 1;
	if (roll(m, 2))
		filter.host = SLICE("h3.test");
	filter.first = roll(m, 2);
	rows = plain(m, "count(*)", &filter);
	sum = plain(m, "ifnull(sum(id % 1000003), 0)", &filter);
	MUST(m, query_find(q, &filter) == rows);
	while (query_next(q, &row) == 1)
		sum -= (int64_t)(row.id % 1000003);
	MUST(m, sum == 0);
	MUST(m, query_group(q, &filter, by, ARRAY_SIZE(by)) ==
			plain(m, "count(DISTINCT host || outcome)", &filter));
	while (query_group_next(q, &group) == 1)
		rows -= (int64_t)group.rows;
	MUST(m, rows == 0);
	MUST(m, query_find_id(q, a->id) == (int)a->there);
}

static void queries_check(struct model *m)
{
	struct query *q;

	if (!m->said_len)
		return;
	assert_int_equal(query_open(m->f->ledger, &q), 0);
	for (int i = 0; i < 4; i++)
		query_check(m, q);
	query_free(&q);
}

static void check(struct model *m, bool settled)
{
	(void)rows_check(m, false);
	strays_check(m);
	proof_check(m);
	follow_check(m);
	queries_check(m);
	for (size_t i = 0; i < m->said_len && settled; i++) {
		const struct said *said = &m->said[i];

		if (said->pruned)
			continue;
		MUST(m, said->there || (!said->outcome && !said->dead),
		     "row %zu", i);
		if (said->outcome)
			MUST(m, said->as == said->outcome, "row %zu", i);
		else if (said->there)
			MUST(m,
			     said->as == (said->dead ? AUDIT_INTERRUPTED
						     : AUDIT_OPEN),
			     "row %zu", i);
	}
}

/* --- penstock-audit ---------------------------------------------------------
 */

static void audit_recovers(struct model *m)
{
	if (!m->recovered)
		m->recovered = !store_close_open_rows(m->f->store);
}

static void audit_dies(struct model *m)
{
	fixture_close(m->f);
	fixture_open(m->f);
	m->recovered = m->caught_up = false;
}

static void audit_passes(struct model *m)
{
	int n;

	assert_int_equal(drain_scan(m->f->drain), 0);
	audit_recovers(m);
	if (!m->recovered)
		return;
	n = drain_pass(m->f->drain, m->wall_us);
	m->failed += n < 0;
	if (n >= 0 && n < DRAIN_BATCH)
		m->caught_up = true;
}

static void spools_name(struct model *m, const char *name, const char *tail,
			char ret[256])
{
	(void)snprintf(ret, 256, "%s/%s%s", m->f->spools, name, tail);
}

#define SLOTS_AT offsetof(struct spool_file, slot)

static void spool_keep(struct model *m, uint32_t number, struct kept *k)
{
	char path[256], keep[256];
	struct spool_head *head;
	int fd;

	(void)snprintf(k->name, sizeof(k->name), "%u-%d.spool", number,
		       (int)getpid());
	spools_name(m, k->name, "", path);
	spools_name(m, k->name, ".keep", keep);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	k->head = malloc(SLOTS_AT);
	assert_non_null(k->head);
	assert_int_equal(pread(fd, k->head, SLOTS_AT, 0), SLOTS_AT);
	head = (struct spool_head *)k->head;
	k->len = (size_t)head->touched * PAGE;
	k->slots = malloc(MAX(k->len, 1));
	assert_non_null(k->slots);
	assert_int_equal(pread(fd, k->slots, k->len, SLOTS_AT), k->len);
	(void)close(fd);
	assert_int_equal(link(path, keep), 0);
}

static void spool_restore(struct model *m, struct kept *k)
{
	char path[256], keep[256];
	int fd;

	if (!k->head)
		return;
	spools_name(m, k->name, "", path);
	spools_name(m, k->name, ".keep", keep);
	fd = open(keep, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, k->head, SLOTS_AT, 0), SLOTS_AT);
	assert_int_equal(pwrite(fd, k->slots, k->len, SLOTS_AT), k->len);
	(void)close(fd);
	(void)unlink(path);
	assert_int_equal(rename(keep, path), 0);
	free(k->head);
	free(k->slots);
}

/* Killed when it had committed and before any spool was told. */
static void audit_dies_between(struct model *m)
{
	struct kept *kept = calloc(m->writers + 1, sizeof(*kept));

	assert_non_null(kept);
	for (uint32_t i = 1; i <= m->writers; i++)
		spool_keep(m, i, &kept[i]);
	audit_passes(m);
	for (uint32_t i = 1; i <= m->writers; i++)
		spool_restore(m, &kept[i]);
	free(kept);
	audit_dies(m);
}

static void audit_prunes(struct model *m, bool fails)
{
	static const uint64_t keep_s[] = { 5, 600, 3600, 86400, 86400 * 90 };
	const struct store_limits limits = {
		.keep_s = keep_s[roll(m, ARRAY_SIZE(keep_s))],
		.bytes_max = roll(m, 4) ? UINT64_MAX : 150000 + roll(m, 200000),
	};
	int n;

	if (!fails)
		(void)rows_check(m, false);
	n = store_prune(m->f->store, &limits, m->wall_us, 1 + roll(m, 300));
	if (!fails)
		MUST(m, rows_check(m, true) == n);
}

/* A summary of the last rows, though they are few: then store_summarise() makes
 * those of what is before them.
 */
static void summary_comes(struct model *m)
{
	struct store *s = m->f->store;
	struct summary_octets o;
	sqlite3_stmt *stmt;
	char sql[120];
	int64_t first, last;

	(void)snprintf(sql, sizeof(sql),
		       "SELECT entry FROM record WHERE entry > %lld"
		       " ORDER BY entry DESC LIMIT 1 OFFSET 50",
		       (long long)s->summary.to);
	first = fixture_number(m->f, sql);
	last = fixture_number(m->f, "SELECT max(entry) FROM record");
	if (first < 0)
		return;
	assert_int_equal(store_begin(s, m->wall_us), 0);
	assert_int_equal(
		summary_read(s->db, (uint64_t)first, (uint64_t)last, &o), 0);
	assert_int_equal(
		sqlite3_prepare_v2(s->db,
				   "INSERT INTO summary VALUES(?, ?, ?, ?)", -1,
				   &stmt, NULL),
		SQLITE_OK);
	(void)sqlite3_bind_int64(stmt, 1, first);
	(void)sqlite3_bind_int64(stmt, 2, last);
	(void)sqlite3_bind_blob64(stmt, 3, o.sums, o.sums_len, SQLITE_STATIC);
	(void)sqlite3_bind_blob64(stmt, 4, o.paths, o.paths_len, SQLITE_STATIC);
	(void)sqlite3_step(stmt);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	summary_octets_done(&o);
	assert_int_equal(store_commit(s), 0);
	s->summary.to = (uint64_t)last;
}

static void audit_keeps_up(struct model *m)
{
	struct fault fault = fault_begins(m);
	struct store *s = m->f->store;

	switch (roll(m, 16)) {
	case 0:
	case 1:
	case 2:
		if (m->caught_up)
			(void)store_seal(s, m->wall_us, 1 + roll(m, 200));
		break;
	case 3:
		(void)store_checkpoint(s, m->wall_us);
		break;
	case 4:
		if (m->caught_up && !fault.kind && roll(m, 3) == 0)
			summary_comes(m);
		else if (m->caught_up)
			(void)store_summarise(s, m->wall_us);
		break;
	case 5:
		if (m->recovered && !fault.kind)
			audit_prunes(m, false);
		break;
	default:
		audit_passes(m);
	}
	fault_ends(m, &fault);
}

/* --- the dice ---------------------------------------------------------------
 */

static void model_step(struct model *m)
{
	clock_goes(m);
	writers_work(m);
	for (uint32_t n = roll(m, 5); n > 0; n--)
		audit_keeps_up(m);
	switch (roll(m, 20)) {
	case 0:
		audit_dies(m);
		break;
	case 1:
		audit_dies_between(m);
		break;
	case 2:
		check(m, false);
		break;
	default:
		break;
	}
}

/* All that was said is entered, by the same process or another. */
static void model_settles(struct model *m)
{
	if (roll(m, 2))
		audit_dies(m);
	audit_recovers(m);
	assert_true(m->recovered);
	fixture_drain(m->f, m->wall_us);
	m->caught_up = true;
	check(m, true);
}

/* That the dice met everything. */
static void model_tells(struct model *m)
{
	unsigned int pruned = 0, interrupted = 0;

	for (size_t i = 0; i < m->said_len; i++) {
		pruned += m->said[i].pruned;
		interrupted += m->said[i].as == AUDIT_INTERRUPTED;
	}
	print_message("seed %llu: %zu requests, %u interrupted, %u pruned,"
		      " %lld strays, %u passes failed, %lld sums\n",
		      (unsigned long long)m->seed, m->said_len, interrupted,
		      pruned,
		      (long long)fixture_number(m->f, "SELECT count(*) FROM"
						      " stray"),
		      m->failed,
		      (long long)fixture_number(m->f, "SELECT count(*) FROM"
						      " summary"));
	assert_true(m->said_len > 1000 && pruned && interrupted && m->failed);
}

static void model_run(uint64_t seed)
{
	struct model *m = calloc(1, sizeof(*m));
	void *state;

	assert_non_null(m);
	m->seed = seed;
	m->dice = (uint32_t)(seed * 2654435761u);
	m->wall_us = EPOCH_US + 900 * 86400000000ull;
	assert_int_equal(fixture_setup(&state), 0);
	m->f = state;
	fixture_open(m->f);
	assert_int_equal(query_open(m->f->ledger, &m->follow), 0);
	assert_int_equal(query_follow(m->follow), 0);
	for (m->step = 0; m->step < STEPS; m->step++) {
		model_step(m);
		if (m->step % 20 == 19)
			model_settles(m);
	}
	for (size_t i = 0; i < LIVE_MAX; i++)
		if (m->writer[i].spool)
			writer_dies(m, &m->writer[i]);
	model_settles(m);
	while (store_seal(m->f->store, m->wall_us, STORE_SEAL_ROWS) > 0)
		;
	check(m, true);
	model_tells(m);
	query_free(&m->follow);
	(void)fixture_teardown(&state);
	free(m);
}

static void model(void **state)
{
	const char *seed = getenv("PENSTOCK_SEED");
	const char *rounds = getenv("PENSTOCK_ROUNDS");
	uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;
	uint64_t n = rounds ? strtoull(rounds, NULL, 10) : ROUNDS;

	(void)state;
	for (uint64_t i = 0; i < n; i++)
		model_run(first + i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
