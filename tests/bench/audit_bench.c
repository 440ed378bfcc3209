/* What a row of the ledger costs: to write, to enter, to keep and to find.
 * Prints figures, judges nothing. tests/bench/audit_bench.sh runs it.
 *
 *	audit_bench ROWS LEDGER-DIR SPOOL-DIR
 *
 * The traffic is the same each time: agents of six sandboxes with their
 * clients, a few favourite hosts for each and now and then any of 500, many
 * paths, one request in 25 denied. Requests end in another order than they
 * begin. Writers are processes of their own, as workers are. Their time is the
 * ledger's, of a day to come: it goes on with the requests, however fast they
 * come.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit/drain.h"
#include "audit/query.h"
#include "audit/store.h"
#include "base/base.h"
#include "base/id.h"

#define WRITERS	   2
#define FIRST_DAY  5000 /* since 2024 */
#define EPOCH_US   1704067200000000ull
#define FIRST_US   (EPOCH_US + FIRST_DAY * 86400ull * 1000000)
#define PASS_ROWS  1500 /* requests until the time goes on, or … */
#define PASS_US	   500000ull
#define CALM_RATE  1000 /* requests in a second of the ledger's time */
#define FULL_RATE  30000
#define FULL_ROWS  1000000
#define SEAL_ROWS  4096 /* of a batch of the chain */
#define FLIGHT	   48	/* requests in flight, of one writer */
#define SANDBOXES  6
#define CLIENTS	   24
#define FAVOURITES 12
#define HOSTS	   500

static void die(const char *what)
{
	(void)fprintf(stderr, "audit_bench: %s\n", what);
	exit(1);
}

static double clock_s(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* CPU of this process, without its children. */
static void cpu_s(double *ret_user, double *ret_system)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	*ret_user =
		(double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6;
	*ret_system =
		(double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6;
}

static struct {
	char host[HOSTS][48];
	char rule[HOSTS][96];
	char where[HOSTS][32];
	char upstream[HOSTS][32];
} words;

static const char *const sandbox_name[SANDBOXES] = {
	"ci", "alice", "bob", "nightly", "review-bot", "team-web",
};
static const char *const agent_name[] = {
	"npm/10.8.2 node/v20.19.2 linux x64 workspaces/false",
	"git/2.39.5",
	"claude-cli/2.0.37 (external, cli)",
	"pip/24.3.1 {\"ci\":null,\"cpu\":\"x86_64\",\"implementation\":"
	"{\"name\":\"CPython\",\"version\":\"3.11.2\"}}",
	"python-requests/2.32.3",
	"Go-http-client/2.0",
	"cargo/1.82.0",
	"curl/7.88.1",
};

static void words_make(void)
{
	for (uint32_t i = 0; i < HOSTS; i++) {
		(void)snprintf(words.host[i], sizeof(words.host[i]),
			       "host%u.example.com", i);
		(void)snprintf(words.rule[i], sizeof(words.rule[i]),
			       "GET https://host%u.example.com/v1/**", i);
		(void)snprintf(words.where[i], sizeof(words.where[i]),
			       "penstock.yaml:%u", 10 + i % 90);
		(void)snprintf(words.upstream[i], sizeof(words.upstream[i]),
			       "192.0.2.%u:443", i % 200);
	}
}

/* Time, µs since 2024, in memory that the writers share: how far each has come
 * (UINT64_MAX: it has ended), and how far they may.
 */
struct times {
	_Atomic uint64_t writer[WRITERS];
	_Atomic uint64_t now;
};
static struct times *times;

static uint64_t times_first(void)
{
	uint64_t first = UINT64_MAX;

	for (int i = 0; i < WRITERS; i++)
		first = MIN(first, times->writer[i]);
	return first;
}

/* What a writer makes up, one request after another. */
struct traffic {
	uint64_t seed;
	uint64_t next_us; /* since 2024 */
	uint64_t step_us;
	uint16_t writer;
	uint32_t host; /* of the last request */
	char path[128];
	char client[64];
};

static struct traffic traffic_of(uint16_t writer, uint32_t rate)
{
	return (struct traffic){
		.seed = 88172645463325252ull + writer,
		.next_us = FIRST_DAY * 86400ull * 1000000 + writer,
		.step_us = WRITERS * 1000000ull / rate,
		.writer = writer,
	};
}

static uint32_t dice(struct traffic *t, uint32_t sides)
{
	t->seed ^= t->seed << 13;
	t->seed ^= t->seed >> 7;
	t->seed ^= t->seed << 17;
	return (uint32_t)(t->seed >> 33) % sides;
}

static void traffic_begin(struct traffic *t, struct audit_begin *ret)
{
	uint32_t who = dice(t, CLIENTS), box = who % SANDBOXES;
	uint32_t host =
		dice(t, 30) ? box * 7 + dice(t, FAVOURITES) : dice(t, HOSTS);
	uint64_t us = t->next_us;
	bool deny = dice(t, 25) == 0;

	t->host = host;
	t->next_us += t->step_us;
	(void)snprintf(t->path, sizeof(t->path), "/v1/packages/%u/-/p-%u.tgz",
		       dice(t, 3000), dice(t, 100));
	(void)snprintf(t->client, sizeof(t->client), "10.7.%u.%u:%u", box, who,
		       32768 + dice(t, 28000));
	*ret = (struct audit_begin){
		.id = us << 12 | t->writer,
		.wall_us = id_wall_us(us << 12),
		.owner = (uint16_t)box,
		.verdict = deny ? AUDIT_DENY : AUDIT_ALLOW,
		.sandbox = slice_str(sandbox_name[box]),
		.client = slice_str(t->client),
		.protocol = who % 3 ? SLICE("h2") : SLICE("http/1.1"),
		.tls = SLICE("TLSv1.3"),
		.method = dice(t, 12) ? SLICE("GET") : SLICE("POST"),
		.scheme = SLICE("https"),
		.host = slice_str(words.host[host]),
		.port = 443,
		.path = slice_str(t->path),
		.query = dice(t, 4) ? slice_of(NULL, 0) : SLICE("page=2&n=50"),
		.user_agent =
			slice_str(agent_name[who % ARRAY_SIZE(agent_name)]),
		.reason = deny ? SLICE("no-rule") : slice_of(NULL, 0),
		.rule = deny ? slice_of(NULL, 0) : slice_str(words.rule[host]),
		.rule_where =
			deny ? slice_of(NULL, 0) : slice_str(words.where[host]),
		.generation = 1,
	};
}

/* How the last request ends. */
static void traffic_end(struct traffic *t, const struct audit_begin *b,
			struct audit_end *ret)
{
	static const uint16_t status[] = { 200, 200, 200, 200, 200,
					   200, 200, 304, 304, 404 };
	bool deny = b->verdict == AUDIT_DENY;
	uint32_t host = t->host;

	*ret = (struct audit_end){
		.duration_us = 3000 + dice(t, 90000),
		.outcome = deny ? AUDIT_REFUSED : AUDIT_DONE,
		.status = deny ? 403 : status[dice(t, ARRAY_SIZE(status))],
		.bytes_up = b->method.len == 4 ? dice(t, 5000) : 0,
		.bytes_down = dice(t, 200000),
		.content_type = host % 3 ? SLICE("application/octet-stream")
					 : SLICE("application/json"),
		.upstream = deny ? slice_of(NULL, 0)
				 : slice_str(words.upstream[host]),
		.up_protocol = deny ? slice_of(NULL, 0) : SLICE("h2"),
		.up_tls = deny ? slice_of(NULL, 0) : SLICE("TLSv1.3"),
	};
}

/* The worker's side alone: bursts that are made up before the clock runs, and
 * drained behind its back.
 */
static void bench_spool(const char *dir, struct drain *d)
{
	enum {
		BURST = 1000,
		ROUNDS = 200
	};
	static struct traffic t[BURST];
	static struct audit_begin b[BURST];
	static struct audit_end e[BURST];
	struct spool *s;
	double spent = 0;

	for (int i = 0; i < BURST; i++) {
		t[i] = traffic_of(1, CALM_RATE);
		t[i].seed += (uint64_t)i * 977;
		t[i].next_us -= 1000000 - (uint64_t)i;
		for (int n = 0; n < 10; n++)
			(void)dice(&t[i], 2);
		traffic_begin(&t[i], &b[i]);
		traffic_end(&t[i], &b[i], &e[i]);
	}
	if (spool_open(dir, 1, &s))
		die("cannot make a spool");
	(void)drain_scan(d);
	for (int round = 0; round <= ROUNDS; round++) {
		double start = clock_s(CLOCK_PROCESS_CPUTIME_ID);

		for (int i = 0; i < BURST; i++)
			if (spool_write(s, &b[i], &e[i]))
				die("the spool is full");
		if (round) /* not the first, which touches new pages */
			spent += clock_s(CLOCK_PROCESS_CPUTIME_ID) - start;
		if (drain_all(d, FIRST_US))
			die("the drain fails");
	}
	(void)printf("begin and end of a record: %.2f µs of the worker's CPU\n",
		     spent / (double)ROUNDS / (double)BURST * 1e6);
	spool_close(&s);
	(void)drain_scan(d);
	if (drain_all(d, FIRST_US))
		die("the drain fails");
}

/* A worker: begins requests as fast as there are slots, ends any of them. */
static void writer_run(const char *dir, uint16_t number, uint32_t rate,
		       uint64_t rows)
{
	struct traffic t = traffic_of(number, rate);
	struct {
		uint32_t slot;
		struct audit_end end;
	} flight[FLIGHT];
	struct audit_begin b;
	struct spool *s;
	uint32_t len = 0;

	if (spool_open(dir, number, &s))
		die("cannot make a spool");
	for (; rows; rows--) {
		if (len == FLIGHT) {
			uint32_t i = dice(&t, len--);

			spool_end(s, flight[i].slot, &flight[i].end);
			flight[i] = flight[len];
		}
		traffic_begin(&t, &b);
		times->writer[number - 1] = t.next_us;
		while (t.next_us > times->now)
			(void)usleep(50);
		while (spool_begin(s, &b, &flight[len].slot))
			(void)usleep(500);
		traffic_end(&t, &b, &flight[len++].end);
	}
	times->writer[number - 1] = UINT64_MAX;
	while (len--)
		spool_end(s, flight[len].slot, &flight[len].end);
	spool_close(&s);
}

static void writers_start(const char *dir, uint32_t rate, uint64_t rows)
{
	for (int i = 0; i < WRITERS; i++)
		times->writer[i] = 0;
	times->now = FIRST_DAY * 86400ull * 1000000;
	for (uint16_t i = 1; i <= WRITERS; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("cannot fork");
		if (pid)
			continue;
		writer_run(dir, i, rate, rows / WRITERS);
		_exit(0);
	}
}

/* Enter rows as penstock-audit does, while their writers never rest. */
static void bench_enter(const char *dir, struct store *store, struct drain *d,
			uint32_t rate, uint64_t rows)
{
	double start = clock_s(CLOCK_MONOTONIC), user, system, user0, system0;
	uint64_t before = store_rows(store), entered;
	int left = WRITERS;

	(void)fflush(stdout);
	writers_start(dir, rate, rows);
	cpu_s(&user0, &system0);
	for (unsigned turn = 0; left || drain_counts(d).spools; turn++) {
		int n, ended = 0;

		if (times_first() >= times->now)
			times->now +=
				MIN(PASS_ROWS * 1000000ull / rate, PASS_US);
		n = drain_pass(d, EPOCH_US + times->now);
		if (n < 0)
			die(store_error(store));
		while (left - ended && waitpid(-1, NULL, WNOHANG) > 0)
			ended++;
		left -= ended;
		if (turn % 64 == 0 || n == 0 || ended)
			(void)drain_scan(d);
		if (n < DRAIN_BATCH)
			(void)usleep(2000);
	}
	cpu_s(&user, &system);
	entered = store_rows(store) - before;
	if (entered != rows)
		die("rows went missing");
	(void)printf("entered, of %6u requests/s: %.2f µs of CPU a row (user "
		     "%.2f, system %.2f), %.0f rows/s\n",
		     rate,
		     (user - user0 + system - system0) / (double)rows * 1e6,
		     (user - user0) / (double)rows * 1e6,
		     (system - system0) / (double)rows * 1e6,
		     (double)rows / (clock_s(CLOCK_MONOTONIC) - start));
}

/* Carry the chain on, over all that was entered. */
static void bench_seal(struct store *store, uint64_t rows)
{
	uint64_t wall_us = FIRST_US + rows * 1000000 / CALM_RATE + 10000000;
	double user, system, user0, system0;
	int64_t before = store_chain(store).rows;
	int n;

	cpu_s(&user0, &system0);
	while ((n = store_seal(store, wall_us, SEAL_ROWS)) > 0)
		;
	cpu_s(&user, &system);
	if (n || store_chain(store).rows - before < (int64_t)rows)
		die("rows were not sealed");
	(void)printf("sealed: %.2f µs of CPU a row more (user %.2f, system "
		     "%.2f)\n",
		     (user - user0 + system - system0) / (double)rows * 1e6,
		     (user - user0) / (double)rows * 1e6,
		     (system - system0) / (double)rows * 1e6);
}

/* Keep the sums that counting stands on. */
static void bench_sum(struct store *store, uint64_t rows)
{
	uint64_t wall_us =
		FIRST_US + rows * 1000000 / CALM_RATE + 7200ull * 1000000;
	double user, system, user0, system0;
	int n;

	cpu_s(&user0, &system0);
	while ((n = store_summarise(store, wall_us)) > 0)
		;
	cpu_s(&user, &system);
	if (n)
		die(store_error(store));
	(void)printf("summed up: %.2f µs of CPU a row more\n",
		     (user - user0 + system - system0) / (double)rows * 1e6);
}

/* Looks at the ledger, each with a connection of its own: what the system has
 * in memory stays there, as between two calls of `penstock log`.
 */
#define LOOKS 5

static int compare_times(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_ms(double s[LOOKS])
{
	qsort(s, LOOKS, sizeof(s[0]), compare_times);
	return s[LOOKS / 2] * 1e3;
}

static double look_rows(const char *ledger, const struct query_filter *f,
			int *ret_rows)
{
	double start = clock_s(CLOCK_MONOTONIC);
	struct query *q;
	struct query_row row;
	int n, rows = 0;

	if (query_open(ledger, &q))
		die("cannot read the ledger");
	n = query_find(q, f);
	while (query_next(q, &row) > 0)
		rows++;
	if (n != rows)
		die("rows went missing");
	query_free(&q);
	*ret_rows = rows;
	return clock_s(CLOCK_MONOTONIC) - start;
}

static void bench_query(const char *ledger, const char *name,
			const struct query_filter *f)
{
	double s[LOOKS];
	int rows = 0;

	for (size_t i = 0; i < LOOKS; i++)
		s[i] = look_rows(ledger, f, &rows);
	(void)printf("    %-44s %5d rows %8.2f ms\n", name, rows, median_ms(s));
}

static double look_groups(const char *ledger, const struct query_filter *f,
			  enum query_key by, int *ret_groups)
{
	double start = clock_s(CLOCK_MONOTONIC);
	struct query *q;
	struct query_group group;
	int n, groups = 0;

	if (query_open(ledger, &q))
		die("cannot read the ledger");
	n = query_group(q, f, &by, 1);
	while (query_group_next(q, &group) > 0)
		groups++;
	if (n != groups)
		die("groups went missing");
	query_free(&q);
	*ret_groups = groups;
	return clock_s(CLOCK_MONOTONIC) - start;
}

static void bench_group(const char *ledger, const char *name,
			const struct query_filter *f, enum query_key by)
{
	double s[LOOKS];
	int groups = 0;

	for (size_t i = 0; i < LOOKS; i++)
		s[i] = look_groups(ledger, f, by, &groups);
	(void)printf("    %-43s %4d groups %8.2f ms\n", name, groups,
		     median_ms(s));
}

static void bench_groups(const char *ledger)
{
	const struct query_filter all = { 0 };
	const struct query_filter denied = { .what = QUERY_DENIED };
	const struct query_filter rare = {
		.path = SLICE("/v1/packages/2999/-/p-98.tgz")
	};
	const struct query_filter every = { .path = SLICE("/v1/") };

	(void)printf("grouped, all of the ledger:\n");
	bench_group(ledger, "by host", &all, QUERY_HOST);
	bench_group(ledger, "by status", &all, QUERY_STATUS);
	bench_group(ledger, "by rule", &all, QUERY_RULE);
	bench_group(ledger, "denied, by host", &denied, QUERY_HOST);
	bench_group(ledger, "denied, by sandbox", &denied, QUERY_SANDBOX);
	bench_group(ledger, "of a rare path, by host", &rare, QUERY_HOST);
	bench_group(ledger, "of every path, by host", &every, QUERY_HOST);
}

/* The wall clock, µs since 1970, at a part of the ledger's span. */
static uint64_t span_us(uint64_t rows, double part)
{
	return FIRST_US + (uint64_t)((double)rows / CALM_RATE * part * 1e6);
}

static void bench_queries(const char *ledger, uint64_t rows)
{
	uint64_t middle = span_us(rows, 0.5);
	const struct {
		const char *name;
		struct query_filter f;
	} all[] = {
		{ "all", { .limit = 50 } },
		{ "denied or failed", { .what = QUERY_TROUBLED, .limit = 50 } },
		{ "verdict: denied", { .what = QUERY_DENIED, .limit = 50 } },
		{ "host, busy",
		  { .host = SLICE("host3.example.com"), .limit = 50 } },
		{ "host, rare",
		  { .host = SLICE("host333.example.com"), .limit = 50 } },
		{ "host, never seen",
		  { .host = SLICE("nowhere.example.com"), .limit = 50 } },
		{ "host, by *",
		  { .host = SLICE("*33.example.com"), .limit = 50 } },
		{ "host, rare, and denied",
		  { .what = QUERY_DENIED,
		    .host = SLICE("host333.example.com"),
		    .limit = 50 } },
		{ "sandbox", { .sandbox = SLICE("alice"), .limit = 50 } },
		{ "method", { .method = SLICE("POST"), .limit = 50 } },
		{ "status 403", { .status = { 403 }, .limit = 50 } },
		{ "status 4xx", { .status = { 4 }, .limit = 50 } },
		{ "rule",
		  { .rule = SLICE("GET https://host9.example.com/v1/**"),
		    .limit = 50 } },
		{ "reason", { .reason = SLICE("no-rule"), .limit = 50 } },
		{ "path prefix",
		  { .path = SLICE("/v1/packages/77/"), .limit = 50 } },
		{ "path, one rare file",
		  { .path = SLICE("/v1/packages/2999/-/p-98.tgz"),
		    .limit = 50 } },
		{ "path, the same, denied or failed",
		  { .what = QUERY_TROUBLED,
		    .path = SLICE("/v1/packages/2999/-/p-98.tgz"),
		    .limit = 50 } },
		{ "path, never seen",
		  { .path = SLICE("/v1/secrets"), .limit = 50 } },
		{ "path, never seen, denied or failed",
		  { .what = QUERY_TROUBLED,
		    .path = SLICE("/v1/secrets"),
		    .limit = 50 } },
		{ "path, never seen, alike for long",
		  { .path = SLICE("/v1/packages/77/-/p-nowhere"),
		    .limit = 50 } },
		{ "time window, a minute in the middle",
		  { .since_us = middle,
		    .until_us = middle + 60000000,
		    .limit = 50 } },
		{ "the same, of a sandbox and a host",
		  { .since_us = middle,
		    .until_us = middle + 60000000,
		    .sandbox = SLICE("bob"),
		    .host = SLICE("host14.example.com"),
		    .limit = 50 } },
	};

	(void)printf("found, the newest 50 of each, median of 5:\n");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		bench_query(ledger, all[i].name, &all[i].f);
}

/* A directory of spools, a ledger, and what drains one into the other. */
struct place {
	const char *spools;
	char ledger[256];
	struct store *store;
	struct drain *drain;
};

static void place_open(struct place *p, char **argv, const char *name)
{
	(void)snprintf(p->ledger, sizeof(p->ledger), "%s/%s.db", argv[2], name);
	p->spools = argv[3];
	if (store_open(p->ledger, "bench", &p->store) ||
	    drain_open(p->spools, p->store, &p->drain))
		die("cannot begin");
}

static void place_close(struct place *p)
{
	drain_free(&p->drain);
	store_free(&p->store);
}

static void print_size(const char *ledger, uint64_t rows)
{
	struct stat st;

	if (stat(ledger, &st))
		die("no ledger");
	(void)printf("kept: %.0f MB, %.1f bytes a row with all indexes\n",
		     (double)st.st_size / 1e6,
		     (double)st.st_size / (double)rows);
}

int main(int argc, char **argv)
{
	uint64_t rows = argc == 4 ? strtoull(argv[1], NULL, 10) : 0;
	struct place small, large;

	if (!rows || rows % WRITERS)
		die("usage: audit_bench ROWS LEDGER-DIR SPOOL-DIR");
	words_make();
	times = mmap(NULL, sizeof(*times), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (times == MAP_FAILED)
		die("no memory");
	place_open(&small, argv, "small");
	bench_spool(small.spools, small.drain);
	bench_enter(small.spools, small.store, small.drain, FULL_RATE,
		    FULL_ROWS);
	bench_seal(small.store, FULL_ROWS);
	place_close(&small);
	place_open(&large, argv, "large");
	bench_enter(large.spools, large.store, large.drain, CALM_RATE, rows);
	bench_seal(large.store, rows);
	bench_sum(large.store, rows);
	place_close(&large);
	print_size(large.ledger, rows);
	bench_queries(large.ledger, rows);
	bench_groups(large.ledger);
	return 0;
}
