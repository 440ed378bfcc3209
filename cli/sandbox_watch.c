/* cli/sandbox_watch.c - stay with a running sandbox.
 *
 * One loop over four things: our signals, the socket of the layers, the
 * control door, and the time to knock at the door again.
 *
 * The gateway holds the sandbox for as long as the door's connection lives.
 * When it closes the gateway has gone, and with it every way out; connections
 * wait in the listeners, of which we hold a copy, until a gateway has taken
 * them again.
 *
 * The command shares our terminal and process group, so the terminal's own
 * signals reach it without us, and Ctrl-Z stops and resumes us all. A signal
 * that somebody sent to us alone is handed on. The layers between us and the
 * command ignore these; when we are killed they are too, and the pid namespace
 * takes everything in it along.
 */

#include "cli/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/frame.h"
#include "base/signals.h"
#include "cli/cli.h"
#include "cli/roster.h"
#include "cli/terminal.h"

#define WATCH_KNOCK_MS	200  /* between attempts at a door that is closed */
#define WATCH_ANSWER_MS 5000 /* for the answer to ADD */

struct watch {
	const struct sandbox *sb;
	struct sandbox_child *child;
	int rules;    /* borrowed */
	int door;     /* -1: closed */
	int signals;  /* signalfd */
	int command;  /* pidfd of the command, once it has started; -1 */
	int early;    /* the signal that came before; or 0 */
	bool refused; /* by a gateway that came back; that has been said */
	struct terminal terminal;
	struct roster entry; /* as ps, exec and stop find us */
};

static int watch_send_add(struct watch *w, int door)
{
	static struct frame_out out;
	const struct sandbox_child *c = w->child;
	int fds[FRAME_FDS_MAX];
	int rc;

	/* The position is shared with a gateway that has read it before. */
	if (lseek(w->rules, 0, SEEK_SET) < 0)
		return -errno;
	fds[0] = w->rules;
	assert(c->fds_len < ARRAY_SIZE(fds));
	memcpy(fds + 1, c->fds, c->fds_len * sizeof(fds[0]));
	frame_begin(&out, CONTROL_ADD);
	frame_put_str(&out, slice_str(w->sb->name));
	frame_put_str(&out, slice_str(w->sb->policies));
	frame_put_u8(&out, c->tcp);
	frame_put_u8(&out, c->udp);
	frame_put_u8(&out, c->dns);
	frame_put_str(&out, SLICE("run"));
	frame_put_u8(&out, w->sb->learn);
	rc = frame_send(door, &out, fds, c->fds_len + 1);
	return rc == 1 ? 0 : rc ? rc : -EAGAIN;
}

/* Why the gateway refused, for a person to read. */
static char watch_why[256];

static int watch_answer(int door)
{
	static struct frame_in in;
	struct pollfd p = { .fd = door, .events = POLLIN };
	struct slice phrase;
	int rc = poll(&p, 1, WATCH_ANSWER_MS);

	if (rc < 0)
		return -errno;
	if (!rc)
		return -ETIMEDOUT;
	rc = frame_recv(door, &in);
	if (rc != 1)
		return rc ? rc : ERR_PROTO;
	frame_close_fds(&in);
	if (in.type == CONTROL_OK)
		return 0;
	if (in.type != CONTROL_NO)
		return ERR_PROTO;
	phrase = bytes_str(&in.body);
	(void)snprintf(watch_why, sizeof(watch_why), "%.*s", (int)phrase.len,
		       phrase.ptr ? phrase.ptr : "");
	return ERR_DENIED;
}

static int watch_knock(struct watch *w)
{
	int door = instance_connect(&w->sb->in);
	int rc;

	if (door < 0)
		return door;
	rc = watch_send_add(w, door);
	if (!rc)
		rc = watch_answer(door);
	if (rc) {
		(void)close(door);
		return rc;
	}
	w->door = door;
	return 0;
}

/* A gateway that came back may have read another configuration, and what this
 * sandbox needs of it may be there again after a reload.
 */
static void watch_again(struct watch *w)
{
	int rc = watch_knock(w);

	if (rc == ERR_DENIED && !w->refused)
		(void)fprintf(stderr,
			      "penstock run: the gateway came back and does "
			      "not take the sandbox again: %s; until it does, "
			      "connections wait\n",
			      watch_why);
	if (rc == 0 && w->refused)
		(void)fprintf(stderr, "penstock run: the gateway has taken "
				      "the sandbox again\n");
	if (rc == 0 || rc == ERR_DENIED)
		w->refused = rc != 0;
}

/* Nothing is asked of us over this connection; what can be read is its end. */
static void watch_on_door(struct watch *w)
{
	static struct frame_in in;
	int rc = frame_recv(w->door, &in);

	if (!rc)
		return;
	if (rc == 1) {
		frame_close_fds(&in);
		return;
	}
	(void)close(w->door);
	w->door = -1;
}

/* Its parent is process 1 inside, into which nobody inside can reach. */
static int watch_enlist_init(struct watch *w)
{
	struct proc_stat command, init;
	pid_t pid = proc_of_pidfd(w->command);
	int rc = pid < 0 ? pid : proc_read(pid, &command);

	if (!rc)
		rc = proc_read(command.parent, &init);
	if (rc)
		return rc;
	w->entry.init = init.id;
	return roster_update(&w->sb->in, &w->entry);
}

static void watch_on_child(struct watch *w)
{
	static struct frame_in in;
	int rc = frame_recv(w->child->sock, &in);

	if (rc == 1 && in.type == CAPTURE_STARTED && in.fds_len == 1 &&
	    w->command < 0) {
		w->command = in.fds[0];
		(void)watch_enlist_init(w); /* ps and exec miss it, ignoring */
		return;
	}
	if (rc == 1)
		frame_close_fds(&in);
	if (rc < 0) {
		(void)close(w->child->sock);
		w->child->sock = -1;
	}
}

/* Signals that the kernel makes for a terminal reach the command by itself, but
 * for the HUP of one that has gone, which only a session's leader gets. Before
 * the command has started there is nobody to hand one on to, and the layers
 * ignore it.
 */
static void watch_pass(struct watch *w, const struct signalfd_siginfo *si)
{
	bool alone = si->ssi_signo == SIGHUP && getsid(0) == getpid();

	if (w->command < 0) {
		w->early = (int)si->ssi_signo;
		(void)kill(w->child->pid, SIGKILL);
	} else if (si->ssi_code <= 0 || alone) {
		(void)pidfd_send_signal(w->command, (int)si->ssi_signo, NULL,
					0);
	}
}

/* True when the outermost layer has ended; *ret_status is how. */
static bool watch_on_signal(struct watch *w, int *ret_status)
{
	struct signalfd_siginfo si;
	bool ended = false;
	pid_t pid;
	int status;

	if (read(w->signals, &si, sizeof(si)) != sizeof(si))
		return false;
	if (si.ssi_signo != SIGCHLD) {
		watch_pass(w, &si);
		return false;
	}
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == w->child->pid) {
			*ret_status = status;
			ended = true;
		}
	}
	return ended;
}

/* A layer that ended before there was a command has said why. */
static int watch_status(const struct watch *w, int status)
{
	if (!WIFEXITED(status))
		return 128 + (w->early ? w->early : WTERMSIG(status));
	if (w->command >= 0)
		return WEXITSTATUS(status);
	(void)fprintf(stderr, "penstock run: the command has not run; see: "
			      "penstock doctor\n");
	return EXIT_BROKEN;
}

static int watch_loop(struct watch *w)
{
	int status;

	for (;;) {
		struct pollfd p[] = {
			{ .fd = w->signals, .events = POLLIN },
			{ .fd = w->child->sock, .events = POLLIN },
			{ .fd = w->door, .events = POLLIN },
		};
		int n = poll(p, ARRAY_SIZE(p),
			     w->door < 0 && !w->sb->blocked ? WATCH_KNOCK_MS
							    : -1);

		if (n < 0 && errno != EINTR)
			return EXIT_BROKEN;
		if (n < 0)
			continue;
		/* It reports before it runs, and so before the signal. */
		if (p[1].revents)
			watch_on_child(w);
		if (p[0].revents && watch_on_signal(w, &status))
			break;
		if (p[2].revents)
			watch_on_door(w);
		if (!n && w->door < 0)
			watch_again(w);
	}
	return watch_status(w, status);
}

static int watch_let_go(struct watch *w)
{
	static struct frame_out out;
	int rc;

	frame_begin(&out, CAPTURE_GO);
	rc = frame_send(w->child->sock, &out, NULL, 0);
	return rc == 1 ? 0 : rc ? rc : -EAGAIN;
}

static int watch_signals(struct watch *w)
{
	static const int ours[] = { SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGHUP };

	w->signals = signals_open(ours, ARRAY_SIZE(ours));
	return MIN(w->signals, 0);
}

static int watch_enlist(struct watch *w)
{
	struct roster *r = &w->entry;
	struct proc_stat self, outer;
	int rc = proc_read(getpid(), &self);

	if (!rc)
		rc = proc_read(w->child->pid, &outer);
	if (rc)
		return rc;
	memcpy(r->name, w->sb->name, sizeof(r->name));
	memcpy(r->project, w->sb->cwd, sizeof(r->project));
	r->runner = self.id;
	r->outer = outer.id;
	r->since = time(NULL);
	return roster_add(&w->sb->in, r);
}

/* What did not become a running command. */
static int watch_fail(struct watch *w, int rc)
{
	if (rc == -EEXIST)
		(void)fprintf(stderr,
			      "penstock run: a sandbox named %s is running\n",
			      w->sb->name);
	else
		(void)fprintf(stderr,
			      "penstock run: the gateway did not take the "
			      "sandbox: %s\n",
			      rc == ERR_DENIED ? watch_why : err_str(rc));
	/* We have found them, so it is no word about the sandbox. */
	if (rc == ERR_DENIED && w->sb->policies[0] &&
	    !strstr(watch_why, "sandbox"))
		(void)fprintf(stderr,
			      "  the instance that runs has read its "
			      "configuration before, and has the environment "
			      "it was started in:\n"
			      "  penstock reload, or penstock down and then "
			      "this again\n");
	(void)kill(w->child->pid, SIGKILL);
	(void)waitpid(w->child->pid, NULL, 0);
	return EXIT_BROKEN;
}

/* An instance that was idle may have ended since it was found. */
static int watch_begin(struct watch *w)
{
	int rc = watch_knock(w);

	if (!rc || rc == ERR_DENIED)
		return rc;
	rc = instance_start(&w->sb->in);
	return rc ? rc : watch_knock(w);
}

static int watch_until_end(struct watch *w)
{
	int status, rc = w->sb->blocked ? 0 : watch_begin(w);

	if (rc)
		return watch_fail(w, rc);
	terminal_note(&w->terminal);
	rc = watch_let_go(w);
	if (rc)
		return watch_fail(w, rc);
	status = watch_loop(w);
	terminal_reclaim(&w->terminal, status);
	return status;
}

int sandbox_watch(const struct sandbox *sb, struct sandbox_child *child,
		  int rules)
{
	struct watch w = {
		.sb = sb,
		.child = child,
		.rules = rules,
		.door = -1,
		.signals = -1,
		.command = -1,
	};
	int rc = watch_signals(&w);

	if (!rc)
		rc = watch_enlist(&w);
	if (rc)
		return watch_fail(&w, rc);
	rc = watch_until_end(&w);
	roster_remove(&sb->in, sb->name);
	return rc;
}
