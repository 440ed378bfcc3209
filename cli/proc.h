/* cli/proc.h - processes as /proc shows them.
 *
 * A number is given to another process when its owner has gone; together with
 * the time of its start it is not.
 */
#ifndef CLI_PROC_H
#define CLI_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_id {
	pid_t pid;
	uint64_t start; /* clock ticks after boot */
};

struct proc_stat {
	struct proc_id id;
	pid_t parent;
	char name[32]; /* as the process calls itself: any octets but NUL */
};

/* Read the text of /proc/PID/stat. A name may hold blanks and parentheses. */
bool proc_parse(const char *text, struct proc_stat *ret);

/* Returns 0, -ESRCH or another -errno. */
int proc_read(pid_t pid, struct proc_stat *ret);

/* A pidfd of just this process, or -errno (-ESRCH: it has gone). */
int proc_open(const struct proc_id *id);

/* The process behind a pidfd, or -errno. */
pid_t proc_of_pidfd(int pidfd);

/* A process in the network namespace of that number (of its file's inode), or
 * 0: there is none that we may look at. The number is of use as long as the
 * namespace is held open: it is given to another one afterwards.
 */
pid_t proc_in_netns(ino_t inode);

/* The file /proc/PID/NAME, NUL behind it; *ret is malloc'd. Returns its length
 * without the NUL, or -errno. Longer than max octets: -EFBIG.
 */
ssize_t proc_file(pid_t pid, const char *name, size_t max, char **ret);

#endif
