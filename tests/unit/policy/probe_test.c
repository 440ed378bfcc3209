/* Registries out of npm's and apt's own configuration, in files of this test.
 * PATH has a stand-in for npm, or none.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "policy/load.h"
#include "policy/probe.h"

static char dir[] = "/tmp/penstock-probe-XXXXXX";

static void write_file(const char *name, const char *text, mode_t mode)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void drop_file(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)unlink(path);
}

static int set_up(void **state)
{
	char path[256];

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/sources.list.d", dir);
	if (mkdir(path, 0700) < 0)
		return -1;
	(void)setenv("HOME", dir, 1);
	(void)setenv("PATH", dir, 1);
	(void)unsetenv("npm_config_registry");
	(void)unsetenv("NPM_CONFIG_REGISTRY");
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "npm",
					     ".npmrc",
					     "sources.list",
					     "sources.list.d/a.list",
					     "sources.list.d/b.sources",
					     "sources.list.d/c.disabled" };
	char path[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		drop_file(names[i]);
	(void)snprintf(path, sizeof(path), "%s/sources.list.d", dir);
	(void)rmdir(path);
	return rmdir(dir);
}

static void expect_npm(const char *base)
{
	struct probe_bases b;

	probe_npm(&b);
	assert_int_equal(b.len, base ? 1 : 0);
	if (base)
		assert_string_equal(b.base[0], base);
}

static void test_npm_says(void **state)
{
	(void)state;
	write_file("npm",
		   "#!/bin/sh\n"
		   "test \"$*\" = 'config get registry' || exit 1\n"
		   "test \"$PWD\" = / || exit 1\n"
		   "echo https://me:secret@npm.corp.test:8443/repo//\n"
		   "echo noise\n",
		   0700);
	write_file(".npmrc", "registry=https://other.corp.test\n", 0600);
	expect_npm("https://npm.corp.test:8443/repo");
	write_file("npm", "#!/bin/sh\necho undefined\n", 0700);
	expect_npm("https://other.corp.test");
	write_file("npm", "#!/bin/sh\necho file:///etc/passwd\n", 0700);
	expect_npm("https://other.corp.test");
	drop_file("npm");
	drop_file(".npmrc");
}

static void test_npmrc(void **state)
{
	(void)state;
	if (access("/etc/npmrc", F_OK) != 0)
		expect_npm(NULL);
	write_file(".npmrc",
		   "; comment\n@scope:registry=https://no.corp.test/\n"
		   "registry = \"http://npm.corp.test/a b\"\r\n"
		   "registry = 'http://npm.corp.test/group/'\r\n",
		   0600);
	expect_npm("http://npm.corp.test/group");
	(void)setenv("npm_config_registry", "https://env.corp.test", 1);
	expect_npm("https://env.corp.test");
	(void)unsetenv("npm_config_registry");
	drop_file(".npmrc");
}

/* The profile, from the configuration to the rule; and without any. */
static void test_profile(void **state)
{
	struct config *c = NULL;
	struct ruleset *rs = NULL;
	struct config_error err = { "" };

	(void)state;
	assert_int_equal(config_empty(&c), 0);
	assert_int_equal(ruleset_new(&rs), 0);
	if (access("/etc/npmrc", F_OK) != 0) {
		assert_int_equal(config_rules(c, "npm", rs, &err), -ENOENT);
		assert_non_null(strstr(err.text, "profile npm:"));
		assert_non_null(
			strstr(err.text, "npm config set registry URL"));
		assert_int_equal(ruleset_len(rs), 0);
	}
	config_free(&c);

	write_file(".npmrc", "registry=https://npm.corp.test/x\n", 0600);
	assert_int_equal(config_empty(&c), 0);
	assert_int_equal(config_rules(c, "npm", rs, &err), 0);
	assert_true(slice_eq(rule_text(ruleset_at(rs, 0)),
			     SLICE("GET https://npm.corp.test/x/** private")));
	assert_true(rule_private(ruleset_at(rs, 0)));
	ruleset_free(&rs);
	config_free(&c);
	drop_file(".npmrc");
}

static void test_apt(void **state)
{
	static const char *const expected[] = { "http://one.corp.test/debian",
						"https://two.corp.test",
						"http://three.corp.test:3142/x",
						"http://four.corp.test",
						"http://five.corp.test" };
	struct probe_bases b;

	(void)state;
	write_file("sources.list",
		   "# deb http://no.corp.test/debian x main\n"
		   "deb http://one.corp.test/debian/ x main\n"
		   "deb-src http://one.corp.test/debian x main\n"
		   "deb\t[ arch=amd64 signed-by=/k ] https://u:p@two.corp.test "
		   "x main\n"
		   "deb cdrom:[x]/ x main\n"
		   "deb file:/srv x main\n"
		   "deb\n"
		   "deb [unclosed http://no.corp.test\n",
		   0600);
	write_file("sources.list.d/a.list",
		   "deb http://three.corp.test:3142/x y z", 0600);
	write_file("sources.list.d/b.sources",
		   "Types: deb\n"
		   "# comment\n"
		   "URIs: http://four.corp.test\n"
		   " http://five.corp.test/\n"
		   "# in between\n"
		   "\thttp://one.corp.test/debian\n"
		   "Suites: x http://no.corp.test\n"
		   "\n \n"
		   "Types: deb\nURIs: http://no.corp.test\nEnabled: no\n",
		   0600);
	write_file("sources.list.d/c.disabled",
		   "deb http://no.corp.test/ x y\n", 0600);
	probe_apt(dir, &b);
	assert_int_equal(b.len, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_string_equal(b.base[i], expected[i]);
	probe_apt("/nonexistent", &b);
	assert_int_equal(b.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_npm_says),
		cmocka_unit_test(test_npmrc),
		cmocka_unit_test(test_profile),
		cmocka_unit_test(test_apt),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
