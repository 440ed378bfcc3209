/* tests/unit/capture/rules_test.c - the rules, word for word. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <libnftnl/rule.h>

#include "base/base.h"
#include "base/err.h"
#include "capture/capture.h"
#include "capture/rules.h"

/* Ports and addresses stand in network order, read from the low octet up:
 * 0x98ee is 61080, 0x7dee is 61053.
 */
#define META(key, value)                                                       \
	" [meta load " key " => reg 1 ] [cmp eq reg 1 0x000000" value " ]"
#define PAYLOAD(what, value)                                                   \
	" [payload load " what " => reg 1 ] [cmp eq reg 1" value " ]"
#define DPORT(proto, port)                                                     \
	META("l4proto", proto)                                                 \
	PAYLOAD("2b @ transport header + 2", " 0x0000" port)
#define LOOPBACK4                                                              \
	META("nfproto", "02")                                                  \
	PAYLOAD("1b @ network header + 16", " 0x0000007f")
#define LOOPBACK6                                                              \
	META("nfproto", "0a")                                                  \
	PAYLOAD("16b @ network header + 24",                                   \
		" 0x00000000 0x00000000 0x00000000 0x01000000")
#define CT(key, mask, op)                                                      \
	" [ct load " key " => reg 1 ]"                                         \
	" [bitwise reg 1 = ( reg 1 & 0x000000" mask " ) ^ 0x00000000 ]"        \
	" [cmp " op " reg 1 0x00000000 ]"
#define REDIRECT(port)                                                         \
	" [counter ] [immediate reg 1 0x0000" port " ]"                        \
	" [redir proto_min reg 1 proto_max reg 1 flags 0x2 ]"
#define ACCEPT	     " [counter ] [immediate reg 0 accept ]"
#define REJECT_TCP   " [counter ] [reject type 1 code 0 ]"
#define REJECT_PORT  " [counter ] [reject type 2 code 1 ]"
#define REJECT_ADMIN " [counter ] [reject type 2 code 3 ]"

static const char *const golden[] = {
	"1 penstock capture:" DPORT("11", "3500") REDIRECT("7dee"),
	"1 penstock capture:" DPORT("06", "3500") REDIRECT("7dee"),
	"1 penstock capture:" LOOPBACK4 ACCEPT,
	"1 penstock capture:" LOOPBACK6 ACCEPT,
	"1 penstock capture:" META("l4proto", "06") REDIRECT("98ee"),
	"1 penstock guard:" DPORT("06", "98ee") CT("status", "20", "eq")
		REJECT_TCP,
	"1 penstock guard:" CT("state", "06", "neq") ACCEPT,
	"1 penstock guard:" LOOPBACK4 ACCEPT,
	"1 penstock guard:" LOOPBACK6 ACCEPT,
	"1 penstock guard:" DPORT("11", "bb01") REJECT_PORT,
	"1 penstock guard:" META("l4proto", "11") REJECT_PORT,
	"1 penstock guard:" REJECT_ADMIN,
};

static void test_rules_are_these(void **state)
{
	struct rules rules;
	char text[RULES_TEXT_MAX];

	(void)state;
	assert_int_equal(rules_build(false, &rules), 0);
	assert_int_equal(rules.len, ARRAY_SIZE(golden));
	for (size_t i = 0; i < rules.len; i++) {
		assert_int_equal(
			rules_print_rule(rules.rule[i], text, sizeof(text)), 0);
		assert_string_equal(text, golden[i]);
	}
	rules_done(&rules);
	assert_int_equal(rules.len, 0);
}

static void test_chains_are_these(void **state)
{
	struct rules rules;
	char text[RULES_TEXT_MAX];

	(void)state;
	assert_int_equal(rules_build(false, &rules), 0);
	assert_int_equal(rules_print_chain(rules.chain[0], text, sizeof(text)),
			 0);
	assert_string_equal(
		text, "1 penstock capture type nat hook 3 prio -100 policy 1");
	assert_int_equal(rules_print_chain(rules.chain[1], text, sizeof(text)),
			 0);
	assert_string_equal(
		text, "1 penstock guard type filter hook 1 prio 0 policy 0");
	rules_done(&rules);
}

static void test_no_room_is_an_error(void **state)
{
	struct rules rules;
	char text[RULES_TEXT_MAX];
	size_t whole;

	(void)state;
	assert_int_equal(rules_build(false, &rules), 0);
	assert_int_equal(rules_print_rule(rules.rule[0], text, sizeof(text)),
			 0);
	whole = strlen(text);
	for (size_t len = 1; len <= whole; len++)
		assert_int_equal(rules_print_rule(rules.rule[0], text, len),
				 ERR_LIMIT);
	assert_int_equal(rules_print_rule(rules.rule[0], text, whole + 1), 0);
	assert_int_equal(rules_print_chain(rules.chain[0], text, 10),
			 ERR_LIMIT);
	rules_done(&rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_are_these),
		cmocka_unit_test(test_chains_are_these),
		cmocka_unit_test(test_no_room_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
