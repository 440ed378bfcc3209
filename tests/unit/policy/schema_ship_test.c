/* audit: ship: of penstock.yaml: what is read, and where each error stands. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/err.h"
#include "policy/load.h"

static void test_whole(void **state)
{
	struct config_error err = { "" };
	struct config *c = NULL;
	struct config_settings set;
	const char *text =
		"audit:\n"
		"  keep: 90d\n"
		"  ship:\n"
		"    - { to: clickhouse, url: 'https://ch.example:8443/',\n"
		"        table: logs.requests, user: penstock,\n"
		"        password_file: /p, ca: /ca.pem, compress: none }\n"
		"    - { to: ndjson, url: 'http://127.0.0.1:9000/in?a=b',\n"
		"        headers_file: /h, compress: gzip }\n"
		"    - { to: postgresql, conninfo: 'host=db dbname=logs',\n"
		"        password_file: /p }\n"
		"    - { to: postgresql, name: second, \n"
		"        conninfo: 'postgresql://me@db/logs' }\n";

	(void)state;
	assert_int_equal(config_parse("t.yaml", slice_str(text), &c, &err), 0);
	config_settings(c, &set);
	assert_int_equal(set.ship_len, 4);
	assert_int_equal(set.ship[0].kind, CONFIG_SHIP_CLICKHOUSE);
	assert_string_equal(set.ship[0].name, "clickhouse");
	assert_string_equal(set.ship[0].url, "https://ch.example:8443/");
	assert_string_equal(set.ship[0].table, "logs.requests");
	assert_string_equal(set.ship[0].user, "penstock");
	assert_string_equal(set.ship[0].password_file, "/p");
	assert_string_equal(set.ship[0].ca, "/ca.pem");
	assert_true(set.ship[0].plain);
	assert_int_equal(set.ship[1].kind, CONFIG_SHIP_NDJSON);
	assert_string_equal(set.ship[1].headers_file, "/h");
	assert_false(set.ship[1].plain);
	assert_null(set.ship[1].password_file);
	assert_int_equal(set.ship[2].kind, CONFIG_SHIP_POSTGRESQL);
	assert_string_equal(set.ship[2].table, "penstock_requests");
	assert_string_equal(set.ship[2].conninfo, "host=db dbname=logs");
	assert_string_equal(set.ship[3].name, "second");
	config_free(&c);
}

static void test_silent(void **state)
{
	static const char *const texts[] = { "", "audit: { keep: 1d }\n",
					     "audit: { ship: }\n",
					     "audit: { ship: [] }\n" };
	struct config_error err = { "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct config *c = NULL;
		struct config_settings set;

		assert_int_equal(
			config_parse("t.yaml", slice_str(texts[i]), &c, &err),
			0);
		config_settings(c, &set);
		assert_int_equal(set.ship_len, 0);
		config_free(&c);
	}
}

#define CH	"{to: clickhouse, url: 'http://h/'"
#define PG	"{to: postgresql, conninfo: "
#define NDJSON	"{to: ndjson, url: "
#define MANY(x) x ", " x ", " x

/* What stands in ship: [ … ], the column (the list begins at 16), the text. */
static const struct {
	const char *ship;
	unsigned int column;
	const char *what;
} bad[] = {
	{ "x", 16, "expected to: and the keys of its kind" },
	{ "{}", 16, "expected to: clickhouse, ndjson or postgresql" },
	{ "{to: kafka}", 21, "expected clickhouse, ndjson or postgresql" },
	{ "{to: clikhouse}", 21, "did you mean clickhouse?" },
	{ "{to: [ndjson]}", 21, "expected clickhouse, ndjson or postgresql" },
	{ "{to: clickhouse}", 16, "this destination needs url:" },
	{ "{to: ndjson}", 16, "this destination needs url:" },
	{ "{to: postgresql}", 16, "this destination needs conninfo:" },
	{ CH ", tabel: x}", 51, "unknown key; did you mean table?" },
	{ CH ", conninfo: x}", 51, "not a key of this destination" },
	{ CH ", headers_file: /h}", 51, "not a key of this destination" },
	{ CH ", to: ndjson}", 51, "the key stands twice" },
	{ CH ", table: }", 58, "expected a value" },
	{ CH ", table: [a]}", 58, "expected a value" },
	{ CH ", table: 'a;b'}", 60, "expected a table" },
	{ CH ", table: a..b}", 60, "expected a table" },
	{ CH ", table: a.}", 58, "expected a table" },
	{ CH ", table: 1a}", 58, "expected a table" },
	{ CH ", table: 'a b'}", 60, "expected a table" },
	{ CH ", compress: zstd}", 61, "expected gzip or none" },
	{ CH ", password_file: p, user: u}", 66, "expected a file" },
	{ CH ", password_file: /p}", 16, "password_file: needs user:" },
	{ CH ", name: 'a/b'}", 59, "a name has letters" },
	{ CH ", user: \"a\\r\\nb\"}", 0, "a name has no such octet" },
	{ NDJSON "ftp://h/}", 34, "expected https://HOST/ or http://HOST/" },
	{ NDJSON "'http://'}", 34, "expected https://HOST/ or http://HOST/" },
	{ NDJSON "'https:///x'}", 34, "expected https://HOST/" },
	{ NDJSON "'https://u:s3@h/'}", 34, "no name or password here" },
	{ NDJSON "'https://h/ x'}", 45, "no such octet in a URL" },
	{ NDJSON "'https://h/', user: u}", 48, "not a key of this" },
	{ PG "'host=h password=s3'}", 43, "no password here" },
	{ PG "'postgresql://u:s3@h/d'}", 43, "no password here" },
	{ PG "'host=h', url: 'http://h/'}", 53, "not a key of this" },
	{ NDJSON "'http://a/'}, " NDJSON "'http://b/'}", 48,
	  "two destinations have this name" },
	{ MANY(MANY("{to: ndjson, url: 'http://a/'}")), 0,
	  "two destinations have this name" },
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct config_error err = { "" };
		struct config *c = NULL;
		char text[600], place[32];

		(void)snprintf(text, sizeof(text), "audit: {ship: [%s]}\n",
			       bad[i].ship);
		(void)snprintf(place, sizeof(place),
			       "t.yaml:1:%u: ", bad[i].column);
		assert_int_equal(
			config_parse("t.yaml", slice_str(text), &c, &err),
			ERR_SYNTAX);
		assert_null(c);
		assert_null(strstr(err.text, "s3")); /* the secret */
		if (!strstr(err.text, bad[i].what) ||
		    (bad[i].column &&
		     strncmp(err.text, place, strlen(place)) != 0))
			fail_msg("%s\nexpected %s%s\n%s", text, place,
				 bad[i].what, err.text);
	}
}

/* A map where a list belongs. */
static void test_list(void **state)
{
	struct config_error err = { "" };
	struct config *c = NULL;

	(void)state;
	assert_int_equal(config_parse("t.yaml",
				      SLICE("audit: {ship: {to: ndjson}}\n"),
				      &c, &err),
			 ERR_SYNTAX);
	assert_non_null(strstr(err.text, "expected a list of destinations"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
