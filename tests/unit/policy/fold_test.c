/* tests/unit/policy/fold_test.c - from requests to rules. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "policy/fold.h"

static char out[1 << 16];
static size_t out_len;

static void put_line(void *ctx, struct slice line, uint64_t count)
{
	(void)ctx;
	out_len += (size_t)snprintf(out + out_len, sizeof(out) - out_len,
				    "%.*s x%llu\n", (int)line.len, line.ptr,
				    (unsigned long long)count);
}

struct request {
	enum rule_scheme scheme;
	const char *method, *path, *query;
};

static struct policy_question question(const struct request *r)
{
	return (struct policy_question){
		.scheme = r->scheme,
		.method = slice_str(r->method),
		.host = SLICE("a.example"),
		.port = r->scheme == RULE_HTTP	? 80
			: r->scheme == RULE_TCP ? 22
						: 443,
		.path = slice_str(r->path),
		.query = slice_str(r->query),
	};
}

/* Fold, and check that the rules allow each of the requests. */
static void folds(enum fold_how how, const struct request *requests, size_t len,
		  const char *want)
{
	struct ruleset *rs;
	struct rule_error err;
	struct policy *p;
	struct fold *f;
	char *at, *end;

	assert_int_equal(fold_new(how, &f), 0);
	for (size_t i = 0; i < len; i++) {
		struct policy_question q = question(&requests[i]);

		assert_int_equal(fold_add(f, &q, 1), 0);
	}
	out_len = 0;
	assert_int_equal(fold_rules(f, put_line, NULL), 0);
	out[out_len] = '\0';
	fold_free(&f);
	if (want)
		assert_string_equal(out, want);
	assert_int_equal(ruleset_new(&rs), 0);
	for (at = out; (end = strstr(at, " x")); at = strchr(end, '\n') + 1)
		assert_int_equal(ruleset_add(rs, VERDICT_ALLOW,
					     slice_of(at, (size_t)(end - at)),
					     SLICE("t"), &err),
				 0);
	assert_int_equal(policy_compile(rs, &p), 0);
	for (size_t i = 0; i < len; i++) {
		struct policy_question q = question(&requests[i]);
		struct policy_answer a;

		policy_judge(p, &q, &a);
		if (a.verdict != VERDICT_ALLOW)
			fail_msg("%s %s is not allowed by\n%s",
				 requests[i].method, requests[i].path, out);
	}
	policy_free(&p);
	ruleset_free(&rs);
}

#define FOLDS(how, requests, want)                                             \
	folds(how, requests, sizeof(requests) / sizeof((requests)[0]), want)

static void test_few(void **state)
{
	static const struct request r[] = {
		{ RULE_HTTPS, "GET", "/", "" },
		{ RULE_HTTPS, "GET", "/repos/acme/site", "" },
		{ RULE_HTTPS, "HEAD", "/repos/acme/site", "" },
		{ RULE_HTTPS, "POST", "/repos/acme/site", "" },
		{ RULE_HTTPS, "GET", "/dir/", "" },
		{ RULE_HTTP, "GET", "/x", "" },
		{ RULE_TCP, "", "", "" },
		{ RULE_WSS, "GET", "/v1/stream", "" },
		{ RULE_TLS, "", "", "" },
	};

	(void)state;
	FOLDS(FOLD_PATHS, r,
	      "GET https://a.example/ x1\n"
	      "GET,POST https://a.example/repos/acme/site x3\n"
	      "GET https://a.example/dir/ x1\n"
	      "GET http://a.example/x x1\n"
	      "tcp://a.example:22 x1\n"
	      "wss://a.example/v1/stream x1\n"
	      "tls://a.example x1\n");
}

static void test_ids(void **state)
{
	static const struct request r[] = {
		{ RULE_HTTPS, "GET", "/issues/17/comments", "" },
		{ RULE_HTTPS, "GET", "/issues/4/comments", "" },
		{ RULE_HTTPS, "DELETE", "/issues/4", "" },
		{ RULE_HTTPS, "GET",
		  "/blob/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "" },
		{ RULE_HTTPS, "GET",
		  "/run/123e4567-e89b-12d3-a456-426614174000/log", "" },
		{ RULE_HTTPS, "GET", "/v1/messages", "" },
		{ RULE_HTTPS, "GET", "/feedface", "" },
	};

	(void)state;
	FOLDS(FOLD_PATHS, r,
	      "DELETE https://a.example/issues/* x1\n"
	      "GET https://a.example/issues/*/comments x2\n"
	      "GET https://a.example/blob/* x1\n"
	      "GET https://a.example/run/*/log x1\n"
	      "GET https://a.example/v1/messages x1\n"
	      "GET https://a.example/feedface x1\n");
	FOLDS(FOLD_HOSTS, r, "GET,DELETE https://a.example/** x7\n");
}

static void test_siblings(void **state)
{
	static const struct request r[] = {
		{ RULE_HTTPS, "GET", "/repos/acme/one", "" },
		{ RULE_HTTPS, "GET", "/repos/acme/two", "" },
		{ RULE_HTTPS, "GET", "/repos/acme/three", "" },
		{ RULE_HTTPS, "GET", "/repos/acme/four", "" },
		{ RULE_HTTPS, "GET", "/repos/acme/five", "" },
		{ RULE_HTTPS, "GET", "/repos/other/one", "" },
	};

	(void)state;
	FOLDS(FOLD_PATHS, r,
	      "GET https://a.example/repos/acme/* x5\n"
	      "GET https://a.example/repos/other/one x1\n");
	folds(FOLD_EXACT, r, 2,
	      "GET https://a.example/repos/acme/one x1\n"
	      "GET https://a.example/repos/acme/two x1\n");
}

/* Many different things below one place. */
static void test_rest(void **state)
{
	static char path[12][32];
	static struct request r[12];

	(void)state;
	for (int i = 0; i < 12; i++) {
		(void)snprintf(path[i], sizeof(path[i]), "/api/%c%s%c",
			       'a' + i % 4, i % 2 ? "/x/" : "/", 'f' + i);
		r[i] = (struct request){ RULE_HTTPS, i ? "GET" : "POST",
					 path[i], "" };
	}
	FOLDS(FOLD_PATHS, r, "POST,GET https://a.example/api/** x12\n");
}

static void test_git(void **state)
{
	static const struct request r[] = {
		{ RULE_HTTPS, "GET", "/acme/site.git/info/refs",
		  "service=git-upload-pack" },
		{ RULE_HTTPS, "POST", "/acme/site.git/git-upload-pack", "" },
		{ RULE_HTTPS, "GET", "/acme/tool/info/refs",
		  "service=git-receive-pack" },
		{ RULE_HTTPS, "POST", "/acme/tool/git-receive-pack", "" },
		{ RULE_HTTPS, "POST", "/acme/**/git-receive-pack", "" },
	};

	(void)state;
	FOLDS(FOLD_PATHS, r,
	      "git:read https://a.example/acme/site x2\n"
	      "git:write https://a.example/acme/tool x2\n"
	      "git:write https://a.example/acme/%2a%2a x1\n");
}

/* What a sandbox sends must not become a wider rule than it was. */
static void test_hostile(void **state)
{
	static const struct request r[] = {
		{ RULE_HTTPS, "GET", "/**", "" },
		{ RULE_HTTPS, "GET", "/a/*", "" },
		{ RULE_HTTPS, "GET", "/b/x*y", "" },
	};
	static char deep[4096];
	static struct request far = { RULE_HTTPS, "GET", deep, "" };

	(void)state;
	FOLDS(FOLD_EXACT, r,
	      "GET https://a.example/%2a%2a x1\n"
	      "GET https://a.example/a/%2a x1\n"
	      "GET https://a.example/b/x%2ay x1\n");
	for (size_t i = 0; i + 2 < 200; i += 2)
		memcpy(deep + i, "/x", 2);
	folds(FOLD_PATHS, &far, 1, NULL);
	assert_non_null(strstr(out, "/x/** x1"));
	/* A line longer than a rule may be is left out. */
	memset(deep, 'y', sizeof(deep) - 1);
	deep[0] = '/';
	{
		struct policy_question q = question(&far);
		struct fold *f;

		assert_int_equal(fold_new(FOLD_EXACT, &f), 0);
		assert_int_equal(fold_add(f, &q, 1), 0);
		out_len = 0;
		assert_int_equal(fold_rules(f, put_line, NULL), 0);
		assert_int_equal(out_len, 0);
		fold_free(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few),	 cmocka_unit_test(test_ids),
		cmocka_unit_test(test_siblings), cmocka_unit_test(test_rest),
		cmocka_unit_test(test_git),	 cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
