/* cli/sandbox_npm.c - which registry the caller's npm uses.
 *
 * The home directory inside is new, so the caller's .npmrc is not there, and
 * must not be: it holds tokens. The address of the registry alone passes, as
 * npm itself reports it. Asking takes a third of a second, so the answer is
 * kept in the state directory until ~/.npmrc changes, or a day.
 *
 *   line 1   seconds and nanoseconds of ~/.npmrc's change, 0 0 without one
 *   line 2   the address
 */

#include "cli/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"

#define NPM_FILE     "npm-registry"
#define NPM_WAIT_MS  5000
#define NPM_FRESH_S  86400
#define NPM_TEXT_MAX 512 /* bytes of an address */

/* Only a plain address is copied into a configuration file. */
static bool npm_plain(const char *url)
{
	if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
		return false;
	for (const char *p = url; *p; p++) {
		if (*p <= ' ' || *p > '~' || *p == '@' || *p == '"' ||
		    *p == '$')
			return false;
	}
	return true;
}

static _Noreturn void npm_exec(const struct sandbox *sb, int out)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 ||
	    dup2(null, 2) < 0 || chdir(sb->home) < 0)
		_exit(127);
	(void)execlp("npm", "npm", "config", "get", "registry", (char *)NULL);
	_exit(127);
}

/* Does something come of fd before that time? */
static bool npm_wait(int fd, uint64_t until_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t now = clock_ms(CLOCK_MONOTONIC);

	return now < until_ms && poll(&p, 1, (int)(until_ms - now)) > 0;
}

/* Read until the end, the bound, or the time is up. */
static size_t npm_read(int fd, char *buf, size_t room, uint64_t until_ms)
{
	size_t len = 0;

	while (len < room && npm_wait(fd, until_ms)) {
		ssize_t n = read(fd, buf + len, room - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	return len;
}

/* How it ended; by force, when the time is up. */
static int npm_end(pid_t pid, uint64_t until_ms)
{
	int pidfd = pidfd_open(pid, 0), status = -1;

	if (pidfd < 0 || !npm_wait(pidfd, until_ms))
		(void)kill(pid, SIGKILL);
	if (pidfd >= 0)
		(void)close(pidfd);
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static bool npm_ask(const struct sandbox *sb, char ret[NPM_TEXT_MAX])
{
	uint64_t until_ms = clock_ms(CLOCK_MONOTONIC) + NPM_WAIT_MS;
	char text[NPM_TEXT_MAX];
	int ends[2];
	size_t len;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	pid = fork();
	if (!pid)
		npm_exec(sb, ends[1]);
	(void)close(ends[1]);
	len = pid < 0 ? 0 : npm_read(ends[0], text, sizeof(text) - 1, until_ms);
	(void)close(ends[0]);
	if (pid < 0 || npm_end(pid, until_ms) != 0)
		return false;
	text[len] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	if (!npm_plain(text))
		return false;
	memcpy(ret, text, sizeof(text));
	return true;
}

static void npm_key(const struct sandbox *sb, char *ret, size_t len)
{
	char path[PATH_MAX];
	struct stat st = { 0 };

	if (snprintf(path, sizeof(path), "%s/.npmrc", sb->home) >=
		    (int)sizeof(path) ||
	    stat(path, &st) < 0)
		st = (struct stat){ 0 };
	(void)snprintf(ret, len, "%lld %ld", (long long)st.st_mtim.tv_sec,
		       st.st_mtim.tv_nsec);
}

static bool npm_recall(const char *path, const char *key,
		       char ret[NPM_TEXT_MAX])
{
	char have[64], url[NPM_TEXT_MAX];
	struct stat st;
	FILE *f = fopen(path, "re");
	bool good;

	if (!f)
		return false;
	good = fstat(fileno(f), &st) == 0 &&
	       time(NULL) - st.st_mtime < NPM_FRESH_S &&
	       fgets(have, sizeof(have), f) && fgets(url, sizeof(url), f);
	(void)fclose(f);
	if (!good)
		return false;
	have[strcspn(have, "\n")] = '\0';
	url[strcspn(url, "\n")] = '\0';
	if (strcmp(have, key) != 0 || !npm_plain(url))
		return false;
	memcpy(ret, url, sizeof(url));
	return true;
}

/* A cache: what cannot be written is asked again. */
static void npm_remember(const char *path, const char *key, const char *url)
{
	int fd = open(path,
		      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		      0600);

	if (fd < 0)
		return;
	(void)dprintf(fd, "%s\n%s\n", key, url);
	(void)close(fd);
}

void sandbox_npmrc(const struct sandbox *sb, char *ret, size_t len)
{
	char path[INSTANCE_PATH_MAX], key[64], url[NPM_TEXT_MAX];

	ret[0] = '\0';
	npm_key(sb, key, sizeof(key));
	if (!instance_path(sb->in.state_dir, NPM_FILE, path))
		return;
	if (!npm_recall(path, key, url)) {
		if (!npm_ask(sb, url))
			return;
		npm_remember(path, key, url);
	}
	if (snprintf(ret, len, "registry=%s\n", url) >= (int)len)
		ret[0] = '\0';
}
