/* tests/unit/gateway/refusal_test.c - what people and programs are told. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/base.h"
#include "gateway/refusal.h"

struct answer {
	struct arena arena;
	struct buf body;
	struct http_head *head;
};

static int setup(void **ctx)
{
	struct answer *a = calloc(1, sizeof(*a));

	assert_non_null(a);
	arena_init(&a->arena, 65536);
	buf_init(&a->body, REFUSAL_BODY_MAX);
	*ctx = a;
	return 0;
}

static int teardown(void **ctx)
{
	struct answer *a = *ctx;

	arena_done(&a->arena);
	buf_done(&a->body);
	free(a);
	return 0;
}

#define AS_JSON .accept = SLICE("application/json")
#define AS_HTML .accept = SLICE("text/html")

/* As in the manual's example. */
#define EXAMPLE                                                                \
	.kind = REFUSAL_DENIED,                                                \
	.detail = SLICE("No rule of sandbox 'ci' allows POST "                 \
			"https://api.github.com/gists."),                      \
	.sandbox = SLICE("ci"),                                                \
	.to_allow = SLICE("POST https://api.github.com/gists"),                \
	.request_id = SLICE("01J8ZQ4T6N0AB")

static const char *make(struct answer *a, const struct refusal *r)
{
	arena_clear(&a->arena);
	buf_consume(&a->body, buf_len(&a->body));
	assert_int_equal(refusal_make(r, &a->arena, &a->head, &a->body), 0);
	assert_int_equal(a->head->status, refusal_status(r->kind));
	assert_true(a->head->has_length);
	if (!r->head_request) {
		assert_int_equal(a->head->framing, HTTP_LENGTH);
		assert_int_equal(a->head->content_length, buf_len(&a->body));
	}
	assert_int_equal(buf_append(&a->body, "", 1), 0);
	return (const char *)buf_data(&a->body);
}

static void field(const struct answer *a, struct slice name, const char *want)
{
	const struct http_field *f = http_head_find(a->head, name);

	if (!want) {
		assert_null(f);
		return;
	}
	assert_non_null(f);
	assert_int_equal(f->value.len, strlen(want));
	assert_memory_equal(f->value.ptr, want, f->value.len);
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in:\n%s", part, text);
}

static void lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' is in:\n%s", part, text);
}

static void says_it_in_json(void **ctx)
{
	static const char want[] =
		"{\n"
		"  \"type\": \"urn:penstock:denied\",\n"
		"  \"title\": \"Denied by the egress policy\",\n"
		"  \"status\": 403,\n"
		"  \"detail\": \"No rule of sandbox 'ci' allows POST "
		"https://api.github.com/gists.\",\n"
		"  \"sandbox\": \"ci\",\n"
		"  \"rule\": null,\n"
		"  \"request_id\": \"01J8ZQ4T6N0AB\",\n"
		"  \"to_allow\": \"POST https://api.github.com/gists\",\n"
		"  \"next_steps\": \"This refusal comes from the egress "
		"gateway, not from the site; retrying will not help. Ask the "
		"operator to add the rule in to_allow, or to run: penstock "
		"allow ci 'POST https://api.github.com/gists'\"\n"
		"}\n";
	struct answer *a = *ctx;
	struct refusal r = { EXAMPLE, AS_JSON };

	assert_string_equal(make(a, &r), want);
	field(a, SLICE("content-type"), "application/problem+json");
	field(a, SLICE("cache-control"), "no-store");
	field(a, SLICE("penstock-verdict"), "deny; id=01J8ZQ4T6N0AB");
	field(a, SLICE("retry-after"), NULL);
	field(a, SLICE("content-length"), NULL); /* the codec writes it */
}

static void says_it_in_text(void **ctx)
{
	static const char want[] =
		"Denied by the egress policy (403)\n"
		"\n"
		"No rule of sandbox 'ci' allows POST "
		"https://api.github.com/gists.\n"
		"\n"
		"sandbox:     ci\n"
		"to_allow:    POST https://api.github.com/gists\n"
		"request_id:  01J8ZQ4T6N0AB\n"
		"\n"
		"This refusal comes from the egress gateway, not from the "
		"site; retrying will not help. Ask the operator to add the "
		"rule in to_allow, or to run: penstock allow ci 'POST "
		"https://api.github.com/gists'\n";
	struct answer *a = *ctx;
	struct refusal r = { EXAMPLE };

	assert_string_equal(make(a, &r), want);
	field(a, SLICE("content-type"), "text/plain; charset=utf-8");
	field(a, SLICE("content-security-policy"), NULL);
}

static void says_it_in_html(void **ctx)
{
	static const char head[] = "<!doctype html>\n<html lang=\"en\">\n";
	static const char tail[] =
		"<h1>Denied by the egress policy</h1>\n"
		"<p>No rule of sandbox &#39;ci&#39; allows POST "
		"https://api.github.com/gists.</p>\n"
		"<dl>\n"
		"<dt>Sandbox<dd><code>ci</code>\n"
		"<dt>To allow<dd><code>POST "
		"https://api.github.com/gists</code>\n"
		"<dt>Request id<dd><code>01J8ZQ4T6N0AB</code>\n"
		"</dl>\n"
		"<p>This refusal comes from the egress gateway, not from the "
		"site; retrying will not help. Ask the operator to add the "
		"rule in to_allow, or to run: <code>penstock allow ci "
		"&#39;POST https://api.github.com/gists&#39;</code></p>\n"
		"</html>\n";
	struct answer *a = *ctx;
	struct refusal r = { EXAMPLE, AS_HTML };
	const char *body = make(a, &r);

	assert_memory_equal(body, head, sizeof(head) - 1);
	assert_non_null(strstr(body, "<h1>"));
	assert_string_equal(strstr(body, "<h1>"), tail);
	field(a, SLICE("content-type"), "text/html; charset=utf-8");
	field(a, SLICE("content-security-policy"),
	      "default-src 'none'; style-src 'unsafe-inline'");
}

static void names_the_rule_that_denied(void **ctx)
{
	struct answer *a = *ctx;
	struct refusal r = { .kind = REFUSAL_DENIED,
			     .sandbox = SLICE("ci"),
			     .rule = SLICE("any https://*.pastebin.com/**"),
			     AS_JSON };
	const char *body = make(a, &r);

	has(body, "\"rule\": \"any https://*.pastebin.com/**\"");
	has(body, "\"to_allow\": null");
	has(body, "\"request_id\": null");
	lacks(body, "penstock allow");
	field(a, SLICE("penstock-verdict"), "deny");
}

static void sends_no_body_for_head(void **ctx)
{
	struct answer *a = *ctx;
	struct refusal r = { EXAMPLE };
	uint64_t len;

	(void)make(a, &r);
	len = a->head->content_length;
	r.head_request = true;
	assert_string_equal(make(a, &r), "");
	assert_int_equal(a->head->framing, HTTP_NO_BODY);
	assert_int_equal(a->head->content_length, len);
	field(a, SLICE("content-type"), "text/plain; charset=utf-8");
}

/* What a sandbox may put into names and paths to be shown to a person. */
static const struct slice hostile = SLICE(
	"</code><script>x</script>\"',\\\r\nSet-Cookie: a=b\x1b[31m\xff&\0");

static void escapes_for_each_medium(void **ctx)
{
	struct answer *a = *ctx;
	struct refusal r = { .kind = REFUSAL_DENIED,
			     .detail = hostile,
			     .sandbox = hostile,
			     .rule = hostile,
			     .to_allow = hostile,
			     .request_id = hostile,
			     AS_JSON };
	const char *body = make(a, &r);

	has(body, "\"sandbox\": \"</code><script>x</script>\\\"',\\\\\\\\x0d"
		  "\\\\x0aSet-Cookie: a=b\\\\x1b[31m\\\\xff&\\\\x00\",");
	lacks(body, "penstock allow");
	field(a, SLICE("penstock-verdict"), "deny");

	r.accept = SLICE("text/html");
	body = make(a, &r);
	has(body, "<dd><code>&lt;/code&gt;&lt;script&gt;x&lt;/script&gt;&quot;"
		  "&#39;,\\\\x0d\\x0aSet-Cookie: a=b\\x1b[31m\\xff&amp;\\x00"
		  "</code>");
	lacks(body, "<script");

	r.accept = SLICE("text/plain");
	body = make(a, &r);
	has(body, "\nrule:        </code><script>x</script>\"',\\\\x0d\\x0aSet-"
		  "Cookie: a=b\\x1b[31m\\xff&\\x00\n");
	lacks(body, "\nSet-Cookie");
	lacks(body, "\x1b");
}

/* Every octet in every text, in every medium: the body stays printable ASCII
 * and lines.
 */
static void never_lets_an_octet_through(void **ctx)
{
	static const struct slice accepts[] = { SLICE("text/plain"),
						SLICE("text/html"),
						SLICE("application/json") };
	struct answer *a = *ctx;
	char all[256];

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	for (size_t i = 0; i < ARRAY_SIZE(accepts); i++) {
		struct slice s = slice_of(all, sizeof(all));
		struct refusal r = { .kind = REFUSAL_DENIED,
				     .detail = s,
				     .sandbox = s,
				     .rule = s,
				     .to_allow = s,
				     .request_id = s,
				     .accept = accepts[i] };
		const char *body = make(a, &r);

		assert_int_equal(strlen(body) + 1, buf_len(&a->body));
		for (const char *p = body; *p; p++)
			assert_true(*p == '\n' || (*p >= ' ' && *p <= '~'));
	}
}

static void quotes_for_the_shell(void **ctx)
{
	struct answer *a = *ctx;
	struct refusal r = { .kind = REFUSAL_DENIED,
			     .sandbox = SLICE("ci"),
			     .to_allow =
				     SLICE("GET https://x.test/'$(id)`;'") };

	has(make(a, &r), "penstock allow ci "
			 "'GET https://x.test/'\\''$(id)`;'\\'''\n");
	/* Names that are no plain word get no command. */
	r.sandbox = SLICE("a;id");
	lacks(make(a, &r), "penstock allow");
	r.sandbox = SLICE("-x");
	lacks(make(a, &r), "penstock allow");
	r.sandbox = SLICE("");
	lacks(make(a, &r), "penstock allow");
	has(make(a, &r), "to_allow:    GET ");
}

static void cuts_long_texts(void **ctx)
{
	struct answer *a = *ctx;
	char *text = malloc(100000);
	struct refusal r = { .kind = REFUSAL_DENIED,
			     .sandbox = SLICE("ci"),
			     AS_HTML };
	const char *body;

	assert_non_null(text);
	memset(text, '\'', 100000);
	r.detail = r.rule = r.request_id = slice_of(text, 100000);
	r.to_allow = slice_of(text, REFUSAL_TEXT_MAX + 1);
	body = make(a, &r);
	has(body, "&#39;...</p>");
	lacks(body, "To allow"); /* half a rule is another rule */

	/* The longest body there can be fits. */
	r.to_allow = slice_of(text, REFUSAL_TEXT_MAX);
	body = make(a, &r);
	has(body, "To allow");
	has(body, "penstock allow ci &#39;&#39;\\&#39;&#39;");
	free(text);
}

static void tells_when_to_retry(void **ctx)
{
	struct answer *a = *ctx;
	struct refusal r = { .kind = REFUSAL_LEDGER,
			     .request_id = SLICE("01J") };

	(void)make(a, &r);
	field(a, SLICE("retry-after"), "10");
	field(a, SLICE("penstock-verdict"), "error; id=01J");
	r.retry_after_s = 3;
	(void)make(a, &r);
	field(a, SLICE("retry-after"), "3");
	r = (struct refusal){ .kind = REFUSAL_RESPONSE_TIMEOUT };
	(void)make(a, &r);
	field(a, SLICE("retry-after"), NULL); /* it may have been done */
}

static void every_kind_says_all(void **ctx)
{
	struct answer *a = *ctx;

	for (int k = 0; k < REFUSAL_KINDS; k++) {
		struct refusal r = { .kind = (enum refusal_kind)k, AS_JSON };
		struct slice slug = refusal_slug(r.kind);
		const char *body = make(a, &r);

		assert_in_range(refusal_status(r.kind), 400, 505);
		assert_true(slug.len > 0);
		for (size_t i = 0; i < slug.len; i++)
			assert_true(slug.ptr[i] == '-' ||
				    (slug.ptr[i] >= 'a' && slug.ptr[i] <= 'z'));
		for (int other = 0; other < k; other++)
			assert_false(slice_eq(
				slug, refusal_slug((enum refusal_kind)other)));
		lacks(body, "\"title\": null");
		lacks(body, "\"detail\": null");
		lacks(body, "\"next_steps\": \"\"");
	}
}

static void changes_nothing_when_full(void **ctx)
{
	struct answer *a = *ctx;
	struct refusal r = { EXAMPLE };
	struct http_head *head = (struct http_head *)0x1;
	struct arena tiny;
	struct buf small;

	buf_init(&small, 100);
	assert_int_equal(buf_append(&small, "before", 6), 0);
	assert_int_equal(refusal_make(&r, &a->arena, &head, &small), -ENOBUFS);
	assert_ptr_equal(head, (struct http_head *)0x1);
	assert_int_equal(buf_len(&small), 6);
	assert_memory_equal(buf_data(&small), "before", 6);
	buf_done(&small);

	/* With so much memory, and so much more, until it is enough. */
	for (size_t max = 0;; max += 16) {
		int err;

		assert_true(max < 8192);
		arena_init(&tiny, max);
		buf_init(&small, REFUSAL_BODY_MAX);
		assert_int_equal(buf_append(&small, "before", 6), 0);
		err = refusal_make(&r, &tiny, &head, &small);
		if (err == 0)
			break;
		assert_int_equal(err, -ENOBUFS);
		assert_ptr_equal(head, (struct http_head *)0x1);
		assert_int_equal(buf_len(&small), 6);
		arena_done(&tiny);
		buf_done(&small);
	}
	assert_int_equal(head->content_length, buf_len(&small) - 6);
	arena_done(&tiny);
	buf_done(&small);
}

static void composes_details(void **ctx)
{
	struct answer *a = *ctx;
	struct slice s = SLICE("untouched");
	char longer[REFUSAL_TEXT_MAX + 50];
	struct arena none;

	assert_int_equal(refusal_say(&a->arena, &s, "%s, not %.*s", "a.test", 6,
				     "b.testX"),
			 0);
	assert_true(slice_eq(s, SLICE("a.test, not b.test")));
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(refusal_say(&a->arena, &s, "%s", longer), 0);
	assert_int_equal(s.len, REFUSAL_TEXT_MAX);
	arena_init(&none, 4);
	s = SLICE("untouched");
	assert_int_equal(refusal_say(&none, &s, "%s", longer), -ENOBUFS);
	assert_true(slice_eq(s, SLICE("untouched")));
	arena_done(&none);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(says_it_in_json),
		TEST(says_it_in_text),
		TEST(says_it_in_html),
		TEST(names_the_rule_that_denied),
		TEST(sends_no_body_for_head),
		TEST(escapes_for_each_medium),
		TEST(never_lets_an_octet_through),
		TEST(quotes_for_the_shell),
		TEST(cuts_long_texts),
		TEST(tells_when_to_retry),
		TEST(every_kind_says_all),
		TEST(changes_nothing_when_full),
		TEST(composes_details),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
