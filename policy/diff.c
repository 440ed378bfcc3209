/* policy/diff.c - from one set of rules to another.
 *
 * Both are sorted by target, verdict and text and walked side by side. Of what
 * is left of one target, an old and a new rule are one change. What a change
 * does is told by a request that the rule is about, judged under both sets.
 */

#include "policy/diff.h"

#include <errno.h>
#include <stdlib.h>

#include "base/base.h"
#include "policy/rule.h"
#include "policy/ruleset.h"
#include "policy/text.h"

/* One set, sorted, and what is left of one target of it. */
struct side {
	const struct rule **rules; /* owned; each once */
	size_t len;
	size_t at;		  /* the walk stands here */
	const struct rule **left; /* owned */
	size_t left_len;
	struct policy *policy; /* owned */
};

struct diff {
	struct side was;
	struct side now;
	uint64_t now_s;
	unsigned int shown;
	diff_fn *fn;
	void *ctx;
};

/* Methods and target, without options. */
static struct slice target_of(const struct rule *rule)
{
	bool http = rule->scheme == RULE_HTTPS || rule->scheme == RULE_HTTP;
	struct slice text = rule_text(rule);
	size_t end = 0;

	for (size_t i = 0; end < text.len; end++)
		if (text.ptr[end] == ' ' && i++ == http)
			break;
	return slice_of(text.ptr, end);
}

static int compare(struct slice a, struct slice b)
{
	size_t len = MIN(a.len, b.len);
	int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_text(const void *a, const void *b)
{
	const struct rule *x = *(const struct rule *const *)a;
	const struct rule *y = *(const struct rule *const *)b;
	int order = compare(target_of(x), target_of(y));

	if (!order)
		order = (int)x->verdict - (int)y->verdict;
	return order ? order : compare(rule_text(x), rule_text(y));
}

static int side_init(struct side *s, const struct ruleset *rs)
{
	s->rules = reallocarray(NULL, rs->len + 1, sizeof(struct rule *));
	s->left = reallocarray(NULL, rs->len + 1, sizeof(struct rule *));
	if (!s->rules || !s->left || policy_compile(rs, &s->policy) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < rs->len; i++)
		s->rules[i] = rs->rules[i];
	if (rs->len)
		qsort(s->rules, rs->len, sizeof(struct rule *), by_text);
	for (size_t i = 0; i < rs->len; i++)
		if (!i || by_text(&s->rules[i - 1], &s->rules[i]))
			s->rules[s->len++] = s->rules[i];
	return 0;
}

static void side_done(struct side *s)
{
	policy_free(&s->policy);
	free(s->rules);
	free(s->left);
}

/* Text without wildcards: each star is an x. */
static struct slice put_sample(struct text *t, struct slice pattern)
{
	size_t from = t->len;

	for (size_t i = 0; i < pattern.len; i++)
		if (pattern.ptr[i] != '*')
			text_put_char(t, pattern.ptr[i]);
		else if (!i || pattern.ptr[i - 1] != '*')
			text_put_char(t, 'x');
	return text_since(t, from);
}

static struct slice sample_host(struct text *t, const struct rule *rule)
{
	size_t from = t->len;

	if (rule->host_kind == RULE_ANY_HOST)
		text_put_str(t, "x.example");
	else if (rule->host_kind == RULE_BELOW)
		text_put_str(t, "x.");
	text_put(t, rule_slice(rule, rule->host));
	return text_since(t, from);
}

static struct slice sample_method(const struct rule *rule)
{
	struct slice first, rest;

	if (rule->scheme != RULE_HTTPS && rule->scheme != RULE_HTTP)
		return SLICE("");
	(void)slice_cut(rule_slice(rule, rule->methods), ',', &first, &rest);
	if (rule->git)
		return SLICE("GET");
	/* Of any method one that a rule for reading does not cover. */
	return first.len ? first : SLICE("POST");
}

/* A request that the rule matches. */
static void sample(const struct rule *rule, struct text *t,
		   struct policy_question *ret)
{
	size_t from;

	ret->scheme = rule->scheme;
	ret->port = rule->port;
	ret->method = sample_method(rule);
	ret->host = sample_host(t, rule);
	if (!rule->path.len)
		return;
	from = t->len;
	(void)put_sample(t, rule_slice(rule, rule->path));
	if (rule->git) {
		if (t->mem[t->len - 1] == '/')
			t->mem[--t->len] = '\0';
		text_put_str(t, "/info/refs");
		ret->path = text_since(t, from);
		ret->query = rule->git == RULE_GIT_READ
				     ? SLICE("service=git-upload-pack")
				     : SLICE("service=git-receive-pack");
		return;
	}
	ret->path = text_since(t, from);
	ret->query = put_sample(t, rule_slice(rule, rule->query));
}

static void show(struct diff *d, struct diff_change *change)
{
	const struct rule *rule = change->now ? change->now : change->was;
	struct policy_question q = { .now_s = d->now_s };
	char mem[2 * RULE_LINE_MAX];
	struct text t = text_in(mem, sizeof(mem));
	struct policy_answer answer;

	assert(rule);
	if (d->shown++ >= DIFF_EXAMPLES_MAX) {
		d->fn(d->ctx, change);
		return;
	}
	sample(rule, &t, &q);
	policy_suggest(&q, change->example, sizeof(change->example));
	policy_judge(d->was.policy, &q, &answer);
	change->before = answer.verdict;
	policy_judge(d->now.policy, &q, &answer);
	change->after = answer.verdict;
	d->fn(d->ctx, change);
}

/* All that is left of one target. */
static void flush(struct diff *d)
{
	size_t len = MAX(d->was.left_len, d->now.left_len);

	for (size_t i = 0; i < len; i++) {
		struct diff_change change = {
			.was = i < d->was.left_len ? d->was.left[i] : NULL,
			.now = i < d->now.left_len ? d->now.left[i] : NULL,
		};

		if (!change.was)
			change.kind = DIFF_ADDED;
		else if (!change.now)
			change.kind = DIFF_REMOVED;
		else
			change.kind = change.was->verdict == change.now->verdict
					      ? DIFF_OPTIONS
					      : DIFF_VERDICT;
		show(d, &change);
	}
	d->was.left_len = d->now.left_len = 0;
}

static const struct rule *peek(const struct side *s)
{
	return s->at < s->len ? s->rules[s->at] : NULL;
}

static const struct rule *pending(const struct diff *d)
{
	return d->was.left_len	 ? d->was.left[0]
	       : d->now.left_len ? d->now.left[0]
				 : NULL;
}

static void keep(struct side *s)
{
	s->left[s->left_len++] = s->rules[s->at++];
}

static void walk(struct diff *d)
{
	for (;;) {
		const struct rule *a = peek(&d->was), *b = peek(&d->now);
		const struct rule *last = pending(d);
		int order = !a ? 1 : !b ? -1 : by_text(&a, &b);
		const struct rule *next = order <= 0 ? a : b;

		if (last &&
		    (!next || compare(target_of(last), target_of(next))))
			flush(d);
		if (!next)
			return;
		if (order < 0) {
			keep(&d->was);
		} else if (order > 0) {
			keep(&d->now);
		} else {
			d->was.at++;
			d->now.at++;
		}
	}
}

int diff_rules(const struct ruleset *was, const struct ruleset *now,
	       uint64_t now_s, diff_fn *fn, void *ctx)
{
	struct diff d = { .now_s = now_s, .fn = fn, .ctx = ctx };
	int rc = side_init(&d.was, was);

	if (rc == 0)
		rc = side_init(&d.now, now);
	if (rc == 0)
		walk(&d);
	side_done(&d.was);
	side_done(&d.now);
	return rc;
}
