/* cli/policy_diff.c - penstock policy diff: what other rules would change.
 *
 * What is compared is what is in force: for each sandbox the rules of all its
 * policies, and for each policy that no sandbox names its own with those it
 * uses.
 */

#include "cli/policy_diff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/err.h"
#include "cli/ask.h"
#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/policy_rules.h"
#include "cli/words.h"
#include "gateway/control.h"
#include "policy/diff.h"

static const char usage[] =
	"usage: penstock policy diff OLD NEW [--policy NAME] [--json]\n"
	"       penstock policy diff NEW [--sandbox NAME] [--json]\n"
	"\n"
	"Shows what changes from the rules of one file to those of another, or\n"
	"from those that the running instance has in force: for each sandbox,\n"
	"and for each policy that no sandbox names, the rules that go and come\n"
	"and those whose verdict or options change, each with a request that\n"
	"it is about and that request's verdict before and after. Order and\n"
	"spelling make no difference. Grants that end by themselves are left\n"
	"out.\n"
	"\n"
	"  --policy NAME   only this policy or profile\n"
	"  --sandbox NAME  only this sandbox\n"
	"  --json          an object a line\n"
	"\n"
	"Exit status: 0 the same, 1 different, 2 a file cannot be read or has\n"
	"an error, 3 the instance does not run.\n";

/* Where a grant says that it stands. */
#define GRANT_WHERE "penstock "

struct diff {
	const char *files[2];
	size_t files_len;
	const char *policy;
	const char *sandbox;
	bool json;

	struct config *was; /* NULL: what is in force */
	struct config *now;
	const char *kind; /* of what is being compared */
	const char *name;
	bool headed; /* its name has been printed */
	unsigned int changes;
};

static int fail(const char *what)
{
	(void)fprintf(stderr, "penstock policy diff: %s\n", what);
	return EXIT_USAGE;
}

static struct cell text_of(const struct rule *rule)
{
	return cell_text(rule ? rule_text(rule) : SLICE(""));
}

static struct cell verdict_of(const struct rule *rule)
{
	return cell_text(rule ? slice_str(verdict_str(rule_verdict(rule)))
			      : SLICE(""));
}

static struct cell where_of(const struct rule *rule)
{
	return cell_text(rule ? rule_where(rule) : SLICE(""));
}

static const char *const kinds[] = {
	[DIFF_ADDED] = "added",
	[DIFF_REMOVED] = "removed",
	[DIFF_OPTIONS] = "options",
	[DIFF_VERDICT] = "verdict",
};

static void print_json(const struct diff *d, const struct diff_change *c)
{
	static const char *const names[] = {
		"of",	     "name",	  "change",	 "old_verdict",
		"old",	     "old_where", "new_verdict", "new",
		"new_where", "example",	  "before",	 "after",
	};
	const struct cell none = { .kind = CELL_NULL };
	const struct cell row[] = {
		cell_text(slice_str(d->kind)),
		cell_text(slice_str(d->name)),
		cell_text(slice_str(kinds[c->kind])),
		verdict_of(c->was),
		text_of(c->was),
		where_of(c->was),
		verdict_of(c->now),
		text_of(c->now),
		where_of(c->now),
		cell_text(slice_str(c->example)),
		c->example[0] ? cell_text(slice_str(verdict_str(c->before)))
			      : none,
		c->example[0] ? cell_text(slice_str(verdict_str(c->after)))
			      : none,
	};

	static_assert(ARRAY_SIZE(names) == ARRAY_SIZE(row), "a name each");
	cells_object(stdout, names, row, ARRAY_SIZE(names));
	(void)putchar('\n');
}

static void print_rule(char sign, const struct rule *rule)
{
	struct slice text, where;

	if (!rule)
		return;
	text = rule_text(rule);
	where = rule_where(rule);
	(void)printf("%c %-5s %.*s  # %.*s\n", sign,
		     verdict_str(rule_verdict(rule)), (int)text.len, text.ptr,
		     (int)where.len, where.ptr);
}

static void print_head(struct diff *d)
{
	if (!d->headed && d->name[0])
		(void)printf("%s %s:\n", d->kind, d->name);
	d->headed = true;
}

static void on_change(void *ctx, const struct diff_change *c)
{
	struct diff *d = ctx;

	d->changes++;
	if (d->json) {
		print_json(d, c);
		return;
	}
	print_head(d);
	print_rule('-', c->was);
	print_rule('+', c->now);
	if (c->example[0] && c->before != c->after)
		(void)printf("    %s: was %s, now %s\n", c->example,
			     verdict_str(c->before), verdict_str(c->after));
}

static void compare_default(struct diff *d, const struct ruleset *was,
			    const struct ruleset *now)
{
	const char *before = verdict_str(ruleset_default(was));
	const char *after = verdict_str(ruleset_default(now));

	if (!strcmp(before, after))
		return;
	d->changes++;
	if (d->json) {
		static const char *const names[] = { "of", "name", "change",
						     "before", "after" };
		const struct cell row[] = { cell_text(slice_str(d->kind)),
					    cell_text(slice_str(d->name)),
					    cell_text(SLICE("default")),
					    cell_text(slice_str(before)),
					    cell_text(slice_str(after)) };

		cells_object(stdout, names, row, ARRAY_SIZE(names));
		(void)putchar('\n');
		return;
	}
	print_head(d);
	(void)printf("- default: %s\n+ default: %s\n", before, after);
}

static int compare(struct diff *d, const char *kind, const char *name,
		   const struct ruleset *was, const struct ruleset *now)
{
	d->kind = kind;
	d->name = name;
	d->headed = false;
	compare_default(d, was, now);
	if (diff_rules(was, now, (uint64_t)time(NULL), on_change, d) == 0)
		return 0;
	(void)fail(err_str(-ENOMEM));
	return EXIT_BROKEN;
}

static bool find_sandbox(const struct config *c, const char *name,
			 struct config_sandbox *ret)
{
	for (size_t i = 0; i < config_sandboxes(c); i++) {
		config_sandbox(c, i, ret);
		if (!strcmp(ret->name, name))
			return true;
	}
	return false;
}

static int add_policy(const struct config *c, const char *name,
		      struct ruleset *rs)
{
	struct config_error err = { "" };
	int rc = config_rules(c, name, rs, &err);

	return rc < 0 ? fail(err.text[0] ? err.text : err_str(rc)) : 0;
}

/* A sandbox that the file does not name has no rules there. */
static int add_sandbox(const struct config *c, const char *name,
		       struct ruleset *rs)
{
	struct config_sandbox sandbox;
	int rc = 0;

	if (!find_sandbox(c, name, &sandbox))
		return 0;
	for (size_t i = 0; i < sandbox.policies_len && !rc; i++)
		rc = add_policy(c, sandbox.policies[i], rs);
	return rc;
}

static int compare_sandbox(struct diff *d, const char *name)
{
	CLEANUP(ruleset_free) struct ruleset *was = NULL, *now = NULL;
	int rc;

	if (ruleset_new(&was) < 0 || ruleset_new(&now) < 0)
		return EXIT_BROKEN;
	rc = add_sandbox(d->was, name, was);
	if (!rc)
		rc = add_sandbox(d->now, name, now);
	return rc ? rc : compare(d, "sandbox", name, was, now);
}

/* asked: by name, so that it may be a profile, and must be somewhere. */
static int compare_policy(struct diff *d, const char *name, bool asked)
{
	CLEANUP(ruleset_free) struct ruleset *was = NULL, *now = NULL;
	bool either = config_has_policy(d->was, name) ||
		      config_has_policy(d->now, name);
	int rc = 0;

	if (ruleset_new(&was) < 0 || ruleset_new(&now) < 0)
		return EXIT_BROKEN;
	if (config_has_policy(d->was, name) || (asked && !either))
		rc = add_policy(d->was, name, was);
	if (!rc && (config_has_policy(d->now, name) || (asked && !either)))
		rc = add_policy(d->now, name, now);
	return rc ? rc : compare(d, "policy", name, was, now);
}

/* A policy on its own has no name; the other file may have one of any. */
static int compare_alone(struct diff *d)
{
	CLEANUP(ruleset_free) struct ruleset *was = NULL, *now = NULL;
	int rc;

	if (config_policies(d->was) != 1 || config_policies(d->now) != 1)
		return fail("one file is a policy on its own, the other has "
			    "several or none; put both into one form");
	if (ruleset_new(&was) < 0 || ruleset_new(&now) < 0)
		return EXIT_BROKEN;
	rc = add_policy(d->was, config_policy_name(d->was, 0), was);
	if (!rc)
		rc = add_policy(d->now, config_policy_name(d->now, 0), now);
	return rc ? rc : compare(d, "policy", "", was, now);
}

static bool names_policy(const struct config *c, const char *name)
{
	struct config_sandbox sandbox;

	for (size_t i = 0; i < config_sandboxes(c); i++) {
		config_sandbox(c, i, &sandbox);
		for (size_t k = 0; k < sandbox.policies_len; k++)
			if (!strcmp(sandbox.policies[k], name))
				return true;
	}
	return false;
}

static int compare_all(struct diff *d)
{
	const struct config *sides[] = { d->was, d->now };
	struct config_sandbox sandbox, other;
	int rc = 0;

	for (size_t s = 0; s < 2; s++)
		for (size_t i = 0; i < config_sandboxes(sides[s]) && !rc; i++) {
			config_sandbox(sides[s], i, &sandbox);
			if (!s || !find_sandbox(d->was, sandbox.name, &other))
				rc = compare_sandbox(d, sandbox.name);
		}
	for (size_t s = 0; s < 2; s++)
		for (size_t i = 0; i < config_policies(sides[s]) && !rc; i++) {
			const char *name = config_policy_name(sides[s], i);

			if ((!s || !config_has_policy(d->was, name)) &&
			    !names_policy(d->was, name) &&
			    !names_policy(d->now, name))
				rc = compare_policy(d, name, false);
		}
	return rc;
}

static bool is_alone(const struct config *c)
{
	return config_policies(c) == 1 && !config_policy_name(c, 0)[0];
}

static int compare_files(struct diff *d)
{
	if (d->policy)
		return compare_policy(d, d->policy, true);
	if (is_alone(d->was) || is_alone(d->now))
		return compare_alone(d);
	return compare_all(d);
}

/* Those that arrive by address: the file names them; others come and go. */
static void on_sandbox(void *ctx, struct frame_in *in)
{
	struct words *names = ctx;
	struct slice name = bytes_str(&in->body);
	struct slice kind = bytes_str(&in->body);

	if (in->type == CONTROL_SANDBOX && !in->body.bad &&
	    !slice_eq(kind, SLICE("run")))
		words_addf(names, "%.*s", (int)name.len, name.ptr);
}

/* What is in force but what ends by itself. */
static int rules_in_force(const char *name, struct ruleset *ret)
{
	const struct policy_source source = { .command = "diff",
					      .sandbox = name };
	CLEANUP(ruleset_free) struct ruleset *all = NULL;
	int rc = policy_rules_load(&source, &all);

	for (size_t i = 0; !rc && i < ruleset_len(all); i++) {
		const struct rule *rule = ruleset_at(all, i);
		struct rule_error err;

		if (slice_starts(rule_where(rule), SLICE(GRANT_WHERE)))
			continue;
		if (ruleset_add(ret, rule_verdict(rule), rule_text(rule),
				rule_where(rule), &err) < 0)
			rc = EXIT_BROKEN;
	}
	if (!rc)
		ruleset_set_default(ret, ruleset_default(all));
	return rc;
}

static int compare_in_force(struct diff *d, const char *name, bool runs)
{
	CLEANUP(ruleset_free) struct ruleset *was = NULL, *now = NULL;
	int rc = 0;

	if (ruleset_new(&was) < 0 || ruleset_new(&now) < 0)
		return EXIT_BROKEN;
	if (runs)
		rc = rules_in_force(name, was);
	if (!rc)
		rc = is_alone(d->now) ? add_policy(d->now, "", now)
				      : add_sandbox(d->now, name, now);
	return rc ? rc : compare(d, "sandbox", name, was, now);
}

static int compare_instance(struct diff *d, struct words *running)
{
	static struct frame_out out;
	struct config_sandbox sandbox;
	int rc;

	if (d->sandbox)
		return compare_in_force(d, d->sandbox, true);
	if (is_alone(d->now))
		return fail("a policy on its own: say --sandbox NAME to "
			    "compare it with");
	frame_begin(&out, CONTROL_LIST);
	rc = ask("policy diff", &out, on_sandbox, running, NULL);
	if (!rc && !words_ok(running))
		rc = EXIT_BROKEN;
	for (size_t i = 0; i < running->len && !rc; i++)
		rc = compare_in_force(d, running->ptr[i], true);
	for (size_t i = 0; i < config_sandboxes(d->now) && !rc; i++) {
		size_t k = 0;

		config_sandbox(d->now, i, &sandbox);
		while (k < running->len &&
		       strcmp(running->ptr[k], sandbox.name) != 0)
			k++;
		if (k == running->len)
			rc = compare_in_force(d, sandbox.name, false);
	}
	return rc;
}

static void on_error(void *ctx, const struct config_error *err)
{
	(void)ctx;
	(void)fprintf(stderr, "%s\n", err->text);
}

static int load(const char *path, struct config **ret)
{
	int rc = config_check(path, on_error, NULL, ret);

	if (rc == -ENOMEM)
		(void)fail(err_str(rc));
	return rc < 0 ? EXIT_USAGE : 0;
}

static int read_args(int argc, char **argv, struct diff *d)
{
	for (int i = 1; i < argc; i++) {
		bool policy = !strcmp(argv[i], "--policy");

		if (policy || !strcmp(argv[i], "--sandbox")) {
			if (++i == argc)
				return EXIT_USAGE;
			if (policy)
				d->policy = argv[i];
			else
				d->sandbox = argv[i];
		} else if (!strcmp(argv[i], "--json")) {
			d->json = true;
		} else if (argv[i][0] == '-' ||
			   d->files_len == ARRAY_SIZE(d->files)) {
			return EXIT_USAGE;
		} else {
			d->files[d->files_len++] = argv[i];
		}
	}
	if (!d->files_len || (d->files_len == 1 && d->policy) ||
	    (d->files_len == 2 && d->sandbox))
		return EXIT_USAGE;
	return 0;
}

int policy_diff_cmd(int argc, char **argv)
{
	struct diff d = { .files_len = 0 };
	struct words running = { .ptr = NULL };
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(usage, stdout);
		return 0;
	}
	rc = read_args(argc, argv, &d);
	if (rc) {
		(void)fputs(usage, stderr);
		return rc;
	}
	rc = load(d.files[d.files_len - 1], &d.now);
	if (!rc && d.files_len == 2)
		rc = load(d.files[0], &d.was);
	if (!rc)
		rc = d.was ? compare_files(&d) : compare_instance(&d, &running);
	words_done(&running);
	config_free(&d.was);
	config_free(&d.now);
	return rc ? rc : d.changes ? EXIT_NO : 0;
}
