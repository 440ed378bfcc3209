/* cli/policy_import.c - penstock policy import: others' lists as a policy.
 *
 * All files are read before anything is printed, so that what is printed is
 * whole. What is not imported is a comment in the policy and a warning.
 */

#include "cli/policy_import.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/err.h"
#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/line.h"
#include "policy/import.h"

#define ITEMS_MAX  200000     /* rules, and lines that are none */
#define ARENA_MAX  (64 << 20) /* octets of what is kept of them */
#define TEXT_SHOWN 160	      /* octets of a foreign line */

static const char usage[] =
	"usage: penstock policy import pen|pent|agent-sandbox|squid FILE...\n"
	"           [--json]\n"
	"\n"
	"Prints a policy that allows what the files allow, each rule with the\n"
	"line that it comes from; save it, look at it, and try it with check\n"
	"and test. What a rule cannot say is a comment there and a warning\n"
	"here.\n"
	"\n"
	"  pen            http-allowlist.txt and network-allowlist.txt\n"
	"  pent           pent.toml: domain_allowlist\n"
	"  agent-sandbox  policy.yaml: services and domains\n"
	"  squid          squid.conf: acl and http_access\n"
	"\n"
	"  --json         an object a line instead of a policy\n"
	"\n"
	"Exit status: 0 all was imported, 1 some was not or there was nothing,\n"
	"2 a file cannot be read or is none of this kind.\n";

struct item {
	struct import_item in; /* line and text are copies */
	const char *file;
	size_t number; /* in the order of reading */
	bool again;    /* another item says the same */
};

struct import {
	const char *file; /* being read */
	bool json;
	struct arena arena;
	struct item *items; /* owned */
	size_t len;
	size_t cap;
	bool no_memory;
	size_t left;
};

static int keep(struct import *m, const struct import_item *in)
{
	struct item item = { .in = *in, .file = m->file, .number = m->len };

	if (m->len == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 256;
		struct item *more = reallocarray(m->items, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		m->items = more;
		m->cap = cap;
	}
	item.in.text.len = MIN(item.in.text.len, (size_t)TEXT_SHOWN);
	if (m->len == ITEMS_MAX ||
	    arena_copy(&m->arena, in->line, &item.in.line) < 0 ||
	    arena_copy(&m->arena, item.in.text, &item.in.text) < 0)
		return -ENOMEM;
	/* What a rule's own error says does not outlive the call. */
	if (in->why) {
		struct slice why;

		if (arena_copy(&m->arena, slice_str(in->why), &why) < 0)
			return -ENOMEM;
		item.in.why = why.ptr;
	}
	m->items[m->len++] = item;
	return 0;
}

static void on_item(void *ctx, const struct import_item *in)
{
	struct import *m = ctx;

	if (keep(m, in) < 0)
		m->no_memory = true;
}

static int by_rule(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	size_t len = MIN(x->in.line.len, y->in.line.len);
	int order = (int)x->in.kind - (int)y->in.kind;

	if (!order)
		order = (int)x->in.verdict - (int)y->in.verdict;
	if (!order && len)
		order = memcmp(x->in.line.ptr, y->in.line.ptr, len);
	if (!order)
		order = (x->in.line.len > y->in.line.len) -
			(x->in.line.len < y->in.line.len);
	return order;
}

static int by_rule_first(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = by_rule(a, b);

	return order ? order
		     : (x->number > y->number) - (x->number < y->number);
}

static int by_number(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static bool is_left(const struct item *i)
{
	return i->in.kind == IMPORT_LEFT || i->in.kind == IMPORT_NEEDLESS;
}

/* Of items that say the same only the first is kept. */
static void mark_repeated(struct import *m)
{
	if (!m->len)
		return;
	qsort(m->items, m->len, sizeof(*m->items), by_rule_first);
	for (size_t i = 1; i < m->len; i++)
		m->items[i].again = !is_left(&m->items[i]) &&
				    !by_rule(&m->items[i - 1], &m->items[i]);
	qsort(m->items, m->len, sizeof(*m->items), by_number);
}

static void put_place(struct line *l, const struct item *i, bool column)
{
	char number[48];

	line_put(l, slice_str(i->file));
	if (column)
		(void)snprintf(number, sizeof(number), ":%" PRIu32 ":%" PRIu32,
			       i->in.number, i->in.column);
	else
		(void)snprintf(number, sizeof(number), ":%" PRIu32,
			       i->in.number);
	line_put(l, slice_str(number));
}

static void print_left(const struct item *i)
{
	struct line l = { .len = 0 };

	line_put(&l, i->in.kind == IMPORT_LEFT ? SLICE("# not imported: ")
					       : SLICE("# not needed: "));
	put_place(&l, i, false);
	line_put(&l, SLICE(": "));
	line_put(&l, i->in.text);
	line_put(&l, SLICE(": "));
	line_put(&l, slice_str(i->in.why));
	line_print(stdout, &l);
}

static void warn(const struct item *i)
{
	struct line l = { .len = 0 };

	if (!i->in.why || i->in.kind == IMPORT_NEEDLESS)
		return;
	put_place(&l, i, true);
	line_put(&l, i->in.kind == IMPORT_LEFT
			     ? SLICE(": warning: not imported: ")
			     : SLICE(": warning: "));
	line_put(&l, i->in.text);
	line_put(&l, SLICE(": "));
	line_put(&l, slice_str(i->in.why));
	line_print(stderr, &l);
}

static void print_entry(const struct item *i)
{
	struct line l = { .len = 0 };

	if (i->in.kind != IMPORT_DEFAULT) {
		line_put(&l, SLICE("  - "));
		line_put(&l, i->in.line);
	} else {
		line_put(&l, SLICE("default: allow"));
	}
	line_put(&l, SLICE("  # "));
	put_place(&l, i, false);
	if (i->in.why) {
		line_put(&l, SLICE(": "));
		line_put(&l, slice_str(i->in.why));
	}
	line_print(stdout, &l);
}

struct section {
	const char *key; /* NULL: the entry has its own */
	enum import_kind kind;
	enum verdict verdict;
};

static void print_section(const struct import *m, const struct section *s)
{
	bool headed = false;

	for (size_t k = 0; k < m->len; k++) {
		const struct item *i = &m->items[k];

		if (i->again || i->in.kind != s->kind ||
		    (s->kind == IMPORT_RULE && i->in.verdict != s->verdict))
			continue;
		if (!headed && s->key)
			(void)printf("%s:\n", s->key);
		headed = true;
		print_entry(i);
	}
}

static void print_policy(const struct import *m, const char *format)
{
	static const struct section sections[] = {
		{ "use", IMPORT_USE, VERDICT_DENY },
		{ "deny", IMPORT_RULE, VERDICT_DENY },
		{ "allow", IMPORT_RULE, VERDICT_ALLOW },
		{ NULL, IMPORT_DEFAULT, VERDICT_ALLOW },
	};

	(void)printf("# Imported from %s. Look at each rule before use.\n"
		     "# WebSockets are allowed by rules of their own: "
		     "wss://HOST/PATH.\n",
		     format);
	for (size_t k = 0; k < m->len; k++)
		if (is_left(&m->items[k]))
			print_left(&m->items[k]);
	for (size_t s = 0; s < ARRAY_SIZE(sections); s++)
		print_section(m, &sections[s]);
}

static void print_json(const struct item *i)
{
	static const char *const names[] = { "file", "line",	"column",
					     "kind", "verdict", "rule",
					     "text", "why" };
	static const char *const kinds[] = {
		[IMPORT_RULE] = "rule",		[IMPORT_USE] = "use",
		[IMPORT_DEFAULT] = "default",	[IMPORT_LEFT] = "left",
		[IMPORT_NEEDLESS] = "needless",
	};
	const struct cell row[] = {
		cell_text(slice_str(i->file)),
		cell_integer(i->in.number),
		cell_integer(i->in.column),
		cell_text(slice_str(kinds[i->in.kind])),
		cell_text(i->in.kind == IMPORT_RULE
				  ? slice_str(verdict_str(i->in.verdict))
				  : SLICE("")),
		cell_text(i->in.line),
		cell_text(i->in.text),
		cell_text(slice_str(i->in.why)),
	};

	cells_object(stdout, names, row, ARRAY_SIZE(names));
	(void)putchar('\n');
}

static int print_all(struct import *m, const char *format)
{
	const struct item *last = NULL;
	size_t rules = 0;

	mark_repeated(m);
	for (size_t k = 0; k < m->len; k++) {
		const struct item *i = &m->items[k];

		m->left += i->in.kind == IMPORT_LEFT;
		rules += !is_left(i) && !i->again;
		if (m->json && !i->again)
			print_json(i);
		if (!last || last->in.number != i->in.number ||
		    last->file != i->file || last->in.column != i->in.column ||
		    i->in.kind == IMPORT_LEFT)
			warn(i);
		last = i;
	}
	if (!m->json)
		print_policy(m, format);
	if (!rules)
		(void)fputs("note: nothing in these files allows or denies "
			    "anything\n",
			    stderr);
	return m->left || !rules ? EXIT_NO : 0;
}

static int read_file(struct import *m, enum import_format format,
		     const char *path)
{
	struct config_error err = { "" };
	struct import_source source = { .format = format, .name = path };
	char *text = NULL;
	int rc = config_read(path, &text, &source.text.len, &err);

	source.text.ptr = text;
	m->file = path;
	if (rc == 0)
		rc = import_text(&source, on_item, m, &err);
	free(text);
	if (rc == 0 && m->no_memory)
		rc = -ENOMEM;
	if (rc < 0)
		(void)fprintf(stderr, "%s\n",
			      err.text[0] ? err.text : err_str(rc));
	return rc < 0 ? EXIT_USAGE : 0;
}

static bool find_format(const char *name, enum import_format *ret)
{
	for (int f = 0; f < IMPORT_FORMATS; f++) {
		*ret = (enum import_format)f;
		if (!strcmp(import_format_str(*ret), name))
			return true;
	}
	return false;
}

int policy_import_cmd(int argc, char **argv)
{
	struct import m = { .file = NULL };
	enum import_format format;
	int files = 0, rc = 0;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			(void)fputs(usage, stdout);
			return 0;
		}
		if (!strcmp(argv[i], "--json"))
			m.json = true;
		else
			argv[1 + files++] = argv[i];
	}
	if (files < 2 || argv[2][0] == '-' || !find_format(argv[1], &format)) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	arena_init(&m.arena, ARENA_MAX);
	for (int i = 1; i < files && !rc; i++)
		rc = read_file(&m, format, argv[1 + i]);
	if (!rc)
		rc = print_all(&m, argv[1]);
	arena_done(&m.arena);
	free(m.items);
	return rc;
}
