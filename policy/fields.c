/* policy/fields.c - the keys of a map, and what stands behind them. */

#include "policy/fields.h"

#include "base/base.h"
#include "policy/name.h"
#include "policy/near.h"
#include "policy/text.h"

void load_fail(struct load *l, const struct doc_node *node, size_t at,
	       const char *what)
{
	struct config_error err;

	assert(node);
	if (l->errors++ >= LOAD_ERRORS_MAX)
		return;
	doc_error(l->src, node->line,
		  at ? doc_column(l->src, node, at) : node->column, what, &err);
	if (l->errors == 1)
		*l->err = err;
	if (l->fn)
		l->fn(l->ctx, &err);
}

void load_fail_name(struct load *l, const struct doc_node *node,
		    const char *what, const char *suggestion)
{
	char mem[256];
	struct text t = text_in(mem, sizeof(mem));

	text_put_str(&t, what);
	if (suggestion) {
		text_put_str(&t, "; did you mean ");
		text_put_str(&t, suggestion);
		text_put_str(&t, "?");
	}
	load_fail(l, node, 0, mem);
}

bool fields_is_empty(const struct doc_node *node)
{
	return node->kind == DOC_SCALAR && node->plain && !node->text.len;
}

const struct doc_node *fields_get(const struct doc_node *map, const char *key)
{
	const struct doc_node *n =
		map && map->kind == DOC_MAP ? map->first : NULL;

	for (; n; n = n->next->next)
		if (n->kind == DOC_SCALAR && slice_eq(n->text, slice_str(key)))
			return n->next;
	return NULL;
}

static bool is_repeated(const struct doc_node *map, const struct doc_node *key)
{
	for (const struct doc_node *n = map->first; n != key; n = n->next->next)
		if (n->kind == DOC_SCALAR && slice_eq(n->text, key->text))
			return true;
	return false;
}

bool fields_key(struct load *l, const struct doc_node *map,
		const struct doc_node *key)
{
	if (key->kind != DOC_SCALAR)
		load_fail(l, key, 0, "expected a key");
	else if (is_repeated(map, key))
		load_fail(l, key, 0, "the key stands twice");
	else
		return true;
	return false;
}

bool fields_are_map(struct load *l, const struct doc_node *node)
{
	if (node->kind == DOC_MAP)
		return true;
	if (!fields_is_empty(node))
		load_fail(l, node, 0, "expected keys and values");
	return false;
}

void fields_map(struct load *l, const struct doc_node *map,
		const struct field *fields, size_t len)
{
	if (!fields_are_map(l, map))
		return;
	for (const struct doc_node *k = map->first;
	     k && l->errors < LOAD_ERRORS_MAX; k = k->next->next) {
		struct near near;
		size_t i = 0;

		if (!fields_key(l, map, k))
			continue;
		while (i < len && strcmp(k->text.ptr, fields[i].key) != 0)
			i++;
		if (i < len) {
			fields[i].read(l, k->next);
			continue;
		}
		near = near_begin(k->text.ptr);
		for (i = 0; i < len; i++)
			near_try(&near, fields[i].key);
		load_fail_name(l, k, "unknown key", near.found);
	}
}

bool fields_scalar(struct load *l, const struct doc_node *node)
{
	if (node->kind == DOC_SCALAR && !fields_is_empty(node))
		return true;
	load_fail(l, node, 0, "expected a value");
	return false;
}

void fields_each(struct load *l, const struct doc_node *node, field_read_fn *fn)
{
	if (fields_is_empty(node))
		return;
	if (node->kind == DOC_SCALAR) {
		fn(l, node);
		return;
	}
	if (node->kind == DOC_MAP) {
		load_fail(l, node, 0, "expected a list");
		return;
	}
	for (const struct doc_node *n = node->first;
	     n && l->errors < LOAD_ERRORS_MAX; n = n->next)
		if (fields_scalar(l, n))
			fn(l, n);
}

void fields_strings(struct load *l, const struct doc_node *node,
		    field_read_fn *check, const char *const **ret,
		    size_t *ret_len)
{
	size_t len = 0;
	const char **list;

	fields_each(l, node, check);
	if (node->kind == DOC_MAP || fields_is_empty(node))
		return;
	for (const struct doc_node *n = node->first; n; n = n->next)
		len++;
	list = arena_alloc(&l->c->arena, (len + 1) * sizeof(*list));
	if (!list) {
		l->no_memory = true;
		return;
	}
	*ret = list;
	*ret_len = node->kind == DOC_SCALAR ? 1 : len;
	list[0] = node->kind == DOC_SCALAR ? node->text.ptr : NULL;
	for (const struct doc_node *n = node->first; n; n = n->next)
		*list++ = n->kind == DOC_SCALAR ? n->text.ptr : "";
}

bool fields_name(struct load *l, const struct doc_node *node)
{
	size_t at = 0;
	const char *fault = name_fault(node->text, &at);

	if (fault)
		load_fail(l, node, at, fault);
	return !fault;
}

void fields_file(struct load *l, const struct doc_node *node)
{
	if (node->text.ptr[0] != '/')
		load_fail(l, node, 0, "expected a file, from the root: /…");
}

size_t fields_count(struct load *l, const struct doc_node *map)
{
	size_t len = 0;

	for (const struct doc_node *k = map->first; k; k = k->next->next)
		len++;
	if (len <= CONFIG_NAMES_MAX)
		return len;
	load_fail(l, map, 0, "more than 1000 names");
	return 0;
}
