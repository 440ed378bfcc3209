/* cli/init.c - penstock init: a first policy for a project, from what is there.
 *
 * It is a proposal, and written like one by hand: it takes effect when it is
 * applied. Package indexes are those that this machine is configured to use;
 * none is named here.
 */

#include "cli/init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/project.h"
#include "cli/words.h"
#include "policy/policy.h"

#define INIT_LINE_MAX 1024
#define INIT_FOREIGN  "*?#%\"\\ " /* would say more than this address */
#define INIT_LINES    10000	  /* of a file that is looked through */

static const char init_usage[] =
	"usage: penstock init\n"
	"\n"
	"Writes " PROJECT_FILE " for this directory, from what is in it:\n"
	"package.json, remotes of git, files of Python and Go. It takes effect\n"
	"by: penstock policy apply\n";

/* A rule in its own words, or false. */
static bool init_rule(const char *line, char ret[INIT_RULE_MAX])
{
	CLEANUP(ruleset_free) struct ruleset *rs = NULL;
	struct rule_error err;
	struct slice text;

	if (ruleset_new(&rs) || ruleset_add(rs, VERDICT_ALLOW, slice_str(line),
					    SLICE("init"), &err))
		return false;
	text = rule_text(ruleset_at(rs, 0));
	/* As YAML it would begin a comment or a value. */
	if (text.len >= INIT_RULE_MAX || memmem(text.ptr, text.len, " #", 2) ||
	    memmem(text.ptr, text.len, ": ", 2))
		return false;
	memcpy(ret, text.ptr, text.len);
	ret[text.len] = '\0';
	return true;
}

/* Behind a user, if one stands before the first slash. */
static const char *init_behind_user(const char *url)
{
	const char *at = strchr(url, '@');

	return at && at < url + strcspn(url, "/") ? at + 1 : url;
}

bool init_remote(const char *url, char ret[INIT_RULE_MAX])
{
	bool ssh = !strncmp(url, "ssh://", 6),
	     https = !strncmp(url, "https://", 8);
	bool scp = !ssh && !https && !strstr(url, "://") && strchr(url, ':');
	char line[INIT_LINE_MAX];
	size_t host, path_len;
	const char *path;
	int n;

	if (!ssh && !https && !scp)
		return false;
	url = init_behind_user(url + (ssh ? 6 : https ? 8 : 0));
	host = strcspn(url, scp ? ":" : "/");
	path = url + host;
	path += strspn(path, ":/");
	if (ssh)
		host = MIN(host, strcspn(url, ":"));
	path_len = strlen(path);
	while (path_len && path[path_len - 1] == '/')
		path_len--;
	if (path_len > 4 && !strncmp(path + path_len - 4, ".git", 4))
		path_len -= 4;
	if (!host || !path_len || url[strcspn(url, INIT_FOREIGN)])
		return false;
	n = snprintf(line, sizeof(line), "git:read https://%.*s/%.*s",
		     (int)host, url, (int)path_len, path);
	return n > 0 && (size_t)n < sizeof(line) && init_rule(line, ret);
}

bool init_index(const char *url, char ret[INIT_RULE_MAX])
{
	char line[INIT_LINE_MAX];
	int n;

	if (strncmp(url, "https://", 8) != 0 || strchr(url, '@') ||
	    strchr(url, '*'))
		return false;
	n = snprintf(line, sizeof(line), "GET https://%.*s/**",
		     (int)strcspn(url + 8, "/?#,|"), url + 8);
	return n > 0 && (size_t)n < sizeof(line) && init_rule(line, ret);
}

static bool init_has(const struct words *w, const char *word)
{
	for (size_t i = 0; i < w->len; i++) {
		if (!strcmp(w->ptr[i], word))
			return true;
	}
	return false;
}

static void init_add(struct words *rules, const char *reason, const char *rule)
{
	if (!init_has(rules, rule))
		words_add_all(rules, reason, rule, NULL);
}

/* The value of "KEY = VALUE" in a line, in place, or NULL. */
static char *init_value(char *line, const char *key)
{
	char *p = line + strspn(line, " \t");
	size_t len = strlen(key);

	if (strncmp(p, key, len) != 0)
		return NULL;
	p += len;
	p += strspn(p, " \t");
	if (*p != '=' && *p != ':')
		return NULL;
	p++;
	p += strspn(p, " \t");
	p[strcspn(p, " \t\r\n")] = '\0';
	return p;
}

/* Call back with each value of key in an ini file. */
static void init_each(const char *path, const char *key,
		      void (*fn)(struct words *, char *), struct words *rules)
{
	FILE *f = fopen(path, "re");
	char line[INIT_LINE_MAX];

	for (int i = 0; f && i < INIT_LINES && fgets(line, sizeof(line), f);
	     i++) {
		char *value = init_value(line, key);

		if (value)
			fn(rules, value);
	}
	if (f)
		(void)fclose(f);
}

static void init_on_remote(struct words *rules, char *url)
{
	char rule[INIT_RULE_MAX];

	if (init_remote(url, rule))
		init_add(rules, "A remote of this repository: fetch, no push.",
			 rule);
}

static void init_on_python(struct words *rules, char *url)
{
	char rule[INIT_RULE_MAX];

	if (init_index(url, rule))
		init_add(rules, "The index that pip is configured to use.",
			 rule);
}

static bool init_there(const char *const *names)
{
	for (; *names; names++) {
		if (access(*names, F_OK) == 0)
			return true;
	}
	return false;
}

static void init_python(struct words *rules)
{
	static const char *const files[] = { "requirements.txt",
					     "pyproject.toml", "setup.py",
					     "uv.lock", NULL };
	static const char *const variables[] = { "PIP_INDEX_URL",
						 "UV_INDEX_URL",
						 "UV_DEFAULT_INDEX" };
	char path[INSTANCE_PATH_MAX];
	const char *home = getenv("HOME");

	if (!init_there(files))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		char *url = getenv(variables[i]);

		if (url)
			init_on_python(rules, url);
	}
	init_each("/etc/pip.conf", "index-url", init_on_python, rules);
	if (home && instance_path(home, ".config/pip/pip.conf", path))
		init_each(path, "index-url", init_on_python, rules);
	if (home && instance_path(home, ".pip/pip.conf", path))
		init_each(path, "index-url", init_on_python, rules);
}

static void init_go(struct words *rules)
{
	static const char *const files[] = { "go.mod", NULL };
	const char *proxy = getenv("GOPROXY");
	char rule[INIT_RULE_MAX];

	if (init_there(files) && proxy && init_index(proxy, rule))
		init_add(rules, "The proxy that go is configured to use.",
			 rule);
}

static void init_print(FILE *f, const struct words *rules)
{
	static const char *const npm[] = { "package.json", NULL };
	bool use = init_there(npm);

	(void)fputs(
		"# What commands in this project may reach. In force after: "
		"penstock policy apply\n",
		f);
	if (use)
		(void)fputs("# package.json: the registry that npm is "
			    "configured to use.\nuse: [npm]\n",
			    f);
	(void)fputs(rules->len ? "allow:\n" : "allow: []\n", f);
	for (size_t i = 0; i + 1 < rules->len; i += 2)
		(void)fprintf(f, "  # %s\n  - %s\n", rules->ptr[i],
			      rules->ptr[i + 1]);
}

static int init_write(const struct words *rules)
{
	int fd = open(PROJECT_FILE,
		      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		      0644);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f) {
		(void)fprintf(stderr, "penstock init: " PROJECT_FILE ": %s\n",
			      strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return errno == EEXIST ? EXIT_NO : EXIT_BROKEN;
	}
	init_print(f, rules);
	if (fclose(f)) {
		(void)fprintf(stderr, "penstock init: " PROJECT_FILE ": %s\n",
			      strerror(errno));
		return EXIT_BROKEN;
	}
	init_print(stdout, rules);
	(void)fprintf(stderr,
		      "written to " PROJECT_FILE
		      "; put it in force with: penstock policy apply\n");
	return 0;
}

int cmd_init(int argc, char **argv)
{
	struct words rules = { 0 };
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(init_usage, stdout);
		return 0;
	}
	if (argc != 1) {
		(void)fputs(init_usage, stderr);
		return EXIT_USAGE;
	}
	init_each(".git/config", "url", init_on_remote, &rules);
	init_python(&rules);
	init_go(&rules);
	rc = words_ok(&rules) ? init_write(&rules) : EXIT_BROKEN;
	words_done(&rules);
	return rc;
}
