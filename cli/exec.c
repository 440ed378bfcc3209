/* cli/exec.c - penstock exec and penstock shell: into a running sandbox. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/join.h"

static const char exec_usage[] =
	"usage: penstock exec NAME [--] COMMAND...\n"
	"\n"
	"Runs COMMAND in the sandbox NAME: its network, files, environment and\n"
	"limits, as a process beside those that run there. The exit status is\n"
	"the command's; 3 when the sandbox could not be entered.\n";

static const char shell_usage[] =
	"usage: penstock shell NAME\n"
	"\n"
	"A shell in the sandbox NAME: bash, or sh where there is none.\n";

static int exec_enter(const char *who, const char *name, char **const *commands)
{
	struct instance in;
	struct roster r;
	int rc;

	if (instance_find(&in))
		return EXIT_USAGE;
	rc = roster_ask(&in, who, name, &r);
	if (rc)
		return rc;
	rc = join_run(who, &r, commands);
	(void)fflush(NULL);
	_exit(rc);
}

int cmd_exec(int argc, char **argv)
{
	char **command = argv + 2;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(exec_usage, stdout);
		return 0;
	}
	if (argc > 2 && !strcmp(argv[2], "--"))
		command++;
	if (argc < 3 || !*command || argv[1][0] == '-') {
		(void)fputs(exec_usage, stderr);
		return EXIT_USAGE;
	}
	return exec_enter("exec", argv[1], (char **const[]){ command, NULL });
}

int cmd_shell(int argc, char **argv)
{
	static char *bash[] = { "bash", NULL }, *sh[] = { "/bin/sh", NULL };

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(shell_usage, stdout);
		return 0;
	}
	if (argc != 2 || argv[1][0] == '-') {
		(void)fputs(shell_usage, stderr);
		return EXIT_USAGE;
	}
	return exec_enter("shell", argv[1], (char **const[]){ bash, sh, NULL });
}
