/* tests/unit/gateway/medium_test.c - who gets text, JSON, HTML. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "gateway/medium.h"

#define FIREFOX                                                                \
	"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

static const struct {
	const char *accept; /* NULL: none was sent */
	const char *agent;
	enum medium want;
} cases[] = {
	/* Nothing, or anything. */
	{ NULL, NULL, MEDIUM_TEXT },
	{ NULL, "python-requests/2.31", MEDIUM_TEXT },
	{ "*/*", NULL, MEDIUM_TEXT },
	{ "*/*", "curl/7.88.1", MEDIUM_TEXT },
	{ "*/*", "Wget/1.21.3", MEDIUM_TEXT },
	{ "*/*", "git/2.39.5", MEDIUM_TEXT },
	{ "*/*", "python-requests/2.31", MEDIUM_JSON },
	{ "*/*", "node", MEDIUM_JSON },
	{ "*/*;q=0", "node", MEDIUM_TEXT },
	{ "application/*", "node", MEDIUM_JSON },
	{ "text/*", "Debian APT-HTTP/1.3 (2.6.1)", MEDIUM_TEXT },
	/* Said. */
	{ FIREFOX, "Mozilla/5.0", MEDIUM_HTML },
	{ FIREFOX, "curl/7.88.1", MEDIUM_HTML },
	{ "application/json", "curl/7.88.1", MEDIUM_JSON },
	{ "Application/JSON", NULL, MEDIUM_JSON },
	{ "application/problem+json", NULL, MEDIUM_JSON },
	{ "application/vnd.github+json", NULL, MEDIUM_JSON },
	{ "application/vnd.npm.install-v1+json; q=1.0, application/json; "
	  "q=0.8, */*",
	  "npm/10", MEDIUM_JSON },
	{ "application/json, text/plain, */*", "axios/1.6", MEDIUM_JSON },
	{ "text/plain, application/json", NULL, MEDIUM_TEXT },
	{ "text/plain;q=0.5, application/json", NULL, MEDIUM_JSON },
	{ "text/html;q=0.2,application/json;q=0.3", NULL, MEDIUM_JSON },
	{ "text/html;level=1;q=0.4,text/plain;q=0.3", NULL, MEDIUM_HTML },
	{ "application/json;q=0", "node", MEDIUM_TEXT },
	{ "text/html;q=0, application/json;q=0.001", NULL, MEDIUM_JSON },
	/* Others. */
	{ "text/event-stream", "node", MEDIUM_TEXT },
	{ "application/x-git-upload-pack-result", "git/2.39.5", MEDIUM_TEXT },
	{ "image/png", "Mozilla/5.0", MEDIUM_TEXT },
	{ "+json", NULL, MEDIUM_TEXT },
	/* Not by the grammar. */
	{ "", "node", MEDIUM_TEXT },
	{ ",,;;,=", "node", MEDIUM_TEXT },
	{ "application/json;q=2", NULL, MEDIUM_TEXT },
	{ "application/json;q=0.1234", NULL, MEDIUM_TEXT },
	{ "application/json;q=x", NULL, MEDIUM_TEXT },
	{ "application/json;q=1.9", NULL, MEDIUM_JSON },
	{ "application/json;q=", NULL, MEDIUM_JSON },
	{ " application/json ; q=1 ", NULL, MEDIUM_JSON },
};

static void chooses(void **ctx)
{
	(void)ctx;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum medium m = medium_choose(slice_str(cases[i].accept),
					      slice_str(cases[i].agent));

		if (m != cases[i].want)
			fail_msg("%s by %s: %d", cases[i].accept,
				 cases[i].agent, (int)m);
	}
}

static void notes_a_full_buffer(void **ctx)
{
	struct buf b;
	struct medium_out out = { .out = &b, .medium = MEDIUM_HTML };

	(void)ctx;
	buf_init(&b, 4);
	medium_text(&out, SLICE("a<"));
	assert_true(out.bad); /* "a&lt;" is five */
	medium_lit(&out, "b");
	assert_int_equal(buf_len(&b), 1);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chooses),
		cmocka_unit_test(notes_a_full_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
