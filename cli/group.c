/* cli/group.c - control groups as files: where a process is, what holds there.
 *
 * /proc/PID/cgroup has a line for each hierarchy: "4:memory:/a/b" for one of
 * version 1, "0::/a/b" for that of version 2. What no line of version 1 names
 * is ruled by version 2.
 */

#include "cli/group.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/file.h"

#define GROUP_PERIOD_US 100000 /* the kernel's own default, and systemd's */

static int group_read(const char *dir, const char *name,
		      char ret[GROUP_TEXT_MAX])
{
	char path[GROUP_PATH_MAX + 64];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	ret[0] = '\0';
	return file_text(AT_FDCWD, path, 0, ret, GROUP_TEXT_MAX);
}

static int group_put(const char *dir, const char *name, const char *text)
{
	char path[GROUP_PATH_MAX + 64];
	size_t len = strlen(text);
	int fd, rc = 0;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		rc = errno ? -errno : -EIO;
	(void)close(fd);
	return rc;
}

int group_of(pid_t pid, char ret[GROUP_TEXT_MAX])
{
	char dir[32];

	(void)snprintf(dir, sizeof(dir), "/proc/%d", (int)pid);
	return group_read(dir, "cgroup", ret);
}

/* Is word one of the list, which ends at end and has commas between? */
static bool group_lists(const char *list, const char *end, const char *word)
{
	size_t len = strlen(word);

	while (list < end) {
		size_t n = strcspn(list, ",:");

		if (n == len && !memcmp(list, word, len))
			return true;
		list += n + 1;
	}
	return false;
}

/* The line of controller, or that of version 2 when controller is "". Points
 * at its path, whose length is *len.
 */
static const char *group_line(const char *text, const char *controller,
			      size_t *len)
{
	while (*text) {
		const char *end = text + strcspn(text, "\n");
		const char *list = strchr(text, ':');
		const char *path = list ? strchr(list + 1, ':') : NULL;

		if (path && path < end) {
			bool is = *controller ? group_lists(list + 1, path,
							    controller)
					      : path == list + 1;

			if (is) {
				*len = (size_t)(end - path) - 1;
				return path + 1;
			}
		}
		text = *end ? end + 1 : end;
	}
	return NULL;
}

int group_dir(const char *root, const char *text, const char *controller,
	      char ret[GROUP_PATH_MAX], bool *ret_v2)
{
	char both[GROUP_PATH_MAX];
	const char *mount = controller, *path;
	size_t len = 0;
	int n;

	path = *controller ? group_line(text, controller, &len) : NULL;
	*ret_v2 = !path;
	if (!path) {
		(void)snprintf(both, sizeof(both), "%s/cgroup.controllers",
			       root);
		mount = access(both, F_OK) == 0 ? "." : "unified";
		path = group_line(text, "", &len);
	}
	if (!path)
		return -ENOENT;
	n = snprintf(ret, GROUP_PATH_MAX, "%s/%s%.*s", root, mount, (int)len,
		     path);
	return n < 0 || n >= GROUP_PATH_MAX ? -ENOENT : 0;
}

/* The number at text; "max" and what is none are the largest. */
static uint64_t group_parse(const char *text, char **end)
{
	uint64_t n;

	*end = NULL;
	if (*text < '0' || *text > '9')
		return UINT64_MAX;
	errno = 0;
	n = strtoull(text, end, 10);
	return errno ? UINT64_MAX : n;
}

static uint64_t group_number(const char *dir, const char *name)
{
	char text[GROUP_TEXT_MAX] = "", *end;

	return group_read(dir, name, text) < 0 ? UINT64_MAX
					       : group_parse(text, &end);
}

/* Thousandths of a processor, or more than any limit says. */
static uint64_t group_cpu(const char *dir, bool v2)
{
	char text[GROUP_TEXT_MAX] = "", *end;
	uint64_t quota = UINT64_MAX, period = 0;

	if (!v2) {
		quota = group_number(dir, "cpu.cfs_quota_us");
		period = group_number(dir, "cpu.cfs_period_us");
	} else if (group_read(dir, "cpu.max", text) == 0) {
		quota = group_parse(text, &end);
		period = end && *end == ' ' ? group_parse(end + 1, &end) : 0;
	}
	if (!period || quota > UINT64_MAX / 1000)
		return UINT64_MAX;
	return quota * 1000 / period;
}

int group_verify(const char *root, const char *text, const struct limits *l)
{
	char dir[GROUP_PATH_MAX];
	bool v2;
	int rc = 0;

	if (l->memory_bytes) {
		rc = group_dir(root, text, "memory", dir, &v2);
		if (!rc && group_number(dir, v2 ? "memory.max"
						: "memory.limit_in_bytes") >
				   l->memory_bytes)
			rc = ERR_STALE;
	}
	if (!rc && l->cpu_milli) {
		rc = group_dir(root, text, "cpu", dir, &v2);
		if (!rc && group_cpu(dir, v2) > l->cpu_milli)
			rc = ERR_STALE;
	}
	return rc;
}

int group_write(const char *dir, const struct limits *l)
{
	char text[64];
	int rc = 0;

	if (l->memory_bytes) {
		(void)snprintf(text, sizeof(text), "%" PRIu64, l->memory_bytes);
		rc = group_put(dir, "memory.max", text);
		if (!rc)
			rc = group_put(dir, "memory.swap.max", "0");
		if (rc == -ENOENT && !access(dir, F_OK))
			rc = group_number(dir, "memory.max") > l->memory_bytes
				     ? -ENOENT
				     : 0; /* a kernel that does not swap */
	}
	if (!rc && l->cpu_milli) {
		(void)snprintf(text, sizeof(text), "%u %u",
			       l->cpu_milli * (GROUP_PERIOD_US / 1000),
			       GROUP_PERIOD_US);
		rc = group_put(dir, "cpu.max", text);
	}
	return rc;
}

static int group_make_in(const char *parent, const char *name,
			 const struct limits *l, char ret[GROUP_PATH_MAX])
{
	int n = snprintf(ret, GROUP_PATH_MAX, "%s/%s", parent, name);
	int rc;

	if (n < 0 || n >= GROUP_PATH_MAX)
		return -ENAMETOOLONG;
	/* They may be on already, or it may not be for us to say: the files
	 * of the new group tell.
	 */
	if (l->memory_bytes)
		(void)group_put(parent, "cgroup.subtree_control", "+memory");
	if (l->cpu_milli)
		(void)group_put(parent, "cgroup.subtree_control", "+cpu");
	if (mkdir(ret, 0755) < 0)
		return -errno;
	rc = group_write(ret, l);
	if (rc)
		(void)rmdir(ret);
	return rc;
}

int group_make(const char *root, const char *text, const char *name,
	       const struct limits *l, char ret[GROUP_PATH_MAX])
{
	char own[GROUP_PATH_MAX];
	size_t least = strlen(root) + 1;
	bool v2;
	char *slash;
	int rc = group_dir(root, text, "", own, &v2);

	if (rc)
		return rc;
	/* A group with processes has no children with limits, but for the
	 * root of all; so it is mostly the place beside that does.
	 */
	rc = group_make_in(own, name, l, ret);
	slash = strrchr(own, '/');
	if (!rc || !slash || (size_t)(slash - own) < least)
		return rc;
	*slash = '\0';
	return group_make_in(own, name, l, ret);
}

int group_enter(const char *dir, pid_t pid)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	return group_put(dir, "cgroup.procs", text);
}

unsigned long group_kills(const char *root, const char *text)
{
	static const char key[] = "oom_kill ";
	char dir[GROUP_PATH_MAX], events[GROUP_TEXT_MAX] = "";
	const char *at;
	bool v2 = false;

	if (group_dir(root, text, "memory", dir, &v2) < 0 ||
	    group_read(dir, v2 ? "memory.events" : "memory.oom_control",
		       events) < 0)
		return 0;
	for (at = events; at && *at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, key, strlen(key)))
			return strtoul(at + strlen(key), NULL, 10);
	}
	return 0;
}
