/* cli/policy.c - penstock policy: its commands, and show and list. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/err.h"
#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/policy_check.h"
#include "cli/policy_diff.h"
#include "cli/policy_explain.h"
#include "cli/policy_fmt.h"
#include "cli/policy_import.h"
#include "cli/policy_rules.h"
#include "cli/policy_suggest.h"
#include "cli/policy_test.h"
#include "cli/project.h"
#include "policy/load.h"

static const char usage[] =
	"usage: penstock policy check FILE\n"
	"       penstock policy explain SANDBOX METHOD URL\n"
	"       penstock policy test FILE CASES\n"
	"       penstock policy cases [--since WHEN]\n"
	"       penstock policy replay FILE [--since WHEN]\n"
	"       penstock policy suggest [--sandbox NAME]\n"
	"       penstock policy diff OLD NEW\n"
	"       penstock policy fmt FILE... [--write | --check]\n"
	"       penstock policy import FORMAT FILE...\n"
	"       penstock policy show NAME [--json]\n"
	"       penstock policy list [--json]\n"
	"       penstock policy apply [--yes]\n"
	"\n"
	"check    shows every error in a configuration or a policy file, and\n"
	"         rules that do nothing or allow too much\n"
	"explain  shows what would be decided about a request, and why\n"
	"test     judges requests and compares with what is expected\n"
	"cases    prints the ledger's requests as such cases\n"
	"replay   says what other rules would have done to recorded traffic\n"
	"suggest  prints the rules that would allow what was denied\n"
	"diff     shows what changes from one file to another, or from what\n"
	"         is in force to a file\n"
	"fmt      writes each rule as penstock prints it\n"
	"import   turns lists of pen, pent, agent-sandbox and squid into rules\n"
	"show     prints the rules of a policy, or a profile with its reasons\n"
	"list     prints the names that --policy and use: take\n"
	"apply    puts the policy of this directory's project in force\n"
	"\n"
	"Each but show and list has a --help of its own.\n"
	"\n"
	"  --json   an object a line\n"
	"\n"
	"The language is described in docs/rules.md, these commands in\n"
	"docs/policy.md.\n";

static int say_usage(void)
{
	(void)fputs(usage, stderr);
	return EXIT_USAGE;
}

static bool show_profile(const char *name)
{
	for (size_t i = 0; i < config_profiles(); i++) {
		struct slice text = config_profile_text(i);

		if (strcmp(config_profile_name(i), name) != 0)
			continue;
		(void)fwrite(text.ptr, 1, text.len, stdout);
		return true;
	}
	return false;
}

static void show_rule(const struct rule *rule, bool json)
{
	static const char *const names[] = { "verdict", "rule", "where" };
	struct slice text = rule_text(rule), where = rule_where(rule);
	const char *verdict = verdict_str(rule_verdict(rule));
	const struct cell row[] = { cell_text(slice_str(verdict)),
				    cell_text(text), cell_text(where) };

	if (json) {
		cells_object(stdout, names, row, ARRAY_SIZE(names));
		(void)putchar('\n');
		return;
	}
	(void)printf("%-5s %.*s  # %.*s\n", verdict, (int)text.len, text.ptr,
		     (int)where.len, where.ptr);
}

static int show_rules(const struct config *c, const char *name, bool json)
{
	CLEANUP(ruleset_free) struct ruleset *rs = NULL;
	struct config_error err = { "" };
	int rc = ruleset_new(&rs);

	if (rc == 0)
		rc = config_rules(c, name, rs, &err);
	if (rc < 0) {
		(void)fprintf(stderr, "penstock policy show: %s\n",
			      err.text[0] ? err.text : err_str(rc));
		return EXIT_NO;
	}
	for (size_t i = 0; i < ruleset_len(rs); i++)
		show_rule(ruleset_at(rs, i), json);
	return 0;
}

/* A policy of the file hides a profile of the same name. */
static int show(const char *name, bool json)
{
	CLEANUP(config_free) struct config *c = NULL;
	int rc = policy_rules_config(&c);

	if (rc)
		return rc;
	if (!json && !config_has_policy(c, name) && show_profile(name))
		return 0;
	return show_rules(c, name, json);
}

/* The first line of a profile says what it is for. */
static struct slice first_comment(struct slice text)
{
	struct slice line, rest;

	(void)slice_cut(text, '\n', &line, &rest);
	return slice_starts(line, SLICE("# ")) ? slice_skip(line, 2) : line;
}

static void list_one(const char *name, struct slice what, bool json)
{
	static const char *const names[] = { "name", "kind", "what" };
	const struct cell row[] = { cell_text(slice_str(name)),
				    cell_text(what.len ? SLICE("profile")
						       : SLICE("policy")),
				    cell_text(what) };

	if (json) {
		cells_object(stdout, names, row, ARRAY_SIZE(names));
		(void)putchar('\n');
	} else if (what.len) {
		(void)printf("%-12s profile: %.*s\n", name, (int)what.len,
			     what.ptr);
	} else {
		(void)printf("%-12s policy of the configuration\n", name);
	}
}

static int list(bool json)
{
	CLEANUP(config_free) struct config *c = NULL;
	int rc = policy_rules_config(&c);

	if (rc)
		return rc;
	for (size_t i = 0; i < config_policies(c); i++)
		list_one(config_policy_name(c, i), SLICE(""), json);
	for (size_t i = 0; i < config_profiles(); i++)
		list_one(config_profile_name(i),
			 first_comment(config_profile_text(i)), json);
	return 0;
}

/* Those that read their own words. */
static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "check", policy_check_cmd },	   { "fmt", policy_fmt_cmd },
	{ "diff", policy_diff_cmd },	   { "import", policy_import_cmd },
	{ "explain", policy_explain_cmd }, { "test", policy_test_cmd },
	{ "cases", policy_cases_cmd },	   { "replay", policy_replay_cmd },
	{ "suggest", policy_suggest_cmd }, { "apply", project_apply_cmd },
};

int cmd_policy(int argc, char **argv)
{
	bool json;

	if (argc < 2)
		return say_usage();
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	if (!strcmp(argv[1], "--help") ||
	    (argc == 3 && !strcmp(argv[2], "--help"))) {
		(void)fputs(usage, stdout);
		return 0;
	}
	json = !strcmp(argv[argc - 1], "--json");
	argc -= json;
	if (!strcmp(argv[1], "show") && argc == 3)
		return show(argv[2], json);
	if (!strcmp(argv[1], "list") && argc == 2)
		return list(json);
	return say_usage();
}
