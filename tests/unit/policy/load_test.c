/* penstock.yaml: what is read, and the exact text of each error. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "policy/load.h"

static struct config *parse(const char *text)
{
	struct config_error err = { "" };
	struct config *c = NULL;

	if (config_parse("t.yaml", slice_str(text), &c, &err) != 0)
		fail_msg("%s", err.text);
	return c;
}

static void expect_rules(const struct config *c, const char *name,
			 const char *expected)
{
	struct config_error err = { "" };
	struct ruleset *rs = NULL;
	char *text = NULL;
	size_t len;

	assert_int_equal(ruleset_new(&rs), 0);
	if (config_rules(c, name, rs, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(ruleset_print(rs, &text, &len), 0);
	assert_string_equal(text, expected);
	free(text);
	ruleset_free(&rs);
}

static const char whole[] =
	"sandboxes:\n"
	"  ci:    { from: [10.7.0.0/24, \"fd00:7::/64\"], "
	"policy: [base, ci] }\n"
	"  alice: { from: 10.8.0.12, mode: learn, policy: base, "
	"token_file: /t }\n"
	"policies:\n"
	"  base:\n"
	"    deny:  [any https://*.paste.example/**]\n"
	"  ci:\n"
	"    use:   [base, tools]\n"
	"    allow:\n"
	"      - git:read https://git.example/acme/*\n"
	"      - tcp://db.internal:5432 private\n"
	"    ask: POST https://api.example/x\n"
	"  tools: { allow: tools.example, use: base, default: deny }\n"
	"  open: { default: allow }\n"
	"  nothing:\n"
	"listen: [127.0.0.1:8443, \"[::1]:8443\"]\n"
	"capture: { interfaces: sb0, sources: [10.7.0.0/24, \"fd00::/8\"],"
	" port: 4000 }\n"
	"workers: 3\n"
	"upstream: { dns: [192.0.2.1, \"192.0.2.2:5353\"], "
	"ca: [/etc/ca.pem] }\n"
	"ask_timeout: 2m\n"
	"audit: { keep: 90d, max_size: 10GiB, when_full: count }\n";

static void test_whole(void **state)
{
	struct config *c = parse(whole);
	struct config_sandbox s;
	struct config_settings set;

	(void)state;
	assert_int_equal(config_sandboxes(c), 2);
	config_sandbox(c, 0, &s);
	assert_string_equal(s.name, "ci");
	assert_false(s.learn);
	assert_int_equal(s.from_len, 2);
	assert_string_equal(s.from[1], "fd00:7::/64");
	assert_int_equal(s.policies_len, 2);
	assert_string_equal(s.policies[1], "ci");
	config_sandbox(c, 1, &s);
	assert_string_equal(s.from[0], "10.8.0.12");
	assert_string_equal(s.policies[0], "base");
	assert_string_equal(s.token_file, "/t");
	assert_true(s.learn);

	config_settings(c, &set);
	assert_int_equal(set.listen_len, 2);
	assert_string_equal(set.listen[1], "[::1]:8443");
	assert_int_equal(set.capture_interfaces_len, 1);
	assert_string_equal(set.capture_interfaces[0], "sb0");
	assert_int_equal(set.capture_sources_len, 2);
	assert_string_equal(set.capture_sources[1], "fd00::/8");
	assert_int_equal(set.capture_port, 4000);
	assert_int_equal(set.workers, 3);
	assert_int_equal(set.upstream_dns_len, 2);
	assert_string_equal(set.upstream_ca[0], "/etc/ca.pem");
	assert_int_equal(set.audit_keep_s, 90 * 86400);
	assert_int_equal(set.audit_max_bytes, 10ull << 30);
	assert_true(set.audit_when_full_count);
	assert_int_equal(set.ask_timeout_s, 120);

	assert_int_equal(config_policies(c), 5);
	expect_rules(c, "ci",
		     "default deny\n"
		     "ask\tt.yaml:12\tPOST https://api.example/x\n"
		     "allow\tt.yaml:10\tgit:read https://git.example/acme/*\n"
		     "allow\tt.yaml:11\ttcp://db.internal:5432 private\n"
		     "deny\tt.yaml:6\tany https://*.paste.example/**\n"
		     "allow\tt.yaml:13\tany https://tools.example/**\n");
	expect_rules(c, "open", "default allow\n");
	expect_rules(c, "nothing", "default unset\n");
	config_free(&c);
}

/* One policy that says deny outweighs one that says allow. */
static void test_defaults_merge(void **state)
{
	struct config *c = parse("policies:\n"
				 "  a: { default: allow, use: b }\n"
				 "  b: { default: deny }\n"
				 "  c: { default: allow, use: d }\n"
				 "  d: {}\n");

	(void)state;
	expect_rules(c, "a", "default deny\n");
	expect_rules(c, "c", "default allow\n");
	config_free(&c);
}

static void test_secrets(void **state)
{
	struct config *c = parse(
		"secrets:\n"
		"  one: { file: /s/one, header: X-Api-Key, hosts: H.example. }\n"
		"  two: { credential: two.key, header: authorization,\n"
		"         prefix: \"Bearer \", placeholder: not-the-real-key,\n"
		"         hosts: [a.example, b.example] }\n"
		"policies:\n"
		"  p: { allow: [GET https://h.example/v1/** inject=one,\n"
		"               wss://b.example inject=two], default: ask }\n");
	struct config_secret s;
	struct rule_error err;
	struct ruleset *rs = NULL;

	(void)state;
	assert_int_equal(config_secrets(c), 2);
	config_secret(c, 0, &s);
	assert_string_equal(s.name, "one");
	assert_string_equal(s.file, "/s/one");
	assert_null(s.credential);
	assert_string_equal(s.header, "x-api-key");
	assert_string_equal(s.prefix, "");
	assert_null(s.placeholder);
	assert_int_equal(s.hosts_len, 1);
	assert_string_equal(s.hosts[0], "h.example");
	config_secret(c, 1, &s);
	assert_null(s.file);
	assert_string_equal(s.credential, "two.key");
	assert_string_equal(s.prefix, "Bearer ");
	assert_string_equal(s.placeholder, "not-the-real-key");
	assert_int_equal(s.hosts_len, 2);
	assert_string_equal(s.hosts[1], "b.example");
	expect_rules(c, "p",
		     "default ask\n"
		     "allow\tt.yaml:7\tGET https://h.example/v1/** "
		     "inject=one\n"
		     "allow\tt.yaml:8\twss://b.example/** inject=two\n");

	assert_int_equal(ruleset_new(&rs), 0);
	assert_int_equal(ruleset_add(rs, VERDICT_ALLOW,
				     SLICE("GET b.example inject=one"),
				     SLICE("x"), &err),
			 0);
	assert_int_equal(config_check_inject(c, ruleset_at(rs, 0), &err),
			 ERR_SYNTAX);
	assert_string_equal(err.text,
			    "this host is not among the hosts of secret one");
	ruleset_free(&rs);
	config_free(&c);
}

struct wrong {
	const char *text;
	const char *error;
};

#define SUFFIX                                                                 \
	"anybody can have a name below this public suffix; name the hosts, "   \
	"or the domains, that are meant"

static const struct wrong wrongs[] = {
	{ "polices: {}\n", "t.yaml:1:1: unknown key; did you mean policies?\n"
			   "  polices: {}\n"
			   "  ^" },
	{ "zzz: {}\n", "t.yaml:1:1: unknown key\n  zzz: {}\n  ^" },
	{ "workers: 1\nworkers: 2\n", "t.yaml:2:1: the key stands twice\n"
				      "  workers: 2\n"
				      "  ^" },
	{ "[a]: 1\n", "t.yaml:1:1: expected a key\n  [a]: 1\n  ^" },
	{ "- a\n", "t.yaml:1:1: expected keys and values\n  - a\n  ^" },
	{ "policies:\n  p:\n    allow:\n      - GET https://h.example:0/\n",
	  "t.yaml:4:31: in this rule: expected a port, 1 to 65535\n"
	  "        - GET https://h.example:0/\n"
	  "                                ^" },
	{ "policies: {p: {allow: [h.example, get i.example]}}\n",
	  "t.yaml:1:35: in this rule: methods are written in capitals\n"
	  "  policies: {p: {allow: [h.example, get i.example]}}\n"
	  "                                    ^" },
	{ "policies: {p: {allow: \"x h.example\"}}\n",
	  "t.yaml:1:26: in this rule: expected an option: private, max-body=, max-response=, rate=, until=, for=, inject= or note=\n"
	  "  policies: {p: {allow: \"x h.example\"}}\n"
	  "                           ^" },
	{ "policies: {p: {allow: 'a*b.example'}}\n",
	  "t.yaml:1:25: in this rule: a wildcard stands for whole labels in "
	  "front: *.example.com\n"
	  "  policies: {p: {allow: 'a*b.example'}}\n"
	  "                          ^" },
	{ "policies:\n  p:\n    deny:\n      - >-\n"
	  "        any h.example\n        x\n",
	  "t.yaml:4:9: in this rule: expected an option: private, max-body=, max-response=, rate=, until=, for=, inject= or note=\n"
	  "        - >-\n"
	  "          ^" },
	{ "policies: {p: {allow: \"x\\x2f\\x41**\"}}\n",
	  "t.yaml:1:23: in this rule: ** stands alone between two slashes\n"
	  "  policies: {p: {allow: \"x\\x2f\\x41**\"}}\n"
	  "                        ^" },
	{ "# \xc3\xbc\n\xc3\xbc\xc3\xb6: {a: b}\n",
	  "t.yaml:2:1: unknown key\n  \xc3\xbc\xc3\xb6: {a: b}\n  ^" },
	{ "policies: {p: {ask: \"tcp://\xc3\xbc\xe2\x80\xae.example:22\"}}\n",
	  "t.yaml:1:28: in this rule: not an international name that can be "
	  "registered (IDNA 2008)\n"
	  "  policies: {p: {ask: \"tcp://\xc3\xbc\xe2\x80\xae.example:22\"}}\n"
	  "                             ^" },
	{ "policies: {p: {allow: any *.com}}\n",
	  "t.yaml:1:27: in this rule: " SUFFIX "\n"
	  "  policies: {p: {allow: any *.com}}\n"
	  "                            ^" },
	{ "policies: {p: {ask: .github.io}}\n",
	  "t.yaml:1:21: in this rule: " SUFFIX "\n"
	  "  policies: {p: {ask: .github.io}}\n"
	  "                      ^" },
	{ "policies: {p: {allow: 'wss://*.co.uk'}}\n",
	  "t.yaml:1:30: in this rule: " SUFFIX "\n"
	  "  policies: {p: {allow: 'wss://*.co.uk'}}\n"
	  "                               ^" },
	{ "policies: {p: {allow: any *.\xd1\x80\xd1\x84}}\n",
	  "t.yaml:1:27: in this rule: " SUFFIX "\n"
	  "  policies: {p: {allow: any *.\xd1\x80\xd1\x84}}\n"
	  "                            ^" },
	{ "policies: {p: {allow: h.example max-body=1MB}}\n",
	  "t.yaml:1:42: in this rule: expected a size, as 10MiB or 512k\n"
	  "  policies: {p: {allow: h.example max-body=1MB}}\n"
	  "                                           ^" },
	{ "policies: {p: {deny: h.example max-body=1MiB}}\n",
	  "t.yaml:1:32: in this rule: a deny has no such option: what it "
	  "refuses is refused\n"
	  "  policies: {p: {deny: h.example max-body=1MiB}}\n"
	  "                                 ^" },
	{ "policies: {p: {allow: h.example for=1h}}\n",
	  "t.yaml:1:37: in this rule: for= counts from when a rule is given, "
	  "which a file does not tell; write until=, as "
	  "until=2026-12-01T00:00:00Z\n"
	  "  policies: {p: {allow: h.example for=1h}}\n"
	  "                                      ^" },
	{ "policies: {p: {allow: h.example inject=key}}\n",
	  "t.yaml:1:40: in this rule: no secret is named key\n"
	  "  policies: {p: {allow: h.example inject=key}}\n"
	  "                                         ^" },
	{ "policies:\n  p:\n    allow:\n"
	  "      - GET i.example inject=key private\n"
	  "secrets: {key: {file: /x, header: a, hosts: h.example}}\n",
	  "t.yaml:4:30: in this rule: this host is not among the hosts of "
	  "secret key\n"
	  "        - GET i.example inject=key private\n"
	  "                               ^" },
	{ "policies:\n  p:\n    allow:\n      - GET {npm.registri}/x\n",
	  "t.yaml:4:13: in this rule: not a placeholder; the nearest is "
	  "{npm.registry}\n"
	  "        - GET {npm.registri}/x\n"
	  "              ^" },
	{ "policies:\n  p:\n    allow:\n      - GET {npm.registry}/x**\n",
	  "t.yaml:4:29: in this rule: ** stands alone between two slashes\n"
	  "        - GET {npm.registry}/x**\n"
	  "                              ^" },
	{ "policies: {p: {use: [githab]}}\n",
	  "t.yaml:1:22: no policy or profile has this name; did you mean "
	  "github?\n"
	  "  policies: {p: {use: [githab]}}\n"
	  "                       ^" },
	{ "policies: {p: {use: q}, q: {use: r}, r: {use: p}}\n",
	  "t.yaml:1:47: the policies use each other in a circle\n"
	  "  policies: {p: {use: q}, q: {use: r}, r: {use: p}}\n"
	  "                                                ^" },
	{ "policies: {p: {use: p}}\n",
	  "t.yaml:1:21: the policies use each other in a circle\n"
	  "  policies: {p: {use: p}}\n"
	  "                      ^" },
	{ "policies: {p: {default: no}}\n",
	  "t.yaml:1:25: expected deny, ask or allow\n"
	  "  policies: {p: {default: no}}\n"
	  "                          ^" },
	{ "policies: {p: {allow: {a: b}}}\n",
	  "t.yaml:1:23: expected a list\n"
	  "  policies: {p: {allow: {a: b}}}\n"
	  "                        ^" },
	{ "policies: {p: {allow: [[x]]}}\n", "t.yaml:1:24: expected a value\n"
					     "  policies: {p: {allow: [[x]]}}\n"
					     "                         ^" },
	{ "policies: {a b: {}}\n",
	  "t.yaml:1:13: a name has letters, digits, - _ and .\n"
	  "  policies: {a b: {}}\n"
	  "              ^" },
	{ "policies: {-a: {}}\n",
	  "t.yaml:1:12: a name begins with a letter, a digit or _\n"
	  "  policies: {-a: {}}\n"
	  "             ^" },
	{ "sandboxes: {s: {policy: []}}\n",
	  "t.yaml:1:13: a sandbox needs from: the addresses it has, or "
	  "token_file:\n"
	  "  sandboxes: {s: {policy: []}}\n"
	  "              ^" },
	{ "sandboxes: {s: {token_file: token}}\n",
	  "t.yaml:1:29: expected a file, from the root: /…\n"
	  "  sandboxes: {s: {token_file: token}}\n"
	  "                              ^" },
	{ "sandboxes: {s: {from: 10.0.0.0/33}}\n",
	  "t.yaml:1:23: expected an address or a prefix\n"
	  "  sandboxes: {s: {from: 10.0.0.0/33}}\n"
	  "                        ^" },
	{ "sandboxes: {s: {from: 10.0.0.1, mode: lern}}\n",
	  "t.yaml:1:39: expected enforce or learn\n"
	  "  sandboxes: {s: {from: 10.0.0.1, mode: lern}}\n"
	  "                                        ^" },
	{ "sandboxes: {s: {from: 10.0.0.1, policy: x}}\n",
	  "t.yaml:1:41: no policy or profile has this name\n"
	  "  sandboxes: {s: {from: 10.0.0.1, policy: x}}\n"
	  "                                          ^" },
	{ "secrets: {a: {file: /x}}\n",
	  "t.yaml:1:11: a secret needs header: that it is put into, or placeholder: that it replaces\n"
	  "  secrets: {a: {file: /x}}\n"
	  "            ^" },
	{ "secrets: {a: {header: b, hosts: h}}\n",
	  "t.yaml:1:11: a secret needs file: or credential:, one of them\n"
	  "  secrets: {a: {header: b, hosts: h}}\n"
	  "            ^" },
	{ "secrets: {a: {file: /x, credential: y, header: b, hosts: h}}\n",
	  "t.yaml:1:11: a secret needs file: or credential:, one of them\n"
	  "  secrets: {a: {file: /x, credential: y, header: b, hosts: h}}\n"
	  "            ^" },
	{ "secrets: {a: {file: /x, header: b}}\n",
	  "t.yaml:1:11: a secret needs hosts: the names it may go to\n"
	  "  secrets: {a: {file: /x, header: b}}\n"
	  "            ^" },
	{ "secrets: {a: {file: /x, placeholder: abcdefghijklmnop, prefix: b, hosts: h}}\n",
	  "t.yaml:1:11: prefix: stands with header:\n"
	  "  secrets: {a: {file: /x, placeholder: abcdefghijklmnop, prefix: b, hosts: h}}\n"
	  "            ^" },
	{ "secrets: {a: {file: x}}\n",
	  "t.yaml:1:21: expected a file, from the root: /…\n"
	  "  secrets: {a: {file: x}}\n"
	  "                      ^" },
	{ "secrets: {a: {credential: x/y}}\n",
	  "t.yaml:1:28: a name has letters, digits, - _ and .\n"
	  "  secrets: {a: {credential: x/y}}\n"
	  "                             ^" },
	{ "secrets: {a: {header: 'a:b'}}\n",
	  "t.yaml:1:25: a header's name has letters, digits, - and _\n"
	  "  secrets: {a: {header: 'a:b'}}\n"
	  "                          ^" },
	{ "secrets: {a: {header: Host}}\n",
	  "t.yaml:1:23: this header is the gateway's own; a secret has no place in it\n"
	  "  secrets: {a: {header: Host}}\n"
	  "                        ^" },
	{ "secrets: {a: {placeholder: short}}\n",
	  "t.yaml:1:28: a placeholder has 16 to 256 octets, so that nothing else is taken for it\n"
	  "  secrets: {a: {placeholder: short}}\n"
	  "                             ^" },
	{ "secrets: {a: {placeholder: 'with a blank in it'}}\n",
	  "t.yaml:1:33: a placeholder has letters, digits, - _ . and ~\n"
	  "  secrets: {a: {placeholder: 'with a blank in it'}}\n"
	  "                                  ^" },
	{ "secrets: {a: {hosts: [h.example, '*.h.example']}}\n",
	  "t.yaml:1:34: a secret goes to single hosts by name, no wildcard and no address\n"
	  "  secrets: {a: {hosts: [h.example, '*.h.example']}}\n"
	  "                                   ^" },
	{ "secrets: {a: {hosts: 10.0.0.1}}\n",
	  "t.yaml:1:22: a secret goes to single hosts by name, no wildcard and no address\n"
	  "  secrets: {a: {hosts: 10.0.0.1}}\n"
	  "                       ^" },
	{ "secrets: {a: {hosts: h_/}}\n",
	  "t.yaml:1:24: not a character of a host name\n"
	  "  secrets: {a: {hosts: h_/}}\n"
	  "                         ^" },
	{ "secrets: {a: {content: x}}\n", "t.yaml:1:15: unknown key\n"
					  "  secrets: {a: {content: x}}\n"
					  "                ^" },
	{ "secrets: {a: {file: /x, header: b, hosts: c}, a: }\n",
	  "t.yaml:1:47: the key stands twice\n"
	  "  secrets: {a: {file: /x, header: b, hosts: c}, a: }\n"
	  "                                                ^" },
	{ "ask_timeout: 60\n", "t.yaml:1:14: expected a time, as 60s or 5m\n"
			       "  ask_timeout: 60\n"
			       "               ^" },
	{ "listen: 127.0.0.1\n", "t.yaml:1:9: expected ADDRESS:PORT\n"
				 "  listen: 127.0.0.1\n"
				 "          ^" },
	{ "capture: {interfaces: sixteen_octets__}\n",
	  "t.yaml:1:23: expected the name of an interface\n"
	  "  capture: {interfaces: sixteen_octets__}\n"
	  "                        ^" },
	{ "capture: {sources: 10.0.0.0/33}\n",
	  "t.yaml:1:20: expected an address or a prefix\n"
	  "  capture: {sources: 10.0.0.0/33}\n"
	  "                     ^" },
	{ "capture: {interfaces: a, port: 53}\n",
	  "t.yaml:1:32: expected a port, other than 53\n"
	  "  capture: {interfaces: a, port: 53}\n"
	  "                                 ^" },
	{ "capture: {port: 4000}\n",
	  "t.yaml:1:10: expected interfaces: or sources: to capture\n"
	  "  capture: {port: 4000}\n"
	  "           ^" },
	{ "workers: 0\n", "t.yaml:1:10: expected a number from 1 to 256\n"
			  "  workers: 0\n"
			  "           ^" },
	{ "audit: {keep: 90}\n", "t.yaml:1:15: expected a time, as 90d or 12h\n"
				 "  audit: {keep: 90}\n"
				 "                ^" },
	{ "audit: {max_size: 10GB}\n",
	  "t.yaml:1:19: expected a size, as 10GiB or 500MiB\n"
	  "  audit: {max_size: 10GB}\n"
	  "                    ^" },
	{ "audit: {when_full: drop}\n",
	  "t.yaml:1:20: expected refuse or count\n"
	  "  audit: {when_full: drop}\n"
	  "                     ^" },
	{ "workers: &a 1\n", "t.yaml:1:10: anchors are not allowed\n"
			     "  workers: &a 1\n"
			     "           ^" },
	{ "workers: *a\n", "t.yaml:1:10: aliases are not allowed\n"
			   "  workers: *a\n"
			   "           ^" },
	{ "policies: !!map {}\n",
	  "t.yaml:1:11: anchors and tags are not allowed\n"
	  "  policies: !!map {}\n"
	  "            ^" },
	{ "workers: 1\n---\nworkers: 2\n",
	  "t.yaml:2:1: a second document in one file\n  ---\n  ^" },
	{ "a: [[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]\n",
	  "t.yaml:1:19: nested deeper than 16 levels\n"
	  "  a: [[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]\n"
	  "                    ^" },
	{ "a: [b\n", "t.yaml:2:1: not YAML: did not find expected ',' or "
		     "']'" },
	{ "workers: \"1\\0\"\n", "t.yaml:1:10: a NUL in a value\n"
				 "  workers: \"1\\0\"\n"
				 "           ^" },
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
		struct config *untouched = (struct config *)(void *)&wrongs;
		struct config *c = untouched;
		struct config_error err = { "" };

		assert_int_equal(config_parse("t.yaml",
					      slice_str(wrongs[i].text), &c,
					      &err),
				 ERR_SYNTAX);
		assert_ptr_equal(c, untouched);
		assert_string_equal(err.text, wrongs[i].error);
	}
}

static void test_nul(void **state)
{
	struct config_error err = { "" };
	struct config *c = NULL;

	(void)state;
	assert_int_equal(
		config_parse("t.yaml", SLICE("a: 1\nb\0: 2\n"), &c, &err),
		ERR_SYNTAX);
	assert_memory_equal(err.text, "t.yaml:2:1: a NUL octet in the file",
			    35);
}

/* What only looks like a wildcard over a public suffix, or denies it. */
static void test_suffixes(void **state)
{
	struct config *c =
		parse("policies:\n  p:\n"
		      "    deny: [any *.com, .github.io]\n"
		      "    allow: [any *.internal, any *.acme.com,\n"
		      "            any *.acme.github.io, github.io]\n");

	(void)state;
	config_free(&c);
}

static void test_empty(void **state)
{
	struct config_error err = { "" };
	struct config *c = NULL;
	struct ruleset *rs = NULL;

	(void)state;
	assert_int_equal(config_parse("t.yaml", SLICE(""), &c, &err), 0);
	assert_int_equal(config_sandboxes(c), 0);
	config_free(&c);
	config_free(&c);
	assert_int_equal(config_parse("t.yaml", SLICE("# nothing\n"), &c, &err),
			 0);
	config_free(&c);

	assert_int_equal(config_empty(&c), 0);
	assert_int_equal(ruleset_new(&rs), 0);
	assert_int_equal(config_rules(c, "claud", rs, &err), ERR_UNKNOWN);
	assert_string_equal(err.text, "no policy or profile is named claud; "
				      "did you mean claude?");
	assert_int_equal(ruleset_len(rs), 0);
	ruleset_free(&rs);
	config_free(&c);
}

/* Every byte of a good file cut off: an error or not, never a crash. */
static void test_prefixes(void **state)
{
	static const char text[] = "policies:\n  p: { allow: [\"h.example\"], "
				   "use: github }\naudit: { keep: 1d }\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		char *copy = malloc(n + 1);
		struct config_error err = { "" };
		struct config *c = NULL;

		memcpy(copy, text, n);
		(void)config_parse("t.yaml", slice_of(copy, n), &c, &err);
		config_free(&c);
		free(copy);
	}
}

/* head, then a mebibyte of pattern (%d a number that grows), is refused, and
 * before long: a slip into squares of the length would take minutes.
 */
static void refuse_garbage(const char *head, const char *pattern)
{
	size_t len = 1u << 20, at = strlen(head), step = strlen(pattern);
	char *mem = malloc(len + 32), *number = strstr(pattern, "%d");
	struct config_error err = { "" };
	struct config *c = NULL;
	clock_t start = clock();

	memcpy(mem, head, at);
	for (int i = 0; at + step < len; i++) {
		size_t front = number ? (size_t)(number - pattern) : step;

		memcpy(mem + at, pattern, front);
		at += front;
		if (number)
			at += (size_t)snprintf(mem + at, 32, "%d%s", i,
					       number + 2);
	}
	if (config_parse("t.yaml", slice_of(mem, at), &c, &err) == 0)
		fail_msg("accepted: %s%s", head, pattern);
	assert_null(c);
	assert_memory_equal(err.text, "t.yaml:", 7);
	assert_true(clock() - start < 60 * CLOCKS_PER_SEC);
	free(mem);
}

static void test_garbage(void **state)
{
	static const char *const garbage[][2] = {
		{ "", "x" },
		{ "", "[" },
		{ "", "{" },
		{ "", "-" },
		{ "", "\xff" },
		{ "", "- " },
		{ "", "a: 1\n" },
		{ "", "&a *a\n" },
		{ "", "\xe2\x80\xa8x" },
		{ "", "? [" },
		{ "", "\"" },
		{ "", "k%d: 1\n" },
		{ "", "{a: " },
		{ "", "!!x " },
		{ "", "---\n" },
		{ "policies: {", "p%d: {}, " },
		{ "policies: {p: {use: [", "n%d, " },
		{ "policies: {p: {use: [", "github, " },
		{ "policies: {p: {allow: [", "\"x y\", " },
		{ "policies:\n  p:\n    allow:\n", "    - GET {npm.%d}/\n" },
		{ "policies:\n  p:\n    allow:\n",
		  "    - h.example for=%ds\n" },
		{ "policies:\n  p:\n    allow:\n",
		  "    - \xc3\xbc%d.ex ample\n" },
		{ "policies: {p: {allow: \"h.example/", "%%2%d" },
		{ "policies: {p: {allow: h.example note=", "x" },
		{ "secrets: {", "s%d: {file: /x}, " },
		{ "secrets: {s: {hosts: [", "*.h%d, " },
		{ "sandboxes: {s: {from: [", "10.0.0.%d, " },
		{ "listen: [", "a%d, " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++)
		refuse_garbage(garbage[i][0], garbage[i][1]);
}

static void test_too_large(void **state)
{
	size_t len = (8u << 20) + 1;
	char *mem = malloc(len);
	struct config_error err = { "" };
	struct config *c = NULL;

	(void)state;
	memset(mem, '#', len);
	assert_int_equal(config_parse("t.yaml", slice_of(mem, len), &c, &err),
			 ERR_SYNTAX);
	assert_memory_equal(err.text,
			    "t.yaml:1:1: the file is larger than 8 MiB", 41);
	free(mem);
}

/* As many rules as there may be. */
static void test_many(void **state)
{
	size_t size = 8u << 20, len = 0;
	char *mem = malloc(size);
	struct config_error err = { "" };
	struct config *c = NULL;
	struct ruleset *rs = NULL;
	struct policy *p = NULL;

	(void)state;
	len += (size_t)snprintf(mem, size, "policies:\n  p:\n    allow:\n");
	for (int i = 0; i < RULES_MAX; i++)
		len += (size_t)snprintf(mem + len, size - len,
					"    - GET https://h%d.example/p/%d\n",
					i % 5000, i);
	assert_true(len < size);
	assert_int_equal(config_parse("t.yaml", slice_of(mem, len), &c, &err),
			 0);
	assert_int_equal(ruleset_new(&rs), 0);
	assert_int_equal(config_rules(c, "p", rs, &err), 0);
	assert_int_equal(ruleset_len(rs), RULES_MAX);
	assert_int_equal(policy_compile(rs, &p), 0);
	policy_free(&p);
	ruleset_free(&rs);
	config_free(&c);

	len += (size_t)snprintf(mem + len, size - len, "    - more.example\n");
	assert_int_equal(config_parse("t.yaml", slice_of(mem, len), &c, &err),
			 0);
	assert_int_equal(ruleset_new(&rs), 0);
	assert_int_equal(config_rules(c, "p", rs, &err), ERR_LIMIT);
	assert_non_null(strstr(err.text, "more than 100000 rules"));
	ruleset_free(&rs);
	config_free(&c);
	free(mem);
}

/* Deep and wide use: each policy's rules once. */
static void test_diamonds(void **state)
{
	char text[4096] = "policies:\n", expected[2048] = "default unset\n";
	size_t len = strlen(text), at = strlen(expected);
	struct config *c;

	(void)state;
	for (int i = 0; i < 20; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"  p%d: { use: [p%d, q%d] }\n"
					"  q%d: { use: p%d }\n",
					i, i + 1, i, i, i + 1);
	(void)snprintf(text + len, sizeof(text) - len,
		       "  p20: { allow: h.example }\n");
	(void)snprintf(expected + at, sizeof(expected) - at,
		       "allow\tt.yaml:42\tany https://h.example/**\n");
	c = parse(text);
	expect_rules(c, "p0", expected);
	config_free(&c);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	(void)fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void test_policy_file(void **state)
{
	struct config *c = parse("policies: { base: { deny: d.example } }\n");
	char path[] = "/tmp/penstock-load-XXXXXX";
	int fd = mkstemp(path);
	struct config_error err = { "" };
	struct ruleset *rs = NULL;

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(ruleset_new(&rs), 0);
	write_file(path, "use: base\nallow: h.example\n");
	assert_int_equal(config_policy_file(c, path, rs, &err), 0);
	assert_int_equal(ruleset_len(rs), 2);
	assert_int_equal(rule_verdict(ruleset_at(rs, 1)), VERDICT_DENY);
	write_file(path, "policies:\n  own:\n    use: [base]\n"
			 "    allow: [i.example]\n");
	assert_int_equal(config_policy_file(c, path, rs, &err), 0);
	assert_int_equal(ruleset_len(rs), 4);
	write_file(path, "policies: {a: , b: }\n");
	assert_int_equal(config_policy_file(c, path, rs, &err), ERR_SYNTAX);
	assert_non_null(strstr(err.text, ": expected one policy in the file"));
	write_file(path, "allow: h.example\nworkers: 2\n");
	assert_int_equal(config_policy_file(c, path, rs, &err), ERR_SYNTAX);
	assert_non_null(strstr(err.text, ":2:1: unknown key"));
	(void)unlink(path);
	assert_int_equal(config_policy_file(c, path, rs, &err), -ENOENT);
	assert_int_equal(ruleset_len(rs), 4);
	ruleset_free(&rs);
	config_free(&c);
}

static void count_error(void *ctx, const struct config_error *err)
{
	unsigned int *count = ctx;

	assert_true(err->text[0] != '\0');
	(*count)++;
}

static void test_check_all(void **state)
{
	char path[] = "/tmp/penstock-check-XXXXXX";
	int fd = mkstemp(path);
	unsigned int count = 0;
	struct config *c = NULL;

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	write_file(path, "workers: x\nlisten: y\nzzz: 1\n");
	assert_int_equal(config_check(path, count_error, &count, &c),
			 ERR_SYNTAX);
	assert_int_equal(count, 3);
	assert_null(c);
	write_file(path, "allow: h.example\n");
	assert_int_equal(config_check(path, count_error, &count, &c), 0);
	assert_int_equal(config_policies(c), 1);
	config_free(&c);
	(void)unlink(path);
	assert_int_equal(config_check(path, count_error, &count, &c), -ENOENT);
	assert_int_equal(count, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_defaults_merge),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_suffixes),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_diamonds),
		cmocka_unit_test(test_policy_file),
		cmocka_unit_test(test_check_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
