/* cli/policy_explain.c - penstock policy explain: every rule, and why. */

#include "cli/policy_explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/err.h"
#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/policy_rules.h"

#define SUGGEST_MAX 8600 /* bytes: a path of 8192 and the rest */

static const char usage[] =
	"usage: penstock policy explain [--json] SANDBOX METHOD URL\n"
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
	"  --json  one object: verdict, reason, rule, where, options, to_allow,\n"
	"          and each rule that was looked at with why\n"
	"\n"
	"  penstock policy explain ci POST https://api.github.com/gists\n"
	"  penstock policy explain --policy github GET "
	"https://github.com/a/b/raw/x\n"
	"  penstock policy explain ci tcp://github.com:22\n";

struct explain_args {
	struct policy_source source;
	const char *method;
	const char *url;
	bool json;
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
		if (!strcmp(argv[i], "--json"))
			ret->json = i-- > 0; /* takes no value */
		else if (!strcmp(argv[i], "--file"))
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
		[POLICY_READINGS] =
			"a rule matches, but not under all readings "
			"of the path and the query",
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

static void put_pair(const char *name, struct slice value)
{
	(void)printf("\"%s\":", name);
	if (value.len)
		cells_string(stdout, value);
	else
		(void)fputs("null", stdout);
}

static void put_number(const char *name, uint64_t value, bool given)
{
	if (given)
		(void)printf("\"%s\":%" PRIu64 ",", name, value);
	else
		(void)printf("\"%s\":null,", name);
}

static void put_options(const struct rule *rule)
{
	struct rule_options o = rule_options(rule);

	(void)fputs(",\"options\":", stdout);
	if (!rule) {
		(void)fputs("null", stdout);
		return;
	}
	(void)printf("{\"private\":%s,", o.private ? "true" : "false");
	put_number("max_body", o.max_body, o.max_body != UINT64_MAX);
	put_number("max_response", o.max_response,
		   o.max_response != UINT64_MAX);
	put_number("rate", o.rate, o.rate_s != 0);
	put_number("rate_seconds", o.rate_s, o.rate_s != 0);
	put_number("until", o.until_s, o.until_s != 0);
	put_pair("inject", o.inject);
	(void)putchar(',');
	put_pair("note", o.note);
	(void)putchar(',');
	put_pair("rule", rule_text(rule));
	(void)putchar('}');
}

static void on_look_json(void *ctx, const struct rule *rule, bool matched,
			 const char *why)
{
	bool *first = ctx;

	(void)fputs(*first ? "{" : ",{", stdout);
	*first = false;
	put_pair("verdict", slice_str(verdict_str(rule_verdict(rule))));
	(void)putchar(',');
	put_pair("rule", rule_text(rule));
	(void)putchar(',');
	put_pair("where", rule_where(rule));
	(void)printf(",\"matches\":%s,", matched ? "true" : "false");
	put_pair("why", slice_str(why));
	(void)putchar('}');
}

static void explain_json(const struct policy *p,
			 const struct policy_question *q,
			 struct policy_answer *a)
{
	static const char *const reasons[] = {
		[POLICY_BY_RULE] = "rule",	 [POLICY_NO_RULE] = "no-rule",
		[POLICY_BAD_PATH] = "path",	 [POLICY_READINGS] = "readings",
		[POLICY_BY_DEFAULT] = "default",
	};
	static char line[SUGGEST_MAX];
	bool first = true;

	static_assert(ARRAY_SIZE(reasons) == POLICY_REASONS, "no words");
	policy_judge(p, q, a);
	policy_suggest(q, line, sizeof(line));
	(void)putchar('{');
	put_pair("verdict", slice_str(verdict_str(a->verdict)));
	(void)putchar(',');
	put_pair("reason", slice_str(reasons[a->reason]));
	(void)putchar(',');
	put_pair("rule", a->rule ? rule_text(a->rule) : SLICE(""));
	(void)putchar(',');
	put_pair("where", a->rule ? rule_where(a->rule) : SLICE(""));
	put_options(a->options);
	(void)putchar(',');
	put_pair("to_allow",
		 a->verdict == VERDICT_DENY && a->reason != POLICY_BY_RULE
			 ? slice_str(line)
			 : SLICE(""));
	(void)fputs(",\"rules\":[", stdout);
	policy_explain(p, q, on_look_json, &first, a);
	(void)puts("]}");
}

static int explain(const struct ruleset *rs, const struct policy_question *q,
		   bool json)
{
	CLEANUP(policy_free) struct policy *p = NULL;
	struct policy_answer answer;
	int rc = policy_compile(rs, &p);

	if (rc < 0) {
		(void)fprintf(stderr, "penstock policy explain: %s\n",
			      err_str(rc));
		return EXIT_BROKEN;
	}
	if (json) {
		explain_json(p, q, &answer);
	} else {
		policy_explain(p, q, on_look, NULL, &answer);
		print_verdict(q, &answer);
	}
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
	return rc ? rc : explain(rs, &q, args.json);
}
