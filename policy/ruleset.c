/* policy/ruleset.c - rules as they were written, in order. */

#include "policy/ruleset.h"

#include <errno.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/err.h"
#include "policy/text.h"

int ruleset_new(struct ruleset **ret)
{
	struct ruleset *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return -ENOMEM;
	*ret = rs;
	return 0;
}

void ruleset_free(struct ruleset **rs)
{
	if (!*rs)
		return;
	for (size_t i = 0; i < (*rs)->len; i++)
		rule_free(&(*rs)->rules[i]);
	free((*rs)->rules);
	free(*rs);
	*rs = NULL;
}

static int reserve(struct ruleset *rs)
{
	size_t cap = rs->cap ? rs->cap * 2 : 16;
	struct rule **grown;

	if (rs->len == RULES_MAX)
		return ERR_LIMIT;
	if (rs->len < rs->cap)
		return 0;
	grown = reallocarray(rs->rules, cap, sizeof(struct rule *));
	if (!grown)
		return -ENOMEM;
	rs->rules = grown;
	rs->cap = cap;
	return 0;
}

int ruleset_add(struct ruleset *rs, enum verdict verdict, struct slice line,
		struct slice where, struct rule_error *ret_err)
{
	const struct rule_source source = { verdict, where, rs->now_s };
	int rc = reserve(rs);

	if (rc == 0)
		rc = rule_new(&source, line, &rs->rules[rs->len], ret_err);
	if (rc < 0)
		return rc;
	rs->len++;
	return 0;
}

int ruleset_append(struct ruleset *to, const struct ruleset *from)
{
	struct rule_error err;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < from->len; i++)
		rc = ruleset_add(to, from->rules[i]->verdict,
				 rule_text(from->rules[i]),
				 rule_where(from->rules[i]), &err);
	if (rc == 0 && from->has_default)
		ruleset_set_default(to, from->fallback);
	return rc;
}

void ruleset_set_clock(struct ruleset *rs, uint64_t now_s)
{
	rs->now_s = now_s;
}

void ruleset_set_default(struct ruleset *rs, enum verdict verdict)
{
	if (!rs->has_default || verdict < rs->fallback)
		rs->fallback = verdict;
	rs->has_default = true;
}

enum verdict ruleset_default(const struct ruleset *rs)
{
	return rs->fallback;
}

size_t ruleset_len(const struct ruleset *rs)
{
	return rs->len;
}

const struct rule *ruleset_at(const struct ruleset *rs, size_t i)
{
	assert(i < rs->len);
	return rs->rules[i];
}

const char *verdict_str(enum verdict v)
{
	static const char *const names[] = {
		[VERDICT_DENY] = "deny",
		[VERDICT_ASK] = "ask",
		[VERDICT_ALLOW] = "allow",
	};

	assert(v < ARRAY_SIZE(names));
	return names[v];
}

bool verdict_read(struct slice text, enum verdict *ret)
{
	for (int v = VERDICT_DENY; v <= VERDICT_ALLOW; v++) {
		if (!slice_eq(text, slice_str(verdict_str((enum verdict)v))))
			continue;
		*ret = (enum verdict)v;
		return true;
	}
	return false;
}

int ruleset_print(const struct ruleset *rs, char **ret, size_t *ret_len)
{
	size_t size = 32;
	struct text t;
	char *mem;

	for (size_t i = 0; i < rs->len; i++)
		size += rs->rules[i]->text_len + rs->rules[i]->where_len + 16u;
	mem = malloc(size);
	if (!mem)
		return -ENOMEM;
	t = text_in(mem, size);
	text_put_str(&t, "default ");
	text_put_str(&t, rs->has_default ? verdict_str(rs->fallback) : "unset");
	text_put_char(&t, '\n');
	for (size_t i = 0; i < rs->len; i++) {
		text_put_str(&t, verdict_str(rs->rules[i]->verdict));
		text_put_char(&t, '\t');
		text_put(&t, rule_where(rs->rules[i]));
		text_put_char(&t, '\t');
		text_put(&t, rule_text(rs->rules[i]));
		text_put_char(&t, '\n');
	}
	assert(!t.cut);
	*ret = mem;
	*ret_len = t.len;
	return 0;
}

static int parse_rule_line(struct ruleset *rs, struct slice line,
			   struct rule_error *ret_err)
{
	struct slice verdict, where, rest;
	enum verdict v;
	int rc;

	if (!slice_cut(line, '\t', &verdict, &rest) ||
	    !verdict_read(verdict, &v) || !slice_cut(rest, '\t', &where, &rest))
		return rule_fail(ret_err, 0,
				 "expected verdict, TAB, where, TAB, rule",
				 SLICE(""));
	rc = ruleset_add(rs, v, rest, where, ret_err);
	if (rc == ERR_SYNTAX)
		ret_err->column += (unsigned int)(rest.ptr - line.ptr);
	return rc;
}

static int parse_lines(struct ruleset *rs, struct slice text,
		       struct rule_error *ret_err)
{
	struct slice line;
	enum verdict v;
	int rc = 0;

	(void)slice_cut(text, '\n', &line, &text);
	if (slice_starts(line, SLICE("default ")) &&
	    verdict_read(slice_skip(line, sizeof("default ") - 1), &v))
		ruleset_set_default(rs, v);
	else if (!slice_eq(line, SLICE("default unset")))
		return rule_fail(ret_err, 0, "expected default VERDICT",
				 SLICE(""));
	while (rc == 0 && text.len) {
		(void)slice_cut(text, '\n', &line, &text);
		rc = parse_rule_line(rs, line, ret_err);
	}
	return rc;
}

int ruleset_parse(struct slice text, struct ruleset **ret,
		  struct rule_error *ret_err)
{
	struct ruleset *rs = NULL;
	int rc = ruleset_new(&rs);

	if (rc < 0)
		return rc;
	rc = parse_lines(rs, text, ret_err);
	if (rc < 0) {
		ruleset_free(&rs);
		return rc;
	}
	*ret = rs;
	return 0;
}
