/* Rulesets as text, and the rules that ship: profiles and the manual. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/err.h"
#include "policy/load.h"

static void test_round_trip(void **state)
{
	static const char text[] =
		"default allow\n"
		"deny\tpenstock.yaml:3\tany https://*.h.example/**\n"
		"ask\tprofile x:1\ttcp://10.0.0.5:5432\n"
		"allow\t\tGET https://h.example/a%2f*?b=c private note=x y\n";
	struct rule_error err = { 0 };
	struct ruleset *rs = NULL;
	char *out = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(ruleset_parse(slice_str(text), &rs, &err), 0);
	assert_int_equal(ruleset_len(rs), 3);
	assert_int_equal(ruleset_print(rs, &out, &len), 0);
	assert_int_equal(len, strlen(text));
	assert_string_equal(out, text);
	free(out);
	ruleset_free(&rs);
	ruleset_free(&rs);
}

static void test_bad_text(void **state)
{
	static const struct {
		const char *text;
		unsigned int column;
	} rows[] = {
		{ "", 1 },
		{ "deny\tx\th.example\n", 1 },
		{ "default maybe\n", 1 },
		{ "default deny\nallow h.example\n", 1 },
		{ "default deny\nallow\tx h.example\n", 1 },
		{ "default deny\nAllow\tx\th.example\n", 1 },
		{ "default deny\nallow\tx\th.example:0\n", 19 },
		{ "default deny\n\n", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ruleset *untouched = (struct ruleset *)(void *)&rows;
		struct ruleset *rs = untouched;
		struct rule_error err = { 0 };

		assert_int_equal(
			ruleset_parse(slice_str(rows[i].text), &rs, &err),
			ERR_SYNTAX);
		assert_ptr_equal(rs, untouched);
		assert_int_equal(err.column, rows[i].column);
	}
}

/* What is appended brings its default along only if it was set. */
static void test_append(void **state)
{
	static const char unset[] = "default unset\nallow\tx\th.example\n";
	struct rule_error err = { 0 };
	struct ruleset *to = NULL, *from = NULL;
	char *out = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(ruleset_new(&to), 0);
	ruleset_set_default(to, VERDICT_ALLOW);
	assert_int_equal(ruleset_parse(slice_str(unset), &from, &err), 0);
	assert_int_equal(ruleset_append(to, from), 0);
	assert_int_equal(ruleset_print(to, &out, &len), 0);
	assert_string_equal(
		out, "default allow\nallow\tx\tany https://h.example/**\n");
	free(out);
	ruleset_set_default(from, VERDICT_DENY);
	assert_int_equal(ruleset_append(to, from), 0);
	assert_int_equal(ruleset_len(to), 2);
	assert_int_equal(ruleset_print(to, &out, &len), 0);
	assert_int_equal(strncmp(out, "default deny\n", 13), 0);
	free(out);
	ruleset_free(&to);
	ruleset_free(&from);
}

static void test_default_is_strict(void **state)
{
	struct ruleset *rs = NULL;
	char *out = NULL;
	size_t len;

	(void)state;
	assert_int_equal(ruleset_new(&rs), 0);
	ruleset_set_default(rs, VERDICT_ALLOW);
	ruleset_set_default(rs, VERDICT_DENY);
	ruleset_set_default(rs, VERDICT_ALLOW);
	assert_int_equal(ruleset_print(rs, &out, &len), 0);
	assert_string_equal(out, "default deny\n");
	free(out);
	ruleset_free(&rs);
}

/* Each rule of a profile has its reason above it, or above its neighbour; and
 * a profile parses as a policy that uses no other.
 */
static void check_profile(size_t i)
{
	struct slice text = config_profile_text(i), line, key, rest = text;
	struct config_error err = { "" };
	struct config *c = NULL;
	bool reason = false;
	char *whole = malloc(text.len * 2 + 64);
	size_t len;

	assert_non_null(whole);
	len = (size_t)snprintf(whole, text.len * 2 + 64, "policies:\n  p:\n");
	while (rest.len) {
		slice_cut(rest, '\n', &line, &rest);
		len += (size_t)snprintf(whole + len, text.len * 2 + 64 - len,
					"    %.*s\n", (int)line.len, line.ptr);
		line = slice_trim(line);
		if (slice_starts(line, SLICE("#")))
			reason = true;
		else if (slice_starts(line, SLICE("- ")))
			assert_true(reason);
		else if (slice_cut(line, ':', &key, &line))
			assert_false(slice_eq(key, SLICE("use")));
	}
	if (config_parse("t.yaml", slice_of(whole, len), &c, &err) != 0)
		fail_msg("%s: %s", config_profile_name(i), err.text);
	config_free(&c);
	free(whole);
}

static void test_profiles(void **state)
{
	static const char *const wanted[] = {
		"aider",  "alpine", "cargo",	"claude", "codex",
		"debian", "docker", "gem",	"gemini", "git-read",
		"github", "gitlab", "go",	"goose",  "huggingface",
		"maven",  "npm",    "opencode", "pip",	  "ubuntu",
	};

	(void)state;
	assert_int_equal(config_profiles(), ARRAY_SIZE(wanted));
	for (size_t i = 0; i < config_profiles(); i++) {
		assert_string_equal(config_profile_name(i), wanted[i]);
		check_profile(i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bad_text),
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_default_is_strict),
		cmocka_unit_test(test_profiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
