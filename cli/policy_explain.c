/* cli/policy_explain.c - penstock policy explain: every rule, and why. */

#include "cli/policy_explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/policy_rules.h"

#define SUGGEST_MAX 8600 /* bytes: a path of 8192 and the rest */

static const char usage[] =
	"usage: penstock policy explain SANDBOX METHOD URL\n"
	"       penstock policy explain --policy NAME METHOD URL\n"
	"       penstock policy explain --file FILE [--policy NAME] METHOD "
	"URL\n"
	"\n"
	"Shows what the gateway would decide and why: every rule, whether it\n"
	"matches, the verdict, and the line that would allow the request.\n"
	"SANDBOX is one of the running instance; --policy asks a policy or a\n"
	"profile, --file one in that file, without an instance. METHOD is left\n"
	"out for tcp:// and tls://. Exit status: 0 allowed, 1 not allowed.\n"
	"\n"
	"  penstock policy explain ci POST https://api.github.com/gists\n"
	"  penstock policy explain --policy github GET "
	"https://github.com/a/b/raw/x\n"
	"  penstock policy explain ci tcp://github.com:22\n";

struct explain_args {
	struct policy_source source;
	const char *method;
	const char *url;
};

static int say_usage(void)
{
	(void)fputs(usage, stderr);
	return EXIT_USAGE;
}

/* Options first, then SANDBOX (without options), METHOD and URL. */
static int read_args(int argc, char **argv, struct explain_args *ret)
{
	int i = 1, left;

	for (; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2) {
		if (!strcmp(argv[i], "--file"))
			ret->source.file = argv[i + 1];
		else if (!strcmp(argv[i], "--policy"))
			ret->source.policy = argv[i + 1];
		else
			return say_usage();
	}
	left = argc - i;
	if (left < 1)
		return say_usage();
	ret->url = argv[argc - 1];
	left--;
	if (!ret->source.file && !ret->source.policy && left > 0) {
		ret->source.sandbox = argv[i++];
		left--;
	}
	if (left > 0 && !policy_rules_raw(ret->url)) {
		ret->method = argv[i++];
		left--;
	}
	if (left || (!ret->method && !policy_rules_raw(ret->url)) ||
	    (!ret->source.sandbox && !ret->source.file && !ret->source.policy))
		return say_usage();
	return 0;
}

static void on_look(void *ctx, const struct rule *rule, bool matched,
		    const char *why)
{
	struct slice text = rule_text(rule), where = rule_where(rule);

	(void)ctx;
	(void)printf("%s %-5s %.*s\n        %.*s: %s\n", matched ? "*" : " ",
		     verdict_str(rule_verdict(rule)), (int)text.len, text.ptr,
		     (int)where.len, where.ptr, why);
}

static void print_verdict(const struct policy_question *q,
			  const struct policy_answer *a)
{
	static const char *const reasons[] = {
		[POLICY_BY_RULE] = "by the rule",
		[POLICY_NO_RULE] = "no rule allows it",
		[POLICY_BAD_PATH] = "the path has no safe reading",
		[POLICY_READINGS] = "a rule matches the path under one reading "
				    "only, as sent or decoded",
		[POLICY_BY_DEFAULT] = "no rule matches, and this is the "
				      "default",
	};
	static char line[SUGGEST_MAX];
	struct slice text;

	static_assert(ARRAY_SIZE(reasons) == POLICY_REASONS, "no words");
	(void)printf("\n%s: %s", verdict_str(a->verdict), reasons[a->reason]);
	if (a->rule) {
		text = rule_text(a->rule);
		(void)printf(" %.*s", (int)text.len, text.ptr);
		text = rule_where(a->rule);
		(void)printf(" (%.*s)", (int)text.len, text.ptr);
	}
	(void)putchar('\n');
	if (a->options && a->options != a->rule) {
		text = rule_text(a->options);
		(void)printf("Once answered, with the options of %.*s\n",
			     (int)text.len, text.ptr);
	}
	policy_suggest(q, line, sizeof(line));
	if (a->verdict != VERDICT_DENY || !line[0])
		return;
	if (a->reason == POLICY_BY_RULE)
		(void)puts("No allow outdoes a deny: change that rule.");
	else
		(void)printf("To allow it, add:  %s\n", line);
}

static int explain(const struct ruleset *rs, const struct policy_question *q)
{
	CLEANUP(policy_free) struct policy *p = NULL;
	struct policy_answer answer;
	int rc = policy_compile(rs, &p);

	if (rc < 0) {
		(void)fprintf(stderr, "penstock policy explain: %s\n",
			      err_str(rc));
		return EXIT_BROKEN;
	}
	policy_explain(p, q, on_look, NULL, &answer);
	print_verdict(q, &answer);
	return answer.verdict == VERDICT_ALLOW ? 0 : EXIT_NO;
}

int policy_explain_cmd(int argc, char **argv)
{
	CLEANUP(ruleset_free) struct ruleset *rs = NULL;
	struct explain_args args = { .source = { .command = "explain" } };
	struct policy_question q = { 0 };
	struct authority host;
	const char *why;
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(usage, stdout);
		return 0;
	}
	rc = read_args(argc, argv, &args);
	if (rc)
		return rc;
	why = policy_rules_url(args.url, &host, &q);
	if (why) {
		(void)fprintf(stderr, "penstock policy explain: %s: %s\n",
			      args.url, why);
		return EXIT_USAGE;
	}
	q.method = slice_str(args.method);
	q.now_s = (uint64_t)time(NULL);
	rc = policy_rules_load(&args.source, &rs);
	return rc ? rc : explain(rs, &q);
}
