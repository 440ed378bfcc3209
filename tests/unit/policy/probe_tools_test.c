/* Registries out of the configurations of further tools, in files of this test;
 * and every profile compiled with all of them.
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

static char dir[] = "/tmp/penstock-tools-XXXXXX";

typedef void find_fn(const char *root, struct probe_bases *ret);

/* A file below dir, and the folders on the way to it. */
static void write_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	for (char *at = path + strlen(dir) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		(void)mkdir(path, 0700);
		*at = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0700), 0);
}

static void drop(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)unlink(path);
}

static int set_up(void **state)
{
	static const char *const names[] = { "PIP_INDEX_URL",
					     "PIP_EXTRA_INDEX_URL",
					     "PIP_CONFIG_FILE",
					     "CARGO_HOME",
					     "GOPROXY",
					     "npm_config_registry",
					     "NPM_CONFIG_REGISTRY" };

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)setenv("HOME", dir, 1);
	(void)setenv("PATH", dir, 1);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)unsetenv(names[i]);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	(void)setenv("PATH", "/usr/bin:/bin", 1);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* All of what is found, a blank behind each. */
static void expect(find_fn *find, const char *expected)
{
	char text[2048];
	struct text t = text_in(text, sizeof(text));
	struct probe_bases b;

	find(dir, &b);
	for (size_t i = 0; i < b.len; i++) {
		text_put_str(&t, b.base[i]);
		text_put_char(&t, ' ');
	}
	assert_string_equal(text, expected);
}

static void test_pip(void **state)
{
	(void)state;
	expect(probe_pip, "");
	write_file("etc/pip.conf",
		   "[global]\n# index-url = https://no.corp.test/simple\n"
		   "index-url = https://u:p@pip.corp.test/root/simple/\n"
		   "find-links = https://no.corp.test\n"
		   "extra-index-url =\n    https://two.corp.test/simple\n"
		   "    https://three.corp.test:8443/x\n"
		   "trusted-host = no.corp.test\n    https://no.corp.test\n");
	expect(probe_pip, "https://pip.corp.test/root https://two.corp.test "
			  "https://three.corp.test:8443/x ");
	write_file(".config/pip/pip.conf",
		   "[install]\nindex-url: http://home.corp.test/simple\n");
	(void)setenv("PIP_INDEX_URL", "https://env.corp.test/simple", 1);
	expect(probe_pip, "https://env.corp.test http://home.corp.test "
			  "https://pip.corp.test/root https://two.corp.test "
			  "https://three.corp.test:8443/x ");
	(void)unsetenv("PIP_INDEX_URL");
}

static void test_cargo(void **state)
{
	(void)state;
	expect(probe_cargo, "");
	write_file(".cargo/config.toml",
		   "[build]\nregistry = \"https://no.corp.test\"\n"
		   "[source.crates-io]\nreplace-with = 'corp'\n"
		   "[source.corp]\n"
		   "registry = \"sparse+https://c.corp.test/index/\" # ours\n"
		   "[registries.other]\nindex = 'https://git.corp.test/i.git'\n"
		   "[source.local]\nlocal-registry = \"/srv\"\n"
		   "[net]\nindex = \"https://no.corp.test\"\n");
	expect(probe_cargo,
	       "https://c.corp.test/index https://git.corp.test/i.git ");
}

static void test_go(void **state)
{
	(void)state;
	expect(probe_go, "");
	write_file(".config/go/env", "GOSUMDB=off\n"
				     "GOPROXY=https://file.corp.test,direct\n");
	expect(probe_go, "https://file.corp.test ");
	(void)setenv("GOPROXY", "off", 1);
	expect(probe_go, "https://file.corp.test ");
	(void)setenv("GOPROXY", "https://env.corp.test/a|direct", 1);
	expect(probe_go, "https://env.corp.test/a ");
	write_file("go", "#!/bin/sh\ntest \"$*\" = 'env GOPROXY' && "
			 "echo https://a.corp.test/goproxy,https://b.corp.test"
			 "'|direct'\n");
	expect(probe_go, "https://a.corp.test/goproxy https://b.corp.test ");
	drop("go");
	(void)unsetenv("GOPROXY");
}

static void test_gem(void **state)
{
	(void)state;
	expect(probe_gem, "");
	write_file(".gemrc", "---\n:backtrace: false\n# :sources:\n"
			     ":sources:\n- https://gem.corp.test/\n"
			     "- \"http://two.corp.test/gems\"\n"
			     ":update_sources: true\n:other:\n"
			     "- https://no.corp.test\n");
	expect(probe_gem, "https://gem.corp.test http://two.corp.test/gems ");
	write_file("gem", "#!/bin/sh\necho '*** CURRENT SOURCES ***'; echo; "
			  "echo https://said.corp.test/\n");
	expect(probe_gem, "https://said.corp.test ");
	drop("gem");
}

static void test_maven(void **state)
{
	(void)state;
	expect(probe_maven, "");
	write_file("etc/maven/settings.xml",
		   "<settings><mirrors>\n"
		   "<!-- <mirror><url>https://no.corp.test</url></mirror> -->\n"
		   "<mirror><id>x</id><url>\n  https://m.corp.test/maven2/\n"
		   "</url></mirror>\n"
		   "<mirror><id>block</id><url>http://0.0.0.0/</url></mirror>\n"
		   "</mirrors><profiles><profile><repositories><repository>\n"
		   "<url>https://r.corp.test/a</url></repository>\n"
		   "</repositories></profile></profiles></settings>\n");
	expect(probe_maven,
	       "https://m.corp.test/maven2 https://r.corp.test/a ");
	write_file("etc/maven/settings.xml", "<url>https://m.corp.test<!--");
	expect(probe_maven, "https://m.corp.test ");
	write_file("etc/maven/settings.xml", "<url>");
	expect(probe_maven, "");
	write_file("etc/maven/settings.xml", "<url> \n https://m.corp.test/x");
	expect(probe_maven, "https://m.corp.test/x ");
}

static void test_apk(void **state)
{
	(void)state;
	expect(probe_apk, "");
	write_file("etc/apk/repositories",
		   "https://apk.corp.test/alpine/v3/main\n"
		   "#https://no.corp.test/alpine\n"
		   "@edge http://two.corp.test/edge\n/media/cdrom\n");
	expect(probe_apk, "https://apk.corp.test/alpine/v3/main "
			  "http://two.corp.test/edge ");
}

static void test_docker(void **state)
{
	(void)state;
	expect(probe_docker, "");
	write_file(
		"etc/docker/daemon.json",
		"{ \"debug\": true, \"registry-mirrors\":\n"
		"[ \"https://d.corp.test\", \"http://e.corp.test:5000/\" ],\n"
		"\"dns\": [ \"no.corp.test\" ] }\n");
	expect(probe_docker, "https://d.corp.test http://e.corp.test:5000 ");
	write_file(".docker/config.json",
		   "{\"auths\": {\"f.corp.test\": {\"auth\": \"no.test\"},\n"
		   "\"https://g.corp.test/v1/\": {} }, \"x\": \"no.test\"}");
	write_file("etc/containers/registries.conf",
		   "unqualified-search-registries = [\"h.corp.test\"]\n"
		   "[[registry]]\nprefix = \"no.corp.test\"\n"
		   "location = \"i.corp.test/mirror\"\n");
	expect(probe_docker,
	       "https://f.corp.test https://g.corp.test https://d.corp.test "
	       "http://e.corp.test:5000 https://h.corp.test "
	       "https://i.corp.test ");
	write_file("etc/docker/daemon.json", "{\"registry-mirrors\": [\"");
	write_file(".docker/config.json", "{\"auths\": {\"");
	write_file("etc/containers/registries.conf",
		   "unqualified-search-registries = [\"\nlocation = \"\n"
		   "location =\n");
	expect(probe_docker, "");
}

/* Every beginning of a file of each: read within bounds, whatever it says. */
static void test_prefixes(void **state)
{
	static const struct {
		find_fn *find;
		const char *file;
		const char *text;
	} rows[] = {
		{ probe_pip, "etc/pip.conf",
		  "[a]\nindex-url = https://a.test/simple\n https://b.test\n" },
		{ probe_cargo, ".cargo/config.toml",
		  "[source.a]\nregistry = \"sparse+https://a.test/\" # x\n" },
		{ probe_go, ".config/go/env",
		  "GOPROXY=https://a.test|direct\n" },
		{ probe_gem, ".gemrc", ":sources:\n- 'https://a.test'\n-\n" },
		{ probe_maven, "etc/maven/settings.xml",
		  "<!-- <url> --><url> https://a.test </url><!---->" },
		{ probe_apk, "etc/apk/repositories",
		  "@a https://a.test/b\n#\n" },
		{ probe_docker, "etc/docker/daemon.json",
		  "{\"registry-mirrors\": [\"a.test\", {\"x\": [1]}]}" },
		{ probe_docker, ".docker/config.json",
		  "{\"auths\" : {\"https://a.test/v1/\" : {\"b\": \"c\"}}}" },
		{ probe_docker, "etc/containers/registries.conf",
		  "unqualified-search-registries = ['a.test', \"b.test\"]\n"
		  "location=\"c.test/d\"\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i].text);
		struct probe_bases b;

		for (size_t n = 0; n <= len; n++) {
			char part[256];

			(void)snprintf(part, sizeof(part), "%.*s", (int)n,
				       rows[i].text);
			write_file(rows[i].file, part);
			rows[i].find(dir, &b);
			assert_true(b.len <= 3);
		}
		assert_true(b.len > 0);
		drop(rows[i].file);
	}
}

/* What is no address of a rule is passed over. */
static void test_addresses(void **state)
{
	static const char *const bad[] = { "https://127.0.0.1/x",
					   "https://localhost:8080",
					   "https://h.test/a/../b",
					   "https://h.test:0",
					   "https://a..test",
					   "ftp://h.test",
					   "https://",
					   "h.test" };
	struct probe_bases b = { .len = 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		probe_add(&b, slice_str(bad[i]));
	assert_int_equal(b.len, 0);
}

/* Each profile gathers and compiles where its tools are configured, and where
 * they are not says what to do. What the machine itself has is in either.
 */
static void compile_all(const char *home, unsigned int *ret_missing)
{
	struct config *c = NULL;

	(void)setenv("HOME", home, 1);
	assert_int_equal(config_empty(&c), 0);
	for (size_t i = 0; i < config_profiles(); i++) {
		struct config_error err = { "" };
		struct ruleset *rs = NULL;
		struct policy *p = NULL;
		int rc;

		assert_int_equal(ruleset_new(&rs), 0);
		rc = config_rules(c, config_profile_name(i), rs, &err);
		if (rc == -ENOENT) {
			assert_non_null(strstr(err.text, "configured on this "
							 "machine; "));
			assert_non_null(
				strstr(err.text, config_profile_name(i)));
			++*ret_missing;
		} else if (rc != 0) {
			fail_msg("%s", err.text);
		}
		assert_int_equal(policy_compile(rs, &p), 0);
		assert_true(rc != 0 || policy_len(p) > 0);
		policy_free(&p);
		ruleset_free(&rs);
	}
	config_free(&c);
}

static void test_profiles(void **state)
{
	unsigned int bare = 0, full = 0;

	(void)state;
	compile_all("/nonexistent", &bare);
	write_file(".npmrc", "registry=https://npm.corp.test/\n");
	write_file(".m2/settings.xml", "<url>https://m.corp.test</url>");
	write_file(".docker/config.json", "{\"auths\": {\"d.corp.test\": {}}}");
	compile_all(dir, &full);
	/* apt and apk have no file at home. */
	assert_true(full <= 3);
	assert_true(bare >= full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pip),
		cmocka_unit_test(test_cargo),
		cmocka_unit_test(test_go),
		cmocka_unit_test(test_gem),
		cmocka_unit_test(test_maven),
		cmocka_unit_test(test_apk),
		cmocka_unit_test(test_docker),

		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_prefixes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
