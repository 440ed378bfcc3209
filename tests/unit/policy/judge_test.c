/* The compiled judge: the words of the language one by one. */

#include "tests/unit/policy/question.h"

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

/* Is it denied for that, by a policy that allows everything? */
static bool is_bad_path(const struct policy *p, const char *path)
{
	struct policy_question q = question("GET https://h.example/");
	struct policy_answer a;

	q.path = slice_str(path);
	policy_judge(p, &q, &a);
	assert_true(a.verdict == (a.reason == POLICY_BAD_PATH ? VERDICT_DENY
							      : VERDICT_ALLOW));
	return a.reason == POLICY_BAD_PATH;
}

static void check_paths(const char *const *paths, size_t len, bool bad)
{
	static const char *const lines[] = { "allow any https://*/**", NULL };
	struct policy *p = compile(lines, VERDICT_ALLOW);

	for (size_t i = 0; i < len; i++)
		if (is_bad_path(p, paths[i]) != bad)
			fail_msg("%s: %s", bad ? "passed" : "refused",
				 paths[i]);
	policy_free(&p);
}

/* What has no safe reading is denied whatever the rules say. */
static void test_bad_paths(void **state)
{
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

	(void)state;
	check_paths(bad, ARRAY_SIZE(bad), true);
	check_paths(good, ARRAY_SIZE(good), false);
}

/* Dots, splitters and NUL in more octets than UTF-8 allows. */
static void test_overlong(void **state)
{
	static const char *const bad[] = {
		"/a/%c0%ae%c0%ae/b", "/a/%C0%AE./b",	"/a%c0%af..",
		"/a%c1%9cb",	     "/a%c0%80b",	"/a/%e0%80%ae/b",
		"/a/%f0%80%80%ae/b", "/a%f0%80%81%9cb", "/a/%25c0%25ae/b",
	};
	static const char *const good[] = {
		"/%c3%a4%e2%82%ac", "/%e0%a4%ae%e0%b8%81", "/%f0%90%80%ae",
		"/%c0%b4%c1%cb",    "/%ae%80%ae",
	};

	(void)state;
	check_paths(bad, ARRAY_SIZE(bad), true);
	check_paths(good, ARRAY_SIZE(good), false);
}

/* Some origins take parameters for no part of the path. */
static void test_parameters(void **state)
{
	static const char *const lines[] = {
		"allow GET https://h.example/**",
		"deny any https://h.example/admin/**",
		"deny any https://h.example/*/*.key",
		"allow GET https://files.example/pub/*.txt",
		"allow GET https://files.example/v/*",
		"allow GET https://files.example/p;v=1/x",
		NULL,
	};
	static const struct expect rows[] = {
		{ "GET https://h.example/a;v=1/b;w", "allow 1" },
		{ "GET https://h.example/admin;x/y", "deny 2" },
		{ "GET https://h.example/admin;/y", "deny 2" },
		{ "GET https://h.example/;x/admin/y", "deny 2" },
		{ "GET https://h.example/%61dmin;x/y", "deny 2" },
		{ "GET https://h.example/admin;x%2f..a/y", "deny 2" },
		{ "GET https://h.example/admin%2fx;z", "deny 2" },
		{ "GET https://h.example/admin%3bx/y", "allow 1" },
		{ "GET https://h.example/admins;x/y", "allow 1" },
		{ "GET https://h.example/x/a.key;.txt", "deny 3" },
		{ "GET https://h.example/x/a;b.key", "deny 3" },
		{ "GET https://files.example/pub/a.txt", "allow 4" },
		{ "GET https://files.example/pub/a.txt;x", "deny readings" },
		{ "GET https://files.example/pub/a.key;.txt", "deny readings" },
		{ "GET https://files.example/pub/a%3b.txt", "allow 4" },
		{ "GET https://files.example/v/1;x=2", "allow 5" },
		{ "GET https://files.example/v/;x", "deny readings" },
		{ "GET https://files.example/p;v=1/x", "allow 6" },
		{ "GET https://files.example/p;v=2/x", "deny none" },
	};

	(void)state;
	CHECK(VERDICT_DENY, lines, rows);
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
		assert_true(policy_names_host(p, slice_str(yes[i]), 0));
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_false(policy_names_host(p, slice_str(no[i]), 0));
	policy_free(&p);
	p = compile(all, VERDICT_DENY);
	assert_true(policy_names_host(p, SLICE("whatever"), 0));
	policy_free(&p);
	p = compile(all + 1, VERDICT_ALLOW);
	assert_true(policy_names_host(p, SLICE("whatever"), 0));
	policy_free(&p);
}

/* A rule is in force up to its time, and then no more; nobody knows the time:
 * an allow is over, a deny is not.
 */
static void test_times(void **state)
{
	static const char *const lines[] = {
		"allow any https://a.example/** until=2001-01-01T00:00:00Z",
		"ask any *.b.example until=2001-01-02",
		"deny any https://c.example/** until=2001-01-03",
		"allow any https://c.example/** max-body=1k",
		"allow tcp://10.0.0.0/8:22 until=2001-01-04",
		NULL,
	};
	static const struct {
		const char *question;
		const char *answers[5]; /* before, and after each of the four */
		const char *unknown;
		bool named; /* when it is answered at all */
	} rows[] = {
		{ "GET https://a.example/",
		  { "allow 1", "deny none", "deny none", "deny none",
		    "deny none" },
		  "deny none",
		  true },
		{ "GET https://x.b.example/",
		  { "ask 2", "ask 2", "deny none", "deny none", "deny none" },
		  "deny none",
		  true },
		{ "GET https://c.example/",
		  { "deny 3", "deny 3", "deny 3", "allow 4", "allow 4" },
		  "deny 3",
		  false },
		{ "tcp://10.1.2.3:22",
		  { "allow 5", "allow 5", "allow 5", "allow 5", "deny none" },
		  "deny none",
		  true },
	};
	const uint64_t day = 86400, first = 978307200; /* 2001-01-01 */
	struct policy *p = compile(lines, VERDICT_DENY);
	char text[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct policy_question q = question(rows[i].question);
		struct policy_answer a;

		policy_judge(p, &q, &a);
		answer_text(&a, text);
		assert_string_equal(text, rows[i].unknown);
		for (uint64_t n = 0; n < 5; n++) {
			q.now_s = first + n * day - 1;
			if (n)
				q.now_s -= day - 1;
			policy_judge(p, &q, &a);
			answer_text(&a, text);
			assert_string_equal(text, rows[i].answers[n]);
			if (rows[i].named)
				assert_int_equal(
					policy_names_host(p, q.host, q.now_s),
					a.verdict != VERDICT_DENY);
		}
	}
	assert_true(policy_next_expiry(p, 0) == first);
	assert_true(policy_next_expiry(p, first - 1) == first);
	assert_true(policy_next_expiry(p, first) == first + day);
	assert_true(policy_next_expiry(p, first + 2 * day) == first + 3 * day);
	assert_true(policy_next_expiry(p, first + 3 * day) == 0);
	policy_free(&p);
	p = compile(lines + 5, VERDICT_DENY);
	assert_true(policy_next_expiry(p, 0) == 0);
	policy_free(&p);
}

/* Whose options hold: of the most specific allow, also when an ask decides. */
static void test_options(void **state)
{
	static const char *const lines[] = {
		"allow any *.example max-body=1k",
		"allow any https://h.example/** max-body=2k",
		"ask POST https://h.example/** max-body=3k",
		"ask any https://only.test/** max-body=4k",
		NULL,
	};
	static const struct {
		const char *question;
		uint64_t max_body;
	} rows[] = {
		{ "GET https://x.example/", 1024 },
		{ "GET https://h.example/", 2048 },
		{ "POST https://h.example/", 2048 },
		{ "GET https://only.test/", 4096 },
		{ "GET https://other.test/", UINT64_MAX },
	};
	struct policy *p = compile(lines, VERDICT_ALLOW);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct policy_question q = question(rows[i].question);
		struct policy_answer a;

		policy_judge(p, &q, &a);
		assert_true(rule_options(a.options).max_body ==
			    rows[i].max_body);
	}
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
		"allow any https://k.example/**",
		"ask any https://k.example/**?action=delete",
		"ask any https://o.example/**?action=delete",
		"allow GET https://p.example/**?q=a%3bb",
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
		{ "GET https://h.example/a?service=git-x&v=2&x=;v=3",
		  "deny none" },
		{ "GET https://h.example/a?service=git-x;y&v=2", "allow 1" },
		{ "GET https://h.example/a?x=;service=git-x&v=2", "deny none" },
		{ "GET https://k.example/a?action=delete", "ask 5" },
		{ "GET https://k.example/a?action=delete&action=x", "ask 5" },
		{ "GET https://k.example/a?x=1;action=delete", "ask 5" },
		{ "GET https://k.example/a?action=deletes", "allow 4" },
		{ "GET https://o.example/a?action=delete", "ask 6" },
		{ "GET https://o.example/a?action=delete&action=x",
		  "deny readings" },
		{ "GET https://p.example/a?q=a%3Bb", "allow 7" },
		{ "GET https://p.example/a?q=a;b", "deny none" },
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
		cmocka_unit_test(test_overlong),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_names_host),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_schemes),
		cmocka_unit_test(test_strictest),
		cmocka_unit_test(test_specific),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_git),
		cmocka_unit_test(test_adversarial),
		cmocka_unit_test(test_encodings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
