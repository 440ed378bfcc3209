/* cli/sandbox_start.c - start the layers of a sandbox, up to the gate.
 *
 *   penstock run ── fork, exec ──▶ penstock-capture enter
 *                                    namespaces, rules; LISTENERS; waits
 *                                  ── exec ──▶ bwrap
 *                                    mounts, pid namespace, no capabilities
 *                                  ── exec ──▶ penstock-capture launch
 *                                    STARTED; signals as they were
 *                                  ── exec ──▶ COMMAND
 *
 * All of them inherit one socket, over which enter and launch report. Options
 * go to bwrap through a file in memory and the environment directly, because
 * an argument list is for all users of the machine to read.
 */

#include "cli/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/frame.h"

#define START_WAIT_MS 10000 /* for the namespaces; a module may have to load */

static int start_options(struct sandbox_args *args)
{
	const struct words *w = &args->options;
	size_t len = 0, at = 0;
	char *text;
	int fd;

	if (args->failed)
		return args->failed;
	if (!words_ok(w) || !words_ok(&args->env) || !words_ok(&args->bound)) {
		(void)fprintf(stderr,
			      "penstock run: what is to be seen or passed is "
			      "more than %d paths and variables, or %d MiB\n",
			      WORDS_MAX, WORDS_TEXT_MAX >> 20);
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < w->len; i++)
		len += strlen(w->ptr[i]) + 1;
	assert(len);
	text = malloc(len);
	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < w->len; i++) {
		size_t n = strlen(w->ptr[i]) + 1;

		memcpy(text + at, w->ptr[i], n);
		at += n;
	}
	fd = sandbox_args_file(args, text, len);
	free(text);
	return fd;
}

static void start_words(const struct sandbox *sb, int sock, int options,
			struct words *w)
{
	char program[INSTANCE_PATH_MAX];

	if (!instance_program(CAPTURE_PROGRAM, program)) {
		w->bad = true;
		return;
	}
	words_add_all(w, program, sb->blocked ? "seal" : "enter", "--socket",
		      NULL);
	words_addf(w, "%d", sock);
	words_add_all(w, "--", "bwrap", "--args", NULL);
	words_addf(w, "%d", options);
	words_add_all(w, "--", SANDBOX_LAUNCH, "launch", "--socket", NULL);
	words_addf(w, "%d", sock);
	words_add(w, "--");
	for (char **word = sb->command; *word; word++)
		words_add(w, *word);
}

/* The child: nothing is inherited but the terminal, the socket and bwrap's
 * files. Descriptors that the caller's shell left open would be doors.
 */
static _Noreturn void start_exec(const struct sandbox_args *args, int sock,
				 const struct words *w)
{
	sigset_t none;

	assert(w->len);
	(void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	(void)fcntl(sock, F_SETFD, 0);
	for (size_t i = 0; i < args->files_len; i++)
		(void)fcntl(args->files[i], F_SETFD, 0);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execve(w->ptr[0], w->ptr, args->env.ptr);
	(void)fprintf(stderr, "penstock run: cannot run %s: %s\n", w->ptr[0],
		      strerror(errno));
	_exit(CAPTURE_EXIT);
}

static int start_fork(const struct sandbox_args *args, int sock,
		      const struct words *w, pid_t *ret)
{
	pid_t pid;

	if (!words_ok(w)) {
		(void)fprintf(stderr,
			      "penstock run: the command is longer than %d "
			      "words or %d MiB; xargs makes several of it\n",
			      WORDS_MAX, WORDS_TEXT_MAX >> 20);
		return ERR_LIMIT;
	}
	pid = fork();
	if (!pid)
		start_exec(args, sock, w);
	if (pid < 0) {
		(void)fprintf(stderr, "penstock run: %s\n", strerror(errno));
		return -errno;
	}
	*ret = pid;
	return 0;
}

static int start_take(struct sandbox_child *child, struct frame_in *in)
{
	unsigned int n;

	child->tcp = bytes_u8(&in->body);
	child->udp = bytes_u8(&in->body);
	child->dns = bytes_u8(&in->body);
	n = 0u + child->tcp + child->udp + child->dns;
	if (in->type != CAPTURE_LISTENERS || in->body.bad || n != in->fds_len ||
	    n > ARRAY_SIZE(child->fds)) {
		frame_close_fds(in);
		return ERR_PROTO;
	}
	memcpy(child->fds, in->fds, n * sizeof(in->fds[0]));
	child->fds_len = n;
	return 0;
}

static int start_listen(struct sandbox_child *child)
{
	static struct frame_in in;
	struct pollfd p = { .fd = child->sock, .events = POLLIN };
	int rc = poll(&p, 1, START_WAIT_MS);

	if (rc < 0)
		return -errno;
	if (!rc)
		return -ETIMEDOUT;
	rc = frame_recv(child->sock, &in);
	return rc == 1 ? start_take(child, &in) : rc ? rc : ERR_PROTO;
}

void sandbox_abandon(struct sandbox_child *child)
{
	(void)close(child->sock);
	(void)kill(child->pid, SIGKILL);
	(void)waitpid(child->pid, NULL, 0);
}

/* A child that closed the socket has said why itself. */
static int start_fail(struct sandbox_child *child, int rc)
{
	if (rc != ERR_CLOSED)
		(void)fprintf(stderr,
			      "penstock run: cannot make the sandbox: %s\n",
			      err_str(rc));
	sandbox_abandon(child);
	return rc;
}

int sandbox_start(const struct sandbox *sb, struct sandbox_args *args,
		  struct sandbox_child *ret)
{
	struct sandbox_child child = { .pid = -1 };
	struct words w = { 0 };
	int ends[2];
	int rc = start_options(args);

	if (rc >= 0 &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		rc = -errno;
	if (rc < 0) {
		if (rc != ERR_LIMIT)
			(void)fprintf(stderr, "penstock run: %s\n",
				      err_str(rc));
		return rc;
	}
	child.sock = ends[0];
	start_words(sb, ends[1], rc, &w);
	rc = start_fork(args, ends[1], &w, &child.pid);
	(void)close(ends[1]);
	words_done(&w);
	if (rc) {
		(void)close(child.sock);
		return rc;
	}
	rc = start_listen(&child);
	if (rc)
		return start_fail(&child, rc);
	*ret = child;
	return 0;
}
