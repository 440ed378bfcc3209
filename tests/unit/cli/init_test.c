/* Rules that penstock init makes of addresses. */

#include "cli/init.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

static void test_remotes(void **state)
{
	static const struct {
		const char *url, *rule;
	} good[] = {
		{ "https://github.com/acme/app.git",
		  "git:read https://github.com/acme/app" },
		{ "https://user:secret@git.corp.example:8443/a/b/c/",
		  "git:read https://git.corp.example:8443/a/b/c" },
		{ "git@github.com:acme/app.git",
		  "git:read https://github.com/acme/app" },
		{ "ssh://git@git.corp.example:2222/acme/app.git",
		  "git:read https://git.corp.example/acme/app" },
		{ "git.corp.example:acme/app",
		  "git:read https://git.corp.example/acme/app" },
	};
	static const char *const bad[] = {
		"",
		"/srv/git/app.git",
		"../app",
		"file:///srv/app",
		"http://github.com/acme/app",
		"https://github.com/",
		"https:///acme/app",
		"https://github.com/acme/*",
		"https://github.com/**",
		"https://*.example/acme/app",
		"https://github.com/acme/app #x",
		"git@:acme/app",
		":",
	};
	char rule[INIT_RULE_MAX] = "untouched";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (init_remote(bad[i], rule))
			fail_msg("%s: %s", bad[i], rule);
		assert_string_equal(rule, "untouched");
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(init_remote(good[i].url, rule));
		assert_string_equal(rule, good[i].rule);
	}
}

static void test_indexes(void **state)
{
	static const char *const bad[] = {
		"",
		"http://index.example/simple",
		"https://user:secret@index.example/simple",
		"https://",
		"https://a b/simple",
		"off",
	};
	char rule[INIT_RULE_MAX] = "untouched";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(init_index(bad[i], rule));
		assert_string_equal(rule, "untouched");
	}
	assert_true(init_index("https://index.example/simple/", rule));
	assert_string_equal(rule, "GET https://index.example/**");
	assert_true(init_index("https://index.example:8443,direct", rule));
	assert_string_equal(rule, "GET https://index.example:8443/**");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_remotes),
		cmocka_unit_test(test_indexes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
