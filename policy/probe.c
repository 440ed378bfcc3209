/* policy/probe.c - where the operator's package registries are: asking
 * programs, reading files, npm and apt.
 *
 * Everything read here is text of programs and files that belong to the
 * operator; what is no plain http or https address that a rule could name is
 * passed over.
 */

#include "policy/probe.h"

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "policy/rule.h"
#include "policy/text.h"

#define TOOL_WAIT_MS 5000
#define FILE_MAX     65536 /* octets that are read of one file */
#define FILES_MAX    256   /* files of one folder */

extern char **environ;

static bool is_base_octet(char c)
{
	return c > ' ' && c < 0x7f && !strchr("*?#\\{}\"'`<>", c);
}

/* Could a rule be made of it? Not of loopback, nor of a name with holes. */
static bool is_ruled(struct slice base)
{
	static const struct rule_source source = { .verdict = VERDICT_ALLOW };
	char mem[PROBE_BASE_MAX + 16];
	struct text t = text_in(mem, sizeof(mem));
	struct rule_error err;
	struct rule *rule = NULL;
	int rc;

	text_put_str(&t, "GET ");
	text_put(&t, base);
	text_put_str(&t, "/**");
	rc = rule_new(&source, text_since(&t, 0), &rule, &err);
	rule_free(&rule);
	return rc == 0;
}

void probe_add(struct probe_bases *ret, struct slice url)
{
	struct slice scheme, rest, authority, path;
	struct text t;
	ptrdiff_t at;

	url = slice_trim(url);
	for (size_t i = 0; i < url.len; i++)
		if (!is_base_octet(url.ptr[i]))
			return;
	if (!slice_cut(url, ':', &scheme, &rest) ||
	    (!slice_eq(scheme, SLICE("http")) &&
	     !slice_eq(scheme, SLICE("https"))) ||
	    !slice_starts(rest, SLICE("//")) || ret->len == PROBE_BASES_MAX)
		return;
	(void)slice_cut(slice_skip(rest, 2), '/', &authority, &path);
	while ((at = slice_find(authority, '@')) >= 0)
		authority = slice_skip(authority, (size_t)at + 1);
	while (path.len && path.ptr[path.len - 1] == '/')
		path.len--;
	if (!authority.len)
		return;

	t = text_in(ret->base[ret->len], PROBE_BASE_MAX);
	text_put(&t, scheme);
	text_put_str(&t, "://");
	text_put(&t, authority);
	text_put_str(&t, path.len ? "/" : "");
	text_put(&t, path);
	for (size_t i = 0; i < ret->len; i++)
		if (!strcmp(ret->base[i], t.mem))
			return;
	ret->len += !t.cut && is_ruled(text_since(&t, 0));
}

/* Read until the end, size, or the time is over; false for that. */
static bool read_until(int fd, struct text *t, uint64_t deadline_ms)
{
	char mem[512];

	for (;;) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		uint64_t now = clock_ms(CLOCK_MONOTONIC);
		ssize_t n;

		if (now >= deadline_ms)
			return false;
		if (poll(&pfd, 1, (int)(deadline_ms - now)) <= 0)
			continue;
		n = read(fd, mem, sizeof(mem));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		text_put(t, slice_of(mem, (size_t)n));
	}
}

/* Start it in a process group of its own, so that all of it can be ended; no
 * shell, nothing to read, "/" as directory so that no project speaks.
 */
static pid_t spawn_tool(const char *const *argv, int out)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	pid_t pid = -1;
	int rc;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -1;
	if (posix_spawnattr_init(&attr) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -1;
	}
	rc = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null",
					      O_RDONLY, 0);
	rc |= posix_spawn_file_actions_adddup2(&actions, out, 1);
	rc |= posix_spawn_file_actions_addopen(&actions, 2, "/dev/null",
					       O_WRONLY, 0);
	rc |= posix_spawn_file_actions_addchdir_np(&actions, "/");
	rc |= posix_spawnattr_setpgroup(&attr, 0);
	rc |= posix_spawnattr_setsigmask(&attr, &none);
	rc |= posix_spawnattr_setsigdefault(&attr, &all);
	rc |= posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP |
						      POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	if (rc != 0 ||
	    posix_spawnp(&pid, argv[0], &actions, &attr,
			 (char *const *)(uintptr_t)argv, environ) != 0)
		pid = -1;
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	return pid;
}

bool probe_ask(const char *const *argv, struct text *ret)
{
	bool whole = false;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	pid = spawn_tool(argv, fds[1]);
	(void)close(fds[1]);
	if (pid > 0) {
		whole = read_until(fds[0], ret,
				   clock_ms(CLOCK_MONOTONIC) + TOOL_WAIT_MS);
		if (!whole)
			(void)kill(-pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	(void)close(fds[0]);
	return whole && !ret->cut;
}

static void ask_npm(struct probe_bases *ret)
{
	static const char *const argv[] = { "npm", "config", "get", "registry",
					    NULL };
	char mem[PROBE_BASE_MAX];
	struct text t = text_in(mem, sizeof(mem));
	struct slice line, rest;

	if (!probe_ask(argv, &t))
		return;
	(void)slice_cut(text_since(&t, 0), '\n', &line, &rest);
	probe_add(ret, line);
}

struct slice probe_file(const char *dir, const char *file)
{
	char path[4096], *mem;
	struct text t = text_in(path, sizeof(path));
	size_t len = 0;
	ssize_t n = 1;
	int fd;

	text_put_str(&t, dir);
	text_put_str(&t, file);
	fd = !dir || t.cut ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	mem = fd < 0 ? NULL : malloc(FILE_MAX);
	while (mem && n > 0 && len < FILE_MAX) {
		n = read(fd, mem + len, FILE_MAX - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		(void)close(fd);
	return slice_of(mem, mem ? len : 0);
}

void probe_file_free(struct slice *file)
{
	free((char *)(uintptr_t)file->ptr);
	*file = slice_of(NULL, 0);
}

struct slice probe_unquote(struct slice s)
{
	if (s.len >= 2 && (s.ptr[0] == '"' || s.ptr[0] == '\'') &&
	    s.ptr[s.len - 1] == s.ptr[0])
		return slice_of(s.ptr + 1, s.len - 2);
	return s;
}

static void read_npmrc(const char *dir, const char *file,
		       struct probe_bases *ret)
{
	struct slice all = probe_file(dir, file), rest = all, line, key, value;

	while (rest.len && !ret->len) {
		(void)slice_cut(rest, '\n', &line, &rest);
		if (slice_ends(line, SLICE("\r")))
			line.len--;
		if (slice_cut(line, '=', &key, &value) &&
		    slice_eq(slice_trim(key), SLICE("registry")))
			probe_add(ret, probe_unquote(slice_trim(value)));
	}
	probe_file_free(&all);
}

void probe_npm(struct probe_bases *ret)
{
	const char *home = getenv("HOME");

	ret->len = 0;
	ask_npm(ret);
	if (!ret->len)
		probe_add(ret, slice_str(getenv("npm_config_registry")));
	if (!ret->len)
		probe_add(ret, slice_str(getenv("NPM_CONFIG_REGISTRY")));
	if (!ret->len && home)
		read_npmrc(home, "/.npmrc", ret);
	if (!ret->len)
		read_npmrc("/etc", "/npmrc", ret);
}

struct slice probe_word(struct slice *line)
{
	struct slice word;

	*line = slice_trim(*line);
	for (word = *line, word.len = 0; word.len < line->len; word.len++)
		if (line->ptr[word.len] == ' ' || line->ptr[word.len] == '\t')
			break;
	*line = slice_skip(*line, word.len);
	return word;
}

/* "deb [options] URI suite component…" */
static void read_list_line(struct slice line, struct probe_bases *ret)
{
	struct slice word = probe_word(&line);

	if (!slice_eq(word, SLICE("deb")) && !slice_eq(word, SLICE("deb-src")))
		return;
	line = slice_trim(line);
	if (line.len && line.ptr[0] == '[') {
		ptrdiff_t end = slice_find(line, ']');

		if (end < 0)
			return;
		line = slice_skip(line, (size_t)end + 1);
	}
	probe_add(ret, probe_word(&line));
}

static void read_list(struct slice text, struct probe_bases *ret)
{
	struct slice line;

	while (text.len) {
		(void)slice_cut(text, '\n', &line, &text);
		read_list_line(line, ret);
	}
}

static bool is_no(struct slice s)
{
	static const char *const words[] = { "no",  "false",   "without",
					     "off", "disable", "0" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (slice_ieq(s, slice_str(words[i])))
			return true;
	return false;
}

/* One stanza of a deb822 file: "URIs: …", lines that begin with a blank going
 * on, and perhaps "Enabled: no".
 */
static void read_stanza(struct slice text, struct probe_bases *ret)
{
	struct probe_bases found = { .len = 0 };
	struct slice line, key, value;
	bool in_uris = false, enabled = true;

	while (text.len) {
		(void)slice_cut(text, '\n', &line, &text);
		value = line;
		if (slice_starts(line, SLICE("#")))
			continue;
		if (!slice_starts(line, SLICE(" ")) &&
		    !slice_starts(line, SLICE("\t"))) {
			(void)slice_cut(line, ':', &key, &value);
			in_uris = slice_ieq(key, SLICE("URIs"));
			if (slice_ieq(key, SLICE("Enabled")))
				enabled = !is_no(slice_trim(value));
		}
		while (in_uris && slice_trim(value).len)
			probe_add(&found, probe_word(&value));
	}
	for (size_t i = 0; enabled && i < found.len; i++)
		probe_add(ret, slice_str(found.base[i]));
}

static void read_sources(struct slice text, struct probe_bases *ret)
{
	struct slice rest = text, line;
	size_t start = 0;

	while (rest.len) {
		(void)slice_cut(rest, '\n', &line, &rest);
		if (slice_trim(line).len)
			continue;
		read_stanza(slice_of(text.ptr + start,
				     (size_t)(line.ptr - text.ptr) - start),
			    ret);
		start = (size_t)(line.ptr - text.ptr) + line.len;
		start += start < text.len;
	}
	read_stanza(slice_skip(text, start), ret);
}

static void read_source_file(const char *dir, const char *file,
			     struct probe_bases *ret)
{
	struct slice text = probe_file(dir, file);

	if (slice_ends(slice_str(file), SLICE(".list")))
		read_list(text, ret);
	else if (slice_ends(slice_str(file), SLICE(".sources")))
		read_sources(text, ret);
	probe_file_free(&text);
}

void probe_apt(const char *dir, struct probe_bases *ret)
{
	char path[4096];
	struct text t = text_in(path, sizeof(path));
	struct dirent **names;
	int len;

	ret->len = 0;
	read_source_file(dir, "/sources.list", ret);
	text_put_str(&t, dir);
	text_put_str(&t, "/sources.list.d/");
	len = t.cut ? -1 : scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < len; i++) {
		if (i < FILES_MAX)
			read_source_file(path, names[i]->d_name, ret);
		free(names[i]);
	}
	if (len >= 0)
		free(names);
}
