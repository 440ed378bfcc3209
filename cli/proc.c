/* cli/proc.c - processes as /proc shows them. */

#include "cli/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/slice.h"

#define PROC_STAT_MAX 2048
#define PROC_START    22 /* the field of the start; the state is the third */

bool proc_parse(const char *text, struct proc_stat *ret)
{
	const char *open = strchr(text, '('), *shut = strrchr(text, ')');
	struct proc_stat st = { .parent = 0 };
	const char *p;
	size_t len;
	char *end;

	if (!open || !shut || shut < open)
		return false;
	st.id.pid = (pid_t)strtol(text, NULL, 10);
	len = MIN((size_t)(shut - open) - 1, sizeof(st.name) - 1);
	memcpy(st.name, open + 1, len);
	p = shut + 1;
	for (int field = 3; field <= PROC_START; field++) {
		if (*p != ' ')
			return false;
		p++;
		if (field == 4)
			st.parent = (pid_t)strtol(p, NULL, 10);
		if (field == PROC_START)
			st.id.start = strtoull(p, &end, 10);
		else
			p += strcspn(p, " ");
	}
	if (end == p || st.id.pid <= 0)
		return false;
	*ret = st;
	return true;
}

ssize_t proc_file(pid_t pid, const char *name, size_t max, char **ret)
{
	char path[64];
	char *text = NULL;
	ssize_t n;
	size_t len = 0;
	int fd, rc = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	text = malloc(max + 1);
	if (!text)
		rc = -ENOMEM;
	while (!rc && (n = read(fd, text + len, max + 1 - len)) != 0) {
		if (n < 0)
			rc = -errno;
		else
			len += (size_t)n;
		if (len > max)
			rc = -EFBIG;
	}
	(void)close(fd);
	if (rc) {
		free(text);
		return rc;
	}
	text[len] = '\0';
	*ret = text;
	return (ssize_t)len;
}

int proc_read(pid_t pid, struct proc_stat *ret)
{
	char *text = NULL;
	ssize_t n = proc_file(pid, "stat", PROC_STAT_MAX, &text);
	bool good;

	if (n < 0)
		return (int)n;
	assert(text);
	good = proc_parse(text, ret);
	free(text);
	return good ? 0 : -EPROTO;
}

/* First the descriptor, which stays with its process, then the look at who
 * that is.
 */
int proc_open(const struct proc_id *id)
{
	struct proc_stat st;
	int fd, rc;

	if (id->pid <= 0)
		return -ESRCH;
	fd = pidfd_open(id->pid, 0);
	if (fd < 0)
		return errno == EINVAL ? -ESRCH : -errno;
	rc = proc_read(id->pid, &st);
	if (!rc && st.id.start == id->start)
		return fd;
	(void)close(fd);
	return rc ? rc : -ESRCH;
}

pid_t proc_of_pidfd(int pidfd)
{
	char name[32];
	char *text = NULL, *line;
	pid_t pid = -ESRCH;
	ssize_t n;

	(void)snprintf(name, sizeof(name), "fdinfo/%d", pidfd);
	n = proc_file(getpid(), name, PROC_STAT_MAX, &text);
	if (n < 0)
		return (pid_t)n;
	assert(text);
	line = strstr(text, "\nPid:");
	if (line)
		pid = (pid_t)strtol(line + 5, NULL, 10);
	free(text);
	return pid > 0 ? pid : -ESRCH;
}

pid_t proc_in_netns(ino_t inode)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	while (dir && !found && (entry = readdir(dir))) {
		char path[sizeof(entry->d_name) + 16];
		struct stat st;

		if (!ascii_is_digit(entry->d_name[0]))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/ns/net",
			       entry->d_name);
		if (stat(path, &st) == 0 && st.st_ino == inode)
			found = (pid_t)strtol(entry->d_name, NULL, 10);
	}
	if (dir)
		(void)closedir(dir);
	return found;
}
