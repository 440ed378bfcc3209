/* The lines of penstock log, octet by octet. */

#include "cli/log_print.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base.h"

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
	log_print_line(to, row, false);
}

static void coloured(FILE *to, const struct query_row *row)
{
	log_print_line(to, row, true);
}

static void heading(FILE *to, const struct query_row *row)
{
	(void)row;
	log_print_heading(to);
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
		char *got = NULL;
		size_t len, columns = 0;
		FILE *f = open_memstream(&got, &len);

		assert_non_null(f);
		row.path = slice_of(path, n);
		row.sandbox = slice_of(path, n);
		row.reason = slice_of(path, n);
		log_print_line(f, &row, false);
		assert_int_equal(fclose(f), 0);
		for (size_t i = 0; i < len; i++)
			columns += (got[i] & 0xc0) != 0x80;
		assert_true(columns - 1 <= LOG_COLUMNS);
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
	expect(log_print_json, &row,
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
	       "\"up_protocol\":null,\"up_tls\":null,\"cut\":false}\n");
}

static void in_full(void **state)
{
	struct query_row row = denied();

	(void)state;
	expect(log_print_row, &row,
	       "id            0AFMCKD3BVM03\n"
	       "time          2026-11-22 11:52:23 +0000\n"
	       "what          request, deny, refused\n"
	       "instance      test\n"
	       "sandbox       ci\n"
	       "client        10.7.0.9\n"
	       "method        GET\n"
	       "target        api.github.com/repos/acme\n"
	       "reason        no-rule\n"
	       "duration      81.234 ms\n"
	       "bytes         0 up, 5321 down\n"
	       "status        403\n"
	       "generation    3\n"
	       "protocol      h2\n");
}

static int utc(void **state)
{
	(void)state;
	return setenv("TZ", "UTC", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table), cmocka_unit_test(targets),
		cmocka_unit_test(wide),	 cmocka_unit_test(hostile),
		cmocka_unit_test(json),	 cmocka_unit_test(in_full),
	};

	return cmocka_run_group_tests(tests, utc, NULL);
}
