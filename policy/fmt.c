/* policy/fmt.c - a configuration with each rule in its canonical text.
 *
 * The rules are scalars that know their line and column. In the order of the
 * file each is looked up there, and if its octets stand there as they are, in
 * the same quotes or none, they are replaced. The result is read again, and
 * given back only if it has the same rules.
 */

#include "policy/fmt.h"

#include <errno.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/err.h"
#include "policy/config.h"
#include "policy/fields.h"

/* A rule of the file. */
struct item {
	const struct doc_node *node;
	enum verdict verdict;
	struct slice text; /* canonical; of the arena */
};

struct items {
	struct arena arena;
	struct item *list; /* owned */
	size_t len;
	size_t cap;
};

/* The result being put together; it grows by what is added. */
struct writer {
	char *mem;
	size_t len;
	size_t cap;
	bool no_memory;
};

static void put(struct writer *w, struct slice s)
{
	if (w->no_memory)
		return;
	if (s.len >= w->cap - w->len) {
		size_t cap = (w->len + s.len + 1) * 2;
		char *more = realloc(w->mem, cap);

		if (!more) {
			w->no_memory = true;
			return;
		}
		w->mem = more;
		w->cap = cap;
	}
	if (s.len)
		memcpy(w->mem + w->len, s.ptr, s.len);
	w->len += s.len;
	w->mem[w->len] = '\0';
}

static int add_item(struct items *items, const struct doc_node *node,
		    enum verdict verdict)
{
	const struct rule_source source = { .verdict = verdict };
	struct item item = { node, verdict, node->text };
	struct rule *rule = NULL;
	struct rule_error err;
	int rc = 0;

	if (!gather_is_open(node->text)) {
		rc = rule_new(&source, node->text, &rule, &err);
		assert(rc != ERR_SYNTAX); /* the file was checked */
		if (rc == 0 &&
		    arena_copy(&items->arena, rule_text(rule), &item.text) < 0)
			rc = -ENOMEM;
		rule_free(&rule);
	}
	if (rc == 0 && items->len == items->cap) {
		size_t cap = items->cap ? items->cap * 2 : 64;
		struct item *more =
			reallocarray(items->list, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		items->list = more;
		items->cap = cap;
	}
	if (rc == 0)
		items->list[items->len++] = item;
	return rc;
}

static int add_list(struct items *items, const struct doc_node *map,
		    const char *key, enum verdict verdict)
{
	const struct doc_node *list = fields_get(map, key);
	int rc = 0;

	if (!list || fields_is_empty(list))
		return 0;
	if (list->kind == DOC_SCALAR)
		return add_item(items, list, verdict);
	for (const struct doc_node *n = list->first; n && rc == 0; n = n->next)
		rc = add_item(items, n, verdict);
	return rc;
}

static int by_place(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->node->line != y->node->line)
		return x->node->line < y->node->line ? -1 : 1;
	if (x->node->column != y->node->column)
		return x->node->column < y->node->column ? -1 : 1;
	return 0;
}

static int collect(const struct config *c, struct items *ret)
{
	int rc = 0;

	arena_init(&ret->arena, SIZE_MAX);
	for (size_t i = 0; i < c->policies_len && rc == 0; i++) {
		const struct doc_node *map = c->policies[i].map;

		rc = add_list(ret, map, "allow", VERDICT_ALLOW);
		if (rc == 0)
			rc = add_list(ret, map, "ask", VERDICT_ASK);
		if (rc == 0)
			rc = add_list(ret, map, "deny", VERDICT_DENY);
	}
	if (ret->len)
		qsort(ret->list, ret->len, sizeof(*ret->list), by_place);
	return rc;
}

static void items_done(struct items *items)
{
	arena_done(&items->arena);
	free(items->list);
}

/* Does what stands at s begin with the node as it is, in its quotes? Returns
 * how many octets that are, or 0.
 */
static size_t stands_as_is(struct slice s, const struct doc_node *node)
{
	size_t quote = node->plain ? 0 : 1;

	if (s.len < node->text.len + 2 * quote ||
	    (quote && s.ptr[0] != '"' && s.ptr[0] != '\'') ||
	    !slice_starts(slice_skip(s, quote), node->text) ||
	    (quote && s.ptr[quote + node->text.len] != s.ptr[0]))
		return 0;
	return node->text.len + 2 * quote;
}

/* What YAML would read otherwise without quotes, in a list in brackets too. */
static bool needs_quotes(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i],
		     next = i + 1 < text.len ? text.ptr[i + 1] : ' ';

		if (memchr("[]{},", c, 5) || (c == ':' && next == ' ') ||
		    (c == '#' && i && text.ptr[i - 1] == ' '))
			return true;
	}
	return false;
}

/* A text that stood plain as it is may go on to do so. */
static struct slice quote_for(struct slice was, const struct item *item)
{
	if (!item->node->plain)
		return slice_of(was.ptr, 1);
	if (needs_quotes(item->text) && !needs_quotes(item->node->text) &&
	    slice_find(item->text, '\'') < 0)
		return SLICE("'");
	return SLICE("");
}

/* The line with its rules anew. */
static size_t write_line(struct writer *w, struct slice line,
			 const struct items *items, size_t *at, uint32_t number)
{
	size_t from = 0, changed = 0;

	for (; *at < items->len && items->list[*at].node->line == number;
	     (*at)++) {
		const struct item *item = &items->list[*at];
		size_t begin = doc_octet(line, item->node->column);
		struct slice was = slice_skip(line, begin), quote;
		size_t len = stands_as_is(was, item->node);

		if (!len || begin < from ||
		    slice_eq(item->text, item->node->text))
			continue;
		quote = quote_for(was, item);
		put(w, slice_of(line.ptr + from, begin - from));
		put(w, quote);
		put(w, item->text);
		put(w, quote);
		from = begin + len;
		changed++;
	}
	put(w, slice_skip(line, from));
	return changed;
}

static size_t write_all(struct writer *w, struct slice text,
			const struct items *items)
{
	size_t at = 0, changed = 0;
	struct doc_lines lines = doc_lines(text);
	struct slice line, end;

	put(w, slice_of(text.ptr, lines.at));
	for (uint32_t number = 0; doc_next_line(&lines, &line, &end);
	     number++) {
		changed += write_line(w, line, items, &at, number);
		put(w, end);
	}
	return changed;
}

static bool same_rules(const struct items *a, const struct items *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (a->list[i].verdict != b->list[i].verdict ||
		    !slice_eq(a->list[i].text, b->list[i].text))
			return false;
	return true;
}

static int check_again(const char *name, struct slice text,
		       const struct items *items, struct config_error *ret_err)
{
	struct items again = { .list = NULL };
	struct config *c = NULL;
	int rc = config_parse_either(name, text, &c, ret_err);

	if (rc == 0)
		rc = collect(c, &again);
	if (rc == 0 && !same_rules(items, &again)) {
		const struct doc_source src = { name, text };

		doc_error(&src, 0, 0,
			  "rules of this file cannot be written so that they "
			  "read the same; put each on a line of its own",
			  ret_err);
		rc = ERR_SYNTAX;
	}
	items_done(&again);
	config_free(&c);
	return rc;
}

static int format(const char *name, struct slice text,
		  const struct items *items, struct fmt_result *ret,
		  struct config_error *ret_err)
{
	struct writer w = { .mem = malloc(text.len + 1), .cap = text.len + 1 };
	size_t changed;
	int rc;

	if (!w.mem)
		return -ENOMEM;
	changed = write_all(&w, text, items);
	rc = w.no_memory ? -ENOMEM
			 : check_again(name, slice_of(w.mem, w.len), items,
				       ret_err);
	if (rc < 0) {
		free(w.mem);
		return rc;
	}
	*ret = (struct fmt_result){ w.mem, w.len, items->len, changed };
	return 0;
}

int fmt_text(const char *name, struct slice text, struct fmt_result *ret,
	     struct config_error *ret_err)
{
	struct items items = { .list = NULL };
	struct config *c = NULL;
	int rc = config_parse_either(name, text, &c, ret_err);

	if (rc == 0)
		rc = collect(c, &items);
	if (rc == 0)
		rc = format(name, text, &items, ret, ret_err);
	items_done(&items);
	config_free(&c);
	return rc;
}
