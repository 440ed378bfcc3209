/* cli/roster.c - the sandboxes of `penstock run` that stand. */

#include "cli/roster.h"

#include <dirent.h>
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
#include "cli/cli.h"
#include "policy/name.h"

#define ROSTER_TEXT_MAX (PATH_MAX + 512)

static bool roster_name_ok(const char *name)
{
	size_t at;

	return !name_fault(slice_str(name), &at);
}

size_t roster_print(const struct roster *r, char *ret, size_t max)
{
	int n = snprintf(ret, max,
			 "runner %d %" PRIu64 "\nouter %d %" PRIu64
			 "\ninit %d %" PRIu64 "\nsince %lld\nproject %s",
			 r->runner.pid, r->runner.start, r->outer.pid,
			 r->outer.start, r->init.pid, r->init.start,
			 (long long)r->since, r->project);

	return n < 0 || (size_t)n >= max ? 0 : (size_t)n;
}

/* "WORD PID START\n" */
static bool roster_id(const char **text, const char *word, struct proc_id *ret)
{
	size_t len = strlen(word);
	char *end;

	if (strncmp(*text, word, len) != 0)
		return false;
	ret->pid = (pid_t)strtol(*text + len, &end, 10);
	if (*end != ' ')
		return false;
	ret->start = strtoull(end + 1, &end, 10);
	if (*end != '\n')
		return false;
	*text = end + 1;
	return ret->pid >= 0;
}

bool roster_parse(const char *text, struct roster *ret)
{
	static const char since[] = "since ", project[] = "project ";
	struct roster r = { .since = 0 };
	char *end;

	if (!roster_id(&text, "runner ", &r.runner) ||
	    !roster_id(&text, "outer ", &r.outer) ||
	    !roster_id(&text, "init ", &r.init) ||
	    strncmp(text, since, strlen(since)) != 0)
		return false;
	r.since = (time_t)strtoll(text + strlen(since), &end, 10);
	if (*end != '\n' || strncmp(end + 1, project, strlen(project)) != 0)
		return false;
	text = end + 1 + strlen(project);
	if (strlen(text) >= sizeof(r.project))
		return false;
	memcpy(r.project, text, strlen(text) + 1);
	memcpy(r.name, ret->name, sizeof(r.name));
	*ret = r;
	return true;
}

static int roster_dir(const struct instance *in)
{
	char path[INSTANCE_PATH_MAX];
	int fd;

	if (!instance_path(in->run_dir, ROSTER_DIR, path))
		return -ENAMETOOLONG;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static int roster_write(int dir, const char *name, const struct roster *r)
{
	static char text[ROSTER_TEXT_MAX];
	size_t len = roster_print(r, text, sizeof(text));
	int fd, rc;

	if (!len)
		return -ENAMETOOLONG;
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	rc = file_write(fd, slice_of(text, len));
	(void)close(fd);
	if (rc)
		(void)unlinkat(dir, name, 0);
	return rc;
}

static bool roster_stands(const struct roster *r)
{
	int fd = proc_open(&r->runner);

	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

/* -ENOENT, and gone, when it does not stand. */
static int roster_read(int dir, const char *name, struct roster *ret)
{
	static char text[ROSTER_TEXT_MAX];
	struct roster r = { .since = 0 };
	int rc = file_text(dir, name, O_NOFOLLOW, text, sizeof(text));

	if (rc)
		return rc;
	(void)snprintf(r.name, sizeof(r.name), "%s", name);
	if (!*text) /* being written */
		return -ENOENT;
	if (!roster_parse(text, &r) || !roster_stands(&r)) {
		(void)unlinkat(dir, name, 0);
		return -ENOENT;
	}
	*ret = r;
	return 0;
}

static void roster_ignore(void *ctx, const struct roster *r)
{
	(void)ctx;
	(void)r;
}

int roster_add(const struct instance *in, const struct roster *r)
{
	struct roster other;
	int dir, rc;

	/* Takes away the files of those that were killed. */
	(void)roster_each(in, roster_ignore, NULL);
	dir = roster_dir(in);
	if (dir < 0)
		return dir;
	if (roster_read(dir, r->name, &other) == -ENOENT)
		rc = roster_write(dir, r->name, r);
	else
		rc = -EEXIST;
	(void)close(dir);
	return rc;
}

int roster_update(const struct instance *in, const struct roster *r)
{
	char fresh[SANDBOX_NAME_MAX + 16];
	int dir = roster_dir(in);
	int rc;

	if (dir < 0)
		return dir;
	/* '~' is in no name. */
	(void)snprintf(fresh, sizeof(fresh), "%s~", r->name);
	(void)unlinkat(dir, fresh, 0);
	rc = roster_write(dir, fresh, r);
	if (!rc && renameat(dir, fresh, dir, r->name) < 0)
		rc = -errno;
	(void)close(dir);
	return rc;
}

void roster_remove(const struct instance *in, const char *name)
{
	int dir = roster_dir(in);

	if (dir < 0)
		return;
	(void)unlinkat(dir, name, 0);
	(void)close(dir);
}

int roster_find(const struct instance *in, const char *name, struct roster *ret)
{
	int dir, rc;

	if (!roster_name_ok(name) || access(in->run_dir, F_OK) < 0)
		return -ENOENT;
	dir = roster_dir(in);
	if (dir < 0)
		return dir;
	rc = roster_read(dir, name, ret);
	(void)close(dir);
	return rc;
}

int roster_ask(const struct instance *in, const char *command, const char *name,
	       struct roster *ret)
{
	int rc = roster_find(in, name, ret);

	if (rc == -ENOENT || (!rc && !ret->init.pid)) {
		(void)fprintf(stderr,
			      "penstock %s: no sandbox of this name runs; "
			      "list them with: penstock ps\n",
			      command);
		return EXIT_NO;
	}
	if (rc)
		(void)fprintf(stderr, "penstock %s: %s\n", command,
			      err_str(rc));
	return rc ? EXIT_BROKEN : 0;
}

static int roster_is_name(const struct dirent *entry)
{
	return roster_name_ok(entry->d_name);
}

int roster_each(const struct instance *in, roster_fn *fn, void *ctx)
{
	struct dirent **names = NULL;
	int dir, n;

	if (access(in->run_dir, F_OK) < 0)
		return 0;
	dir = roster_dir(in);
	if (dir < 0)
		return dir;
	n = scandirat(dir, ".", &names, roster_is_name, alphasort);
	for (int i = 0; i < n; i++) {
		struct roster r;

		if (i < ROSTER_MAX && !roster_read(dir, names[i]->d_name, &r))
			fn(ctx, &r);
		free(names[i]);
	}
	free(names);
	(void)close(dir);
	return n < 0 ? -ENOMEM : 0;
}
