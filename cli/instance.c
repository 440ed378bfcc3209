/* cli/instance.c - where an instance lives, and whether it does.
 *
 * An instance is known by three directories. Whoever runs `penstock up` holds
 * a lock on the pid file for as long as it lives, so a pid file that a crash
 * left behind deceives nobody. Two that start at once race for the lock; the
 * loser ends, and both callers find the winner's control door.
 */

#include "cli/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/file.h"
#include "base/frame.h"
#include "gateway/control.h"

#define INSTANCE_RUN_MAX 90 /* bytes; a socket's path has 107 for all of it */
#define INSTANCE_POLL_MS 20

static int instance_set(char to[INSTANCE_PATH_MAX], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int instance_set(char to[INSTANCE_PATH_MAX], const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(to, INSTANCE_PATH_MAX, fmt, ap);
	va_end(ap);
	if (n < 0 || n >= INSTANCE_PATH_MAX)
		return -ENAMETOOLONG;
	return to[0] == '/' ? 0 : -EINVAL;
}

/* A variable that is set and not empty, or NULL. */
static const char *instance_env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static const char *instance_home(void)
{
	const char *home = instance_env("HOME");
	struct passwd *pw;

	if (home && home[0] == '/')
		return home;
	pw = getpwuid(geteuid());
	return pw && pw->pw_dir ? pw->pw_dir : "/";
}

/* $XDG/penstock, else ~/BELOW/penstock. */
static int instance_xdg(char to[INSTANCE_PATH_MAX], const char *xdg,
			const char *below)
{
	const char *base = instance_env(xdg);

	if (base && base[0] == '/')
		return instance_set(to, "%s/penstock", base);
	return instance_set(to, "%s/%s/penstock", instance_home(), below);
}

static int instance_system(struct instance *in)
{
	(void)instance_set(in->run_dir, "/run/penstock");
	(void)instance_set(in->state_dir, "/var/lib/penstock");
	(void)instance_set(in->conf_dir, "/etc/penstock");
	return 0;
}

static int instance_user(struct instance *in)
{
	const char *base = instance_env("XDG_RUNTIME_DIR");
	int rc;

	if (base && base[0] == '/')
		rc = instance_set(in->run_dir, "%s/penstock", base);
	else
		rc = instance_set(in->run_dir, "/tmp/penstock-%u", geteuid());
	if (!rc)
		rc = instance_xdg(in->state_dir, "XDG_DATA_HOME",
				  ".local/share");
	if (!rc)
		rc = instance_xdg(in->conf_dir, "XDG_CONFIG_HOME", ".config");
	return rc;
}

static int instance_override(struct instance *in)
{
	const struct {
		const char *name;
		char *to;
	} dirs[] = {
		{ "PENSTOCK_RUN_DIR", in->run_dir },
		{ "PENSTOCK_STATE_DIR", in->state_dir },
		{ "PENSTOCK_CONFIG_DIR", in->conf_dir },
	};

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		const char *value = instance_env(dirs[i].name);
		int rc = value ? instance_set(dirs[i].to, "%s", value) : 0;

		if (rc) {
			(void)fprintf(stderr,
				      "penstock: %s must be an absolute path "
				      "of at most %d bytes\n",
				      dirs[i].name, INSTANCE_PATH_MAX - 1);
			return rc;
		}
	}
	return 0;
}

/* The path without symbolic links, as far as it is there. What a sandbox may
 * see is compared with it, by real paths; and SQLite opens nothing that lies
 * behind a link. What is wrong with the path shows when it is used.
 */
static void instance_resolve(char path[INSTANCE_PATH_MAX])
{
	char part[INSTANCE_PATH_MAX], real[PATH_MAX], whole[INSTANCE_PATH_MAX];

	memcpy(part, path, sizeof(part));
	while (!realpath(part, real)) {
		char *slash = strrchr(part, '/');

		if (errno != ENOENT || !slash || slash == part)
			return;
		*slash = '\0';
	}
	if (!instance_set(whole, "%s%s", real[1] ? real : "",
			  path + strlen(part)))
		memcpy(path, whole, sizeof(whole));
}

int instance_find(struct instance *ret)
{
	struct instance in = { 0 };
	bool user = geteuid() != 0 || instance_env("PENSTOCK_USER");
	int rc = user ? instance_user(&in) : instance_system(&in);

	if (rc) {
		(void)fprintf(stderr, "penstock: the path of the home "
				      "directory is too long; set "
				      "PENSTOCK_STATE_DIR and "
				      "PENSTOCK_CONFIG_DIR\n");
		return rc;
	}
	rc = instance_override(&in);
	if (rc)
		return rc;
	instance_resolve(in.run_dir);
	instance_resolve(in.state_dir);
	instance_resolve(in.conf_dir);
	if (strlen(in.run_dir) > INSTANCE_RUN_MAX) {
		(void)fprintf(stderr,
			      "penstock: %s is too long for sockets; set "
			      "PENSTOCK_RUN_DIR to a path of at most %d "
			      "bytes\n",
			      in.run_dir, INSTANCE_RUN_MAX);
		return -ENAMETOOLONG;
	}
	*ret = in;
	return 0;
}

/* mkdir -p; parents that are missing get 0755. */
static int instance_mkdir(const char *path, mode_t mode)
{
	char part[INSTANCE_PATH_MAX];
	size_t len = strlen(path);

	assert(len < sizeof(part));
	memcpy(part, path, len + 1);
	for (char *p = part + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST &&
		    errno != EROFS && errno != EACCES)
			return -errno;
		*p = '/';
	}
	return mkdir(path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

/* A private directory belongs to us and nobody else may write into it. One in
 * /tmp that somebody made before us is refused here.
 */
static int instance_private(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (st.st_uid != geteuid())
		return -EPERM;
	return st.st_mode & 022 ? -EPERM : 0;
}

static int instance_make_dir(const char *path, mode_t mode)
{
	int rc = instance_mkdir(path, mode);

	if (!rc && mode == 0700)
		rc = instance_private(path);
	if (rc)
		(void)fprintf(stderr,
			      "penstock: cannot use the directory %s: %s%s\n",
			      path, err_str(rc),
			      rc == -EPERM ? " (it must be yours, and writable "
					     "by nobody else)"
					   : "");
	return rc;
}

int instance_make(const struct instance *in)
{
	int rc = instance_make_dir(in->run_dir, 0700);

	if (!rc)
		rc = instance_make_dir(in->state_dir, 0700);
	if (!rc)
		rc = instance_make_dir(in->conf_dir, 0755);
	return rc;
}

bool instance_path(const char *dir, const char *file,
		   char ret[INSTANCE_PATH_MAX])
{
	char path[INSTANCE_PATH_MAX];

	if (instance_set(path, "%s/%s", dir, file))
		return false;
	memcpy(ret, path, sizeof(path));
	return true;
}

int instance_lock(const struct instance *in)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[INSTANCE_PATH_MAX];
	int fd, rc;

	if (!instance_path(in->run_dir, INSTANCE_PID, path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_SETLK, &lock) < 0)
		rc = errno == EACCES ? -EAGAIN : -errno;
	else if (ftruncate(fd, 0) < 0 ||
		 dprintf(fd, "%d\n%s\n", getpid(), in->state_dir) < 0)
		rc = -errno;
	else
		return fd;
	(void)close(fd);
	return rc;
}

pid_t instance_pid(const struct instance *in)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[INSTANCE_PATH_MAX];
	pid_t pid = 0;
	int fd;

	if (!instance_path(in->run_dir, INSTANCE_PID, path))
		return 0;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return 0;
	if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
		pid = lock.l_pid;
	(void)close(fd);
	return pid;
}

int instance_connect(const struct instance *in)
{
	char path[INSTANCE_PATH_MAX];

	if (!instance_path(in->run_dir, CONTROL_SOCKET, path))
		return -ENAMETOOLONG;
	return door_connect(path);
}

static bool instance_answers(const struct instance *in)
{
	int fd = instance_connect(in);

	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

/* Another environment may give the same run directory and another state: its
 * CA is not the one that the instance signs with, nor its ledger the one that
 * it writes.
 */
static bool instance_agrees(const struct instance *in)
{
	char path[INSTANCE_PATH_MAX], text[INSTANCE_PATH_MAX + 32];
	char *state;

	if (!instance_path(in->run_dir, INSTANCE_PID, path) ||
	    file_text(AT_FDCWD, path, O_NOFOLLOW, text, sizeof(text)) < 0)
		return true;
	state = strchr(text, '\n');
	if (!state || !strchr(state + 1, '\n'))
		return true;
	*strchr(++state, '\n') = '\0';
	if (!strcmp(state, in->state_dir))
		return true;
	(void)fprintf(stderr,
		      "penstock: the instance in %s keeps its state in %s, not "
		      "in %s; set PENSTOCK_STATE_DIR to that, or "
		      "PENSTOCK_RUN_DIR to another directory\n",
		      in->run_dir, state, in->state_dir);
	return false;
}

/* The child that becomes `penstock up`: a session of its own, so that the
 * terminal's signals do not reach it, and nothing of ours but the log.
 */
static _Noreturn void instance_exec_up(int log)
{
	static char *const argv[] = { "penstock", "up", "--idle-exit", "30",
				      NULL };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)setsid();
	if (null >= 0 && dup2(null, 0) == 0 && dup2(log, 1) == 1 &&
	    dup2(log, 2) == 2 && chdir("/") == 0) {
		(void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
		(void)execv("/proc/self/exe", argv);
	}
	(void)dprintf(log, "penstock: %s: %s\n",
		      null < 0 ? "/dev/null" : "/proc/self/exe",
		      strerror(errno));
	_exit(3);
}

/* Show why it did not start: the last lines that it wrote, of which the first
 * process to fail wrote one of the earlier.
 */
static void instance_tell(const char *path, const char *what)
{
	char tail[1024];
	ssize_t n = 0;
	char *from = tail;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	(void)fprintf(stderr, "penstock: %s; see %s\n", what, path);
	if (fd >= 0) {
		off_t size = lseek(fd, 0, SEEK_END);
		off_t room = (off_t)sizeof(tail) - 1;

		n = pread(fd, tail, sizeof(tail) - 1,
			  size > room ? size - room : 0);
		(void)close(fd);
	}
	if (n <= 0) {
		(void)fprintf(stderr, "  nothing is in it; is there room on "
				      "its file system?\n");
		return;
	}
	tail[n] = '\0';
	if (n == (ssize_t)sizeof(tail) - 1 && strchr(tail, '\n'))
		from = strchr(tail, '\n') + 1;
	while (*from) {
		size_t len = strcspn(from, "\n");

		(void)fprintf(stderr, "  %.*s\n", (int)len, from);
		from += len + (from[len] == '\n');
	}
}

/* Until the door answers. A child that ended is no failure when somebody
 * else's has won the lock.
 */
static int instance_wait(const struct instance *in, pid_t child,
			 const char *log)
{
	const struct timespec nap = { .tv_nsec = INSTANCE_POLL_MS * 1000000L };
	bool ended = false;

	for (int ms = 0; ms < INSTANCE_START_MS; ms += INSTANCE_POLL_MS) {
		if (instance_answers(in))
			return 0;
		if (!ended && waitpid(child, NULL, WNOHANG) == child)
			ended = true;
		if (ended && !instance_pid(in)) {
			instance_tell(log, "the instance ended while starting");
			return -ECHILD;
		}
		(void)nanosleep(&nap, NULL);
	}
	instance_tell(log, "the instance does not answer");
	return -ETIMEDOUT;
}

/* One that is starting or ending has the lock and does not answer: until it
 * does, or is gone.
 */
static bool instance_settled(const struct instance *in)
{
	const struct timespec nap = { .tv_nsec = INSTANCE_POLL_MS * 1000000L };

	for (int ms = 0; ms < INSTANCE_START_MS; ms += INSTANCE_POLL_MS) {
		if (instance_answers(in))
			return true;
		if (!instance_pid(in))
			return false;
		(void)nanosleep(&nap, NULL);
	}
	return false;
}

int instance_start(const struct instance *in)
{
	char path[INSTANCE_PATH_MAX];
	pid_t child;
	int log, rc;

	if (instance_settled(in))
		return instance_agrees(in) ? 0 : -EXDEV;
	rc = instance_make(in);
	if (rc)
		return rc;
	if (!instance_path(in->run_dir, INSTANCE_LOG, path))
		return -ENAMETOOLONG;
	log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
		   0600);
	if (log < 0) {
		rc = -errno;
		(void)fprintf(stderr, "penstock: cannot write %s: %s\n", path,
			      err_str(rc));
		return rc;
	}
	child = fork();
	if (!child)
		instance_exec_up(log);
	rc = child < 0 ? -errno : instance_wait(in, child, path);
	(void)close(log);
	return rc;
}

bool instance_program(const char *name, char ret[INSTANCE_PATH_MAX])
{
	char self[INSTANCE_PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n <= 0 || n >= (ssize_t)sizeof(self) - 1)
		return false;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return instance_path(self, name, ret);
}
