/* cli/up.c - penstock up: run an instance in the foreground.
 *
 * Starts capture (where it is configured), certgen, audit and the gateway, in
 * this order, each ready before the next begins, and replaces any that ends. On
 * TERM or INT they end in the opposite order: when the gateway has gone, audit
 * drains what it left, so no record waits for the next start. A gateway that
 * ends by itself with status 0 (nobody needs it, --idle-exit) ends the
 * instance.
 *
 * Where the configuration in force has `audit: ship:`, penstock-ship runs too.
 * It is started anew when that configuration changes, and the instance does not
 * depend on it.
 *
 * The processes know each other by sockets and files of the run directory,
 * never by descriptors, so each can be replaced alone. When `up` itself is
 * killed they end, and the next one waits until they have (cli/kin.h).
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/signals.h"
#include "cli/cli.h"
#include "cli/kin.h"
#include "cli/notify.h"
#include "cli/up.h"
#include "gateway/control.h"
#include "policy/load.h"

#define UP_READY_MS   10000 /* a process that is not ready by then failed */
#define UP_RESPAWN_MS 500   /* between two starts of the same process */
#define UP_LOOK_MS    1000  /* for another configuration in force */
#define UP_END_MS     10000 /* patience with one that is told to end */

#define UP_IDLE_MAX_S 86400 /* as the gateway takes it */

#define UP_STATUS_TEXT 20 /* octets: "status 255" */

static const char up_usage[] =
	"usage: penstock up [--config FILE] [--idle-exit SECONDS] [--debug]\n"
	"\n"
	"Runs an instance in the foreground: the gateway, certgen, which holds\n"
	"the CA's key, and audit, which writes the ledger; and ship, where the\n"
	"configuration says where rows are sent. HUP reads the configuration\n"
	"again; TERM and INT end it.\n";

/* In the child: become the program. Never returns. */
static void up_become(const struct up *u, enum up_process which, int ready,
		      pid_t parent)
{
	char path[INSTANCE_PATH_MAX];
	struct words w = { 0 };

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_BROKEN);
	/* A terminal's INT goes to the whole group; only `up` acts on it. */
	(void)setpgid(0, 0);
	signals_none();
	kin_pass(u->kin);
	if (which == UP_GATEWAY && u->inlet.len &&
	    inlet_place(&u->inlet, &ready) < 0)
		_exit(EXIT_BROKEN);
	if (up_words(u, which, ready, &w) < 0)
		_exit(EXIT_BROKEN);
	if (!words_ok(&w) || !instance_program(up_program(which), path)) {
		log_error("%s: out of memory, or a path that is too long",
			  up_program(which));
		_exit(EXIT_BROKEN);
	}
	(void)execv(path, w.ptr);
	log_error("%s: %s", path, strerror(errno));
	_exit(EXIT_BROKEN);
}

/* Wait for the octet that says "ready". */
static int up_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	if (poll(&p, 1, UP_READY_MS) != 1)
		return -ETIMEDOUT;
	return read(fd, &c, 1) == 1 ? 0 : ERR_CLOSED;
}

/* Returns 0, -ETIMEDOUT (not ready yet, and it runs), ERR_CLOSED (it ended
 * before it was ready) or another -errno.
 */
static int up_start(struct up *u, enum up_process which)
{
	pid_t self = getpid();
	int ready[2], rc;

	u->started_ms[which] = clock_ms(CLOCK_MONOTONIC);
	if (pipe(ready) < 0)
		return -errno;
	u->pid[which] = fork();
	if (u->pid[which] == 0) {
		(void)close(ready[0]);
		up_become(u, which, ready[1], self);
	}
	(void)close(ready[1]);
	if (u->pid[which] < 0) {
		u->pid[which] = 0;
		(void)close(ready[0]);
		return -errno;
	}
	rc = up_ready(ready[0]);
	(void)close(ready[0]);
	return rc;
}

static void up_signal(const struct up *u, enum up_process which, int sig)
{
	if (u->pid[which] > 0)
		(void)kill(u->pid[which], sig);
}

/* End one process, by force if it does not listen. Returns its wait status. */
static int up_end(struct up *u, enum up_process which)
{
	struct timespec step = { .tv_nsec = 10 * 1000000L };
	uint64_t until = clock_ms(CLOCK_MONOTONIC) + UP_END_MS;
	int status = 0;

	if (u->pid[which] <= 0)
		return 0;
	up_signal(u, which, SIGTERM);
	while (waitpid(u->pid[which], &status, WNOHANG) == 0) {
		if (clock_ms(CLOCK_MONOTONIC) > until) {
			log_error("%s does not end: killed", up_program(which));
			up_signal(u, which, SIGKILL);
			(void)waitpid(u->pid[which], &status, 0);
			break;
		}
		(void)nanosleep(&step, NULL);
	}
	u->pid[which] = 0;
	return status;
}

static void up_end_all(struct up *u)
{
	for (int i = UP_PROCESSES; i-- > 0;)
		(void)up_end(u, (enum up_process)i);
}

/* "signal 9", "status 3": how a process ended. */
static void up_print_status(int status, char ret[UP_STATUS_TEXT])
{
	bool killed = WIFSIGNALED(status);

	(void)snprintf(ret, UP_STATUS_TEXT, "%s %d",
		       killed ? "signal" : "status",
		       killed ? WTERMSIG(status) : WEXITSTATUS(status));
}

static const char *up_failure(int rc)
{
	return rc == -ETIMEDOUT ? "not ready in time" : err_str(rc);
}

/* Why up_start() failed. What ends of its own says so itself; of all else only
 * we can tell.
 */
static void up_explain(struct up *u, enum up_process which, int rc)
{
	char how[UP_STATUS_TEXT];
	int status = 0;

	if (rc == ERR_CLOSED) {
		status = up_end(u, which);
		up_print_status(status, how);
	}
	(void)fprintf(stderr, "penstock up: %s did not start (%s)%s\n",
		      up_program(which),
		      rc == ERR_CLOSED ? how : up_failure(rc),
		      rc == ERR_CLOSED && WIFEXITED(status)
			      ? "; what it says stands above"
			      : "");
}

static void up_reap(struct up *u)
{
	char text[UP_STATUS_TEXT];
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		up_print_status(status, text);
		for (int i = 0; i < UP_PROCESSES; i++) {
			if (u->pid[i] != pid)
				continue;
			u->pid[i] = 0;
			if (i == UP_GATEWAY && WIFEXITED(status) &&
			    !WEXITSTATUS(status))
				u->stopping = true;
			else if (i != UP_SHIP || !WIFEXITED(status) ||
				 WEXITSTATUS(status))
				log_error("%s ended (%s): it is replaced",
					  up_program((enum up_process)i), text);
		}
	}
}

static bool up_has(const struct up *u, enum up_process which)
{
	return which == UP_CAPTURE ? u->keeps_capture
	       : which == UP_SHIP  ? u->ships
				   : true;
}

/* When another configuration has come into force: start penstock-ship anew, or
 * end it. What it has not sent is then no reason to keep rows any more.
 */
static void up_look_at_ship(struct up *u)
{
	struct config_settings s = { 0 };
	struct config_error err;
	struct config *config = NULL;
	struct stat st = { 0 };
	char cursor[INSTANCE_PATH_MAX];

	(void)stat(u->good, &st);
	if (st.st_ino == u->good_seen.st_ino &&
	    st.st_mtim.tv_sec == u->good_seen.st_mtim.tv_sec &&
	    st.st_mtim.tv_nsec == u->good_seen.st_mtim.tv_nsec)
		return;
	u->good_seen = st;
	if (config_load(u->good, &config, &err) == 0)
		config_settings(config, &s);
	u->ships = s.ship_len > 0;
	config_free(&config);
	up_signal(u, UP_SHIP, SIGTERM);
	if (!u->ships &&
	    instance_path(u->in.state_dir, INSTANCE_SHIPPED, cursor))
		(void)unlink(cursor);
}

/* Start again what has ended, not too often. Returns how long to wait for the
 * next try, in milliseconds; -1: nothing to do.
 */
static int up_replace(struct up *u)
{
	int wait_ms = -1;

	for (int i = 0; i < UP_PROCESSES && !u->stopping; i++) {
		uint64_t since = clock_ms(CLOCK_MONOTONIC) - u->started_ms[i];
		enum up_process which = (enum up_process)i;
		int rc;

		if (u->pid[i] || !up_has(u, which))
			continue;
		if (since < UP_RESPAWN_MS) {
			wait_ms = (int)(UP_RESPAWN_MS - since);
			continue;
		}
		rc = up_start(u, which);
		if (rc < 0 && rc != ERR_CLOSED) /* that is told when reaped */
			log_error("%s is not replaced yet (%s)",
				  up_program(which), up_failure(rc));
	}
	return wait_ms;
}

static void up_on_signals(struct up *u)
{
	struct signalfd_siginfo si;

	while (read(u->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGHUP)
			up_signal(u, UP_GATEWAY, SIGHUP);
		else if (si.ssi_signo == SIGCHLD)
			up_reap(u);
		else
			u->stopping = true;
	}
}

static void up_watch(struct up *u)
{
	while (!u->stopping) {
		struct pollfd p = { .fd = u->signals, .events = POLLIN };
		int wait_ms;

		up_look_at_ship(u);
		wait_ms = up_replace(u);
		if (poll(&p, 1, wait_ms < 0 ? UP_LOOK_MS : wait_ms) > 0)
			up_on_signals(u);
	}
}

static int up_signals(struct up *u)
{
	static const int ours[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM };

	u->signals = signals_open(ours, ARRAY_SIZE(ours));
	return MIN(u->signals, 0);
}

/* An option's value; false, with a message, if it is none. */
static bool up_option(struct up *u, int option, const char *value)
{
	uint64_t seconds;

	switch (option) {
	case 'c':
		u->named = true;
		if (strlen(value) < sizeof(u->config)) {
			memcpy(u->config, value, strlen(value) + 1);
			return true;
		}
		(void)fprintf(stderr,
			      "penstock up: --config: at most %d octets\n",
			      INSTANCE_PATH_MAX - 1);
		return false;
	case 'i':
		u->idle_exit = value;
		if (slice_number(slice_str(value), UP_IDLE_MAX_S, &seconds))
			return true;
		(void)fprintf(stderr,
			      "penstock up: --idle-exit %s: expected seconds, "
			      "at most %d\n",
			      value, UP_IDLE_MAX_S);
		return false;
	case 'w':
		words_add(&u->waits, value);
		return true;
	case 'd':
		u->debug = true;
		return true;
	default:
		(void)fputs(up_usage, stderr);
		return false;
	}
}

static bool up_options(struct up *u, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "idle-exit", required_argument, NULL, 'i' },
		{ "wait", required_argument, NULL, 'w' },
		{ "debug", no_argument, NULL, 'd' },
		{ 0 },
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		if (!up_option(u, c, optarg))
			return false;
	if (optind < argc)
		(void)fputs(up_usage, stderr);
	return optind == argc;
}

/* A configuration with an error stops the start here, in plain words. So does
 * one that was named and is not there: without it nothing would be captured.
 */
static bool up_check(const struct up *u)
{
	struct config_error err;
	struct config *config = NULL;
	int rc = config_load(u->config, &config, &err);

	config_free(&config);
	if (rc == 0 || (rc == -ENOENT && !u->named))
		return true;
	if (rc == -ENOENT)
		(void)fprintf(stderr, "penstock up: --config %s: %s\n",
			      u->config, err_str(rc));
	else
		(void)fprintf(stderr, "penstock up: %s\n", err.text);
	return false;
}

/* Where captured traffic arrives. Sockets that were handed to us come with
 * rules that somebody else keeps (systemd/); otherwise both are ours.
 */
static bool up_inlet(struct up *u)
{
	if (inlet_inherit(&u->inlet) < 0 ||
	    inlet_words(u->config, &u->capture) < 0 || !words_ok(&u->capture))
		return false;
	if (!u->capture.len || u->inlet.len)
		return true;
	if (geteuid() != 0) {
		(void)fprintf(stderr,
			      "penstock up: capture: in %s needs root, or "
			      "sockets from systemd (penstock.socket)\n",
			      u->config);
		return false;
	}
	u->keeps_capture = true;
	return inlet_open(&u->capture, &u->inlet) == 0;
}

/* A run directory may stand below /tmp, where systemd-tmpfiles takes what
 * nobody has touched for days: the configuration in force, sandboxes' entries,
 * an idle worker's spool. It leaves alone a directory that somebody has locked
 * (systemd.io/TEMPORARY_DIRECTORIES).
 */
static void up_hold(struct up *u)
{
	u->hold = open(u->in.run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (u->hold < 0 || flock(u->hold, LOCK_SH | LOCK_NB) < 0)
		log_warn("%s: cannot be locked, and may be tidied up, ignoring",
			 u->in.run_dir);
}

static int up_prepare(struct up *u)
{
	if (instance_make(&u->in) < 0)
		return EXIT_BROKEN;
	if (!instance_path(u->in.run_dir, SPOOL_DIR, u->spool) ||
	    !instance_path(u->in.run_dir, CERTGEN_SOCKET, u->certgen) ||
	    !instance_path(u->in.run_dir, CONFIG_GOOD, u->good))
		return EXIT_BROKEN;
	if (mkdir(u->spool, 0700) < 0 && errno != EEXIST) {
		(void)fprintf(stderr, "penstock up: %s: %s\n", u->spool,
			      strerror(errno));
		return EXIT_BROKEN;
	}
	if (!up_check(u))
		return EXIT_BROKEN;
	u->lock = instance_lock(&u->in);
	if (u->lock < 0) {
		(void)fprintf(stderr, "penstock up: %s\n",
			      u->lock == -EAGAIN
				      ? "an instance is running here already"
				      : err_str(u->lock));
		return EXIT_BROKEN;
	}
	up_hold(u);
	u->kin = kin_take(&u->in);
	if (u->kin < 0)
		return EXIT_BROKEN;
	/* It was in force in an instance that has gone. */
	(void)unlink(u->good);
	u->good_seen.st_ino = (ino_t)-1;
	if (!up_inlet(u))
		return EXIT_BROKEN;
	return up_signals(u) < 0 ? EXIT_BROKEN : 0;
}

static int up_start_all(struct up *u)
{
	for (int i = 0; i < UP_PROCESSES; i++) {
		enum up_process which = (enum up_process)i;
		int rc = up_has(u, which) ? up_start(u, which) : 0;

		if (rc < 0) {
			up_explain(u, which, rc);
			return EXIT_BROKEN;
		}
	}
	return 0;
}

int cmd_up(int argc, char **argv)
{
	static struct up u;
	int rc = 0;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(up_usage, stdout);
		return 0;
	}
	if (instance_find(&u.in) < 0)
		return EXIT_BROKEN;
	if (!instance_path(u.in.conf_dir, INSTANCE_CONFIG, u.config))
		return EXIT_BROKEN;
	if (!up_options(&u, argc, argv))
		return EXIT_USAGE;
	log_init("up", u.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, 0);
	rc = up_prepare(&u);
	if (rc == 0)
		rc = up_start_all(&u);
	if (rc == 0) {
		if (notify_ready() < 0)
			log_warn("cannot tell the service manager that all is "
				 "up, going on");
		up_watch(&u);
	}
	up_end_all(&u);
	if (u.lock > 0)
		(void)unlink(u.certgen);
	return rc;
}
