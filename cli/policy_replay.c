/* cli/policy_replay.c - penstock policy replay, cases: the recorded traffic.
 *
 * replay judges each row of the ledger by other rules, at the time that it was,
 * and shows where the verdict would differ; cases prints rows as the lines that
 * `penstock policy test` reads. Equal requests are one line with a count.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/err.h"
#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/policy_rows.h"
#include "cli/policy_rules.h"
#include "cli/policy_test.h"

#define TALLY_SLOTS 65536 /* different lines; more are counted, not shown */
#define TALLY_LINE  8600

static const char replay_usage[] =
	"usage: penstock policy replay FILE [--policy NAME] [options]\n"
	"       penstock policy replay --policy NAME [options]\n"
	"\n"
	"Says what these rules would have done to the recorded traffic: the\n"
	"requests whose verdict would differ, with how often they came. FILE is\n"
	"a configuration (with --policy) or a policy on its own.\n"
	"\n"
	"  --since WHEN, --sandbox NAME, --host HOST   only these rows\n"
	"  --ledger FILE                               of this ledger\n"
	"  --json                                      an object a line\n"
	"\n"
	"Values of a query that the ledger masks can't be compared. Exit status:\n"
	"0 no difference, 1 differences.\n"
	"\n"
	"  penstock policy replay new.yaml --policy ci --sandbox ci --since 7d\n";

static const char cases_usage[] =
	"usage: penstock policy cases [--since WHEN] [--sandbox NAME]\n"
	"           [--host HOST] [--ledger FILE]\n"
	"\n"
	"Prints each different request of the ledger with its last verdict, as a\n"
	"case for `penstock policy test`. Exit status 1: there are none.\n"
	"\n"
	"  penstock policy cases --since 7d --sandbox ci > ci.cases\n"
	"  penstock policy test new.yaml ci.cases --policy ci\n";

/* Different lines, in order of their first. */
struct tally_row {
	char *line;
	enum verdict was, now;
	uint64_t count;
};

struct tally {
	struct tally_row *rows;
	uint32_t *slots; /* index + 1; 0 is free */
	uint32_t len;
	uint64_t lost; /* counted, not kept */
};

struct replay {
	struct policy_rows rows;
	struct policy_source source;
	const struct policy *policy; /* NULL: cases */
	bool json;
	struct tally tally;
	uint64_t judged, same;
};

static int tally_init(struct tally *t)
{
	t->rows = calloc(TALLY_SLOTS / 2, sizeof(*t->rows));
	t->slots = calloc(TALLY_SLOTS, sizeof(*t->slots));
	return t->rows && t->slots ? 0 : -1;
}

static void tally_done(struct tally *t)
{
	for (uint32_t i = 0; i < t->len; i++)
		free(t->rows[i].line);
	free(t->rows);
	free(t->slots);
}

/* FNV-1a: a ledger is the operator's own, and the table is bounded. */
static uint32_t tally_hash(const char *line, enum verdict was)
{
	uint32_t h = 2166136261u ^ (uint32_t)was;

	for (; *line; line++)
		h = (h ^ (unsigned char)*line) * 16777619u;
	return h;
}

/* The line's row, a new one if need be; NULL: there is no room. */
static struct tally_row *tally_row(struct tally *t, const char *line,
				   enum verdict was)
{
	uint32_t at = tally_hash(line, was);
	struct tally_row *row;

	for (;; at++) {
		uint32_t *slot = &t->slots[at & (TALLY_SLOTS - 1)];

		if (!*slot) {
			if (t->len == TALLY_SLOTS / 2)
				return NULL;
			row = &t->rows[t->len];
			row->line = strdup(line);
			if (!row->line)
				return NULL;
			row->was = was;
			*slot = ++t->len;
			return row;
		}
		row = &t->rows[*slot - 1];
		if (row->was == was && !strcmp(row->line, line))
			return row;
	}
}

/* "GET https://host/path?query", as explain takes it. */
static bool replay_line(const struct policy_question *q, char ret[TALLY_LINE])
{
	size_t len;

	ret[0] = '\0';
	policy_suggest(q, ret, TALLY_LINE);
	len = strlen(ret);
	if (!len)
		return false;
	if (q->query.len)
		(void)snprintf(ret + len, TALLY_LINE - len, "?%.*s",
			       (int)q->query.len, q->query.ptr);
	return true;
}

/* What the gateway decided then. Mode learn lets pass what it would deny. */
static enum verdict replay_was(const struct query_row *row)
{
	if (slice_eq(row->reason, SLICE("would-deny")))
		return VERDICT_DENY;
	return row->verdict == AUDIT_ALLOW ? VERDICT_ALLOW
	       : row->verdict == AUDIT_ASK ? VERDICT_ASK
					   : VERDICT_DENY;
}

static void on_row(void *ctx, const struct policy_question *q,
		   const struct query_row *row)
{
	struct replay *r = ctx;
	enum verdict was = replay_was(row);
	struct policy_answer answer = { .verdict = was };
	char line[TALLY_LINE];
	struct tally_row *found;

	if (r->policy)
		policy_judge(r->policy, q, &answer);
	r->judged++;
	if (r->policy && answer.verdict == was) {
		r->same++;
		return;
	}
	found = replay_line(q, line) ? tally_row(&r->tally, line,
						 r->policy ? was : VERDICT_DENY)
				     : NULL;
	if (!found) {
		r->tally.lost++;
		return;
	}
	found->now = answer.verdict;
	found->count++;
}

static void replay_print(const struct replay *r, const struct tally_row *row)
{
	if (!r->policy) {
		(void)printf("%-5s %s\n", verdict_str(row->now), row->line);
	} else if (r->json) {
		(void)printf(
			"{\"was\":\"%s\",\"now\":\"%s\",\"requests\":%" PRIu64
			",\"request\":",
			verdict_str(row->was), verdict_str(row->now),
			row->count);
		cells_string(stdout, slice_str(row->line));
		(void)puts("}");
	} else {
		(void)printf("%-5s -> %-5s %6" PRIu64 "  %s\n",
			     verdict_str(row->was), verdict_str(row->now),
			     row->count, row->line);
	}
}

static int replay_by_count(const void *a, const void *b)
{
	const struct tally_row *x = a, *y = b;

	return (x->count < y->count) - (x->count > y->count);
}

static int replay_report(struct replay *r, uint64_t left_out)
{
	struct tally *t = &r->tally;

	if (r->policy)
		qsort(t->rows, t->len, sizeof(*t->rows), replay_by_count);
	for (uint32_t i = 0; i < t->len; i++)
		replay_print(r, &t->rows[i]);
	if (t->lost)
		(void)fprintf(stderr,
			      "note: %" PRIu64 " more requests differ and are "
			      "not shown\n",
			      t->lost);
	if (left_out)
		(void)fprintf(stderr,
			      "note: %" PRIu64 " requests are left out, as "
			      "their path is masked, cut or escaped in the "
			      "ledger\n",
			      left_out);
	if (!r->policy)
		return t->len ? 0 : EXIT_NO;
	if (!r->json)
		(void)printf("%" PRIu64 " requests judged, %" PRIu64
			     " the same, %" PRIu64 " different\n",
			     r->judged, r->same, r->judged - r->same);
	return r->judged == r->same ? 0 : EXIT_NO;
}

static int replay_run(struct replay *r)
{
	uint64_t left_out;
	int rc = EXIT_BROKEN;

	if (tally_init(&r->tally) == 0)
		rc = policy_rows_each(&r->rows, on_row, r, &left_out);
	if (rc == 0)
		rc = replay_report(r, left_out);
	tally_done(&r->tally);
	return rc;
}

static int replay_usage_error(const struct replay *r)
{
	(void)fputs(r->source.command ? replay_usage : cases_usage, stderr);
	return EXIT_USAGE;
}

static int read_args(int argc, char **argv, struct replay *r)
{
	bool replay = r->source.command != NULL;

	for (int i = 1; i < argc; i++) {
		int rc = policy_rows_option(&r->rows, argc, argv, &i);

		if (rc < 0)
			return EXIT_USAGE;
		if (rc > 0)
			continue;
		if (replay && !strcmp(argv[i], "--policy") && i + 1 < argc)
			r->source.policy = argv[++i];
		else if (replay && !strcmp(argv[i], "--json"))
			r->json = true;
		else if (replay && !r->source.file &&
			 strncmp(argv[i], "--", 2) != 0)
			r->source.file = argv[i];
		else
			return replay_usage_error(r);
	}
	if (replay && !r->source.file && !r->source.policy)
		return replay_usage_error(r);
	return 0;
}

int policy_cases_cmd(int argc, char **argv)
{
	struct replay r = { .rows = { .command = "cases" } };
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(cases_usage, stdout);
		return 0;
	}
	rc = read_args(argc, argv, &r);
	return rc ? rc : replay_run(&r);
}

int policy_replay_cmd(int argc, char **argv)
{
	CLEANUP(ruleset_free) struct ruleset *rs = NULL;
	CLEANUP(policy_free) struct policy *policy = NULL;
	struct replay r = { .rows = { .command = "replay" },
			    .source = { .command = "replay" } };
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(replay_usage, stdout);
		return 0;
	}
	rc = read_args(argc, argv, &r);
	if (rc)
		return rc;
	rc = policy_rules_load(&r.source, &rs);
	if (rc)
		return rc == EXIT_NO ? EXIT_USAGE : rc;
	if (policy_compile(rs, &policy) < 0)
		return EXIT_BROKEN;
	r.policy = policy;
	return replay_run(&r);
}
