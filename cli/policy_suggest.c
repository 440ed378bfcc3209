/* cli/policy_suggest.c - penstock policy suggest: rules from the ledger.
 *
 * What was denied because no rule allowed it, and what mode learn let through,
 * as the rules that would allow it. A name that no rule knows does not exist in
 * a sandbox, so nothing is known of what would have been sent there; that is
 * what mode learn is for.
 */

#include "cli/policy_suggest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/err.h"
#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/policy_rows.h"
#include "policy/fold.h"

#define SUGGEST_RULE_MAX 4096 /* octets; a rule has 2048 at most */

static const char usage[] =
	"usage: penstock policy suggest [--sandbox NAME] [--since WHEN]\n"
	"           [--host HOST] [--exact|--hosts] [--json] [--ledger FILE]\n"
	"\n"
	"Prints the rules that would allow what no rule allowed: requests that\n"
	"were denied so, and those that mode learn let through. The lines go\n"
	"into a policy of penstock.yaml; look at each of them first, as an\n"
	"agent chose what is in them.\n"
	"\n"
	"  --exact  each path as it was, nothing drawn together\n"
	"  --hosts  a line for each host\n"
	"  --json   an object a line\n"
	"\n"
	"Exit status: 0 there are rules, 1 nothing was denied.\n"
	"\n"
	"  penstock run --learn --name trial -- npm test\n"
	"  penstock policy suggest --sandbox trial > policy.yaml\n";

struct suggest {
	struct policy_rows rows;
	enum fold_how how;
	bool json;
	struct fold *fold;
	uint64_t requests; /* that no rule allowed */
	uint64_t masked;   /* of them, those with a mask in their path */
	uint64_t lines;
	int error;
};

static bool suggest_wants(const struct query_row *row)
{
	return slice_eq(row->reason, SLICE("would-deny")) ||
	       (row->verdict == AUDIT_DENY &&
		slice_eq(row->reason, SLICE("no-rule")));
}

static void on_row(void *ctx, const struct policy_question *q,
		   const struct query_row *row)
{
	struct suggest *s = ctx;

	(void)row;
	if (s->error)
		return;
	s->requests++;
	s->masked += policy_rows_masked(q->path);
	s->error = fold_add(s->fold, q, 1);
}

static void on_rule(void *ctx, struct slice made, uint64_t count)
{
	char rule[SUGGEST_RULE_MAX];
	struct suggest *s = ctx;
	struct slice line;

	assert(made.len < sizeof(rule));
	memcpy(rule, made.ptr, made.len);
	rule[made.len] = '\0';
	policy_rows_unmask(rule);
	line = slice_str(rule);
	if (s->json) {
		(void)fputs("{\"allow\":", stdout);
		cells_string(stdout, line);
		(void)printf(",\"requests\":%" PRIu64 "}\n", count);
		return;
	}
	if (!s->lines++)
		(void)puts("allow:");
	(void)printf("  - %.*s  # %" PRIu64 "\n", (int)line.len, line.ptr,
		     count);
}

static int say_usage(void)
{
	(void)fputs(usage, stderr);
	return EXIT_USAGE;
}

static int read_args(int argc, char **argv, struct suggest *s)
{
	for (int i = 1; i < argc; i++) {
		int rc = policy_rows_option(&s->rows, argc, argv, &i);

		if (rc < 0)
			return EXIT_USAGE;
		if (rc > 0)
			continue;
		if (!strcmp(argv[i], "--exact"))
			s->how = FOLD_EXACT;
		else if (!strcmp(argv[i], "--hosts"))
			s->how = FOLD_HOSTS;
		else if (!strcmp(argv[i], "--json"))
			s->json = true;
		else
			return say_usage();
	}
	return 0;
}

static int suggest_print(struct suggest *s, uint64_t left_out)
{
	if ((s->error && s->error != ERR_LIMIT) ||
	    fold_rules(s->fold, on_rule, s) < 0) {
		(void)fprintf(stderr, "penstock policy suggest: %s\n",
			      err_str(-ENOMEM));
		return EXIT_BROKEN;
	}
	if (s->error == ERR_LIMIT)
		(void)fprintf(
			stderr,
			"note: there are more than %d different requests, "
			"and these rules are for the first; say --since "
			"or --host\n",
			FOLD_REQUESTS_MAX);
	if (s->masked)
		(void)fprintf(stderr,
			      "note: paths masked in the ledger: %" PRIu64
			      "; where a mask stands, these rules have *\n",
			      s->masked);
	if (left_out)
		(void)fprintf(stderr,
			      "note: %" PRIu64 " requests are left out, as "
			      "their path is cut or escaped in the ledger\n",
			      left_out);
	if (!s->requests)
		(void)fputs("nothing was denied for want of a rule; names that "
			    "no rule knows do not exist, so nothing was sent "
			    "to them: see penstock log, and run --learn\n",
			    stderr);
	return s->requests ? 0 : EXIT_NO;
}

int policy_suggest_cmd(int argc, char **argv)
{
	struct suggest s = { .rows = { .command = "suggest",
				       .masked = true,
				       .wants = suggest_wants },
			     .how = FOLD_PATHS };
	uint64_t left_out;
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(usage, stdout);
		return 0;
	}
	rc = read_args(argc, argv, &s);
	if (rc)
		return rc;
	if (fold_new(s.how, &s.fold) < 0)
		return EXIT_BROKEN;
	rc = policy_rows_each(&s.rows, on_row, &s, &left_out);
	if (rc == 0)
		rc = suggest_print(&s, left_out);
	fold_free(&s.fold);
	return rc;
}
