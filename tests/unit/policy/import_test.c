/* What the lists of others become, exactly; and that a list cut at any octet
 * ends in an answer.
 */

#include "base/err.h"
#include "policy/import.h"
#include "tests/unit/policy/question.h"

static void on_item(void *ctx, const struct import_item *i)
{
	static const char *const kinds[] = {
		[IMPORT_USE] = "use",
		[IMPORT_DEFAULT] = "default",
		[IMPORT_LEFT] = "left",
		[IMPORT_NEEDLESS] = "needless",
	};
	char *got = ctx;
	size_t at = strlen(got);

	(void)snprintf(got + at, 8192 - at, "%u %s%s %.*s\n", i->number,
		       i->kind == IMPORT_RULE ? verdict_str(i->verdict)
					      : kinds[i->kind],
		       i->kind == IMPORT_RULE && i->why ? "!" : "",
		       (int)(i->line.len ? i->line.len : i->text.len),
		       i->line.len ? i->line.ptr : i->text.ptr);
}

struct sample {
	enum import_format format;
	const char *text;
	const char *items;
};

static const struct sample samples[] = {
	{ IMPORT_PEN,
	  "# names\nA.test:443\n  b.test:80 \r\nc.test:22\n10.0.0.5:5432\n"
	  "[fd00::5]:22\nd.test\ne.test:x\n\n*.com:443\n127.0.0.1:1\n",
	  "2 allow any https://a.test/**\n"
	  "3 allow any http://b.test/**\n"
	  "4 allow! tcp://c.test:22\n"
	  "5 allow tcp://10.0.0.5:5432\n"
	  "6 allow tcp://[fd00::5]:22\n"
	  "7 left d.test\n"
	  "8 left e.test:x\n"
	  "10 left *.com:443\n"
	  "11 left 127.0.0.1:1\n" },
	{ IMPORT_PENT,
	  "[sandbox]\nnetwork = { mode = \"unrestricted\" }\n[proxy] # p\n"
	  "domain_allowlist = [ \"a.test\", # one\n  '*.b.test',\n"
	  "\"**.c.test\",\"*\" ]\ndns_ttl_seconds = 5\n[other]\n"
	  "domain_allowlist = [\"x.test\"]\n",
	  "2 left network = { mode = \"unrestricted\" }\n"
	  "4 allow any https://a.test/**\n"
	  "5 allow! any https://*.b.test/**\n"
	  "6 allow any https://*.c.test/**\n"
	  "6 left *\n" },
	{ IMPORT_AGENT_SANDBOX,
	  "services:\n"
	  "  - github\n"
	  "  - nosuch\n"
	  "  - { name: claude, readonly: true }\n"
	  "  - { name: github, repos: [o/r], surfaces: [api, git] }\n"
	  "  - { name: github, readonly: true, repos: o/r, surfaces: git }\n"
	  "domains:\n"
	  "  - a.test\n"
	  "  - \"*.b.test\"\n"
	  "  - host: c.test\n"
	  "    rules:\n"
	  "      - { scheme: https, methods: [get, POST],\n"
	  "          path: { prefix: /p/ } }\n"
	  "      - { schemes: http, path: { exact: /a*b } }\n"
	  "      - { scheme: https, path: { prefix: /q } }\n"
	  "      - { query: { exact: {} } }\n"
	  "      - { path: { prefix: p } }\n"
	  "      - { header: x }\n"
	  "more: 1\n",
	  "2 use github\n"
	  "3 left nosuch\n"
	  "4 left claude\n"
	  "5 allow any https://api.github.com/repos/o/r/**\n"
	  "5 allow git:write https://github.com/o/r\n"
	  "6 allow git:read https://github.com/o/r\n"
	  "8 allow any https://a.test/**\n"
	  "8 allow any http://a.test/**\n"
	  "9 allow any https://.b.test/**\n"
	  "9 allow any http://.b.test/**\n"
	  "12 allow GET,POST https://c.test/p/**\n"
	  "14 allow any http://c.test/a%2ab\n"
	  "15 allow any https://c.test/q*/**\n"
	  "16 left c.test\n"
	  "17 left c.test\n"
	  "18 left c.test\n"
	  "19 left more\n" },
	{ IMPORT_SQUID,
	  "acl localnet src 10.0.0.0/8\n"		 /* 1 */
	  "acl SSL_ports port 443\n"			 /* 2 */
	  "acl good dstdomain .a.test \\\n b.test # c\n" /* 3, 4 */
	  "acl one dstdomain x.a.test\n"		 /* 5 */
	  "acl reads method GET HEAD\n"			 /* 6 */
	  "acl re url_regex ^http\n"			 /* 7 */
	  "acl odd port 8443\n"				 /* 8 */
	  "acl list dstdomain \"/etc/list\"\n"		 /* 9 */
	  "acl late dstdomain c.test\n"			 /* 10 */
	  "http_access deny CONNECT !SSL_ports\n"	 /* 11 */
	  "http_access allow manager localhost\n"	 /* 12 */
	  "http_access deny re\n"			 /* 13 */
	  "http_access deny one\n"			 /* 14 */
	  "http_access allow localnet good\n"		 /* 15 */
	  "http_access deny good\n"			 /* 16 */
	  "http_access allow reads late\n"		 /* 17 */
	  "http_access deny late\n"			 /* 18 */
	  "http_access allow CONNECT late odd\n"	 /* 19 */
	  "http_access allow list\n"			 /* 20 */
	  "http_access allow nosuch\n"			 /* 21 */
	  "http_access deny all\n",			 /* 22 */
	  "11 left http_access deny CONNECT !SSL_ports\n"
	  "12 needless http_access allow manager localhost\n"
	  "13 left http_access deny re\n"
	  "14 deny any https://x.a.test/**\n"
	  "14 deny any http://x.a.test/**\n"
	  "15 allow! any https://.a.test/**\n"
	  "15 allow! any http://.a.test/**\n"
	  "15 allow! any https://b.test/**\n"
	  "15 allow! any http://b.test/**\n"
	  "16 deny! any https://.a.test/**\n"
	  "16 deny! any http://.a.test/**\n"
	  "16 deny! any https://b.test/**\n"
	  "16 deny! any http://b.test/**\n"
	  "17 allow GET,HEAD http://c.test/**\n"
	  "18 deny! any https://c.test/**\n"
	  "18 deny! any http://c.test/**\n"
	  "19 allow any https://c.test:8443/**\n"
	  "20 left http_access allow list\n"
	  "21 left http_access allow nosuch\n"
	  "22 needless http_access deny all\n" },
	{ IMPORT_SQUID,
	  "acl bad dstdomain .bad.test\nacl web port 80 443\n"
	  "http_access deny !web\nhttp_access deny bad\n"
	  "http_access allow localhost\nhttp_access deny all\n",
	  "3 needless http_access deny !web\n"
	  "4 deny any https://.bad.test/**\n"
	  "4 deny any http://.bad.test/**\n"
	  "5 default http_access allow localhost\n"
	  "6 needless http_access deny all\n" },
};

static int import(const struct sample *s, size_t len, char got[8192],
		  struct config_error *err)
{
	const struct import_source source = { s->format, "f",
					      slice_of(s->text, len) };

	got[0] = '\0';
	return import_text(&source, on_item, got, err);
}

static void test_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		struct config_error err = { "" };
		char got[8192];

		if (import(&samples[i], strlen(samples[i].text), got, &err) !=
		    0)
			fail_msg("%s", err.text);
		assert_string_equal(got, samples[i].items);
	}
}

static void test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		for (size_t n = 0; n < strlen(samples[i].text); n++)
			for (int f = 0; f < IMPORT_FORMATS; f++) {
				struct sample s = samples[i];
				struct config_error err = { "" };
				char got[8192];
				int rc;

				s.format = (enum import_format)f;
				rc = import(&s, n, got, &err);
				assert_true(rc == 0 ||
					    (rc == ERR_SYNTAX && err.text[0]));
			}
}

static void test_bad(void **state)
{
	static const struct sample bad[] = {
		{ IMPORT_PEN, "a.test:443\nb\x01:80\n",
		  "f:2:2: a control octet\n  b :80\n   ^" },
		{ IMPORT_PENT, "[proxy]\ndomain_allowlist = \"x\"\n",
		  "f:2:20: expected a list: [\"NAME\"]\n"
		  "  domain_allowlist = \"x\"\n"
		  "                     ^" },
		{ IMPORT_PENT, "[proxy]\ndomain_allowlist = [5]\n",
		  "f:2:21: expected a string\n"
		  "  domain_allowlist = [5]\n"
		  "                      ^" },
		{ IMPORT_PENT, "[proxy]\ndomain_allowlist = [\n\"a\"\n",
		  "f:3:1: a list without an end\n  \"a\"\n  ^" },
		{ IMPORT_AGENT_SANDBOX, "domains: 5x\n",
		  "f:1:10: expected a list\n  domains: 5x\n           ^" },
		{ IMPORT_AGENT_SANDBOX, "- a\n",
		  "f:1:1: expected services: and domains:\n  - a\n  ^" },
		{ IMPORT_AGENT_SANDBOX, "domains: &a [x]\n",
		  "f:1:10: anchors and tags are not allowed\n"
		  "  domains: &a [x]\n           ^" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct config_error err = { "" };
		char got[8192];

		assert_int_equal(
			import(&bad[i], strlen(bad[i].text), got, &err),
			ERR_SYNTAX);
		assert_string_equal(err.text, bad[i].items);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
