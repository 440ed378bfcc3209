/* Golden pairs, a must-reject set with columns, and the fixpoint. */

#include <stdbool.h>
#include <stdlib.h>

/* The allocator that fails on demand. rule.c is compiled into this program
 * (and so not taken from the library) with malloc() replaced, and before
 * cmocka, whose macros have short names.
 */
static bool out_of_memory;

static void *rule_test_malloc(size_t size)
{
	return out_of_memory ? NULL : malloc(size);
}

#define malloc rule_test_malloc
#include "policy/rule.c"
#undef malloc

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

struct pair {
	const char *line;
	const char *canonical;
};

static const struct pair golden[] = {
	{ "api.example.com", "any https://api.example.com/**" },
	{ "api.example.com:443", "any https://api.example.com/**" },
	{ "any API.Example.COM.", "any https://api.example.com/**" },
	{ "  api.example.com  ", "any https://api.example.com/**" },
	{ "api.example.com:8443", "any https://api.example.com:8443/**" },
	{ "GET https://api.example.com/repos/acme/**",
	  "GET https://api.example.com/repos/acme/**" },
	{ "GET,POST HTTPS://api.example.com/",
	  "GET,POST https://api.example.com/" },
	{ "M-SEARCH http://h.example/", "M-SEARCH http://h.example/" },
	{ "any *.example.com", "any https://*.example.com/**" },
	{ ".example.com", "any https://.example.com/**" },
	{ "GET *", "GET https://*/**" },
	{ "git:read https://git.example/acme/*",
	  "git:read https://git.example/acme/*" },
	{ "git:write http://git.example/acme/site/",
	  "git:write http://git.example/acme/site" },
	{ "git:read git.example", "git:read https://git.example/**" },
	{ "tcp://git.example:22", "tcp://git.example:22" },
	{ "any tcp://git.example:22", "tcp://git.example:22" },
	{ "10.0.0.5:5432", "tcp://10.0.0.5:5432" },
	{ "[2001:DB8:0::5]:5432", "tcp://[2001:db8::5]:5432" },
	{ "10.0.0.5", "any https://10.0.0.5/**" },
	{ "any 10.0.0.5:5432", "any https://10.0.0.5:5432/**" },
	{ "10.0.0.5:8443/x", "any https://10.0.0.5:8443/x" },
	{ "tcp://10.0.0.0/8:22", "tcp://10.0.0.0/8:22" },
	{ "tcp://[fd00::/8]:22 private", "tcp://[fd00::/8]:22 private" },
	{ "tcp://*:22", "tcp://*:22" },
	{ "tls://pinned.example.com", "tls://pinned.example.com" },
	{ "tls://pinned.example.com:8443", "tls://pinned.example.com:8443" },
	{ "wss://stream.example.com/v1/**", "wss://stream.example.com/v1/**" },
	{ "ws://stream.example.com", "ws://stream.example.com/**" },
	{ "http://mirror.example.org:80/debian/**",
	  "any http://mirror.example.org/debian/**" },
	{ "any https://git.corp.internal/** private",
	  "any https://git.corp.internal/** private" },
	{ "GET h.example/x   private   note=for  the build ",
	  "GET https://h.example/x private note=for  the build" },
	{ "h.example rate=30/min inject=key max-response=1024KiB private "
	  "max-body=512k until=2026-12-01 note=all of them",
	  "any https://h.example/** private max-body=512KiB max-response=1MiB "
	  "rate=30/min until=2026-12-01T00:00:00Z inject=key "
	  "note=all of them" },
	{ "h.example max-body=0", "any https://h.example/** max-body=0" },
	{ "h.example max-body=1025", "any https://h.example/** max-body=1025" },
	{ "h.example max-response=3G",
	  "any https://h.example/** max-response=3GiB" },
	{ "h.example rate=1000/d", "any https://h.example/** rate=1000/d" },
	{ "h.example until=2028-02-29T23:59:59Z",
	  "any https://h.example/** until=2028-02-29T23:59:59Z" },
	{ "wss://h.example rate=5/s inject=a.b-c_1",
	  "wss://h.example/** rate=5/s inject=a.b-c_1" },
	{ "GET h.example?service=git-*",
	  "GET https://h.example/**?service=git-*" },
	{ "GET h.example/a?b=c&d=*", "GET https://h.example/a?b=c&d=*" },
	{ "h.example/@scope%2fname", "any https://h.example/@scope%2fname" },
	{ "h.example/a,b", "any https://h.example/a,b" },
	{ "h.example/a?u=http://x", "any https://h.example/a?u=http://x" },
	{ "_dmarc.example.com", "any https://_dmarc.example.com/**" },
	{ "xn--bcher-kva.example", "any https://xn--bcher-kva.example/**" },
	{ "intranet", "any https://intranet/**" },
	{ "b\xc3\xbc"
	  "cher.example",
	  "any https://xn--bcher-kva.example/**" },
	{ "GET *.B\xc3\x9c"
	  "CHER.example/x",
	  "GET https://*.xn--bcher-kva.example/x" },
	{ "any .bu\xcc\x88"
	  "cher\xe3\x80\x82"
	  "example",
	  "any https://.xn--bcher-kva.example/**" }, /* a stop of its own */
	{ "tcp://\xef\xbd\x81.example:22", "tcp://a.example:22" },
	{ "fa\xc3\x9f.example", "any https://xn--fa-hia.example/**" },
	{ "\xd0\xb0pple.example", /* Cyrillic and Latin stay apart */
	  "any https://xn--pple-43d.example/**" },
};

struct reject {
	const char *line;
	unsigned int column;
	const char *text;
};

#define UNKNOWN                                                                \
	"expected an option: private, max-body=, max-response=, rate=, "       \
	"until=, for=, inject= or note="
#define IDNA "not an international name that can be registered (IDNA 2008)"
#define LOOPBACK                                                               \
	"loopback is never reached; for a server on the gateway's host use "   \
	"host.penstock.internal"
#define LOOPBACK0                                                              \
	"loopback and unspecified addresses are never reached; for a server "  \
	"on the gateway's host use host.penstock.internal"
#define SIZE "expected a size, as 10MiB or 512k"
#define RATE "expected a rate, as 30/min, 5/s, 1000/h or 2000/d"
#define TIME "expected a time in UTC, as 2026-12-01T00:00:00Z or 2026-12-01"

static const struct reject rejects[] = {
	{ "", 1, "expected a rule" },
	{ "   ", 1, "expected a rule" },
	{ "GET", 4, "expected a target after the method" },
	{ "any  ", 6, "expected a target after the method" },
	{ "get h.example", 1, "methods are written in capitals" },
	{ "GET,post h.example", 5, "expected a method in capitals" },
	{ "GET, h.example", 5, "expected a method in capitals" },
	{ "GET,PUT,GET h.example", 9, "the method stands twice" },
	{ "any,GET h.example", 1, "expected a method in capitals" },
	{ "git:pull h.example", 1, "expected git:read or git:write" },
	{ "ftp://h.example/", 1,
	  "expected a scheme: https, http, wss, ws, tcp or tls" },
	{ "GET https://", 13, "expected a host" },
	{ "GET https:///x", 13, "expected a host" },
	{ "user@h.example", 5, "a user name has no place in a rule" },
	{ "api.*", 5,
	  "a wildcard stands for whole labels in front: *.example.com" },
	{ "*.*.com", 3,
	  "a wildcard stands for whole labels in front: *.example.com" },
	{ "*bob.example.com", 1,
	  "a wildcard stands for whole labels in front: *.example.com" },
	{ "test..com", 6, "a label of the name is empty" },
	{ ".", 2, "a label of the name is empty" },
	{ "*.", 3, "a label of the name is empty" },
	{ "-a.example", 1, "a label begins or ends with a hyphen" },
	{ "x.a-.example", 3, "a label begins or ends with a hyphen" },
	{ "h.example;rm", 10, "not a character of a host name" },
	{ "GET https://\xff\xfe.example/", 13, "not UTF-8" },
	{ "\xe2\x98\xa0\xe2\x80\x8d.example", 1, IDNA },
	{ "any *.a\xe2\x80\xae"
	  "b.example",
	  7, IDNA }, /* turns the writing round */
	{ "h\xef\xbc\x8f"
	  "a.example/x",
	  1, "not a character of a host name" }, /* a wide slash */
	{ "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1", 1,
	  LOOPBACK0 }, /* 127, wide */
	{ "\xef\xbc\x91\xef\xbc\x90.0.0.1", 1,
	  "write an address in plain digits" }, /* 10, wide */
	{ "\xe2\x93\x9b\xe2\x93\x9e"
	  "calhost",
	  1, LOOPBACK }, /* localhost, in circles */
	{ "127.1", 1, "not an address of four decimal numbers" },
	{ "2130706433", 1, "not an address of four decimal numbers" },
	{ "0x7f000001", 1, "not an address of four decimal numbers" },
	{ "0177.0.0.1", 1, "not an address of four decimal numbers" },
	{ "10.0.0.5.", 1, "not an address of four decimal numbers" },
	{ "*.0.0.1", 3, "a wildcard needs a name, not an address" },
	{ "[::ffff:10.0.0.1]", 2, "write an IPv4 address as four numbers" },
	{ "[::1]:80", 2,
	  "loopback and unspecified addresses are never reached" },
	{ "[fe80::1%25eth0]", 2, "not an IPv6 address" },
	{ "[2001:db8::1", 1, "expected ] at the end of the IPv6 address" },
	{ "[2001:db8::1]x", 14, "expected a port, a path or a blank" },
	{ "10.0.0.0/8:22", 9,
	  "an address range needs tcp:// in front and a port behind" },
	{ "tcp://10.0.0.1/8:22", 16,
	  "the address has bits below the prefix length" },
	{ "tcp://10.0.0.0/33:22", 16, "expected a prefix length" },
	{ "tcp://10.0.0.0/08:22", 16, "expected a prefix length" },
	{ "tcp://h.example", 16, "expected a port, as in :22" },
	{ "tcp://h.example:22/x", 19, "tcp and tls rules have no path" },
	{ "tls://h.example/x", 16, "tcp and tls rules have no path" },
	{ "GET tcp://h.example:22", 1,
	  "only https and http rules take methods" },
	{ "git:read wss://h.example", 1,
	  "only https and http rules take methods" },
	{ "h.example:0", 11, "expected a port, 1 to 65535" },
	{ "h.example:", 11, "expected a port, 1 to 65535" },
	{ "h.example:65536", 11, "expected a port, 1 to 65535" },
	{ "h.example:4a3", 12, "expected a port, 1 to 65535" },
	{ "h.example:0443", 11, "expected a port, 1 to 65535" },
	{ "h.example/a/../b", 10, "the path has a dot segment" },
	{ "h.example/%252e%252e/b", 10, "the path has a dot segment" },
	{ "h.example/a%2", 12, "the path has a % without two hex digits" },
	{ "h.example/a%00", 12, "the path has an encoded NUL" },
	{ "h.example/a#b", 12, "the path has a raw \\, # or ?" },
	{ "h.example/a\\b", 12, "the path has a raw \\, # or ?" },
	{ "h.example/a**/b", 12, "** stands alone between two slashes" },
	{ "h.example/***", 11, "** stands alone between two slashes" },
	{ "h.example/a?b", 13, "expected key=value" },
	{ "h.example/a?=b", 13, "expected key=value" },
	{ "h.example/a?b=c&", 17, "expected key=value" },
	{ "h.example/a?b*=c", 13, "the key of a query takes no wildcard" },
	{ "h.example/a?b=**", 15, "** has no meaning in a query" },
	{ "git:read h.example/a?b=c", 21, "a git rule takes no query" },
	{ "h.example private private", 19, "the option stands twice" },
	{ "h.example rate=5/s rate=5/s", 20, "the option stands twice" },
	{ "h.example privat", 11, UNKNOWN },
	{ "h.example privately", 11, UNKNOWN },
	{ "h.example allowed", 11, UNKNOWN },
	{ "h.example max-body", 11, UNKNOWN },
	{ "h.example note=", 16, "expected a text after note=" },
	{ "h.example note=\xc3\xbc", 16, "a note is plain ASCII" },
	{ "h.example max-body=", 20, SIZE },
	{ "h.example max-body=10MB", 20, SIZE },
	{ "h.example max-body=-1", 20, SIZE },
	{ "h.example max-body=0x10", 20, SIZE },
	{ "h.example max-body=9223372036854775808", 20, SIZE },
	{ "h.example max-response=1.5MiB", 24, SIZE },
	{ "h.example rate=30", 16, RATE },
	{ "h.example rate=0/s", 16, RATE },
	{ "h.example rate=05/s", 16, RATE },
	{ "h.example rate=30/week", 16, RATE },
	{ "h.example rate=/s", 16, RATE },
	{ "h.example rate=4294967296/s", 16, RATE },
	{ "h.example until=", 17, TIME },
	{ "h.example until=2030-02-29", 17, TIME },
	{ "h.example until=2030-13-01", 17, TIME },
	{ "h.example until=2030-1-1", 17, TIME },
	{ "h.example until=2030-01-01T00:00:00", 17, TIME },
	{ "h.example until=2030-01-01T24:00:00Z", 17, TIME },
	{ "h.example until=2030-01-01T23:59:60Z", 17, TIME },
	{ "h.example until=2030-01-01T00:00:00+00:00", 17, TIME },
	{ "h.example until=2030-01-01T00:00:00.5Z", 17, TIME },
	{ "h.example until=1969-12-31", 17, TIME },
	{ "h.example until=1970-01-01", 17, TIME },
	{ "h.example until=tomorrow", 17, TIME },
	{ "h.example for=1h", 15,
	  "for= counts from when a rule is given, which a file does not tell; "
	  "write until=, as until=2026-12-01T00:00:00Z" },
	{ "h.example for=0s", 15, "expected a duration, as 1h or 30m" },
	{ "h.example for=1", 15, "expected a duration, as 1h or 30m" },
	{ "h.example until=2030-01-01 for=1h", 28,
	  "until= and for= say the same; one will do" },
	{ "h.example inject=", 18, "expected the name of a secret" },
	{ "h.example inject=a/b", 18, "expected the name of a secret" },
	{ "*.h.example inject=key", 20,
	  "inject= needs a rule of one host by name: a secret goes nowhere "
	  "else" },
	{ "any 10.0.0.1 inject=key", 21,
	  "inject= needs a rule of one host by name: a secret goes nowhere "
	  "else" },
	{ "http://h.example inject=key", 18,
	  "only https and wss rules take inject=" },
	{ "tcp://h.example:22 inject=key", 20,
	  "only https and wss rules take inject=" },
	{ "wss://h.example max-body=1k", 17,
	  "only https and http rules take max-body=" },
	{ "tls://h.example max-response=1k", 17,
	  "only https and http rules take max-response=" },
	{ "tls://h.example rate=1/s", 17,
	  "tcp and tls rules take no rate=: there are no requests to count" },
	{ "h.example\nh.example", 10,
	  "a control octet; words are separated by blanks" },
	{ "h.example\tprivate", 10,
	  "a control octet; words are separated by blanks" },
	{ "localhost:3000", 1,
	  "loopback is never reached; for a server on the gateway's host use "
	  "host.penstock.internal" },
	{ "x.localhost", 1,
	  "loopback is never reached; for a server on the gateway's host use "
	  "host.penstock.internal" },
};

static const struct rule_source here = { VERDICT_ALLOW, SLICE("here:1"), 0 };

static struct rule *parse(const char *line)
{
	struct rule *rule = NULL;
	struct rule_error err = { 0 };
	int rc = rule_new(&here, slice_str(line), &rule, &err);

	if (rc != 0)
		fail_msg("%s: column %u: %s", line, err.column, err.text);
	return rule;
}

static void test_golden(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(golden); i++) {
		struct rule *rule = parse(golden[i].line);
		struct slice text = rule_text(rule);
		char copy[RULE_LINE_MAX + 1] = { 0 };
		struct rule *again;

		memcpy(copy, text.ptr, text.len);
		assert_string_equal(copy, golden[i].canonical);
		assert_true(slice_eq(rule_where(rule), SLICE("here:1")));
		again = parse(copy);
		assert_true(slice_eq(rule_text(again), text));
		assert_int_equal(again->port, rule->port);
		assert_int_equal(again->scheme, rule->scheme);
		assert_int_equal(again->host_kind, rule->host_kind);
		rule_free(&again);
		rule_free(&rule);
	}
}

static void test_reject(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rejects); i++) {
		struct rule *untouched = (struct rule *)(void *)&rejects;
		struct rule *rule = untouched;
		struct rule_error err = { 0 };
		int rc = rule_new(&here, slice_str(rejects[i].line), &rule,
				  &err);

		if (rc != ERR_SYNTAX)
			fail_msg("accepted: %s", rejects[i].line);
		assert_ptr_equal(rule, untouched);
		if (err.column != rejects[i].column ||
		    strcmp(err.text, rejects[i].text) != 0)
			fail_msg("%s: got %u \"%s\"", rejects[i].line,
				 err.column, err.text);
	}
}

/* Every beginning of every good line is accepted or refused within bounds. */
static void test_prefixes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(golden); i++) {
		size_t len = strlen(golden[i].line);

		for (size_t n = 0; n <= len; n++) {
			char *copy = malloc(n + 1);
			struct rule_error err = { 0 };
			struct rule *rule = NULL;

			memcpy(copy, golden[i].line, n);
			if (rule_new(&here, slice_of(copy, n), &rule, &err) ==
			    ERR_SYNTAX)
				assert_in_range(err.column, 1, n + 1);
			rule_free(&rule);
			free(copy);
		}
	}
}

static void test_limits(void **state)
{
	char line[RULE_LINE_MAX + 2];
	struct rule_error err;
	struct rule *rule = NULL;

	(void)state;
	memset(line, 'a', sizeof(line));
	memcpy(line, "any https://h.example/", 22);
	assert_int_equal(
		rule_new(&here, slice_of(line, RULE_LINE_MAX), &rule, &err), 0);
	assert_int_equal(rule->text_len, RULE_LINE_MAX);
	rule_free(&rule);
	assert_int_equal(
		rule_new(&here, slice_of(line, RULE_LINE_MAX + 1), &rule, &err),
		ERR_SYNTAX);
	assert_int_equal(err.column, RULE_LINE_MAX + 1);
	/* Short as written, too long as printed. */
	assert_int_equal(rule_new(&here, slice_of(line + 4, RULE_LINE_MAX - 3),
				  &rule, &err),
			 ERR_SYNTAX);
	memset(line, 'a', 64);
	assert_int_equal(rule_new(&here, slice_of(line, 64), &rule, &err),
			 ERR_SYNTAX);
	assert_string_equal(err.text, "a label is longer than 63 octets");
}

static void test_where_is_clean(void **state)
{
	static const struct rule_source dirty = { VERDICT_ASK, SLICE("a\tb\nc"),
						  0 };
	struct rule_error err;
	struct rule *rule = NULL;

	(void)state;
	assert_int_equal(rule_new(&dirty, SLICE("h.example"), &rule, &err), 0);
	assert_true(slice_eq(rule_where(rule), SLICE("a?b?c")));
	assert_int_equal(rule_verdict(rule), VERDICT_ASK);
	rule_free(&rule);
}

static void test_private(void **state)
{
	static const struct {
		const char *line;
		bool is_private;
	} rows[] = {
		{ "h.example", false },
		{ "h.example private", true },
		{ "10.0.0.5:22", true },
		{ "tcp://10.0.0.0/8:22", false },
		{ "tcp://10.0.0.0/8:22 private", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rule *rule = parse(rows[i].line);

		assert_int_equal(rule_private(rule), rows[i].is_private);
		rule_free(&rule);
	}
}

static void test_options(void **state)
{
	struct rule *rule =
		parse("h.example private max-body=512k max-response=10MiB "
		      "rate=1000/h until=2026-12-01T00:00:01Z inject=key "
		      "note=why not");
	struct rule_options o = rule_options(rule);

	(void)state;
	assert_true(o.private);
	assert_int_equal(o.max_body, 512 << 10);
	assert_int_equal(o.max_response, 10 << 20);
	assert_int_equal(o.rate, 1000);
	assert_int_equal(o.rate_s, 3600);
	assert_int_equal(o.until_s, 1796083201); /* date -d ... +%s */
	assert_true(slice_eq(o.inject, SLICE("key")));
	assert_true(slice_eq(o.note, SLICE("why not")));
	rule_free(&rule);

	rule = parse("h.example");
	o = rule_options(rule);
	assert_false(o.private);
	assert_true(o.max_body == UINT64_MAX && o.max_response == UINT64_MAX);
	assert_true(!o.rate && !o.rate_s && !o.until_s);
	assert_true(!o.inject.len && !o.note.len);
	rule_free(&rule);
	o = rule_options(NULL);
	assert_true(!o.private && o.max_body == UINT64_MAX);
	assert_true(o.max_response == UINT64_MAX && !o.rate_s && !o.until_s);
}

/* What a deny refuses is refused whole. */
static void test_deny_options(void **state)
{
	static const struct rule_source deny = { VERDICT_DENY, SLICE("x"), 0 };
	static const char *const bad[] = { "h.example max-body=1k",
					   "h.example max-response=1k",
					   "h.example rate=1/s",
					   "h.example inject=key" };
	struct rule_error err;
	struct rule *rule = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(
			rule_new(&deny, slice_str(bad[i]), &rule, &err),
			ERR_SYNTAX);
		assert_int_equal(err.column, 11);
		assert_string_equal(err.text, "a deny has no such option: what "
					      "it refuses is refused");
	}
	assert_int_equal(rule_new(&deny,
				  SLICE("h.example private until=2030-01-01 "
					"note=x"),
				  &rule, &err),
			 0);
	rule_free(&rule);
}

/* for= becomes until=, counted from the clock, and never wraps. */
static void test_clock(void **state)
{
	static const struct rule_source now = { VERDICT_ALLOW, SLICE("x"),
						1796083200 };
	static const struct rule_source late = { VERDICT_ALLOW, SLICE("x"),
						 253402300799 };
	struct rule_error err;
	struct rule *rule = NULL;

	(void)state;
	assert_int_equal(
		rule_new(&now, SLICE("h.example for=90m"), &rule, &err), 0);
	assert_int_equal(rule_options(rule).until_s, 1796083200 + 5400);
	assert_true(
		slice_eq(rule_text(rule), SLICE("any https://h.example/** "
						"until=2026-12-01T01:30:00Z")));
	rule_free(&rule);
	assert_int_equal(
		rule_new(&late, SLICE("h.example for=1w"), &rule, &err), 0);
	assert_true(
		slice_eq(rule_text(rule), SLICE("any https://h.example/** "
						"until=9999-12-31T23:59:59Z")));
	rule_free(&rule);
}

static void test_no_memory(void **state)
{
	struct rule_error err = { 0 };
	struct rule *rule = NULL;

	(void)state;
	out_of_memory = true;
	assert_int_equal(rule_new(&here, SLICE("h.example"), &rule, &err),
			 -ENOMEM);
	out_of_memory = false;
	assert_null(rule);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_reject),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_where_is_clean),
		cmocka_unit_test(test_private),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_deny_options),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
