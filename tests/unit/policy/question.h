/* What the tests of the judge share: policies out of lines, questions out of
 * URLs, answers as text.
 */
#ifndef TESTS_UNIT_POLICY_QUESTION_H
#define TESTS_UNIT_POLICY_QUESTION_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "policy/policy.h"

/* Lines of "verdict rule", NULL at the end. */
static inline struct policy *compile(const char *const *lines,
				     enum verdict fallback)
{
	struct ruleset *rs = NULL;
	struct policy *p = NULL;
	char where[32];

	assert_int_equal(ruleset_new(&rs), 0);
	ruleset_set_default(rs, fallback);
	for (size_t i = 0; lines[i]; i++) {
		struct rule_error err = { 0 };
		struct slice verdict, line;
		enum verdict v = VERDICT_ALLOW;

		slice_cut(slice_str(lines[i]), ' ', &verdict, &line);
		if (slice_eq(verdict, SLICE("deny")))
			v = VERDICT_DENY;
		else if (slice_eq(verdict, SLICE("ask")))
			v = VERDICT_ASK;
		(void)snprintf(where, sizeof(where), "test:%zu", i + 1);
		if (ruleset_add(rs, v, line, slice_str(where), &err) != 0)
			fail_msg("%s: %u: %s", lines[i], err.column, err.text);
	}
	assert_int_equal(policy_compile(rs, &p), 0);
	ruleset_free(&rs);
	return p;
}

/* "GET https://host/path?query", "tcp://host:port" as a question. */
static inline struct policy_question question(const char *text)
{
	static const uint16_t ports[] = { 443, 80, 443, 80, 0, 443 };
	struct policy_question q = { 0 };
	struct slice rest = slice_str(text), scheme, port;
	const char *colon = strstr(text, "://");

	assert_non_null(colon);
	if (memchr(text, ' ', (size_t)(colon - text)))
		slice_cut(rest, ' ', &q.method, &rest);
	slice_cut(rest, ':', &scheme, &rest);
	rest = slice_skip(rest, 2);
	for (int s = 0; s < RULE_SCHEMES; s++)
		if (slice_eq(scheme,
			     slice_str(rule_scheme_str((enum rule_scheme)s))))
			q.scheme = (enum rule_scheme)s;
	if (slice_cut(rest, '/', &q.host, &q.path))
		q.path = slice_of(q.path.ptr - 1, q.path.len + 1);
	slice_cut(q.path, '?', &q.path, &q.query);
	q.port = ports[q.scheme];
	if (q.host.len && q.host.ptr[0] == '[') {
		slice_cut(slice_skip(q.host, 1), ']', &q.host, &port);
		if (port.len)
			port = slice_skip(port, 1);
	} else {
		slice_cut(q.host, ':', &q.host, &port);
	}
	if (port.len)
		q.port = (uint16_t)strtoul(port.ptr, NULL, 10);
	return q;
}

static inline void look_nowhere(void *ctx, const struct rule *rule,
				bool matched, const char *why)
{
	unsigned int *count = ctx;

	assert_non_null(rule);
	assert_non_null(why);
	*count += matched;
}

struct expect {
	const char *question;
	const char *answer; /* "allow 1": the verdict, and the line or reason */
};

static inline void answer_text(const struct policy_answer *a, char ret[32])
{
	static const char *const reasons[] = {
		[POLICY_BY_RULE] = "rule",	 [POLICY_NO_RULE] = "none",
		[POLICY_BAD_PATH] = "path",	 [POLICY_READINGS] = "readings",
		[POLICY_BY_DEFAULT] = "default",
	};
	struct slice where = a->rule ? rule_where(a->rule) : SLICE("");

	assert_true((a->reason == POLICY_BY_RULE) == (a->rule != NULL));
	if (where.len)
		(void)snprintf(ret, 32, "%s %.*s", verdict_str(a->verdict),
			       (int)where.len - 5, where.ptr + 5);
	else
		(void)snprintf(ret, 32, "%s %s", verdict_str(a->verdict),
			       reasons[a->reason]);
}

static inline void check(const struct policy *p, const struct expect *rows,
			 size_t len)
{
	for (size_t i = 0; i < len; i++) {
		struct policy_question q = question(rows[i].question);
		struct policy_answer a, explained;
		unsigned int matched = 0;
		char text[32];

		policy_judge(p, &q, &a);
		answer_text(&a, text);
		if (strcmp(text, rows[i].answer) != 0)
			fail_msg("%s: %s, not %s", rows[i].question, text,
				 rows[i].answer);
		policy_explain(p, &q, look_nowhere, &matched, &explained);
		assert_ptr_equal(a.rule, explained.rule);
		assert_int_equal(a.verdict, explained.verdict);
		if (a.reason == POLICY_NO_RULE || a.reason == POLICY_READINGS)
			assert_int_equal(matched, 0);
		if (a.verdict != VERDICT_DENY)
			assert_true(policy_names_host(p, q.host, 0));
	}
}

#define CHECK(fallback, lines, rows)                                           \
	do {                                                                   \
		struct policy *p_ = compile((lines), (fallback));              \
		check(p_, (rows), ARRAY_SIZE(rows));                           \
		policy_free(&p_);                                              \
	} while (0)

#endif
