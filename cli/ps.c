/* cli/ps.c - penstock ps: the sandboxes and the processes in them.
 *
 * Ours are process 1 inside and all that descends from it, and what `penstock
 * exec` has put beside it, which is known by the pid namespace. What processes
 * call themselves is theirs to choose, so it is printed with care.
 */

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/roster.h"

#define PS_MAX	    65536 /* processes of the machine */
#define PS_LINE_MAX 4096  /* octets of a command line */

static const char ps_usage[] =
	"usage: penstock ps [NAME]\n"
	"\n"
	"Lists the sandboxes of penstock run, and the processes in them by\n"
	"their numbers outside.\n";

struct ps_process {
	struct proc_stat stat;
	ino_t space; /* its pid namespace; 0: not ours to know */
	bool inside;
};

struct ps {
	struct ps_process *all; /* owned */
	size_t len;
	size_t sandboxes;
};

static ino_t ps_space(pid_t pid)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

static int ps_collect(struct ps *ps)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	ps->all = calloc(PS_MAX, sizeof(*ps->all));
	while (dir && ps->all && ps->len < PS_MAX && (entry = readdir(dir))) {
		struct ps_process *p = &ps->all[ps->len];
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid <= 0 || proc_read(pid, &p->stat))
			continue;
		p->space = ps_space(pid);
		ps->len++;
	}
	if (dir)
		(void)closedir(dir);
	return dir && ps->all ? 0 : -1;
}

static bool ps_belongs(const struct ps *ps, const struct ps_process *p,
		       const struct roster *r, ino_t space)
{
	if (p->stat.id.pid == r->init.pid || (space && p->space == space))
		return true;
	for (size_t i = 0; i < ps->len; i++) {
		if (ps->all[i].inside &&
		    ps->all[i].stat.id.pid == p->stat.parent)
			return true;
	}
	return false;
}

/* Until nothing is added: a child may stand before its parent. */
static void ps_mark(struct ps *ps, const struct roster *r)
{
	ino_t space = ps_space(r->init.pid);
	bool more = true;

	for (size_t i = 0; i < ps->len; i++)
		ps->all[i].inside = false;
	while (more) {
		more = false;
		for (size_t i = 0; i < ps->len; i++) {
			struct ps_process *p = &ps->all[i];

			if (!p->inside && ps_belongs(ps, p, r, space))
				p->inside = more = true;
		}
	}
}

static void ps_print_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (!c)
			(void)putchar(i + 1 < len ? ' ' : '\n');
		else
			(void)putchar(c < 0x20 || c >= 0x7f ? '?' : c);
	}
}

static void ps_print_process(const struct proc_stat *stat)
{
	char *line = NULL;
	ssize_t n = proc_file(stat->id.pid, "cmdline", PS_LINE_MAX, &line);

	(void)printf("  %8d  ", stat->id.pid);
	if (n > 0)
		ps_print_text(line, strlen(line) == (size_t)n ? (size_t)n + 1
							      : (size_t)n);
	else
		ps_print_text(stat->name, strlen(stat->name) + 1);
	free(line);
}

static void ps_sandbox(void *ctx, const struct roster *r)
{
	struct ps *ps = ctx;
	char when[32] = "?";
	struct tm tm;

	if (localtime_r(&r->since, &tm))
		(void)strftime(when, sizeof(when), "%m-%d %H:%M:%S", &tm);
	ps->sandboxes++;
	(void)printf("%-24s since %s in ", r->name, when);
	ps_print_text(r->project, strlen(r->project) + 1);
	if (!r->init.pid)
		return;
	ps_mark(ps, r);
	for (size_t i = 0; i < ps->len; i++) {
		if (ps->all[i].inside && ps->all[i].stat.id.pid != r->init.pid)
			ps_print_process(&ps->all[i].stat);
	}
}

static int ps_list(const char *name)
{
	struct ps ps = { .len = 0 };
	struct instance in;
	struct roster r;
	int rc = instance_find(&in) ? EXIT_USAGE : 0;

	if (!rc && name)
		rc = roster_ask(&in, "ps", name, &r);
	if (rc)
		return rc;
	rc = ps_collect(&ps);
	if (!rc && name)
		ps_sandbox(&ps, &r);
	else if (!rc)
		rc = roster_each(&in, ps_sandbox, &ps);
	free(ps.all);
	if (rc)
		(void)fprintf(stderr, "penstock ps: cannot read the list of "
				      "processes or sandboxes\n");
	else if (!ps.sandboxes)
		(void)fputs("no sandboxes; start one with: penstock run -- "
			    "COMMAND\n",
			    stderr);
	return rc ? EXIT_BROKEN : 0;
}

int cmd_ps(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(ps_usage, stdout);
		return 0;
	}
	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		(void)fputs(ps_usage, stderr);
		return EXIT_USAGE;
	}
	return ps_list(argc == 2 ? argv[1] : NULL);
}
