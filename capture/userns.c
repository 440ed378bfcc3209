/* capture/userns.c - a namespace of our own, and giving its powers back.
 *
 * The network namespace belongs to this user namespace. What runs in the
 * sandbox is in a further user namespace below it, so that whatever it makes
 * of itself there, it has no power over the network namespace and its rules.
 */

#include "capture/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/file.h"

/* What root is called in our namespace. A further namespace below maps it to
 * root again, which the kernel allows for the uid 0 of a parent only to who
 * has CAP_SETFCAP there, and we have given everything up by then.
 */
#define USERNS_ROOT 1

static int userns_write(const char *path, const char *text)
{
	size_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int rc;

	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	rc = n < 0 ? -errno : 0;
	if (!rc && (size_t)n != len)
		rc = -EIO;
	(void)close(fd);
	return rc;
}

static int userns_map(const char *path, unsigned int inside,
		      unsigned int outside)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "%u %u 1\n", inside, outside);
	return userns_write(path, line);
}

int userns_enter(void)
{
	unsigned int uid = geteuid(), gid = getegid();
	int rc;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -errno;
	rc = userns_write("/proc/self/setgroups", "deny");
	if (!rc)
		rc = userns_map("/proc/self/uid_map", uid ? uid : USERNS_ROOT,
				uid);
	if (!rc)
		rc = userns_map("/proc/self/gid_map", gid, gid);
	return rc;
}

/* A sysctl as a number, or missing when this kernel has none of that name. */
static long userns_setting(const char *path, long missing)
{
	char text[32];
	int rc = file_text(AT_FDCWD, path, 0, text, sizeof(text));

	return rc || !*text ? missing : strtol(text, NULL, 10);
}

const char *userns_hint(void)
{
	static const struct {
		const char *path;
		long forbids;
		const char *hint;
	} settings[] = {
		{ "/proc/sys/kernel/unprivileged_userns_clone", 0,
		  "this machine forbids user namespaces; as root: "
		  "sysctl -w kernel.unprivileged_userns_clone=1" },
		{ "/proc/sys/user/max_user_namespaces", 0,
		  "this machine allows no user namespaces; as root: "
		  "sysctl -w user.max_user_namespaces=15000" },
		{ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1,
		  "AppArmor restricts user namespaces here; as root: "
		  "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, "
		  "or load a profile with 'userns,' for penstock-capture and "
		  "bwrap" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		long value = userns_setting(settings[i].path, -1);

		if (value == settings[i].forbids)
			return settings[i].hint;
	}
	return "no setting of the kernel forbids it; in a container, its "
	       "seccomp profile does: start the container with "
	       "--security-opt seccomp=unconfined";
}
