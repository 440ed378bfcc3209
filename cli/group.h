/* cli/group.h - control groups as files: where a process is, what holds there.
 *
 * A controller is in a hierarchy of version 1 or in that of version 2, never
 * in both; systemd may use either, so reading knows both. Only groups of
 * version 2 are made here. root is /sys/fs/cgroup, and elsewhere in tests.
 */
#ifndef CLI_GROUP_H
#define CLI_GROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define GROUP_ROOT     "/sys/fs/cgroup"
#define GROUP_PATH_MAX 4096
#define GROUP_TEXT_MAX 8192

/* What a sandbox may use; 0: as much as there is. */
struct limits {
	uint64_t memory_bytes;	/* resident, swap not counted: there is none */
	unsigned int cpu_milli; /* thousandths of one processor */
};

/* /proc/PID/cgroup. Returns 0 or -errno. */
int group_of(pid_t pid, char ret[GROUP_TEXT_MAX]);

/* The directory that rules controller ("memory", "cpu") for the process whose
 * /proc/PID/cgroup is text; *ret_v2 says of which version. Returns 0 or
 * -ENOENT.
 */
int group_dir(const char *root, const char *text, const char *controller,
	      char ret[GROUP_PATH_MAX], bool *ret_v2);

/* Read back what holds for that process: 0, ERR_STALE when it may use more
 * than l says, or -errno.
 */
int group_verify(const char *root, const char *text, const struct limits *l);

/* Put l into the files of the group dir. Returns 0 or -errno. */
int group_write(const char *dir, const struct limits *l);

/* Make a group "name" with these limits beside the group of the process whose
 * /proc/PID/cgroup is text, or in it. Nothing is left when it fails. Returns 0
 * or -errno.
 */
int group_make(const char *root, const char *text, const char *name,
	       const struct limits *l, char ret[GROUP_PATH_MAX]);

/* Move a process, 0 for the caller. Returns 0 or -errno. */
int group_enter(const char *dir, pid_t pid);

/* How many processes the kernel has killed there because the memory was used
 * up; 0 where that cannot be read.
 */
unsigned long group_kills(const char *root, const char *text);

#endif
