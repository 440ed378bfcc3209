/* cli/policy_explain.c - penstock policy explain: every rule, and why.
 *
 * The rules come from the running instance, where they are those that its
 * workers use now, or from a file or a policy by name; the judge is the same.
 */

#include "cli/policy_explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "gateway/control.h"
#include "http/authority.h"

#define RULES_TEXT_MAX (64u << 20) /* bytes of the rules of one sandbox */
#define SUGGEST_MAX    8600	   /* bytes: a path of 8192 and the rest */

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
	const char *file;
	const char *policy;
	const char *sandbox;
	const char *method;
	const char *url;
};

static int say_usage(void)
{
	(void)fputs(usage, stderr);
	return EXIT_USAGE;
}

static bool is_raw(const char *url)
{
	return !strncmp(url, "tcp://", 6) || !strncmp(url, "tls://", 6);
}

/* Options first, then SANDBOX (without options), METHOD and URL. */
static int read_args(int argc, char **argv, struct explain_args *ret)
{
	int i = 1, left;

	for (; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2) {
		if (!strcmp(argv[i], "--file"))
			ret->file = argv[i + 1];
		else if (!strcmp(argv[i], "--policy"))
			ret->policy = argv[i + 1];
		else
			return say_usage();
	}
	left = argc - i;
	if (left < 1)
		return say_usage();
	ret->url = argv[argc - 1];
	left--;
	if (!ret->file && !ret->policy && left > 0) {
		ret->sandbox = argv[i++];
		left--;
	}
	if (left > 0 && !is_raw(ret->url)) {
		ret->method = argv[i++];
		left--;
	}
	if (left || (!ret->method && !is_raw(ret->url)) ||
	    (!ret->sandbox && !ret->file && !ret->policy))
		return say_usage();
	return 0;
}

static uint16_t default_port(enum rule_scheme scheme)
{
	switch (scheme) {
	case RULE_HTTP:
	case RULE_WS:
		return 80;
	case RULE_TCP:
		return 0;
	default:
		return 443;
	}
}

static bool find_scheme(struct slice name, enum rule_scheme *ret)
{
	for (int s = 0; s < RULE_SCHEMES; s++) {
		const char *known = rule_scheme_str((enum rule_scheme)s);

		if (!slice_ieq(name, slice_str(known)))
			continue;
		*ret = (enum rule_scheme)s;
		return true;
	}
	return false;
}

/* A URL as a question; the slices point into url and *host. */
static const char *read_url(const char *url, struct authority *host,
			    struct policy_question *ret)
{
	struct slice rest = slice_str(url), scheme, authority, fragment;

	if (!slice_cut(rest, ':', &scheme, &rest) ||
	    !slice_starts(rest, SLICE("//")) ||
	    !find_scheme(scheme, &ret->scheme))
		return "expected a URL that begins with https://, http://, "
		       "wss://, ws://, tcp:// or tls://";
	rest = slice_skip(rest, 2);
	(void)slice_cut(rest, '#', &rest, &fragment);
	authority = rest;
	for (authority.len = 0; authority.len < rest.len; authority.len++)
		if (strchr("/?", rest.ptr[authority.len]))
			break;
	if (authority_parse(authority, host) < 0)
		return "the host is not one that the gateway would accept";
	ret->host = authority_host(host);
	ret->port = host->port ? host->port : default_port(ret->scheme);
	if (!ret->port)
		return "a tcp:// URL needs a port";
	rest = slice_skip(rest, authority.len);
	(void)slice_cut(rest, '?', &ret->path, &ret->query);
	if (is_raw(url) && rest.len)
		return "tcp:// and tls:// have no path";
	if (!is_raw(url) && !ret->path.len)
		ret->path = SLICE("/");
	return NULL;
}

int policy_explain_config(struct config **ret)
{
	char path[INSTANCE_PATH_MAX];
	struct config_error err = { "" };
	struct instance in;
	int rc;

	if (instance_find(&in) < 0)
		return EXIT_BROKEN;
	if (!instance_path(in.conf_dir, INSTANCE_CONFIG, path))
		return EXIT_BROKEN;
	rc = config_load(path, ret, &err);
	if (rc == -ENOENT)
		rc = config_empty(ret);
	if (!rc)
		return 0;
	(void)fprintf(stderr, "penstock policy: %s\n",
		      err.text[0] ? err.text : err_str(rc));
	return EXIT_BROKEN;
}

/* Rules by the name of a policy, or of a file. */
static int rules_from_config(const struct explain_args *args,
			     struct ruleset *rs)
{
	CLEANUP(config_free) struct config *c = NULL;
	struct config_error err = { "" };
	int rc = 0;

	if (!args->file || !args->policy)
		rc = policy_explain_config(&c);
	else if (config_load(args->file, &c, &err) < 0)
		rc = EXIT_NO;
	if (!rc && args->policy)
		rc = config_rules(c, args->policy, rs, &err) ? EXIT_NO : 0;
	else if (!rc)
		rc = config_policy_file(c, args->file, rs, &err) ? EXIT_NO : 0;
	if (rc && err.text[0])
		(void)fprintf(stderr, "penstock policy explain: %s\n",
			      err.text);
	return rc;
}

static void on_text(void *ctx, struct frame_in *frame)
{
	if (frame->type == CONTROL_TEXT)
		(void)buf_append_slice(ctx, bytes_str(&frame->body));
}

/* The rules that the instance's sandbox has now. */
static int rules_from_instance(const char *sandbox, struct ruleset **ret)
{
	static struct frame_out out;
	struct rule_error err;
	struct buf text;
	int rc;

	buf_init(&text, RULES_TEXT_MAX);
	frame_begin(&out, CONTROL_RULES);
	frame_put_str(&out, slice_str(sandbox));
	rc = ask("policy explain", &out, on_text, &text, NULL);
	if (rc == 0 && ruleset_parse(buf_slice(&text), ret, &err) < 0) {
		(void)fputs("penstock policy explain: the instance's rules "
			    "cannot be read; is it another version?\n",
			    stderr);
		rc = EXIT_BROKEN;
	}
	buf_done(&text);
	return rc;
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
	struct explain_args args = { 0 };
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
	why = read_url(args.url, &host, &q);
	if (why) {
		(void)fprintf(stderr, "penstock policy explain: %s: %s\n",
			      args.url, why);
		return EXIT_USAGE;
	}
	q.method = slice_str(args.method);
	q.now_s = (uint64_t)time(NULL);
	if (args.sandbox)
		rc = rules_from_instance(args.sandbox, &rs);
	else if (ruleset_new(&rs) < 0)
		rc = EXIT_BROKEN;
	else
		rc = rules_from_config(&args, rs);
	return rc ? rc : explain(rs, &q);
}
