/* The lines of penstock log, octet by octet. */

#include "cli/log_print.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base.h"
#include "cli/log_har.h"
#include "cli/log_story.h"

static struct query_row allowed(void)
{
	return (struct query_row){
		.id = 377894017280364547,
		.wall_us = 1795348343724755,
		.duration_us = 81234,
		.bytes_down = 5321,
		.kind = AUDIT_REQUEST,
		.verdict = AUDIT_ALLOW,
		.outcome = AUDIT_DONE,
		.status = 200,
		.port = 443,
		.client_port = 40112,
		.generation = 3,
		.instance = SLICE("test"),
		.sandbox = SLICE("ci"),
		.client = SLICE("10.7.0.9"),
		.protocol = SLICE("h2"),
		.method = SLICE("GET"),
		.scheme = SLICE("https"),
		.host = SLICE("api.github.com"),
		.path = SLICE("/repos/acme"),
		.rule = SLICE("GET https://api.github.com/repos/acme/**"),
	};
}

static struct query_row denied(void)
{
	struct query_row row = allowed();

	row.verdict = AUDIT_DENY;
	row.outcome = AUDIT_REFUSED;
	row.status = 403;
	row.rule = slice_of(NULL, 0);
	row.reason = SLICE("no-rule");
	return row;
}

typedef void print_fn(FILE *to, const struct query_row *row);

static void expect(print_fn *print, const struct query_row *row,
		   const char *want)
{
	char *got = NULL;
	size_t len;
	FILE *f = open_memstream(&got, &len);

	assert_non_null(f);
	print(f, row);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(got, want);
	free(got);
}

static void plain(FILE *to, const struct query_row *row)
{
	log_print_line(to, row, LOG_COLUMNS, false);
}

static void coloured(FILE *to, const struct query_row *row)
{
	log_print_line(to, row, LOG_COLUMNS, true);
}

static void as_json(FILE *to, const struct query_row *row)
{
	struct cell cells[LOG_FIELDS];
	struct log_text text;

	log_cells(row, &text, cells);
	cells_object(to, log_fields, cells, LOG_FIELDS);
}

static void heading(FILE *to, const struct query_row *row)
{
	(void)row;
	log_print_heading(to, LOG_COLUMNS);
}

static void table(void **state)
{
	struct query_row row = allowed();

	(void)state;
	expect(heading, &row,
	       "TIME           SANDBOX    VERDICT ST  METHOD  TARGET"
	       "                             WHY\n");
	expect(plain, &row,
	       "11-22 11:52:23 ci         ok      200 GET     "
	       "api.github.com/repos/acme          GET https://api.gi…\n");
	row = denied();
	expect(plain, &row,
	       "11-22 11:52:23 ci         denied  403 GET     "
	       "api.github.com/repos/acme          no-rule\n");
	expect(coloured, &row,
	       "11-22 11:52:23 ci         \x1b[31mdenied  \x1b[0m403 GET     "
	       "api.github.com/repos/acme          no-rule\n");
	row.outcome = AUDIT_FAILED;
	row.verdict = AUDIT_ALLOW;
	row.status = 502;
	row.detail = SLICE("certificate has expired");
	expect(plain, &row,
	       "11-22 11:52:23 ci         failed  502 GET     "
	       "api.github.com/repos/acme          certificate has ex…\n");
}

static void narrow(FILE *to, const struct query_row *row)
{
	log_print_heading(to, LOG_COLUMNS_MIN);
	log_print_line(to, row, LOG_COLUMNS_MIN, false);
}

static void broad(FILE *to, const struct query_row *row)
{
	log_print_heading(to, 150);
	log_print_line(to, row, 150, false);
}

/* A terminal's width is shared out; from 114 columns on there is an id. */
static void screens(void **state)
{
	struct query_row row = denied();

	(void)state;
	row.sandbox = SLICE("project-7v05");
	row.path = SLICE("/repos/acme/site/contents/README.md");
	expect(narrow, &row,
	       "TIME           SANDBOX    VERDICT ST  METHOD  TARGET"
	       "                 WHY\n"
	       "11-22 11:52:23 project-7… denied  403 GET     "
	       "api.github.com/repos/… no-rule\n");
	expect(broad, &row,
	       "TIME           SANDBOX             VERDICT ST  METHOD  TARGET"
	       "                                              WHY"
	       "                           ID\n"
	       "11-22 11:52:23 project-7v05        denied  403 GET     "
	       "api.github.com/repos/acme/site/contents/README.md   no-rule"
	       "                       0AFMCKD3BVM03\n");
}

static void targets(void **state)
{
	struct query_row row = denied();

	(void)state;
	row.scheme = SLICE("http");
	row.port = 8080;
	row.host = SLICE("2001:db8::1");
	row.query = SLICE("a=b");
	row.path = SLICE("/x");
	expect(plain, &row,
	       "11-22 11:52:23 ci         denied  403 GET     "
	       "http://[2001:db8::1]:8080/x?a=b    no-rule\n");
	row = (struct query_row){ .kind = AUDIT_DNS,
				  .verdict = AUDIT_DENY,
				  .outcome = AUDIT_REFUSED,
				  .wall_us = 1795348343724755,
				  .host = SLICE("nowhere.example"),
				  .port = 53 };
	expect(plain, &row,
	       "11-22 11:52:23            denied  -   dns     "
	       "nowhere.example\n");
}

/* Columns hold, whatever the text: characters count, not octets. */
static void wide(void **state)
{
	struct query_row row = denied();
	char path[600];

	(void)state;
	for (size_t i = 0; i < sizeof(path); i += 2)
		memcpy(path + i, "\xc3\xbc", 2);
	for (size_t n = 0; n < sizeof(path); n += 2) {
		size_t most = LOG_COLUMNS_MIN + n % 161;
		char *got = NULL;
		size_t len, columns = 0;
		FILE *f = open_memstream(&got, &len);

		assert_non_null(f);
		row.path = slice_of(path, n);
		row.sandbox = slice_of(path, n);
		row.reason = slice_of(path, n);
		log_print_line(f, &row, most, false);
		assert_int_equal(fclose(f), 0);
		for (size_t i = 0; i < len; i++)
			columns += (got[i] & 0xc0) != 0x80;
		assert_true(columns - 1 <= most);
		/* Long enough to fill it: but for an id, to the end. */
		if (n > 400)
			assert_int_equal(columns - 1, most);
		free(got);
	}
}

/* A replaced file may hold anything; the terminal sees none of it. */
static void hostile(void **state)
{
	struct query_row row = denied();

	(void)state;
	row.reason = SLICE("\x1b[2J\r\nx\xc2\x9b");
	expect(plain, &row,
	       "11-22 11:52:23 ci         denied  403 GET     "
	       "api.github.com/repos/acme          ?[2J??x??\n");
}

static void json(void **state)
{
	struct query_row row = denied();

	(void)state;
	row.user_agent = SLICE("a\"b\\x0a\n\xc2\x9b");
	expect(as_json, &row,
	       "{\"id\":\"0AFMCKD3BVM03\","
	       "\"time\":\"2026-11-22T11:52:23.724755Z\","
	       "\"instance\":\"test\",\"sandbox\":\"ci\","
	       "\"client\":\"10.7.0.9\",\"client_port\":40112,"
	       "\"kind\":\"request\",\"verdict\":\"deny\","
	       "\"outcome\":\"refused\",\"status\":403,\"method\":\"GET\","
	       "\"scheme\":\"https\",\"host\":\"api.github.com\","
	       "\"port\":443,\"path\":\"/repos/acme\",\"query\":null,"
	       "\"reason\":\"no-rule\",\"rule\":null,\"rule_where\":null,"
	       "\"generation\":3,\"detail\":null,\"duration_us\":81234,"
	       "\"bytes_up\":0,\"bytes_down\":5321,\"content_type\":null,"
	       "\"user_agent\":\"a\\\"b\\\\x0a\\u000a??\","
	       "\"protocol\":\"h2\",\"tls\":null,\"upstream\":null,"
	       "\"up_protocol\":null,\"up_tls\":null,\"cut\":false}");
}

static void story_of_a_refusal(void **state)
{
	struct query_row row = denied();

	(void)state;
	row.detail = SLICE("No rule of sandbox 'ci' allows it.");
	expect(log_story, &row,
	       "request   0AFMCKD3BVM03, a request: denied\n"
	       "asked     GET api.github.com/repos/acme\n"
	       "when      2026-11-22 11:52:23.724 +0000, took 81.234 ms\n"
	       "who       sandbox ci, from 10.7.0.9 port 40112, by h2\n"
	       "verdict   deny, no-rule (generation 3 of the policies)\n"
	       "dialled   nothing: it did not leave the gateway\n"
	       "answer    403\n"
	       "bytes     0 up, 5321 down\n"
	       "ended     answered by the gateway itself: No rule of sandbox "
	       "'ci' allows it.\n"
	       "to allow  penstock allow ci 'GET "
	       "https://api.github.com/repos/acme'\n"
	       "instance  test\n");
}

static void story_of_an_answer(void **state)
{
	struct query_row row = allowed();

	(void)state;
	row.tls = row.up_tls = SLICE("TLSv1.3");
	row.up_protocol = SLICE("h2");
	row.upstream = SLICE("140.82.121.6:443");
	row.rule_where = SLICE("penstock.yaml:12");
	row.content_type = SLICE("application/json");
	row.user_agent = SLICE("git/2.39.5");
	row.outcome = AUDIT_CUT;
	expect(log_story, &row,
	       "request   0AFMCKD3BVM03, a request: cut\n"
	       "asked     GET api.github.com/repos/acme\n"
	       "when      2026-11-22 11:52:23.724 +0000, took 81.234 ms\n"
	       "who       sandbox ci, from 10.7.0.9 port 40112, by h2 over "
	       "TLSv1.3\n"
	       "agent     git/2.39.5\n"
	       "verdict   allow (generation 3 of the policies)\n"
	       "rule      GET https://api.github.com/repos/acme/**  at "
	       "penstock.yaml:12\n"
	       "dialled   140.82.121.6:443, by h2 over TLSv1.3\n"
	       "answer    200, application/json\n"
	       "bytes     0 up, 5321 down\n"
	       "ended     client or origin went away in the middle\n"
	       "instance  test\n");
}

/* What is offered is a rule, or nothing; a shell reads it as one word. */
static void to_allow(void **state)
{
	struct query_row row = denied();
	char rule[STORY_RULE_MAX];

	(void)state;
	row.path = SLICE("/it's/*");
	expect(log_story, &row,
	       "request   0AFMCKD3BVM03, a request: denied\n"
	       "asked     GET api.github.com/it's/*\n"
	       "when      2026-11-22 11:52:23.724 +0000, took 81.234 ms\n"
	       "who       sandbox ci, from 10.7.0.9 port 40112, by h2\n"
	       "verdict   deny, no-rule (generation 3 of the policies)\n"
	       "dialled   nothing: it did not leave the gateway\n"
	       "answer    403\n"
	       "bytes     0 up, 5321 down\n"
	       "ended     answered by the gateway itself\n"
	       "to allow  penstock allow ci 'GET "
	       "https://api.github.com/it'\\''s/%2a'\n"
	       "instance  test\n");
	log_story_rule(&row, true, rule);
	assert_string_equal(rule, "GET https://api.github.com");
	row.cut = true;
	log_story_rule(&row, false, rule);
	assert_string_equal(rule, "");
	row = denied();
	row.rule = SLICE("any https://api.github.com/**");
	log_story_rule(&row, false, rule);
	assert_string_equal(rule, "");
	row = denied();
	row.scheme = SLICE("tcp");
	row.port = 22;
	row.path = slice_of(NULL, 0);
	log_story_rule(&row, false, rule);
	assert_string_equal(rule, "tcp://api.github.com:22");
	row = denied();
	row.method = SLICE("CONNECT");
	row.scheme = row.path = slice_of(NULL, 0);
	log_story_rule(&row, false, rule);
	assert_string_equal(rule, "GET https://api.github.com");
	row.port = 22;
	log_story_rule(&row, true, rule);
	assert_string_equal(rule, "tcp://api.github.com:22");
	/* A type of query is no method of a request. */
	row = denied();
	row.kind = AUDIT_DNS;
	row.method = SLICE("AAAA");
	row.port = 53;
	row.scheme = row.path = slice_of(NULL, 0);
	log_story_rule(&row, false, rule);
	assert_string_equal(rule, "any https://api.github.com");
	row = allowed();
	log_story_rule(&row, false, rule);
	assert_string_equal(rule, "");
}

static void words(void **state)
{
	(void)state;
	assert_string_equal(log_word(AUDIT_DENY, AUDIT_REFUSED), "denied");
	assert_string_equal(log_word(AUDIT_NONE, AUDIT_REFUSED), "refused");
	assert_string_equal(log_word(AUDIT_ASK, AUDIT_OPEN), "asking");
	assert_string_equal(log_word(AUDIT_ALLOW, AUDIT_INTERRUPTED), "broken");
}

static void archive(FILE *to, const struct query_row *row)
{
	log_har_begin(to);
	(void)log_har_row(to, row, true);
	log_har_end(to);
}

static void har(void **state)
{
	struct query_row row = denied();

	(void)state;
	row.query = SLICE("a=b&c");
	expect(archive, &row,
	       "{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":"
	       "\"penstock\",\"version\":\"0.1.0\"},\"pages\":[],"
	       "\"entries\":[\n"
	       "{\"startedDateTime\":\"2026-11-22T11:52:23.724755Z\","
	       "\"time\":81.234,\"request\":{\"method\":\"GET\",\"url\":"
	       "\"https://api.github.com/repos/acme?a=b&c\","
	       "\"httpVersion\":\"HTTP/2.0\",\"cookies\":[],\"headers\":[],"
	       "\"queryString\":[{\"name\":\"a\",\"value\":\"b\"},"
	       "{\"name\":\"c\",\"value\":\"\"}],\"headersSize\":-1,"
	       "\"bodySize\":0},\"response\":{\"status\":403,"
	       "\"statusText\":\"\",\"httpVersion\":\"HTTP/2.0\","
	       "\"cookies\":[],\"headers\":[],\"content\":{\"size\":5321,"
	       "\"mimeType\":\"\"},\"redirectURL\":\"\","
	       "\"headersSize\":-1,\"bodySize\":5321},\"cache\":{},"
	       "\"timings\":{\"blocked\":-1,\"dns\":-1,\"connect\":-1,"
	       "\"send\":0,\"wait\":81.234,\"receive\":0,\"ssl\":-1},"
	       "\"comment\":\"sandbox ci: denied by no-rule\"}\n"
	       "]}}\n");
	row.kind = AUDIT_DNS;
	assert_false(log_har_row(stderr, &row, true));
}

static int utc(void **state)
{
	(void)state;
	return setenv("TZ", "UTC", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(screens),
		cmocka_unit_test(targets),
		cmocka_unit_test(wide),
		cmocka_unit_test(hostile),
		cmocka_unit_test(json),
		cmocka_unit_test(story_of_a_refusal),
		cmocka_unit_test(story_of_an_answer),
		cmocka_unit_test(to_allow),
		cmocka_unit_test(words),
		cmocka_unit_test(har),
	};

	return cmocka_run_group_tests(tests, utc, NULL);
}
