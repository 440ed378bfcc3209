/* capture/launch.c - `penstock-capture launch`: the last step inside.
 *
 * The caller stands outside the pid namespace and sees only the layers around
 * the command. With the pidfd it can hand a signal to the command itself.
 */

#include "capture/launch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/frame.h"
#include "capture/capture.h"

static const int launch_signals[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };

static void launch_set_signals(void (*action)(int))
{
	for (size_t i = 0; i < ARRAY_SIZE(launch_signals); i++)
		(void)signal(launch_signals[i], action);
}

void launch_ignore_signals(void)
{
	launch_set_signals(SIG_IGN);
}

static int launch_tell(int sock)
{
	static struct frame_out out;
	int self = pidfd_open(getpid(), 0);
	int rc;

	if (self < 0)
		return -errno;
	frame_begin(&out, CAPTURE_STARTED);
	rc = frame_send(sock, &out, &self, 1);
	(void)close(self);
	return rc == 1 ? 0 : rc ? rc : -EAGAIN;
}

int launch_main(int sock, char **command)
{
	int rc = launch_tell(sock);

	if (rc) {
		(void)fprintf(stderr, CAPTURE_PROGRAM ": cannot report: %s\n",
			      err_str(rc));
		return CAPTURE_EXIT;
	}
	(void)close_range(3, ~0u, 0);
	launch_set_signals(SIG_DFL);
	(void)execvp(command[0], command);
	rc = errno; /* nobody may be there to read the message */
	(void)fprintf(stderr, "penstock run: cannot run %s: %s\n", command[0],
		      strerror(rc));
	/* At once: a sanitizer's look for leaks at the exit needs ptrace. */
	_exit(rc == ENOENT ? 127 : 126);
}
