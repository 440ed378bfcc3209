/* cli/limits.h - what a sandbox may use of the machine, held by the kernel.
 *
 * A scope of systemd, or a control group of version 2 where we may make one.
 * What was asked for is read back: it holds, or the sandbox does not start.
 */
#ifndef CLI_LIMITS_H
#define CLI_LIMITS_H

#include "cli/group.h"

#define LIMITS_MEMORY_MIN (16u << 20) /* bytes; less starts nothing */
#define LIMITS_CPU_MIN	  10	      /* thousandths */
#define LIMITS_CPU_MAX	  1000000

/* "512M", "4G", "4GiB", octets. Returns 0 or ERR_SYNTAX. */
int limits_parse_memory(const char *text, uint64_t *ret_bytes);

/* "2", "0.5", "1.25". Returns 0 or ERR_SYNTAX. */
int limits_parse_cpus(const char *text, unsigned int *ret_milli);

/* A group that holds a sandbox. */
struct limits_hold {
	struct limits limits;
	char text[GROUP_TEXT_MAX]; /* /proc/PID/cgroup of what is held */
	pid_t keeper;		   /* keeps the group until we have read it */
	int pipe;		   /* owned; closed, the keeper ends */
};

/* Put the process pid, which has no children yet, under the limits. name is
 * the sandbox's. Returns 0, or < 0 with a message on standard error.
 */
int limits_begin(const struct limits *l, const char *name, pid_t pid,
		 struct limits_hold *ret);

/* Put the calling process into the groups of held, a process of a sandbox whose
 * `penstock run` is runner; nothing when it is held by none of its own. Returns
 * 0 or -errno; -EPERM: it could not be done.
 */
int limits_join(pid_t runner, pid_t held);

/* The sandbox has ended: say so if its memory was used up, remove the group. */
void limits_end(struct limits_hold *hold);

#endif
