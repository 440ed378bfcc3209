/* cli/join.c - become a process of a sandbox that runs.
 *
 *   penstock exec ── into the control group that holds the sandbox, if one does
 *                 ── setns to all namespaces of process 1 inside
 *                 ── fork: a pid namespace begins with a child
 *        child:   no capabilities, the filter, the sandbox's environment
 *                 ── exec ──▶ COMMAND
 *
 * The order is what makes it safe. From before the first step until the
 * command's own program is there, nobody inside can look at the child or hold
 * it: it is not dumpable, which for a program that began outside is a matter
 * of capabilities outside. The environment is read from bubblewrap outside,
 * which nobody inside has ever been able to change.
 *
 * When we are killed the kernel kills the child; when the sandbox ends, its
 * pid namespace takes it along.
 */

#include "cli/join.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/caps.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/limits.h"
#include "cli/sandbox.h"
#include "cli/terminal.h"
#include "cli/words.h"

#define JOIN_NAMESPACES                                                        \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |           \
	 CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/* Strings with NUL behind each. */
static void join_split(const char *text, size_t len, struct words *ret)
{
	for (size_t at = 0; at < len; at += strlen(text + at) + 1)
		words_add(ret, text + at);
}

static int join_environment(const struct roster *r, struct words *ret)
{
	char *text = NULL;
	int fd = proc_open(&r->outer);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = proc_file(r->outer.pid, "environ", WORDS_TEXT_MAX, &text);
	(void)close(fd);
	if (n < 0)
		return (int)n;
	join_split(text, (size_t)n, ret);
	free(text);
	return words_ok(ret) ? 0 : -ENOBUFS;
}

static int join_namespaces(const struct roster *r)
{
	int fd, rc = 0;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	fd = proc_open(&r->init);
	if (fd < 0)
		return fd;
	if (setns(fd, JOIN_NAMESPACES) < 0)
		rc = -errno;
	(void)close(fd);
	return rc;
}

static int join_drop(void)
{
	int rc = caps_drop();

	return rc < 0 ? rc : sandbox_filter_enter();
}

/* Our parent stands outside the pid namespace and so has no number in it; the
 * one that we are given when it dies has.
 */
static int join_tie(void)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return getppid() == 0 ? 0 : -ESRCH;
}

static _Noreturn void join_become(const char *who, struct words *env,
				  char **const *commands)
{
	const char *dir;
	sigset_t none;
	int rc = join_tie();

	(void)close_range(3, ~0u, 0);
	environ = env->ptr;
	dir = getenv("PWD");
	if ((!dir || chdir(dir) < 0) && chdir("/") < 0 && !rc)
		rc = -errno;
	if (!rc)
		rc = join_drop();
	if (rc) {
		(void)fprintf(stderr, "penstock %s: %s\n", who, err_str(rc));
		_exit(EXIT_BROKEN);
	}
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	errno = ENOENT;
	for (; *commands && errno == ENOENT; commands++) {
		if ((*commands)[0])
			(void)execvp((*commands)[0], *commands);
	}
	rc = errno;
	(void)fprintf(stderr, "penstock %s: cannot run %s: %s\n", who,
		      commands[-1][0], strerror(rc));
	_exit(rc == ENOENT ? 127 : 126);
}

/* The terminal's own signals reach the command without us; what somebody sent
 * to us is handed on, and the HUP that only a session's leader gets.
 */
static int join_wait(pid_t child, const sigset_t *set)
{
	siginfo_t si;
	int status;

	for (;;) {
		int sig = sigwaitinfo(set, &si);

		bool alone = sig == SIGHUP && getsid(0) == getpid();

		if (sig > 0 && sig != SIGCHLD && (si.si_code <= 0 || alone))
			(void)kill(child, sig);
		if (waitpid(child, &status, WNOHANG) == child)
			break;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int join_stay(const char *who, struct words *env, char **const *commands)
{
	struct terminal terminal;
	sigset_t set;
	pid_t child;
	int status;

	terminal_note(&terminal);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGQUIT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	child = fork();
	if (!child)
		join_become(who, env, commands);
	if (child < 0) {
		(void)fprintf(stderr, "penstock %s: %s\n", who,
			      strerror(errno));
		return EXIT_BROKEN;
	}
	status = join_wait(child, &set);
	terminal_reclaim(&terminal, status);
	return status;
}

static int join_say(const char *who, const char *what, const char *name, int rc)
{
	if (rc)
		(void)fprintf(stderr, "penstock %s: cannot %s %s: %s\n", who,
			      what, name, err_str(rc));
	return rc;
}

int join_run(const char *who, const struct roster *r, char **const *commands)
{
	static const char limits[] = "put a process under the limits of";
	struct words env = { 0 };
	int rc = join_say(who, "enter", r->name, join_environment(r, &env));

	if (!rc)
		rc = join_say(who, limits, r->name,
			      limits_join(r->runner.pid, r->init.pid));
	if (!rc)
		rc = join_say(who, "enter", r->name, join_namespaces(r));
	rc = rc ? EXIT_BROKEN : join_stay(who, &env, commands);
	words_done(&env);
	return rc;
}
