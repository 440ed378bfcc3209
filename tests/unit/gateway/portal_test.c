/* tests/unit/gateway/portal_test.c - what a sandbox is told about itself. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/base.h"
#include "gateway/portal.h"

#define BODY_MAX 262144

struct page {
	struct arena arena;
	struct buf body;
	struct http_head *head;
	struct policy *policy;
};

/* Not a certificate, but base64 with all the remainders that there are. */
static const char pem[] = "-----BEGIN CERTIFICATE-----\n"
			  "cGVuc3RvY2sgaXMgYSBnYXRl\n"
			  "LiE=\n"
			  "-----END CERTIFICATE-----\n";

static void use_rules(struct page *a, const char *const *lines, size_t len)
{
	struct ruleset *rs;
	struct rule_error err;

	assert_int_equal(ruleset_new(&rs), 0);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(ruleset_add(rs,
					     i ? VERDICT_ALLOW : VERDICT_DENY,
					     slice_str(lines[i]),
					     SLICE("a.yaml:1"), &err),
				 0);
	policy_free(&a->policy);
	assert_int_equal(policy_compile(rs, &a->policy), 0);
	ruleset_free(&rs);
}

static int setup(void **ctx)
{
	static const char *const lines[] = {
		"POST https://a.test/<x>",
		"GET https://a.test/**",
		"tcp://b.test:22",
	};
	struct page *a = calloc(1, sizeof(*a));

	assert_non_null(a);
	arena_init(&a->arena, 65536);
	buf_init(&a->body, BODY_MAX);
	use_rules(a, lines, ARRAY_SIZE(lines));
	*ctx = a;
	return 0;
}

static int teardown(void **ctx)
{
	struct page *a = *ctx;

	arena_done(&a->arena);
	buf_done(&a->body);
	policy_free(&a->policy);
	free(a);
	return 0;
}

/* Ask; the body, with a NUL behind it. */
static const char *ask(struct page *a, const char *method, const char *path,
		       const char *accept)
{
	struct portal p = {
		.method = slice_str(method),
		.path = slice_str(path),
		.accept = slice_str(accept),
		.sandbox = SLICE("ci"),
		.policy = a->policy,
		.ca_pem = slice_str(pem),
	};

	buf_consume(&a->body, buf_len(&a->body));
	assert_int_equal(portal_make(&p, &a->arena, &a->head, &a->body), 0);
	assert_int_equal(buf_append(&a->body, "", 1), 0);
	return (const char *)buf_data(&a->body);
}

static void field_is(struct page *a, const char *name, const char *value)
{
	const struct http_field *f = http_head_find(a->head, slice_str(name));

	assert_non_null(f);
	assert_true(slice_eq(f->value, slice_str(value)));
}

static void test_index(void **ctx)
{
	struct page *a = *ctx;
	const char *text = ask(a, "GET", "/", "*/*");

	assert_int_equal(a->head->status, 200);
	assert_int_equal(a->head->content_length, strlen(text));
	field_is(a, "content-type", "text/plain; charset=utf-8");
	assert_non_null(strstr(text, "sandbox 'ci'"));
	assert_non_null(strstr(text, "\n/policy "));

	text = ask(a, "GET", "/", "text/html");
	field_is(a, "content-type", "text/html; charset=utf-8");
	assert_non_null(strstr(text, "<a href=\"/policy\">/policy</a>"));
	assert_non_null(strstr(text, "<a href=\"/ca.der\">"));
}

static void test_policy_text(void **ctx)
{
	struct page *a = *ctx;
	const char *text = ask(a, "GET", "/policy", "");

	assert_non_null(strstr(text, "\ndeny  POST https://a.test/<x>\n"));
	assert_non_null(strstr(text, "\nallow GET https://a.test/**\n"));
	assert_non_null(strstr(text, "\nallow tcp://b.test:22\n"));
	assert_non_null(strstr(text, "What no line allows is refused."));
	assert_null(strstr(text, "a.yaml"));
	/* There is no page of it for people: text will do. */
	(void)ask(a, "GET", "/policy", "text/html");
	field_is(a, "content-type", "text/plain; charset=utf-8");
}

static void test_policy_json(void **ctx)
{
	struct page *a = *ctx;
	const char *text = ask(a, "GET", "/policy", "application/json");

	field_is(a, "content-type", "application/json");
	assert_string_equal(
		text, "{\n  \"sandbox\": \"ci\",\n  \"default\": \"deny\",\n"
		      "  \"precedence\": [\"deny\", \"ask\", \"allow\"],\n"
		      "  \"rules\": [\n"
		      "    {\"verdict\": \"deny\", \"rule\": "
		      "\"POST https://a.test/<x>\"},\n"
		      "    {\"verdict\": \"allow\", \"rule\": "
		      "\"GET https://a.test/**\"},\n"
		      "    {\"verdict\": \"allow\", \"rule\": "
		      "\"tcp://b.test:22\"}\n"
		      "  ],\n  \"rules_omitted\": 0\n}\n");
}

/* A policy of any length gives a page of bounded length, which says so. */
static void test_policy_long(void **ctx)
{
	enum {
		MANY = 20000
	};
	static char text[MANY][32];
	static const char *lines[MANY];
	struct page *a = *ctx;
	const char *page;

	for (size_t i = 0; i < MANY; i++) {
		(void)snprintf(text[i], sizeof(text[i]),
			       "GET https://n%zu.test/", i);
		lines[i] = text[i];
	}
	use_rules(a, lines, MANY);
	page = ask(a, "GET", "/policy", "");
	assert_true(strlen(page) < PORTAL_RULES_MAX + 4096);
	assert_non_null(strstr(page, " more rules\n"));
	page = ask(a, "GET", "/policy", "application/json");
	assert_true(strlen(page) < PORTAL_RULES_MAX + 4096);
	assert_null(strstr(page, "\"rules_omitted\": 0"));
}

static void test_ca(void **ctx)
{
	struct page *a = *ctx;

	assert_string_equal(ask(a, "GET", "/ca.pem", "text/html"), pem);
	assert_string_equal(ask(a, "GET", "/ca.der", ""),
			    "penstock is a gate.!");
	field_is(a, "content-type", "application/pkix-cert");
}

/* Without a certificate there is no such page, rather than an empty one. */
static void test_no_ca(void **ctx)
{
	struct page *a = *ctx;
	struct portal p = { .method = SLICE("GET"),
			    .path = SLICE("/ca.pem"),
			    .policy = a->policy };

	assert_int_equal(portal_make(&p, &a->arena, &a->head, &a->body), 0);
	assert_int_equal(a->head->status, 404);
}

static void test_head(void **ctx)
{
	struct page *a = *ctx;
	size_t len = strlen(ask(a, "GET", "/AGENTS.md", ""));

	assert_string_equal(ask(a, "HEAD", "/AGENTS.md", ""), "");
	assert_int_equal(a->head->framing, HTTP_NO_BODY);
	assert_int_equal(a->head->content_length, len);
	assert_int_equal(len, strlen(portal_agents));
}

static void test_refused(void **ctx)
{
	static const char *const paths[] = {
		"/x", "/policy/", "/ca.pem/../policy", "",
		"*",  "//policy", "/POLICY",
	};
	struct page *a = *ctx;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		(void)ask(a, "GET", paths[i], "");
		assert_int_equal(a->head->status, 404);
	}
	(void)ask(a, "POST", "/policy", "");
	assert_int_equal(a->head->status, 405);
	field_is(a, "allow", "GET, HEAD");
}

/* Neither memory may run out half-way. */
static void test_no_room(void **ctx)
{
	struct page *a = *ctx;
	struct http_head *untouched = NULL;
	struct portal p = { .method = SLICE("GET"),
			    .path = SLICE("/policy"),
			    .policy = a->policy };
	struct arena tiny;
	struct buf small;

	buf_init(&small, 64);
	assert_int_equal(portal_make(&p, &a->arena, &untouched, &small),
			 -ENOBUFS);
	assert_int_equal(buf_len(&small), 0);
	assert_null(untouched);
	buf_done(&small);
	arena_init(&tiny, 16);
	assert_int_equal(portal_make(&p, &tiny, &untouched, &a->body),
			 -ENOBUFS);
	assert_int_equal(buf_len(&a->body), 0);
	assert_null(untouched);
	arena_done(&tiny);
}

static void test_is(void **ctx)
{
	(void)ctx;
	assert_true(portal_is(SLICE("penstock.internal")));
	assert_false(portal_is(SLICE("x.penstock.internal")));
	assert_false(portal_is(SLICE("penstock.internal.")));
	assert_false(portal_is(SLICE("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_index, setup, teardown),
		cmocka_unit_test_setup_teardown(test_policy_text, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_policy_json, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_policy_long, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_ca, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_ca, setup, teardown),
		cmocka_unit_test_setup_teardown(test_head, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
		cmocka_unit_test(test_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
