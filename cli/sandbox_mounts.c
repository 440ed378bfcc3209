/* cli/sandbox_mounts.c - what a sandbox sees of the file system.
 *
 * The root is empty; what is to be seen is put into it, in this order, each
 * over what stood there before:
 *
 *   the system        /usr /etc /opt … read-only; in /etc what only some users
 *                     may read is hidden, which matters when root runs us
 *   empty             /tmp, /var/tmp, /run, the home directory
 *   /proc             the sandbox's own; the kernel's settings read-only
 *   tools             read-only (sandbox_tools.c)
 *   the project       writable, at its own path
 *   --rw, --ro        as asked, in that order
 *   control plane     hidden, wherever one of the above shows it
 *   our own files     resolver, hosts, trust stores (sandbox_trust.c), npm's
 *                     registry
 *
 * Sockets are invisible because the directories that hold them are, and
 * abstract ones because they belong to the network namespace.
 */

#include "cli/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"

#define MOUNTS_ETC_MAX	 100000 /* entries of /etc that are looked at */
#define MOUNTS_ETC_FDS	 16
#define MOUNTS_LINKS_MAX 8 /* links from /etc/resolv.conf to its file */

static const char *const mounts_system[] = {
	"/usr",	  "/bin",    "/sbin", "/lib", "/lib32",
	"/lib64", "/libx32", "/etc",  "/opt", "/nix",
};

/* No project can hold one of these: it would show what the sandbox is to be
 * kept from. In some, none can be either.
 */
static const struct {
	const char *path;
	bool below;
} mounts_no_project[] = {
	{ "/bin", true },     { "/boot", true },     { "/dev", true },
	{ "/etc", true },     { "/home", false },    { "/lib", true },
	{ "/opt", false },    { "/proc", true },     { "/root", false },
	{ "/run", true },     { "/sbin", true },     { "/sys", true },
	{ "/tmp", false },    { "/usr", false },     { "/usr/bin", true },
	{ "/usr/lib", true }, { "/usr/sbin", true }, { "/var", false },
};

static bool mounts_asked(const struct sandbox *sb, const char *path)
{
	for (size_t i = 0; i + 1 < sb->binds.len; i += 2) {
		if (!strcmp(sb->binds.ptr[i], "rw") &&
		    !strcmp(sb->binds.ptr[i + 1], path))
			return true;
	}
	return false;
}

/* Why a path can be bound by nobody's wish. */
static const char *mounts_never(const struct sandbox *sb, const char *path)
{
	if (sandbox_is_control(sb, path))
		return "it belongs to penstock itself";
	if (!strcmp(path, "/"))
		return "it is the whole system";
	if (words_within(path, "/proc") || words_within(path, "/dev"))
		return "the sandbox has its own";
	return NULL;
}

static const char *mounts_objection(const struct sandbox *sb)
{
	const char *why = mounts_never(sb, sb->cwd);

	if (why || mounts_asked(sb, sb->cwd))
		return why;
	if (words_within(sb->home, sb->cwd))
		return "your home directory would be open to the command";
	for (size_t i = 0; i < ARRAY_SIZE(mounts_no_project); i++) {
		const char *path = mounts_no_project[i].path;

		if (words_within(path, sb->cwd) ||
		    (mounts_no_project[i].below && words_within(sb->cwd, path)))
			return "it is a directory of the system";
	}
	return NULL;
}

bool sandbox_mounts_check(const struct sandbox *sb)
{
	const char *why = sb->no_fs ? NULL : mounts_objection(sb);

	if (why) {
		(void)fprintf(stderr,
			      "penstock run: %s cannot be the project: %s; "
			      "change to a project directory%s%s\n",
			      sb->cwd, why,
			      mounts_never(sb, sb->cwd) ? "" : ", or say --rw ",
			      mounts_never(sb, sb->cwd) ? "" : sb->cwd);
		return false;
	}
	for (size_t i = 0; i + 1 < sb->binds.len; i += 2) {
		why = mounts_never(sb, sb->binds.ptr[i + 1]);
		if (why) {
			(void)fprintf(stderr, "penstock run: --%s %s: %s\n",
				      sb->binds.ptr[i], sb->binds.ptr[i + 1],
				      why);
			return false;
		}
	}
	return true;
}

static void mounts_bind(struct sandbox_args *args, const char *how,
			const char *path)
{
	words_add_all(&args->options, how, path, path, NULL);
	words_add(&args->bound, path);
}

static void mounts_add_system(struct sandbox_args *args)
{
	for (size_t i = 0; i < ARRAY_SIZE(mounts_system); i++) {
		const char *path = mounts_system[i];
		char target[PATH_MAX];
		struct stat st;
		ssize_t n;

		if (lstat(path, &st) < 0)
			continue;
		if (!S_ISLNK(st.st_mode)) {
			mounts_bind(args, "--ro-bind", path);
			continue;
		}
		n = readlink(path, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		words_add_all(&args->options, "--symlink", target, path, NULL);
		words_add(&args->bound, path);
	}
}

static int mounts_is_shown(const struct dirent *entry)
{
	static const char *const own[] = { ".", "..", "proc", "dev" };

	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		if (!strcmp(entry->d_name, own[i]))
			return 0;
	}
	return 1;
}

/* --no-fs: what the host's root holds, each in a root of our own, which has
 * room for our files.
 */
static int mounts_add_host(struct sandbox_args *args)
{
	struct dirent **names = NULL;
	int n = scandir("/", &names, mounts_is_shown, alphasort);

	for (int i = 0; i < n; i++) {
		char path[PATH_MAX], target[PATH_MAX];
		ssize_t len;

		(void)snprintf(path, sizeof(path), "/%s", names[i]->d_name);
		free(names[i]);
		len = readlink(path, target, sizeof(target) - 1);
		if (len > 0) {
			target[len] = '\0';
			words_add_all(&args->options, "--symlink", target, path,
				      NULL);
			words_add(&args->bound, path);
		} else {
			mounts_bind(args, "--bind-try", path);
		}
	}
	free(names);
	words_add_all(&args->options, "--proc", "/proc", "--dev", "/dev", NULL);
	return n < 0 ? -errno : 0;
}

/* nftw() passes nothing through; this is cold code of one thread. */
static struct {
	struct words *options;
	size_t seen;
} mounts_walk;

/* Hide what others than its owner and group may not read, if we may. A mount
 * of /dev/null without devices gives EACCES.
 */
static int mounts_on_etc(const char *path, const struct stat *st, int type,
			 struct FTW *ftw)
{
	(void)ftw;
	if (++mounts_walk.seen > MOUNTS_ETC_MAX)
		return FTW_STOP;
	if (type == FTW_D && !(st->st_mode & S_IXOTH)) {
		words_add_all(mounts_walk.options, "--perms", "0000", "--tmpfs",
			      path, NULL);
		return FTW_SKIP_SUBTREE;
	}
	if (type == FTW_F && !(st->st_mode & S_IROTH) &&
	    access(path, R_OK) == 0)
		words_add_all(mounts_walk.options, "--ro-bind", "/dev/null",
			      path, NULL);
	return FTW_CONTINUE;
}

static int mounts_hide_etc(struct sandbox_args *args)
{
	int rc;

	mounts_walk.options = &args->options;
	mounts_walk.seen = 0;
	rc = nftw("/etc", mounts_on_etc, MOUNTS_ETC_FDS,
		  FTW_PHYS | FTW_ACTIONRETVAL);
	if (!rc)
		return 0;
	rc = rc < 0 ? -errno : ERR_LIMIT;
	(void)fprintf(stderr, "penstock run: cannot look through /etc: %s\n",
		      rc == ERR_LIMIT ? "it is too large" : err_str(rc));
	return rc;
}

/* Settings in /proc look at the number of their writer and not at what it may
 * do, so root without any capability would still set the program that the
 * kernel runs for a core dump, outside of every namespace. They become
 * read-only. Others own nothing there, and a /proc with something over it
 * would keep them from mounting one in a sandbox of their own.
 */
static void mounts_close_proc(struct sandbox_args *args)
{
	static const char *const paths[] = {
		"/proc/sys",  "/proc/sysrq-trigger", "/proc/acpi",
		"/proc/bus",  "/proc/driver",	     "/proc/fs",
		"/proc/irq",  "/proc/mtrr",	     "/proc/pressure",
		"/proc/scsi",
	};

	if (geteuid() != 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		words_add_all(&args->options, "--ro-bind-try", paths[i],
			      paths[i], NULL);
}

static void mounts_add_empty(const struct sandbox *sb,
			     struct sandbox_args *args)
{
	words_add_all(&args->options, "--proc", "/proc", "--dev", "/dev",
		      "--perms", "1777", "--tmpfs", "/tmp", "--perms", "1777",
		      "--tmpfs", "/var/tmp", "--dir", "/run", "--symlink",
		      "/run", "/var/run", "--perms", "0700", "--tmpfs",
		      sb->home, NULL);
}

/* The control plane, where something that is bound would show it. */
static void mounts_hide_control(const struct sandbox *sb,
				struct sandbox_args *args)
{
	const char *const dirs[] = { sb->in.run_dir,	  sb->in.state_dir,
				     sb->in.conf_dir,	  "/run/penstock",
				     "/var/lib/penstock", "/etc/penstock" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		struct stat st;

		if (words_cover(&args->bound, dirs[i]) &&
		    stat(dirs[i], &st) == 0)
			words_add_all(&args->options, "--perms", "0555",
				      "--tmpfs", dirs[i], "--remount-ro",
				      dirs[i], NULL);
	}
}

static void mounts_add_binds(const struct sandbox *sb,
			     struct sandbox_args *args)
{
	if (!sb->no_fs)
		mounts_bind(args, "--bind", sb->cwd);
	for (size_t i = 0; i + 1 < sb->binds.len; i += 2) {
		bool rw = !strcmp(sb->binds.ptr[i], "rw");

		mounts_bind(args, rw ? "--bind" : "--ro-bind",
			    sb->binds.ptr[i + 1]);
	}
}

/* Take "." and ".." out of an absolute path, in place, by its text alone. */
static void mounts_tidy(char *path)
{
	char *to = path, *from = path;

	while (*from) {
		size_t len = strcspn(from + 1, "/") + 1;

		if (len == 3 && !memcmp(from, "/..", 3)) {
			while (to > path && *--to != '/')
				;
		} else if (len > 1 && !(len == 2 && from[1] == '.')) {
			memmove(to, from, len);
			to += len;
		}
		from += len;
	}
	if (to == path)
		*to++ = '/';
	*to = '\0';
}

/* Where path leads when links are followed one by one; the end need not be
 * there. /etc/resolv.conf is often a link into /run, which is empty inside.
 */
static bool mounts_follow(const char *path, char ret[PATH_MAX])
{
	char link[PATH_MAX];

	(void)snprintf(ret, PATH_MAX, "%s", path);
	for (int i = 0; i < MOUNTS_LINKS_MAX; i++) {
		ssize_t n = readlink(ret, link, sizeof(link) - 1);
		size_t dir = (size_t)(strrchr(ret, '/') - ret) + 1;

		if (n < 0)
			return errno == EINVAL || errno == ENOENT;
		link[n] = '\0';
		if (link[0] == '/')
			dir = 0;
		if (dir + (size_t)n >= PATH_MAX)
			return false;
		memcpy(ret + dir, link, (size_t)n + 1);
		mounts_tidy(ret);
	}
	return false;
}

/* Put text in the place of a file of the system. */
static void mounts_replace(struct sandbox_args *args, const char *path,
			   const char *text)
{
	char to[PATH_MAX];
	int fd;

	/* A file that is not there cannot be made in a read-only /etc. */
	if (!mounts_follow(path, to) ||
	    (words_cover(&args->bound, to) && access(to, F_OK) < 0))
		return;
	fd = sandbox_args_file(args, text, strlen(text));
	words_add_all(&args->options, "--perms", "0444", "--ro-bind-data",
		      NULL);
	words_addf(&args->options, "%d", fd);
	words_add(&args->options, to);
}

static void mounts_add_names(const struct sandbox *sb,
			     struct sandbox_args *args)
{
	char hosts[256];

	(void)snprintf(hosts, sizeof(hosts),
		       "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 %s\n",
		       sb->name);
	mounts_replace(args, "/etc/hosts", hosts);
	mounts_replace(args, "/etc/resolv.conf",
		       "nameserver " CAPTURE_NAMESERVER "\n");
}

static void mounts_add_npmrc(const struct sandbox *sb,
			     struct sandbox_args *args)
{
	char text[1024];
	int fd;

	/* A home directory that was asked for has a file of its own there. */
	if (words_cover(&args->bound, sb->home))
		return;
	sandbox_npmrc(sb, text, sizeof(text));
	if (!text[0])
		return;
	fd = sandbox_args_file(args, text, strlen(text));
	words_add_all(&args->options, "--perms", "0644", "--file", NULL);
	words_addf(&args->options, "%d", fd);
	words_addf(&args->options, "%s/.npmrc", sb->home);
}

static int mounts_add_launch(struct sandbox_args *args)
{
	char program[INSTANCE_PATH_MAX];

	if (!instance_program(CAPTURE_PROGRAM, program))
		return -ENOENT;
	words_add_all(&args->options, "--ro-bind", program, SANDBOX_LAUNCH,
		      NULL);
	return 0;
}

static void mounts_add_namespaces(const struct sandbox *sb,
				  struct sandbox_args *args)
{
	int fd = sandbox_filter(args);

	words_add_all(&args->options, "--unshare-user", "--unshare-pid",
		      "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
		      "--die-with-parent", "--cap-drop", "ALL", "--hostname",
		      sb->name, "--uid", NULL);
	words_addf(&args->options, "%u", geteuid());
	words_add(&args->options, "--gid");
	words_addf(&args->options, "%u", getegid());
	words_add(&args->options, "--seccomp");
	words_addf(&args->options, "%d", fd);
}

/* The system as it is, and empty rooms beside it. */
static int mounts_add_room(const struct sandbox *sb, struct sandbox_args *args)
{
	int rc;

	mounts_add_system(args);
	rc = mounts_hide_etc(args);
	if (!rc)
		mounts_add_empty(sb, args);
	return rc;
}

int sandbox_mounts(const struct sandbox *sb, struct sandbox_args *args)
{
	int rc;

	mounts_add_namespaces(sb, args);
	rc = sb->no_fs ? mounts_add_host(args) : mounts_add_room(sb, args);
	if (rc)
		return rc;
	mounts_close_proc(args);
	sandbox_tools(sb, args);
	mounts_add_binds(sb, args);
	mounts_hide_control(sb, args);
	mounts_add_names(sb, args);
	rc = sb->blocked ? 0 : sandbox_trust(sb, args);
	if (!rc)
		rc = mounts_add_launch(args);
	if (rc)
		return rc;
	mounts_add_npmrc(sb, args);
	words_add_all(&args->options, "--remount-ro", "/", "--chdir", sb->cwd,
		      NULL);
	return 0;
}
