/* cli/stop.c - penstock stop: end a sandbox.
 *
 * The command gets TERM, by way of `penstock run`, and time to tidy up. After
 * that `penstock run` is killed, and the kernel takes the sandbox along.
 */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/roster.h"

#define STOP_WAIT_MS 5000 /* for the command to end by itself */
#define STOP_KILL_MS 5000 /* for the kernel, when it has been killed */

static const char stop_usage[] =
	"usage: penstock stop NAME\n"
	"\n"
	"Ends the sandbox NAME: TERM to its command, and five seconds later\n"
	"KILL to all of it.\n";

static bool stop_ended(int pidfd, int wait_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, wait_ms) == 1;
}

static int stop_end(const struct roster *r)
{
	int runner = proc_open(&r->runner), outer = proc_open(&r->outer);
	bool ended = runner < 0;

	if (!ended) {
		(void)pidfd_send_signal(runner, SIGTERM, NULL, 0);
		ended = stop_ended(runner, STOP_WAIT_MS);
	}
	if (!ended) {
		(void)fprintf(stderr, "penstock stop: the command did not end; "
				      "killing it\n");
		(void)pidfd_send_signal(runner, SIGKILL, NULL, 0);
		ended = stop_ended(runner, STOP_KILL_MS);
	}
	if (ended && outer >= 0)
		ended = stop_ended(outer, STOP_KILL_MS);
	if (runner >= 0)
		(void)close(runner);
	if (outer >= 0)
		(void)close(outer);
	if (!ended)
		(void)fprintf(stderr, "penstock stop: %s does not end\n",
			      r->name);
	return ended ? 0 : EXIT_BROKEN;
}

int cmd_stop(int argc, char **argv)
{
	struct instance in;
	struct roster r;
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(stop_usage, stdout);
		return 0;
	}
	if (argc != 2 || argv[1][0] == '-') {
		(void)fputs(stop_usage, stderr);
		return EXIT_USAGE;
	}
	if (instance_find(&in))
		return EXIT_USAGE;
	rc = roster_ask(&in, "stop", argv[1], &r);
	return rc ? rc : stop_end(&r);
}
