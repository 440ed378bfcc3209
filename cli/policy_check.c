/* cli/policy_check.c - penstock policy check: errors, and what is worth a
 * warning.
 *
 * What the file says is judged in policy/lint.h. Here it is asked what the
 * machine knows: which names do not resolve (only when told to, as it tells
 * the resolver what the policy names), and whose eyes a secret's file is open
 * to, by its mode; the content is not read.
 */

#include "cli/policy_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/err.h"
#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/resolve.h"
#include "policy/lint.h"

#define FINDINGS_MAX 1000      /* kept */
#define TEXT_MAX     (4 << 20) /* octets of what is kept of them */
#define SHOWN_MAX    200       /* said; the rest is counted */

static const char usage[] =
	"usage: penstock policy check FILE [--strict] [--resolve] [--json]\n"
	"\n"
	"Reads a configuration, or a policy on its own, and shows every error\n"
	"with file, line and column. Without errors it warns of rules that\n"
	"never decide or that another one makes needless, of what is allowed\n"
	"too widely, of rules that are over or end within a day, of policies,\n"
	"sandboxes and secrets that go nowhere, and of secrets' files that\n"
	"are missing or that everybody may read.\n"
	"\n"
	"  --strict   warnings count as errors\n"
	"  --resolve  ask this machine's resolver for each host that is named,\n"
	"             and warn of those that do not exist\n"
	"  --json     an object a line\n"
	"\n"
	"Exit status: 0 no errors, 1 errors, or with --strict warnings.\n";

struct check {
	const char *path;
	bool strict;
	bool resolve;
	bool json;
	unsigned int errors;
	unsigned int warnings;

	struct lint_finding *found; /* owned; texts in the arena */
	size_t len;
	size_t left_out;
	struct arena arena;
	bool no_memory;
};

struct line {
	uint64_t line; /* from 1; 0: none */
	uint64_t column;
	const char *level;
	const char *code;
	struct slice what;
	struct slice rule;
};

static void print_json(const struct check *k, const struct line *l)
{
	static const char *const names[] = { "file", "line", "column", "level",
					     "code", "what", "rule" };
	const struct cell none = { .kind = CELL_NULL };
	const struct cell row[] = {
		cell_text(slice_str(k->path)),
		l->line ? cell_integer(l->line) : none,
		l->line ? cell_integer(l->column) : none,
		cell_text(slice_str(l->level)),
		cell_text(slice_str(l->code)),
		cell_text(l->what),
		cell_text(l->rule),
	};

	cells_object(stdout, names, row, ARRAY_SIZE(names));
	(void)putchar('\n');
}

/* "FILE:12:3: what" as its parts. */
static void split_error(const struct check *k, const char *text,
			struct line *ret)
{
	struct slice rest = slice_str(text), more;
	size_t name = strlen(k->path);
	char *end;

	if (!strncmp(text, k->path, name) && text[name] == ':') {
		ret->line = strtoull(text + name + 1, &end, 10);
		if (ret->line && *end == ':')
			ret->column = strtoull(end + 1, &end, 10);
		else
			end = (char *)(uintptr_t)(text + name);
		rest = slice_str(slice_starts(slice_str(end), SLICE(": "))
					 ? end + 2
					 : text);
	}
	(void)slice_cut(rest, '\n', &ret->what, &more);
}

static void on_error(void *ctx, const struct config_error *err)
{
	struct check *k = ctx;
	struct line l = { .level = "error", .code = "error" };

	k->errors++;
	if (!k->json) {
		(void)fprintf(stderr, "%s\n", err->text);
		return;
	}
	split_error(k, err->text, &l);
	print_json(k, &l);
}

static void say_note(const struct check *k, const char *text)
{
	struct line l = { .level = "note", .code = "note" };

	if (!k->json) {
		(void)fprintf(stderr, "note: %s\n", text);
		return;
	}
	split_error(k, text, &l);
	print_json(k, &l);
}

/* Rules with placeholders can be counted only where the registries are
 * configured; elsewhere that is worth a word, but no error of the file.
 */
static int count_rules(struct check *k, const struct config *c,
		       size_t *ret_rules)
{
	int rc = 0;

	for (size_t i = 0; i < config_policies(c) && rc >= 0; i++) {
		CLEANUP(ruleset_free) struct ruleset *rs = NULL;
		struct config_error err = { "" };
		const char *name = config_policy_name(c, i);

		rc = ruleset_new(&rs);
		if (rc == 0)
			rc = config_rules(c, name, rs, &err);
		if (rc == -ENOENT) {
			say_note(k, err.text);
			rc = 0;
		} else if (rc < 0 && err.text[0]) {
			on_error(k, &err);
		}
		*ret_rules += rs ? ruleset_len(rs) : 0;
	}
	return rc;
}

static void on_finding(void *ctx, const struct lint_finding *finding)
{
	struct check *k = ctx;
	struct lint_finding *f;

	if (finding->ask == LINT_NAME && !k->resolve)
		return;
	if (k->len == FINDINGS_MAX) {
		k->left_out++;
		return;
	}
	f = &k->found[k->len];
	*f = *finding;
	if (arena_copy(&k->arena, finding->rule, &f->rule) < 0 ||
	    arena_copy(&k->arena, finding->subject, &f->subject) < 0) {
		k->left_out++;
		return;
	}
	k->len++;
}

static int by_place(const void *a, const void *b)
{
	const struct lint_finding *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return strcmp(x->code, y->code);
}

/* What there is to say of a secret's file; NULL: nothing. */
static const char *look_at_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT ? "there is no such file"
				       : "this file cannot be looked at";
	if (!S_ISREG(st.st_mode))
		return "this is no file";
	if (st.st_mode & (S_IRWXO | S_IWGRP))
		return "others than its owner may read or change this file; "
		       "say chmod 600";
	return NULL;
}

static void print_warning(struct check *k, const struct config *c,
			  const struct lint_finding *f, const char *what)
{
	const struct line l = { .line = f->line + 1u,
				.column = f->column + 1u,
				.level = "warning",
				.code = f->code,
				.what = slice_str(what),
				.rule = f->rule };
	struct config_error text;

	if (++k->warnings > SHOWN_MAX && !k->json)
		return;
	if (k->json) {
		print_json(k, &l);
		return;
	}
	lint_text(c, f, what, &text);
	(void)fprintf(stderr, "%s\n", text.text);
}

static void settle(struct check *k, const struct config *c,
		   const struct resolve *names)
{
	const struct lint_finding *last = NULL;

	qsort(k->found, k->len, sizeof(*k->found), by_place);
	for (size_t i = 0; i < k->len; i++) {
		const struct lint_finding *f = &k->found[i];
		const char *what = f->what;

		if (f->ask == LINT_FILE)
			what = look_at_file(f->subject.ptr);
		else if (f->ask == LINT_NAME)
			what = resolve_missing(names, f->subject)
				       ? "no such host: the name does not "
					 "resolve"
				       : NULL;
		/* A rule that became several is spoken of once. */
		if (!what || (last && !by_place(last, f)))
			continue;
		last = f;
		print_warning(k, c, f, what);
	}
}

static void resolve_names(struct check *k, struct resolve **ret)
{
	if (!k->resolve || !(*ret = resolve_new()))
		return;
	for (size_t i = 0; i < k->len; i++)
		if (k->found[i].ask == LINT_NAME)
			resolve_add(*ret, k->found[i].subject);
	resolve_run(*ret);
	if (resolve_unknown(*ret))
		(void)fprintf(stderr,
			      "note: %zu names could not be looked up: the "
			      "resolver did not answer in time\n",
			      resolve_unknown(*ret));
}

static int warn(struct check *k, const struct config *c)
{
	struct resolve *names = NULL;
	int rc;

	k->found = calloc(FINDINGS_MAX, sizeof(*k->found));
	if (!k->found)
		return -ENOMEM;
	arena_init(&k->arena, TEXT_MAX);
	rc = lint_config(c, (uint64_t)time(NULL), on_finding, k);
	if (rc != -ENOMEM) {
		resolve_names(k, &names);
		settle(k, c, names);
	}
	if (rc == ERR_LIMIT)
		say_note(k, "there are too many rules of one kind to compare "
			    "each with all others");
	if (!k->json && k->warnings > SHOWN_MAX)
		(void)fprintf(stderr, "note: and %u warnings more\n",
			      k->warnings - SHOWN_MAX);
	if (k->left_out)
		(void)fprintf(stderr,
			      "note: %zu more places are not looked at\n",
			      k->left_out);
	resolve_free(&names);
	arena_done(&k->arena);
	free(k->found);
	return rc == -ENOMEM ? rc : 0;
}

static int check(struct check *k)
{
	CLEANUP(config_free) struct config *c = NULL;
	size_t rules = 0;
	int rc = config_check(k->path, on_error, k, &c);

	if (rc == 0)
		rc = count_rules(k, c, &rules);
	if (rc == 0)
		rc = warn(k, c);
	if (rc < 0 && !k->errors)
		(void)fprintf(stderr, "penstock policy check: %s: %s\n",
			      k->path, err_str(rc));
	else if (rc == ERR_SYNTAX && !k->json)
		(void)fprintf(stderr, "%s: %u error%s\n", k->path, k->errors,
			      k->errors == 1 ? "" : "s");
	if (rc < 0)
		return EXIT_NO;
	if (!k->json)
		(void)printf("%s: ok: policies %zu, rules %zu, sandboxes %zu, "
			     "warnings %u\n",
			     k->path, config_policies(c), rules,
			     config_sandboxes(c), k->warnings);
	return k->strict && k->warnings ? EXIT_NO : 0;
}

int policy_check_cmd(int argc, char **argv)
{
	struct check k = { .path = NULL };

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			(void)fputs(usage, stdout);
			return 0;
		}
		if (!strcmp(argv[i], "--strict")) {
			k.strict = true;
		} else if (!strcmp(argv[i], "--resolve")) {
			k.resolve = true;
		} else if (!strcmp(argv[i], "--json")) {
			k.json = true;
		} else if (k.path || argv[i][0] == '-') {
			(void)fputs(usage, stderr);
			return EXIT_USAGE;
		} else {
			k.path = argv[i];
		}
	}
	if (!k.path) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return check(&k);
}
