/* cli/agents.h - the coding agents that are known by name.
 *
 * What one of them needs and no other: the profile of its name, the variables
 * that hold its keys, and where it keeps its login and settings.
 */
#ifndef CLI_AGENTS_H
#define CLI_AGENTS_H

#include <stdio.h>

#include "cli/sandbox.h"

#define AGENT_ENV_MAX	8
#define AGENT_PATHS_MAX 4

struct agent {
	const char *name; /* of the command and of the profile */
	const char *env[AGENT_ENV_MAX];
	const char *paths[AGENT_PATHS_MAX]; /* below the home; writable */
};

/* By the last part of the command's path, or NULL. */
const struct agent *agents_find(const char *command);

/* The one that sb runs, or NULL. A program that lies in the project is nobody
 * we know, whatever it is called.
 */
const struct agent *agents_of(const struct sandbox *sb);

/* Give sb what the agent needs and the caller has, and say so in one line on
 * standard error. What the caller asked for takes precedence.
 */
void agents_apply(const struct agent *agent, struct sandbox *sb);

/* The table, for --help. */
void agents_print(FILE *to);

#endif
