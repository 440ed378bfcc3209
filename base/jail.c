/* base/jail.c - what each process may still do, in one file.
 *
 * Three layers, each of which stands without the others: no privileges, no
 * capabilities, no dump (jail_harden); only files below the named paths
 * (landlock); only the system calls of its filter (seccomp, jail_filter.c). The
 * unit files say the same again from outside.
 *
 * Under PENSTOCK_SANITIZE there is no seccomp, and the process stays dumpable:
 * the sanitizers' runtimes map executable memory, clone themselves to look for
 * leaks, and trace their parent. They also read /proc, which is opened for
 * them in landlock.
 */

#include "base/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"
#include "base/jail_filter.h"

/* Filesystem rights that landlock knew first in version 1, 2, 3, 4, 5: so many
 * of the lowest bits. Ours to deny is whatever this kernel can.
 */
static const unsigned int jail_rights[] = { 13, 14, 15, 15, 16 };

/* Kernel headers before 6.2 lack these. */
#define JAIL_FS_TRUNCATE    (1ull << 14)
#define JAIL_SCOPE_ABSTRACT (1ull << 0) /* connect to foreign @sockets */
#define JAIL_SCOPE_SIGNAL   (1ull << 1) /* signals to others */
#define JAIL_SCOPE_SINCE    6		/* landlock version */

#define JAIL_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define JAIL_WRITE                                                             \
	(JAIL_READ | LANDLOCK_ACCESS_FS_WRITE_FILE |                           \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |      \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |           \
	 LANDLOCK_ACCESS_FS_REFER | JAIL_FS_TRUNCATE)
/* The rights that make sense for what is no directory; others are EINVAL. */
#define JAIL_FILE                                                              \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |        \
	 JAIL_FS_TRUNCATE)

/* struct landlock_ruleset_attr as of version 6. Older kernels take it as long
 * as what they do not know is zero.
 */
struct jail_ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

static const char *const jail_nowhere[] = { NULL };

/* No dump of our memory, no way back to any privilege. */
static int jail_harden(void)
{
	const struct rlimit none = { 0, 0 };
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	const struct __user_cap_data_struct caps[2] = { 0 };

#ifndef PENSTOCK_SANITIZE
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
#endif
	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	/* EINVAL ends the list; EPERM means that we have no CAP_SETPCAP, and
	 * then the bounding set is as it is.
	 */
	for (unsigned long cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) >= 0;
	     cap++)
		;
	/* Fails on kernels that have no ambient set, which is as good. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, caps) < 0)
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* Allow rights below path. A path that is not there needs no permission. */
static int jail_open_path(int ruleset, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { 0 };
	struct stat st;
	int fd = open(path, O_PATH | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0) {
		err = -errno;
	} else {
		if (!S_ISDIR(st.st_mode))
			rights &= JAIL_FILE;
		rule.allowed_access = rights;
		rule.parent_fd = fd;
		if (syscall(SYS_landlock_add_rule, ruleset,
			    LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
			err = -errno;
	}
	(void)close(fd);
	return err;
}

static int jail_open_paths(int ruleset, const char *const *paths,
			   uint64_t rights)
{
	for (; *paths; paths++) {
		int err = jail_open_path(ruleset, *paths, rights);

		if (err < 0)
			return err;
	}
	return 0;
}

/* Close the filesystem: what is below write_paths may be written, below
 * read_paths read (both NULL-terminated). Returns 0, JAIL_NO_LANDLOCK or
 * -errno.
 */
static int jail_landlock(const char *const *write_paths,
			 const char *const *read_paths)
{
	static const char *const for_sanitizer[] = {
#ifdef PENSTOCK_SANITIZE
		"/proc",
#endif
		NULL,
	};
	struct jail_ruleset attr = { 0 };
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
			       LANDLOCK_CREATE_RULESET_VERSION);
	size_t known;
	int fd, err;

	if (version < 1)
		return JAIL_NO_LANDLOCK;
	known = MIN((size_t)version, ARRAY_SIZE(jail_rights));
	attr.fs = (1ull << jail_rights[known - 1]) - 1;
	if (version >= JAIL_SCOPE_SINCE)
		attr.scoped = JAIL_SCOPE_ABSTRACT | JAIL_SCOPE_SIGNAL;
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (fd < 0)
		return -errno;

	err = jail_open_paths(fd, write_paths, JAIL_WRITE & attr.fs);
	if (err >= 0)
		err = jail_open_paths(fd, read_paths, JAIL_READ & attr.fs);
	if (err >= 0)
		err = jail_open_paths(fd, for_sanitizer, JAIL_READ);
	if (err >= 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		err = -errno;
	(void)close(fd);
	return err;
}

/* Put the filter in force. Returns 0 or -errno. */
static int jail_seccomp(enum jail_kind kind)
{
	struct sock_filter code[JAIL_FILTER_MAX];
	const struct sock_fprog prog = {
		.filter = code,
		.len = (unsigned short)jail_filter_build(
			JAIL_ARCH, kind, (uint32_t)getpid(), code),
	};

#ifdef PENSTOCK_SANITIZE
	return 0;
#endif
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0
		       ? -errno
		       : 0;
}

/* All three layers; the answer is that of jail.h. */
static int jail_enter(enum jail_kind kind, const char *const *write_paths,
		      const char *const *read_paths)
{
	int err = jail_harden();
	int flags;

	if (err < 0)
		return err;
	flags = jail_landlock(write_paths, read_paths);
	if (flags < 0)
		return flags;
	err = jail_seccomp(kind);
	return err < 0 ? err : flags;
}

int jail_worker(const char *const *read_paths)
{
	return jail_enter(JAIL_WORKER, jail_nowhere, read_paths);
}

int jail_ship_sender(const char *const *read_paths)
{
	return jail_enter(JAIL_SHIP_SENDER, jail_nowhere, read_paths);
}

int jail_certgen(const char *state_dir)
{
	const char *const paths[] = { state_dir, NULL };

	return jail_enter(JAIL_KEEPER, paths, jail_nowhere);
}

int jail_audit(const char *state_dir, const char *spool_dir)
{
	const char *const paths[] = { state_dir, spool_dir, NULL };

	return jail_enter(JAIL_KEEPER, paths, jail_nowhere);
}

int jail_ship_reader(const char *state_dir, const char *cursors_dir,
		     const char *status_dir)
{
	const char *const paths[] = { cursors_dir, status_dir, NULL };
	const char *const read_paths[] = { state_dir, NULL };

	return jail_enter(JAIL_KEEPER, paths, read_paths);
}
