/* cli/down.c - penstock down. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/instance.h"

#define DOWN_PATIENCE_MS 15000
#define DOWN_STEP_MS	 50

static const char down_usage[] =
	"usage: penstock down\n"
	"\n"
	"Ends the running instance: requests in work get a few seconds, all\n"
	"records are written, then every process ends.\n";

int cmd_down(int argc, char **argv)
{
	struct timespec step = { .tv_nsec = DOWN_STEP_MS * 1000000L };
	struct instance in;
	pid_t pid;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(down_usage, stdout);
		return 0;
	}
	if (argc != 1) {
		(void)fputs(down_usage, stderr);
		return EXIT_USAGE;
	}
	if (instance_find(&in) < 0)
		return EXIT_BROKEN;
	pid = instance_pid(&in);
	if (!pid) {
		(void)fprintf(stderr,
			      "penstock down: no instance is running here "
			      "(%s)\n",
			      in.run_dir);
		return EXIT_BROKEN;
	}
	if (kill(pid, SIGTERM) < 0) {
		(void)fprintf(stderr, "penstock down: process %d: %s\n", pid,
			      strerror(errno));
		return EXIT_BROKEN;
	}
	for (int ms = 0; ms < DOWN_PATIENCE_MS; ms += DOWN_STEP_MS) {
		if (instance_pid(&in) != pid)
			return 0;
		(void)nanosleep(&step, NULL);
	}
	(void)fprintf(stderr, "penstock down: process %d does not end\n", pid);
	return EXIT_BROKEN;
}
