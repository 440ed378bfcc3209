/* cli/allow.c - penstock allow, deny, ask: a rule for one sandbox, at once. */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "gateway/control.h"
#include "policy/lint.h"
#include "policy/policy.h"
#include "policy/units.h"

static const char allow_usage[] =
	"usage: penstock allow SANDBOX RULE [--for TIME]\n"
	"       penstock deny  SANDBOX RULE [--for TIME]\n"
	"       penstock ask   SANDBOX RULE [--for TIME]\n"
	"\n"
	"Gives a rule to a sandbox of the running instance, at once and in all\n"
	"workers; connections in work that it forbids end. It survives a "
	"restart.\n"
	"It lasts for TIME (90s, 30m, 8h, 7d), or until it is revoked; a "
	"sandbox of\n"
	"`penstock run` takes along what was given without --for.\n"
	"\n"
	"A deny outweighs any allow, and an ask any allow: `allow` can't undo\n"
	"them. See also: penstock grants, penstock revoke.\n"
	"\n"
	"  penstock allow ci 'POST https://api.github.com/gists' --for 1h\n"
	"  penstock allow ci 'any *.example.com'\n"
	"  penstock deny  ci 'any *.pastebin.com'\n";

struct allow_words {
	const char *sandbox, *rule;
	uint32_t for_s; /* 0: no end */
};

/* Options may stand anywhere; a rule never begins with "--". */
static bool allow_parse(int argc, char **argv, struct allow_words *ret)
{
	*ret = (struct allow_words){ 0 };
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--for")) {
			if (++i == argc ||
			    !units_duration(slice_str(argv[i]), &ret->for_s) ||
			    !ret->for_s) {
				(void)fprintf(
					stderr,
					"penstock %s: --for: how long, as "
					"90s, 30m, 8h or 7d\n",
					argv[0]);
				return false;
			}
		} else if (!ret->sandbox) {
			ret->sandbox = argv[i];
		} else if (!ret->rule) {
			ret->rule = argv[i];
		} else {
			(void)fprintf(stderr,
				      "penstock %s: '%s' is too much; a rule "
				      "is one word, between quotes\n",
				      argv[0], argv[i]);
			return false;
		}
	}
	if (!ret->rule)
		(void)fputs(allow_usage, stderr);
	return ret->rule != NULL;
}

/* The gateway takes any method; a slip of the keyboard is seen here. */
static void allow_hint(const char *command, enum verdict verdict,
		       const char *line)
{
	CLEANUP(ruleset_free) struct ruleset *rs = NULL;
	struct rule_error err;
	char odd[LINT_WHAT_MAX];

	if (ruleset_new(&rs))
		return;
	ruleset_set_clock(rs, (uint64_t)time(NULL));
	if (!ruleset_add(rs, verdict, slice_str(line), SLICE(""), &err) &&
	    lint_method(ruleset_at(rs, 0), odd))
		(void)fprintf(stderr, "penstock %s: warning: %s\n", command,
			      odd);
}

static int allow_give(int argc, char **argv, enum verdict verdict)
{
	static struct frame_out out;
	char phrase[ASK_PHRASE_MAX];
	struct allow_words w;
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(allow_usage, stdout);
		return 0;
	}
	if (!allow_parse(argc, argv, &w))
		return EXIT_USAGE;
	frame_begin(&out, CONTROL_GRANT);
	frame_put_str(&out, slice_str(w.sandbox));
	frame_put_u8(&out, (uint8_t)verdict);
	frame_put_u64(&out, w.for_s);
	frame_put_str(&out, slice_str(w.rule));
	rc = ask(argv[0], &out, NULL, NULL, phrase);
	if (rc)
		return rc;
	(void)printf("%s: %s %s (%s)\n", w.sandbox, verdict_str(verdict),
		     w.rule, phrase);
	allow_hint(argv[0], verdict, w.rule);
	return 0;
}

int cmd_allow(int argc, char **argv)
{
	return allow_give(argc, argv, VERDICT_ALLOW);
}

int cmd_deny(int argc, char **argv)
{
	return allow_give(argc, argv, VERDICT_DENY);
}

int cmd_ask(int argc, char **argv)
{
	return allow_give(argc, argv, VERDICT_ASK);
}
