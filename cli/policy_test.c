/* cli/policy_test.c - penstock policy test: expected verdicts.
 *
 * A case is a line: a verdict and a request as explain takes it,
 *
 *   allow GET https://api.github.com/repos/acme/site
 *   deny tcp://db.example:5432
 *
 * and a '#' begins a comment. The judge is the one that the gateway runs.
 */

#include "cli/policy_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/err.h"
#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/policy_rules.h"

#define CASE_MAX 16384 /* octets of a line */

static const char usage[] =
	"usage: penstock policy test FILE CASES [--policy NAME] [--json]\n"
	"       penstock policy test --policy NAME CASES [--json]\n"
	"       penstock policy test --sandbox NAME CASES [--json]\n"
	"\n"
	"Judges each case and compares. FILE is a configuration (with --policy,\n"
	"if it has several policies) or a policy on its own; --sandbox takes the\n"
	"rules that a sandbox of the running instance has now. CASES is a file,\n"
	"or - for standard input; a case is a line:\n"
	"\n"
	"  allow GET https://api.github.com/repos/acme/site\n"
	"  deny  POST https://api.github.com/gists   # a comment\n"
	"  ask   tcp://db.example:5432\n"
	"\n"
	"`penstock policy cases` writes them from the ledger. Exit status: 0 all\n"
	"are as expected, 1 some are not, 2 a case can't be read.\n";

struct test {
	struct policy_source source;
	const char *cases;
	bool json;
	const struct policy *policy;
	uint64_t now_s;
	unsigned int line; /* of the file, from 1 */
	unsigned int passed, failed;
};

static int say_usage(void)
{
	(void)fputs(usage, stderr);
	return EXIT_USAGE;
}

static int read_args(int argc, char **argv, struct test *t)
{
	const char *words[2];
	size_t len = 0;

	for (int i = 1; i < argc; i++) {
		bool policy = !strcmp(argv[i], "--policy");

		if (policy || !strcmp(argv[i], "--sandbox")) {
			if (++i == argc)
				return say_usage();
			if (policy)
				t->source.policy = argv[i];
			else
				t->source.sandbox = argv[i];
		} else if (!strcmp(argv[i], "--json")) {
			t->json = true;
		} else if (len == ARRAY_SIZE(words) ||
			   !strncmp(argv[i], "--", 2)) {
			return say_usage();
		} else {
			words[len++] = argv[i];
		}
	}
	if (!len || (len == 2 && t->source.sandbox) ||
	    (len == 1 && !t->source.sandbox && !t->source.policy))
		return say_usage();
	t->source.file = len == 2 ? words[0] : NULL;
	t->cases = words[len - 1];
	return 0;
}

static int case_bad(const struct test *t, const char *what, struct slice where)
{
	(void)fprintf(stderr, "%s:%u: %s%.*s\n", t->cases, t->line, what,
		      (int)where.len, where.ptr);
	return EXIT_USAGE;
}

/* The next word, without the blanks around it. */
static struct slice case_word(struct slice *rest)
{
	struct slice word;

	while (rest->len && (rest->ptr[0] == ' ' || rest->ptr[0] == '\t'))
		*rest = slice_skip(*rest, 1);
	word = *rest;
	for (word.len = 0; word.len < rest->len; word.len++)
		if (word.ptr[word.len] == ' ' || word.ptr[word.len] == '\t')
			break;
	*rest = slice_skip(*rest, word.len);
	return word;
}

static bool case_verdict(struct slice word, enum verdict *ret)
{
	for (int v = VERDICT_DENY; v <= VERDICT_ALLOW; v++) {
		*ret = (enum verdict)v;
		if (slice_eq(word, slice_str(verdict_str(*ret))))
			return true;
	}
	return false;
}

static void case_print(struct test *t, bool good, enum verdict want,
		       const struct policy_answer *got, struct slice text)
{
	struct slice rule = got->rule ? rule_text(got->rule) : SLICE("no rule");

	if (t->json) {
		(void)printf("{\"line\":%u,\"ok\":%s,\"want\":\"%s\",\"got\":"
			     "\"%s\",\"request\":",
			     t->line, good ? "true" : "false",
			     verdict_str(want), verdict_str(got->verdict));
		cells_string(stdout, text);
		(void)fputs(",\"rule\":", stdout);
		cells_string(stdout, got->rule ? rule : SLICE(""));
		(void)puts("}");
	} else if (!good) {
		(void)printf("%s:%u: %.*s\n    want %s, got %s by %.*s\n",
			     t->cases, t->line, (int)text.len, text.ptr,
			     verdict_str(want), verdict_str(got->verdict),
			     (int)rule.len, rule.ptr);
	}
}

/* One line without its end. Returns 0 or an exit status. */
static int case_judge(struct test *t, struct slice text)
{
	struct policy_question q = { .now_s = t->now_s };
	struct slice rest = text, word, more;
	struct policy_answer got;
	struct authority host;
	enum verdict want;
	char url[CASE_MAX];
	const char *why;

	word = case_word(&rest);
	if (!word.len)
		return 0;
	if (!case_verdict(word, &want))
		return case_bad(
			t, "a case begins with allow, ask or deny, not ", word);
	word = case_word(&rest);
	text = word;
	more = case_word(&rest);
	if (more.len) { /* METHOD URL */
		q.method = word;
		text.len = (size_t)(more.ptr + more.len - text.ptr);
		word = more;
	}
	(void)snprintf(url, sizeof(url), "%.*s", (int)word.len, word.ptr);
	why = policy_rules_url(url, &host, &q);
	if (!why && !q.method.len != policy_rules_raw(url))
		why = "a method stands before a URL, but for tcp:// and tls://";
	if (!why && case_word(&rest).len)
		why = "there is something behind the URL";
	if (why)
		return case_bad(t, why, SLICE(""));
	policy_judge(t->policy, &q, &got);
	if (got.verdict == want)
		t->passed++;
	else
		t->failed++;
	case_print(t, got.verdict == want, want, &got, text);
	return 0;
}

static int test_lines(struct test *t, FILE *from)
{
	char line[CASE_MAX];
	int rc = 0;

	while (rc == 0 && fgets(line, sizeof(line), from)) {
		struct slice text = slice_str(line), comment;

		t->line++;
		if (text.len == sizeof(line) - 1)
			return case_bad(t, "the line is too long", SLICE(""));
		if (!strchr(line, '\n') && !feof(from))
			return case_bad(t, "NUL in the line", SLICE(""));
		while (text.len && strchr("\r\n", text.ptr[text.len - 1]))
			text.len--;
		if (text.len != strcspn(line, "\r\n"))
			return case_bad(t, "a lone CR in the line", SLICE(""));
		/* In a URL a '#' is not sent, so it can only be a comment. */
		(void)slice_cut(text, '#', &text, &comment);
		rc = case_judge(t, text);
	}
	if (rc == 0 && ferror(from))
		rc = case_bad(t, err_str(-errno), SLICE(""));
	return rc;
}

static int test_file(struct test *t)
{
	FILE *from = !strcmp(t->cases, "-") ? stdin : fopen(t->cases, "re");
	int rc;

	if (!from) {
		(void)fprintf(stderr, "penstock policy test: %s: %s\n",
			      t->cases, strerror(errno));
		return EXIT_USAGE;
	}
	rc = test_lines(t, from);
	if (from != stdin)
		(void)fclose(from);
	if (rc)
		return rc;
	if (!t->passed && !t->failed) {
		(void)fprintf(stderr, "penstock policy test: %s has no case\n",
			      t->cases);
		return EXIT_USAGE;
	}
	if (!t->json)
		(void)printf("%u as expected, %u not\n", t->passed, t->failed);
	return t->failed ? EXIT_NO : 0;
}

int policy_test_cmd(int argc, char **argv)
{
	CLEANUP(ruleset_free) struct ruleset *rs = NULL;
	CLEANUP(policy_free) struct policy *policy = NULL;
	struct test t = { .source = { .command = "test" },
			  .now_s = (uint64_t)time(NULL) };
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(usage, stdout);
		return 0;
	}
	rc = read_args(argc, argv, &t);
	if (rc)
		return rc;
	rc = policy_rules_load(&t.source, &rs);
	if (rc)
		return rc == EXIT_NO ? EXIT_USAGE : rc;
	if (policy_compile(rs, &policy) < 0)
		return EXIT_BROKEN;
	t.policy = policy;
	return test_file(&t);
}
