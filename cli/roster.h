/* cli/roster.h - the sandboxes of `penstock run` that stand.
 *
 * One file each in the run directory, which no sandbox sees: written by `run`,
 * read by ps, exec, shell and stop. A file that a killed `run` left behind is
 * known by the start of the process that it names, and removed.
 */
#ifndef CLI_ROSTER_H
#define CLI_ROSTER_H

#include <limits.h>
#include <time.h>

#include "cli/instance.h"
#include "cli/proc.h"
#include "gateway/control.h"

#define ROSTER_DIR "roster" /* in the run directory */
#define ROSTER_MAX 1024	    /* sandboxes that are listed */

struct roster {
	char name[SANDBOX_NAME_MAX + 1];
	struct proc_id runner; /* penstock run */
	struct proc_id outer;  /* bubblewrap outside; has the environment */
	struct proc_id init;   /* process 1 inside; 0 before it has started */
	time_t since;
	char project[PATH_MAX];
};

/* Take the name. Returns 0, -EEXIST when a sandbox that stands has it, or
 * another -errno.
 */
int roster_add(const struct instance *in, const struct roster *r);

/* Write it anew, in one step. It is ours. Returns 0 or -errno. */
int roster_update(const struct instance *in, const struct roster *r);
void roster_remove(const struct instance *in, const char *name);

/* Returns 0, -ENOENT when no such sandbox stands, or another -errno. */
int roster_find(const struct instance *in, const char *name,
		struct roster *ret);

/* The same with a message "penstock COMMAND: …" and an exit status. */
int roster_ask(const struct instance *in, const char *command, const char *name,
	       struct roster *ret);

/* Call back with each that stands, by name. Returns 0 or -errno. */
typedef void roster_fn(void *ctx, const struct roster *r);
int roster_each(const struct instance *in, roster_fn *fn, void *ctx);

/* A file's text, both ways. print returns its length, or 0 when it does not
 * fit. A project's name may hold any octet but NUL, so it stands last.
 */
size_t roster_print(const struct roster *r, char *ret, size_t max);
bool roster_parse(const char *text, struct roster *ret);

#endif
