/* cli/project.c - the policy of a project: written in it, in force by consent.
 *
 * The file is read once. What is checked, shown and put in force is that text,
 * whatever becomes of the file meanwhile. The copy's name is a hash of the
 * project's path, and its first line says the path itself; a copy whose first
 * line is another's does not count.
 */

#include "cli/project.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "cli/cli.h"
#include "policy/load.h"

#define PROJECT_HEAD "# applied: "

static const char project_usage[] =
	"usage: penstock policy apply [--yes]\n"
	"\n"
	"Shows how " PROJECT_FILE " of this directory differs from what was\n"
	"applied before, asks, and puts it in force: penstock run here uses it\n"
	"from then on. --yes does not ask.\n";

/* FNV-1a, 64 bits: names, not secrets. */
static uint64_t project_hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3u;
	return h;
}

bool project_copy(const struct instance *in, const char *dir,
		  char ret[INSTANCE_PATH_MAX])
{
	char name[64];

	(void)snprintf(name, sizeof(name), PROJECT_DIR "/%016" PRIx64 ".yaml",
		       project_hash(dir));
	return !strchr(dir, '\n') && instance_path(in->state_dir, name, ret);
}

/* A regular file, whole. */
static ssize_t project_load(const char *path, size_t max, char **ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	char *text = NULL;
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		n = -EINVAL;
	else if (!(text = malloc(max + 2)))
		n = -ENOMEM;
	else if ((n = read(fd, text, max + 1)) < 0)
		n = -errno;
	else if ((size_t)n > max)
		n = -EFBIG;
	(void)close(fd);
	if (n < 0) {
		free(text);
		return n;
	}
	assert(text);
	text[n] = '\0';
	*ret = text;
	return n;
}

static bool project_is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c != '\n' && c != '\t' && (c < 0x20 || c >= 0x7f))
			return false;
	}
	return true;
}

/* Read dir's file: *ret is malloc'd, NUL behind it. Only a regular file of
 * printable ASCII, tabs and line feeds, so that a diff shows all of it.
 * Returns its length, -ENOENT, ERR_SYNTAX, -EFBIG or another -errno.
 */
static ssize_t project_read(const char *dir, char **ret)
{
	char path[PATH_MAX];
	char *text = NULL;
	ssize_t n = snprintf(path, sizeof(path), "%s/" PROJECT_FILE, dir);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	n = project_load(path, PROJECT_TEXT_MAX, &text);
	if (n < 0)
		return n;
	assert(text);
	if (!project_is_plain(text, (size_t)n)) {
		free(text);
		return ERR_SYNTAX;
	}
	*ret = text;
	return n;
}

/* What was applied, without our first line; -ENOENT when nothing was. */
static ssize_t project_applied(const struct instance *in, const char *dir,
			       char **ret)
{
	char path[INSTANCE_PATH_MAX];
	char *text = NULL, *line;
	size_t skip = strlen(PROJECT_HEAD), len = strlen(dir);
	ssize_t n;

	if (!project_copy(in, dir, path))
		return -ENOENT;
	n = project_load(path, PROJECT_TEXT_MAX + PATH_MAX, &text);
	if (n < 0)
		return n;
	assert(text);
	line = text + skip;
	if (strncmp(text, PROJECT_HEAD, skip) != 0 ||
	    strncmp(line, dir, len) != 0 || line[len] != '\n') {
		free(text);
		return -ENOENT;
	}
	skip += len + 1;
	memmove(text, text + skip, (size_t)n - skip + 1);
	*ret = text;
	return n - (ssize_t)skip;
}

enum project_state project_look(const struct instance *in, const char *dir)
{
	char *file = NULL, *copy = NULL;
	ssize_t file_len = project_read(dir, &file);
	ssize_t copy_len = project_applied(in, dir, &copy);
	enum project_state state;

	if (copy_len < 0)
		state = file_len == -ENOENT ? PROJECT_NONE : PROJECT_NEW;
	else if (file_len == copy_len && file && copy && !strcmp(file, copy))
		state = PROJECT_APPLIED;
	else
		state = PROJECT_DIFFERS;
	free(file);
	free(copy);
	return state;
}

static int project_write(const char *path, const char *head, const char *text)
{
	int fd = open(path,
		      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		      0600);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%s%s", head, text) < 0 || fsync(fd) < 0)
		rc = -errno;
	(void)close(fd);
	return rc;
}

/* Both are files of ours, plain ASCII. */
static void project_diff(const char *old, const char *fresh)
{
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	if (!pid) {
		(void)execlp("diff", "diff", "-u", "--label", "applied",
			     "--label", PROJECT_FILE, old, fresh, NULL);
		_exit(127);
	}
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
}

static bool project_agreed(bool yes)
{
	char answer[16];

	if (yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		(void)fprintf(stderr, "penstock policy apply: nobody to ask; "
				      "with --yes it is applied\n");
		return false;
	}
	(void)fputs("Apply this? [y/N] ", stderr);
	return fgets(answer, sizeof(answer), stdin) &&
	       (answer[0] == 'y' || answer[0] == 'Y');
}

static void project_on_error(void *ctx, const struct config_error *err)
{
	(void)ctx;
	(void)fprintf(stderr, "%s\n", err->text);
}

static bool project_is_policy(const char *path)
{
	CLEANUP(config_free) struct config *c = NULL;

	return config_check(path, project_on_error, NULL, &c) == 0;
}

static int project_fail(const char *what, int rc)
{
	(void)fprintf(stderr, "penstock policy apply: %s: %s\n", what,
		      rc == ERR_SYNTAX ? "only printable ASCII may stand in it"
				       : err_str(rc));
	return rc == -ENOENT || rc == ERR_SYNTAX ? EXIT_NO : EXIT_BROKEN;
}

/* What is checked, shown and renamed is one file, the fresh one. */
static int project_consent(const char *copy, const char *fresh,
			   const char *head, const char *text, bool yes)
{
	int rc = project_write(fresh, head, text);

	if (rc)
		return project_fail(fresh, rc);
	if (!project_is_policy(fresh))
		return EXIT_NO;
	project_diff(access(copy, R_OK) ? "/dev/null" : copy, fresh);
	if (!project_agreed(yes))
		return EXIT_NO;
	if (rename(fresh, copy) < 0)
		return project_fail(copy, -errno);
	(void)fprintf(stderr, "applied; penstock run here uses it\n");
	return 0;
}

static int project_apply(const struct instance *in, const char *dir, bool yes)
{
	char copy[INSTANCE_PATH_MAX], fresh[INSTANCE_PATH_MAX + 8];
	char head[PATH_MAX + 32], below[INSTANCE_PATH_MAX];
	char *text = NULL;
	ssize_t n;
	int rc;

	n = project_read(dir, &text);
	if (n < 0)
		return project_fail(PROJECT_FILE, (int)n);
	rc = instance_make(in) ? EXIT_BROKEN : 0;
	if (!rc && (!project_copy(in, dir, copy) ||
		    !instance_path(in->state_dir, PROJECT_DIR, below)))
		rc = project_fail(dir, -ENAMETOOLONG);
	if (!rc && mkdir(below, 0700) < 0 && errno != EEXIST)
		rc = project_fail(below, -errno);
	if (!rc && project_look(in, dir) == PROJECT_APPLIED) {
		(void)fprintf(stderr, "nothing to apply: " PROJECT_FILE
				      " is in force as it is\n");
	} else if (!rc) {
		(void)snprintf(fresh, sizeof(fresh), "%s.new", copy);
		(void)snprintf(head, sizeof(head), PROJECT_HEAD "%s\n", dir);
		rc = project_consent(copy, fresh, head, text, yes);
		(void)unlink(fresh);
	}
	free(text);
	return rc;
}

int project_apply_cmd(int argc, char **argv)
{
	bool yes = argc == 2 && !strcmp(argv[1], "--yes");
	struct instance in;
	char dir[PATH_MAX];

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(project_usage, stdout);
		return 0;
	}
	if (argc > 2 || (argc == 2 && !yes)) {
		(void)fputs(project_usage, stderr);
		return EXIT_USAGE;
	}
	if (getenv("PENSTOCK_SANDBOX")) {
		(void)fprintf(stderr,
			      "penstock policy apply: a sandbox does "
			      "not set its own policy; do this outside\n");
		return EXIT_NO;
	}
	if (instance_find(&in))
		return EXIT_USAGE;
	if (!getcwd(dir, sizeof(dir)))
		return project_fail("the current directory", -errno);
	return project_apply(&in, dir, yes);
}
