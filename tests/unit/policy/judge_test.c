/* The compiled judge: the words of the language one by one, then thousands of
 * generated questions against a judge of a few naive lines.
 */

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
static struct policy *compile(const char *const *lines, enum verdict fallback)
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
static struct policy_question question(const char *text)
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

static void look_nowhere(void *ctx, const struct rule *rule, bool matched,
			 const char *why)
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

static void answer_text(const struct policy_answer *a, char ret[32])
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

static void check(const struct policy *p, const struct expect *rows, size_t len)
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
			assert_true(policy_names_host(p, q.host));
	}
}

#define CHECK(fallback, lines, rows)                                           \
	do {                                                                   \
		struct policy *p_ = compile((lines), (fallback));              \
		check(p_, (rows), ARRAY_SIZE(rows));                           \
		policy_free(&p_);                                              \
	} while (0)

static void test_segments(void **state)
{
	static const char *const lines[] = {
		"allow GET https://api.example.com/repos/acme/**",
		"allow GET https://api.example.com/users/*/keys",
		"allow GET https://api.example.com/v*.json",
		"allow GET https://api.example.com/a/**/z",
		"allow POST https://api.example.com/",
		NULL,
	};
	static const struct expect rows[] = {
		{ "GET https://api.example.com/repos/acme", "allow 1" },
		{ "HEAD https://api.example.com/repos/acme/x", "allow 1" },
		{ "GET https://api.example.com/repos/acme/", "allow 1" },
		{ "GET https://api.example.com/repos/acme-evil", "deny none" },
		{ "GET https://api.example.com/repos/acm", "deny none" },
		{ "GET https://api.example.com/repos", "deny none" },
		{ "POST https://api.example.com/repos/acme", "deny none" },
		{ "get https://api.example.com/repos/acme", "deny none" },
		{ "GET https://api.example.com:8443/repos/acme", "deny none" },
		{ "GET http://api.example.com/repos/acme", "deny none" },
		{ "GET https://example.com/repos/acme", "deny none" },
		{ "GET https://x.api.example.com/repos/acme", "deny none" },
		{ "GET https://api.example.com/users/me/keys", "allow 2" },
		{ "GET https://api.example.com/users//keys", "deny none" },
		{ "GET https://api.example.com/users/a/b/keys", "deny none" },
		{ "GET https://api.example.com/v1.json", "allow 3" },
		{ "GET https://api.example.com/v.json", "allow 3" },
		{ "GET https://api.example.com/v1.jsonx", "deny none" },
		{ "GET https://api.example.com/v/1.json", "deny none" },
		{ "GET https://api.example.com/a/z", "allow 4" },
		{ "GET https://api.example.com/a/b/c/z", "allow 4" },
		{ "GET https://api.example.com/a/b/c/z/y", "deny none" },
		{ "POST https://api.example.com/", "allow 5" },
		{ "POST https://api.example.com/x", "deny none" },
	};

	(void)state;
	CHECK(VERDICT_DENY, lines, rows);
}

static void test_readings(void **state)
{
	static const char *const lines[] = {
		"allow any https://open.example/**",
		"deny any https://open.example/admin/**",
		"allow GET https://npm.example/@scope%2fname",
		"allow GET https://npm.example/api/*/raw",
		"allow GET https://strict.example/dir/",
		"allow any https://held.example/**",
		"ask any https://held.example/admin/*",
		"ask any https://only.example/admin/*",
		"allow GET https://star.example/a%2ab",
		NULL,
	};
	static const struct expect rows[] = {
		{ "GET https://open.example/x%2fy", "allow 1" },
		{ "GET https://open.example/admin", "deny 2" },
		{ "GET https://open.example/%61dmin/x", "deny 2" },
		{ "GET https://open.example/admin%2fx", "deny 2" },
		{ "GET https://open.example/%2fadmin/x", "deny 2" },
		{ "GET https://open.example//admin/x", "deny 2" },
		{ "GET https://open.example/admin%5cx", "deny 2" },
		{ "GET https://open.example/admin/", "deny 2" },
		{ "GET https://open.example/administrator", "allow 1" },
		{ "GET https://npm.example/@scope%2fname", "allow 3" },
		{ "GET https://npm.example/@scope%2Fname", "allow 3" },
		{ "GET https://npm.example/%40scope%2Fname", "allow 3" },
		{ "GET https://npm.example/@scope/name", "deny readings" },
		{ "GET https://npm.example/@scope%252fname", "deny none" },
		{ "GET https://npm.example/api/x/raw", "allow 4" },
		{ "GET https://npm.example/api/x%2fy/raw", "deny readings" },
		{ "GET https://npm.example/api%2fx/raw", "deny readings" },
		{ "GET https://strict.example/dir/", "allow 5" },
		{ "GET https://strict.example/dir", "deny readings" },
		{ "GET https://held.example/x", "allow 6" },
		{ "GET https://held.example/admin/x", "ask 7" },
		{ "GET https://held.example/admin%2fx", "ask 7" },
		{ "GET https://only.example/admin%2fx", "deny readings" },
		{ "GET https://only.example/admin/x", "ask 8" },
		{ "GET https://star.example/a*b", "allow 9" },
		{ "GET https://star.example/a%2Ab", "allow 9" },
		{ "GET https://star.example/axb", "deny none" },
	};

	(void)state;
	CHECK(VERDICT_DENY, lines, rows);
}

/* What has no safe reading is denied whatever the rules say. */
static void test_bad_paths(void **state)
{
	static const char *const lines[] = { "allow any https://*/**", NULL };
	static const char *const bad[] = {
		"/a/../b",
		"/..",
		"/.",
		"/a/.",
		"/a/./b",
		"/%2e%2e/b",
		"/.%2E/b",
		"/%252e%252e/b",
		"/%25252e%25252e/b",
		"/a/..%2fb",
		"/a/..%5cb",
		"/a%2f..%2fb",
		"/a%5c..%5cb",
		"/a/..;/b",
		"/a/..;v=1/b",
		"/a/.%3b/b",
		"/a/..%253b/b",
		"/a\\b",
		"/a#b",
		"/a b",
		"/a\x01",
		"/a\x7f",
		"/a\xc3\xbc",
		"/a%",
		"/a%2",
		"/a%2x",
		"/a%00",
		"/a%2500",
		"/a%%32%35",
		"a",
		"*",
		"",
	};
	static const char *const good[] = {
		"/",	  "/...",
		"/.git",  "/a..b",
		"/a/..b", "/a;v=1/b",
		"/%ff",	  "/a%20b",
		"/%25",	  "/%2525",
		"/a//b",  "/a%0a",
		"/a%3fb", "/~a/!$&'()*+,=:@",
	};
	struct policy *p = compile(lines, VERDICT_ALLOW);
	struct policy_answer a;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct policy_question q = question("GET https://h.example/");

		q.path = slice_str(bad[i]);
		policy_judge(p, &q, &a);
		if (a.verdict != VERDICT_DENY || a.reason != POLICY_BAD_PATH)
			fail_msg("passed: %s", bad[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct policy_question q = question("GET https://h.example/");

		q.path = slice_str(good[i]);
		policy_judge(p, &q, &a);
		if (a.verdict != VERDICT_ALLOW)
			fail_msg("refused: %s", good[i]);
	}
	policy_free(&p);
}

static void test_limits(void **state)
{
	static const char *const lines[] = { "allow any https://*/**", NULL };
	struct policy *p = compile(lines, VERDICT_DENY);
	struct policy_question q = question("GET https://h.example/");
	struct policy_answer a;
	char path[8193];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	q.path = slice_of(path, 8192);
	policy_judge(p, &q, &a);
	assert_int_equal(a.verdict, VERDICT_ALLOW);
	q.path = slice_of(path, 8193);
	policy_judge(p, &q, &a);
	assert_int_equal(a.reason, POLICY_BAD_PATH);
	for (size_t i = 0; i < 258; i += 2)
		path[i] = '/';
	q.path = slice_of(path, 256);
	policy_judge(p, &q, &a);
	assert_int_equal(a.verdict, VERDICT_ALLOW);
	q.path = slice_of(path, 258);
	policy_judge(p, &q, &a);
	assert_int_equal(a.reason, POLICY_BAD_PATH);
	policy_free(&p);
}

static void test_hosts(void **state)
{
	static const char *const lines[] = {
		"allow any *.below.example", "allow any .tree.example",
		"allow any 192.0.2.7",	     "allow any [2001:db8::7]",
		"allow tcp://10.0.0.0/9:22", "allow tcp://[fd00:7::/33]:22",
		"deny tcp://10.1.0.0/16:22", "allow tcp://name.example:22",
		"allow tls://pin.example",   NULL,
	};
	static const struct expect rows[] = {
		{ "GET https://a.below.example/", "allow 1" },
		{ "GET https://a.b.c.below.example/", "allow 1" },
		{ "GET https://below.example/", "deny none" },
		{ "GET https://abelow.example/", "deny none" },
		{ "GET https://tree.example/", "allow 2" },
		{ "GET https://a.b.tree.example/", "allow 2" },
		{ "GET https://atree.example/", "deny none" },
		{ "GET https://192.0.2.7/", "allow 3" },
		{ "GET https://192.0.2.8/", "deny none" },
		{ "GET https://[2001:db8::7]/", "allow 4" },
		{ "GET https://[2001:db8:0:0::7]/", "allow 4" },
		{ "GET https://[2001:db8::8]/", "deny none" },
		{ "tcp://10.127.255.255:22", "allow 5" },
		{ "tcp://10.128.0.0:22", "deny none" },
		{ "tcp://10.0.0.1:23", "deny none" },
		{ "tcp://[fd00:7:7fff::1]:22", "allow 6" },
		{ "tcp://[fd00:7:8000::1]:22", "deny none" },
		{ "tcp://10.1.2.3:22", "deny 7" },
		{ "tcp://name.example:22", "allow 8" },
		{ "tcp://name.example:23", "deny none" },
		{ "tls://pin.example", "allow 9" },
		{ "GET https://pin.example/", "deny none" },
	};

	(void)state;
	CHECK(VERDICT_DENY, lines, rows);
}

static void test_names_host(void **state)
{
	static const char *const lines[] = {
		"allow GET https://a.example/x",
		"ask any *.b.example",
		"deny any https://d.example/**",
		"allow tcp://.t.example:22",
		NULL,
	};
	static const char *const all[] = { "allow tcp://*:22", NULL };
	static const char *const yes[] = { "a.example", "x.b.example",
					   "t.example", "x.y.t.example" };
	static const char *const no[] = { "",
					  "example",
					  "b.example",
					  "d.example",
					  "x.a.example",
					  "a.example.com",
					  "..",
					  "." };
	struct policy *p = compile(lines, VERDICT_DENY);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		assert_true(policy_names_host(p, slice_str(yes[i])));
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_false(policy_names_host(p, slice_str(no[i])));
	policy_free(&p);
	p = compile(all, VERDICT_DENY);
	assert_true(policy_names_host(p, SLICE("whatever")));
	policy_free(&p);
	p = compile(all + 1, VERDICT_ALLOW);
	assert_true(policy_names_host(p, SLICE("whatever")));
	policy_free(&p);
}

static void test_schemes(void **state)
{
	static const char *const lines[] = {
		"allow GET https://h.example/**",
		"allow wss://w.example/v1/**",
		"allow wss://d.example/**",
		"deny GET https://d.example/secret/**",
		"deny POST https://d.example/post/**",
		"allow PROPFIND,GET https://m.example/**",
		NULL,
	};
	static const struct expect rows[] = {
		{ "GET wss://h.example/x", "deny none" },
		{ "GET wss://w.example/v1/x", "allow 2" },
		{ "CONNECT wss://w.example/v1/x", "allow 2" },
		{ "GET https://w.example/v1/x", "deny none" },
		{ "GET ws://w.example:443/v1/x", "deny none" },
		{ "GET wss://d.example/x", "allow 3" },
		{ "GET wss://d.example/secret/x", "deny 4" },
		{ "CONNECT wss://d.example/secret/x", "deny 4" },
		{ "GET wss://d.example/post/x", "allow 3" },
		{ "PROPFIND https://m.example/x", "allow 6" },
		{ "HEAD https://m.example/x", "allow 6" },
		{ "MKCOL https://m.example/x", "deny none" },
	};

	(void)state;
	CHECK(VERDICT_DENY, lines, rows);
}

static void test_strictest(void **state)
{
	static const char *const lines[] = {
		"allow any https://h.example/a/b/c",
		"ask any https://h.example/a/b/**",
		"deny any https://h.example/a/b/c/d",
		"deny GET *",
		NULL,
	};
	static const struct expect rows[] = {
		{ "POST https://h.example/a/b/c", "ask 2" },
		{ "POST https://h.example/a/b/c/d", "deny 3" },
		{ "GET https://h.example/a/b/c/d", "deny 3" },
		{ "GET https://h.example/", "deny 4" },
		{ "POST https://h.example/", "deny none" },
	};
	static const char *const blocks[] = { "deny any *.bad.example",
					      "ask any x.example/q/**", NULL };
	static const struct expect open[] = {
		{ "GET https://good.example/", "allow default" },
		{ "tcp://good.example:22", "allow default" },
		{ "GET https://very.bad.example/", "deny 1" },
		{ "GET https://x.example/q/1", "ask 2" },
		{ "GET https://x.example/q%2f1", "ask 2" },
	};

	(void)state;
	CHECK(VERDICT_DENY, lines, rows);
	CHECK(VERDICT_ALLOW, blocks, open);
}

static void test_specific(void **state)
{
	static const char *const lines[] = {
		"allow any *",
		"allow any *.example",
		"allow any .h.example",
		"allow any h.example",
		"allow GET h.example",
		"allow any h.example/a/**",
		"allow any h.example/a/**",
		"allow any h.example/a/**?k=*",
		"allow any h.example/a/b/*",
		NULL,
	};
	static const struct expect rows[] = {
		{ "GET https://other/", "allow 1" },
		{ "GET https://x.example/", "allow 2" },
		{ "GET https://x.h.example/", "allow 3" },
		{ "POST https://h.example/", "allow 4" },
		{ "GET https://h.example/", "allow 5" },
		{ "GET https://h.example/a", "allow 6" },
		{ "GET https://h.example/a?k=1", "allow 8" },
		{ "GET https://h.example/a/b/c?k=1", "allow 9" },
	};

	(void)state;
	CHECK(VERDICT_DENY, lines, rows);
}

static void test_query(void **state)
{
	static const char *const lines[] = {
		"allow GET https://h.example/a?service=git-*&v=2",
		"allow any https://d.example/**",
		"deny any https://d.example/**?action=delete*",
		NULL,
	};
	static const struct expect rows[] = {
		{ "GET https://h.example/a?service=git-x&v=2", "allow 1" },
		{ "GET https://h.example/a?v=2&more=1&service=git-",
		  "allow 1" },
		{ "GET https://h.example/a?service=git%2dx&%76=2", "allow 1" },
		{ "GET https://h.example/a?service=git-x", "deny none" },
		{ "GET https://h.example/a?service=gitx&v=2", "deny none" },
		{ "GET https://h.example/a?service=git-x&v=2&v=3",
		  "deny none" },
		{ "GET https://h.example/a", "deny none" },
		{ "GET https://d.example/a?action=list", "allow 2" },
		{ "GET https://d.example/a?action=delete", "deny 3" },
		{ "GET https://d.example/a?%61ction=%64elete+all", "deny 3" },
		{ "GET https://d.example/a?x=1;action=delete", "deny 3" },
		{ "GET https://d.example/a?action=x&action=delete", "deny 3" },
		{ "GET https://d.example/a?actions=delete", "allow 2" },
	};

	(void)state;
	CHECK(VERDICT_DENY, lines, rows);
}

static void test_git(void **state)
{
	static const char *const lines[] = {
		"allow git:read https://g.example/acme/*",
		"allow git:write https://g.example/own/site",
		"allow git:read http://plain.example",
		"allow git:read https://x.example/a/b.git",
		"allow git:read https://ro.example",
		"deny git:write https://ro.example",
		"ask git:write https://ro.example/ask/*",
		NULL,
	};
	static const struct expect rows[] = {
		{ "GET https://g.example/acme/x/info/refs"
		  "?service=git-upload-pack",
		  "allow 1" },
		{ "GET https://g.example/acme/x.git/info/refs"
		  "?service=git-upload-pack",
		  "allow 1" },
		{ "POST https://g.example/acme/x/git-upload-pack", "allow 1" },
		{ "POST https://g.example/acme/x.git/info/lfs/objects/batch",
		  "allow 1" },
		{ "GET https://g.example/acme/x/info/refs", "deny none" },
		{ "GET https://g.example/acme/x/info/refs"
		  "?service=git-receive-pack",
		  "deny none" },
		{ "GET https://g.example/acme/x/info/refs"
		  "?service=git-upload-pack&service=git-receive-pack",
		  "deny none" },
		{ "POST https://g.example/acme/x/git-receive-pack",
		  "deny none" },
		{ "POST https://g.example/acme/x/y/git-upload-pack",
		  "deny none" },
		{ "GET https://g.example/acme/x", "deny none" },
		{ "GET https://g.example/own/site.git/info/refs"
		  "?service=git-receive-pack",
		  "allow 2" },
		{ "POST https://g.example/own/site/git-receive-pack",
		  "allow 2" },
		{ "POST https://g.example/own/site.git/git-upload-pack",
		  "allow 2" },
		{ "POST https://g.example/own/site2/git-upload-pack",
		  "deny none" },
		{ "POST http://plain.example/a/b/c.git/git-upload-pack",
		  "allow 3" },
		{ "POST https://plain.example/a.git/git-upload-pack",
		  "deny none" },
		{ "POST https://x.example/a/b/git-upload-pack", "allow 4" },
		{ "POST https://x.example/a/b.git/git-upload-pack", "allow 4" },
		{ "POST https://x.example/a/b.git.git/git-upload-pack",
		  "deny none" },
		{ "POST https://ro.example/a/git-upload-pack", "allow 5" },
		{ "POST https://ro.example/a/git-receive-pack", "deny 6" },
	};

	(void)state;
	CHECK(VERDICT_DENY, lines, rows);
}

static void test_suggest(void **state)
{
	static const struct expect rows[] = {
		{ "POST https://api.example.com/gists?x=1",
		  "POST https://api.example.com/gists" },
		{ "GET http://h.example:8080/a%2fb",
		  "GET http://h.example:8080/a%2fb" },
		{ "GET https://h.example/a/**/*b",
		  "GET https://h.example/a/%2a%2a/%2ab" },
		{ "tcp://h.example:22", "tcp://h.example:22" },
		{ "tls://h.example", "tls://h.example" },
		{ "tcp://[2001:db8::1]:22", "tcp://[2001:db8::1]:22" },
		{ "GET wss://h.example/v1", "wss://h.example/v1" },
		{ "g\033t https://h.example/", "any https://h.example/" },
		{ "GET https://h.example/a\033b", "" },
		{ "GET https://h.example/a/../b", "" },
		{ "GET https://h\n.example/", "" },
		{ "GET https://*/x", "" },
		{ "GET https://.example/x", "" },
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct policy_question q = question(rows[i].question);
		const char *lines[2] = { 0 };
		struct policy_answer a;
		struct policy *p;
		char line[300];

		policy_suggest(&q, text, sizeof(text));
		assert_string_equal(text, rows[i].answer);
		if (!*text)
			continue;
		/* And the rule does what it was suggested for. */
		(void)snprintf(line, sizeof(line), "allow %s", text);
		lines[0] = line;
		p = compile(lines, VERDICT_DENY);
		policy_judge(p, &q, &a);
		assert_int_equal(a.verdict, VERDICT_ALLOW);
		policy_free(&p);
	}
	memset(text, 'x', sizeof(text));
	{
		struct policy_question q = question(rows[0].question);

		policy_suggest(&q, text, 10);
		assert_string_equal(text, "POST http");
	}
}

/* A pattern and a path made to backtrack end at once. */
static void test_adversarial(void **state)
{
	char line[2048] = "allow any https://h.example/", path[8192];
	const char *const lines[] = { line, NULL };
	struct policy_question q = question("GET https://h.example/");
	struct policy_answer a;
	struct policy *p;
	size_t len = strlen(line);

	(void)state;
	for (; len < 900; len += 2)
		memcpy(line + len, "*a", 3);
	memcpy(line + len, "*b", 3);
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	q.path = slice_of(path, sizeof(path));
	p = compile(lines, VERDICT_DENY);
	policy_judge(p, &q, &a);
	assert_int_equal(a.verdict, VERDICT_DENY);
	policy_free(&p);

	len = strlen("allow any https://h.example");
	for (; len < 320; len += 5)
		memcpy(line + len, "/**/a", 6);
	memcpy(line + len, "/b", 3);
	for (size_t i = 0; i < 256; i += 2)
		path[i] = '/';
	q.path = slice_of(path, 256);
	p = compile(lines, VERDICT_DENY);
	policy_judge(p, &q, &a);
	assert_int_equal(a.verdict, VERDICT_DENY);
	policy_free(&p);
}

/* The naive judge: plain paths, literal segments, "*" and "**" by recursion. */
static bool naive_path(const char *pattern, const char *path)
{
	size_t n = strcspn(pattern, "/"), m = strcspn(path, "/");

	if (n == 2 && !memcmp(pattern, "**", 2)) {
		if (!pattern[n] || naive_path(pattern + n + 1, path))
			return true;
		return path[m] && naive_path(pattern, path + m + 1);
	}
	if (!(n == 1 && pattern[0] == '*' && m) &&
	    !(n == m && !memcmp(pattern, path, n)))
		return false;
	if (!pattern[n])
		return !path[m];
	if (!path[m]) {
		for (pattern += n; !strncmp(pattern, "/**", 3);)
			pattern += 3;
		return !*pattern;
	}
	return naive_path(pattern + n + 1, path + m + 1);
}

static bool naive_host(const char *pattern, const char *host)
{
	size_t n = strlen(pattern), m = strlen(host);

	if (!strcmp(pattern, "*"))
		return true;
	if (!strncmp(pattern, "*.", 2))
		return m > n - 1 && !strcmp(host + m - (n - 1), pattern + 1);
	if (pattern[0] == '.')
		return !strcmp(host, pattern + 1) ||
		       (m > n && !strcmp(host + m - n, pattern));
	return !strcmp(host, pattern);
}

struct naive_rule {
	enum verdict verdict;
	const char *method;
	char host[32];
	char path[32];
};

static uint32_t random_state = 1;

static uint32_t rnd(uint32_t below)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % below;
}

static void random_words(char *ret, const char *const *words, uint32_t count,
			 const char *joint)
{
	uint32_t len = 1 + rnd(3);

	ret[0] = '\0';
	for (uint32_t i = 0; i < len; i++) {
		size_t at = strlen(ret);

		(void)snprintf(ret + at, 32 - at, "%s%s", i ? joint : "",
			       words[rnd(count)]);
	}
}

static const char *const methods[] = { "any", "GET", "POST", "HEAD" };

static void random_rule(struct naive_rule *r)
{
	static const char *const hosts[] = { "a", "b", "c" };
	static const char *const fronts[] = { "", "", "*.", "." };
	static const char *const segs[] = { "x", "y", "*", "**", "xy" };
	char name[32];

	r->verdict = (enum verdict)rnd(3);
	r->method = methods[rnd(3)];
	random_words(name, hosts, 3, ".");
	(void)snprintf(r->host, sizeof(r->host), "%s%s", fronts[rnd(4)], name);
	random_words(r->path, segs, 5, "/");
}

static enum verdict naive_judge(const struct naive_rule *rules, size_t len,
				const char *method, const char *host,
				const char *path)
{
	bool seen[3] = { false };

	for (size_t i = 0; i < len; i++) {
		const char *m = rules[i].method;
		bool head = !strcmp(m, "GET") && !strcmp(method, "HEAD");

		if ((!strcmp(m, "any") || !strcmp(m, method) || head) &&
		    naive_host(rules[i].host, host) &&
		    naive_path(rules[i].path, path))
			seen[rules[i].verdict] = true;
	}
	if (seen[VERDICT_DENY])
		return VERDICT_DENY;
	if (seen[VERDICT_ASK])
		return VERDICT_ASK;
	return seen[VERDICT_ALLOW] ? VERDICT_ALLOW : VERDICT_DENY;
}

static void ask_both(const struct policy *p, const struct naive_rule *rules,
		     size_t len)
{
	static const char *const hosts[] = { "a", "b", "c", "d" };
	static const char *const segs[] = { "x", "y", "xy", "z" };
	char host[32], path[32], full[34];
	const char *method = methods[1 + rnd(3)];
	struct policy_question q = { .scheme = RULE_HTTPS, .port = 443 };
	struct policy_answer a;
	enum verdict expected;

	random_words(host, hosts, 4, ".");
	random_words(path, segs, 4, "/");
	(void)snprintf(full, sizeof(full), "/%s", path);
	q.method = slice_str(method);
	q.host = slice_str(host);
	q.path = slice_str(full);
	policy_judge(p, &q, &a);
	expected = naive_judge(rules, len, method, host, path);
	if (a.verdict != expected)
		fail_msg("%s %s %s: %s", method, host, full,
			 verdict_str(a.verdict));
	if (a.rule)
		assert_int_equal(rule_verdict(a.rule), a.verdict);
}

static void test_naive(void **state)
{
	(void)state;
	for (int round = 0; round < 300; round++) {
		struct naive_rule rules[12];
		char lines[12][96];
		const char *list[13] = { 0 };
		size_t len = 1 + rnd(12);
		struct policy *p;

		for (size_t i = 0; i < len; i++) {
			random_rule(&rules[i]);
			(void)snprintf(lines[i], sizeof(lines[i]),
				       "%s %s https://%s/%s",
				       verdict_str(rules[i].verdict),
				       rules[i].method, rules[i].host,
				       rules[i].path);
			list[i] = lines[i];
		}
		p = compile(list, VERDICT_DENY);
		for (int i = 0; i < 100; i++)
			ask_both(p, rules, len);
		policy_free(&p);
	}
}

/* All ways to spell one path: what is denied plainly is denied encoded, and
 * nothing encoded is allowed that is not allowed plainly.
 */
static void test_encodings(void **state)
{
	static const char *const lines[] = {
		"allow any https://h.example/a/**",
		"allow any https://h.example/b/c",
		"deny any https://h.example/a/b/**",
		NULL,
	};
	static const char *const plain[] = { "/a/b/c", "/a/c", "/b/c", "/b/d" };
	struct policy *p = compile(lines, VERDICT_DENY);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		size_t len = strlen(plain[i]);
		struct policy_question q = question("GET https://h.example/");
		struct policy_answer straight, bent;

		q.path = slice_str(plain[i]);
		policy_judge(p, &q, &straight);
		for (unsigned int mask = 0; mask < 1u << (len - 1); mask++) {
			char path[64] = "/";
			size_t at = 1;

			for (size_t k = 1; k < len; k++)
				at += (size_t)snprintf(
					path + at, sizeof(path) - at,
					mask >> (k - 1) & 1 ? "%%%02x" : "%c",
					plain[i][k]);
			q.path = slice_of(path, at);
			policy_judge(p, &q, &bent);
			if (straight.verdict == VERDICT_DENY)
				assert_int_equal(bent.verdict, VERDICT_DENY);
		}
	}
	policy_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_readings),
		cmocka_unit_test(test_bad_paths),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_names_host),
		cmocka_unit_test(test_schemes),
		cmocka_unit_test(test_strictest),
		cmocka_unit_test(test_specific),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_git),
		cmocka_unit_test(test_suggest),
		cmocka_unit_test(test_adversarial),
		cmocka_unit_test(test_naive),
		cmocka_unit_test(test_encodings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
