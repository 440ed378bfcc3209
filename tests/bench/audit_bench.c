/* tests/bench/audit_bench.c - what a record costs: to write, to enter, to keep
 * and to find. Prints numbers, judges nothing.
 *
 *	audit_bench [ROWS]	(1000000)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit/drain.h"
#include "audit/query.h"
#include "audit/store.h"
#include "base/base.h"

#define RATE_PER_S 1000 /* requests in a second of the ledger's time */
#define BURST	   2000 /* records between two drains */

static double now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The traffic of coding agents: few hosts, clients and rules, many paths. */
struct traffic {
	uint64_t seed;
	uint64_t n;
	char host[64];
	char path[128];
	char client[64];
	char rule[128];
};

static uint32_t dice(struct traffic *t, uint32_t sides)
{
	t->seed ^= t->seed << 13;
	t->seed ^= t->seed >> 7;
	t->seed ^= t->seed << 17;
	return (uint32_t)(t->seed >> 33) % sides;
}

static void traffic_next(struct traffic *t, struct audit_begin *b,
			 struct audit_end *e)
{
	uint64_t us = 800ull * 86400 * 1000000 + t->n++ * 1000000 / RATE_PER_S;
	uint32_t host = dice(t, 10) ? dice(t, 12) : dice(t, 500);
	bool deny = dice(t, 50) == 0;

	(void)snprintf(t->host, sizeof(t->host), "host%u.example.com", host);
	(void)snprintf(t->path, sizeof(t->path), "/v1/packages/%u/-/p-%u.tgz",
		       dice(t, 3000), dice(t, 100));
	(void)snprintf(t->client, sizeof(t->client), "10.7.0.%u:%u", dice(t, 8),
		       32768 + dice(t, 28000));
	(void)snprintf(t->rule, sizeof(t->rule),
		       "GET https://host%u.example."
		       "com/v1/**",
		       host);
	*b = (struct audit_begin){
		.id = us << 12 | 1,
		.wall_us = us + 1704067200000000,
		.verdict = deny ? AUDIT_DENY : AUDIT_ALLOW,
		.sandbox = slice_str(host % 2 ? "ci" : "alice"),
		.client = slice_str(t->client),
		.protocol = SLICE("h2"),
		.tls = SLICE("TLSv1.3"),
		.method = dice(t, 10) ? SLICE("GET") : SLICE("POST"),
		.scheme = SLICE("https"),
		.host = slice_str(t->host),
		.port = 443,
		.path = slice_str(t->path),
		.query = dice(t, 4) ? slice_of(NULL, 0) : SLICE("page=2&n=50"),
		.user_agent = SLICE("npm/10.2.4 node/v20.11.0 linux x64"),
		.reason = deny ? SLICE("no-rule") : slice_of(NULL, 0),
		.rule = deny ? slice_of(NULL, 0) : slice_str(t->rule),
		.rule_where = SLICE("penstock.yaml:12"),
		.generation = 1,
	};
	*e = (struct audit_end){
		.duration_us = 3000 + dice(t, 90000),
		.outcome = deny ? AUDIT_REFUSED : AUDIT_DONE,
		.status = deny		? 403
			  : dice(t, 20) ? 200
					: 304,
		.bytes_down = dice(t, 200000),
		.content_type = SLICE("application/octet-stream"),
		.upstream = deny ? slice_of(NULL, 0) : SLICE("192.0.2.7:443"),
		.up_protocol = SLICE("h2"),
		.up_tls = SLICE("TLSv1.3"),
	};
}

static void die(const char *what)
{
	(void)fprintf(stderr, "audit_bench: %s\n", what);
	exit(1);
}

/* The same record again and again: no traffic made, drained between. */
static void bench_spool(const char *dir, struct drain *d)
{
	struct traffic t = { .seed = 1 };
	struct audit_begin b;
	struct audit_end e;
	struct spool *s;
	double spent = 0;
	int n = 0;

	if (spool_open(dir, 1, &s))
		die("cannot make a spool");
	(void)drain_scan(d);
	for (int round = 0; round < 100; round++) {
		double start;

		traffic_next(&t, &b, &e);
		b.query = SLICE("page=2&n=50");
		start = cpu_s();
		for (int i = 0; i < BURST; i++, n++)
			if (spool_write(s, &b, &e))
				die("the spool is full");
		spent += round ? cpu_s() - start : 0;
		n -= round ? 0 : BURST;
		if (drain_all(d, 1))
			die("the drain fails");
	}
	(void)printf("spool_begin + spool_end: %.0f ns\n", spent / n * 1e9);
	spool_close(&s);
}

static void bench_drain(const char *dir, struct drain *d, uint64_t rows)
{
	struct traffic t = { .seed = 88172645463325252ull };
	struct audit_begin b;
	struct audit_end e;
	struct spool *s;
	double wall = 0, cpu = 0;

	if (spool_open(dir, 2, &s))
		die("cannot make a spool");
	(void)drain_scan(d);
	for (uint64_t n = 0; n < rows; n += BURST) {
		double start, start_cpu;

		for (int i = 0; i < BURST; i++) {
			traffic_next(&t, &b, &e);
			if (spool_write(s, &b, &e))
				die("the spool is full");
		}
		start = now_s();
		start_cpu = cpu_s();
		if (drain_all(d, 1))
			die("the drain fails");
		wall += now_s() - start;
		cpu += cpu_s() - start_cpu;
	}
	(void)printf("drained: %.0f rows/s, %.2f µs of CPU a row\n",
		     (double)rows / wall, cpu / (double)rows * 1e6);
	spool_close(&s);
}

static void bench_query(const char *ledger, const char *name,
			const struct query_filter *f)
{
	struct query *q;
	struct query_row row;
	double start;
	int n, rows = 0;

	if (query_open(ledger, &q))
		die("cannot read the ledger");
	start = now_s();
	n = query_find(q, f);
	while (query_next(q, &row) > 0)
		rows++;
	(void)printf("%-40s %5d rows %8.2f ms\n", name, rows,
		     (now_s() - start) * 1e3);
	if (n != rows)
		die("rows went missing");
	query_free(&q);
}

static void bench_queries(const char *ledger)
{
	static const struct {
		const char *name;
		struct query_filter f;
	} all[] = {
		{ "newest 50", { .limit = 50 } },
		{ "newest 50 denied or failed",
		  { .what = QUERY_TROUBLED, .limit = 50 } },
		{ "newest 50 of a busy host",
		  { .host = SLICE("host3.example.com"), .limit = 50 } },
		{ "newest 50 of a rare host",
		  { .host = SLICE("host333.example.com"), .limit = 50 } },
		{ "newest 50 denied of a rare host",
		  { .what = QUERY_DENIED,
		    .host = SLICE("host333.example.com"),
		    .limit = 50 } },
		{ "newest 50 of a host that is not there",
		  { .host = SLICE("nowhere.example.com"), .limit = 50 } },
		{ "newest 50 of hosts by *",
		  { .host = SLICE("*33.example.com"), .limit = 50 } },
		{ "newest 50 of a sandbox",
		  { .sandbox = SLICE("alice"), .limit = 50 } },
		{ "newest 50 with status 403", { .status = 403, .limit = 50 } },
		{ "newest 50 of a path, by its beginning",
		  { .path = SLICE("/v1/packages/77/"), .limit = 50 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		bench_query(ledger, all[i].name, &all[i].f);
}

static void print_size(const char *ledger, uint64_t rows)
{
	struct stat st;

	if (stat(ledger, &st))
		die("no ledger");
	(void)printf("ledger: %.1f MB, %.1f bytes a row with its indexes\n",
		     (double)st.st_size / 1e6,
		     (double)st.st_size / (double)rows);
}

int main(int argc, char **argv)
{
	uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	char dir[] = "/tmp/audit-bench-XXXXXX", spools[64], ledger[64], cmd[96];
	struct store *store;
	struct drain *d;

	if (!mkdtemp(dir))
		die("no directory");
	(void)snprintf(spools, sizeof(spools), "/dev/shm/%s", dir + 5);
	(void)snprintf(ledger, sizeof(ledger), "%s/ledger.db", dir);
	(void)snprintf(cmd, sizeof(cmd), "mkdir %s", spools);
	if (system(cmd) || store_open(ledger, "bench", &store) ||
	    drain_open(spools, store, &d))
		die("cannot begin");
	bench_spool(spools, d);
	bench_drain(spools, d, rows);
	drain_free(&d);
	store_free(&store);
	print_size(ledger, rows);
	bench_queries(ledger);
	(void)snprintf(cmd, sizeof(cmd), "rm -r %s %s", dir, spools);
	return system(cmd) != 0;
}
