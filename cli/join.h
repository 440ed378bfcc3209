/* cli/join.h - become a process of a sandbox that runs. */
#ifndef CLI_JOIN_H
#define CLI_JOIN_H

#include "cli/roster.h"

/* Run one of the commands, each a NULL-terminated list, and the first that is
 * there, in the sandbox: its namespaces, environment and system call filter,
 * no capabilities. commands ends with NULL. Stays until it ends. Returns its
 * exit status, or EXIT_BROKEN with a message that begins "penstock WHO".
 *
 * The calling process has left the host's namespaces afterwards: it can only
 * _exit().
 */
int join_run(const char *who, const struct roster *r, char **const *commands);

#endif
