/* ship/main.c - the program penstock-ship: rows of the ledger to elsewhere.
 *
 * The supervisor. It makes what the others share before they live, starts the
 * reader and a sender for each destination (ship/ship.h), and replaces a sender
 * that ends. When the reader ends, all end: who started us starts us again.
 * They do not outlive it (PDEATHSIG), and may be killed at any moment: what
 * was not confirmed is sent again.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/caps.h"
#include "base/err.h"
#include "base/log.h"
#include "base/signals.h"
#include "policy/load.h"
#include "ship/ship.h"

#define LEDGER_NAME	"ledger.db"
#define LOCK_NAME	"lock"
#define MAIN_RESPAWN_MS 1000 /* between two starts of one sender */

struct supervisor {
	struct ship ship;
	const char *config_path;
	int ready_fd; /* -1: nobody waits */
	int lock;
	struct config *config; /* owned */
	char ledger[PATH_MAX];
	pid_t reader;
	pid_t senders[CONFIG_SHIP_MAX];
	uint64_t started_ms[CONFIG_SHIP_MAX]; /* CLOCK_MONOTONIC */
	uint32_t generation;
};

static void usage(FILE *to)
{
	(void)fputs("usage: penstock-ship --config FILE --state DIR [--run DIR]"
		    " [--ready-fd N]\n"
		    "\n"
		    "Sends the finished rows of DIR/" LEDGER_NAME
		    " to the destinations that\n"
		    "audit: ship: of the configuration names, and remembers in"
		    " DIR/ship\n"
		    "how far each one has them. How it goes stands in\n"
		    "RUN/ship/ship.status. A byte is written to --ready-fd "
		    "once it runs.\n",
		    to);
}

static bool main_option(struct supervisor *s, int option, const char *value)
{
	uint64_t n;

	switch (option) {
	case 'c':
		s->config_path = value;
		return true;
	case 's':
		s->ship.state_dir = value;
		return true;
	case 'u':
		s->ship.run_dir = value;
		return true;
	case 'r':
		if (!slice_number(slice_str(value), INT16_MAX, &n))
			return false;
		s->ready_fd = (int)n;
		return true;
	default:
		return false;
	}
}

/* Returns -1 to go on, else the exit status. */
static int main_arguments(struct supervisor *s, int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ "run", required_argument, NULL, 'u' },
		{ "ready-fd", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h') {
			usage(stdout);
			return 0;
		}
		if (!main_option(s, option, optarg)) {
			usage(stderr);
			return 2;
		}
	}
	if (!s->config_path || !s->ship.state_dir || optind != argc) {
		usage(stderr);
		return 2;
	}
	return -1;
}

/* The destinations. Returns how many, or -1 with a message. */
static int main_config(struct supervisor *s)
{
	struct config_settings settings;
	struct config_error err;

	if (config_load(s->config_path, &s->config, &err) < 0) {
		log_lines(LOG_LEVEL_ERROR, err.text);
		return -1;
	}
	config_settings(s->config, &settings);
	for (size_t i = 0; i < settings.ship_len; i++)
		s->ship.dests[i].config = &settings.ship[i];
	s->ship.dests_len = settings.ship_len;
	return (int)settings.ship_len;
}

/* DIR/name, made if it is not there. Returns a descriptor or -errno. */
static int main_dir(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int fd, n = snprintf(path, sizeof(path), "%s/%s", dir, name);

	if (n < 0 || n >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

/* One of us for one ledger. */
static int main_lock(struct supervisor *s)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	s->lock = openat(s->ship.cursors, LOCK_NAME,
			 O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock < 0)
		return -errno;
	return fcntl(s->lock, F_OFD_SETLK, &lock) ? -EBUSY : 0;
}

static int main_files(struct supervisor *s)
{
	char path[PATH_MAX];
	struct ship *ship = &s->ship;
	int err;

	ship->cursors = main_dir(ship->state_dir, CURSOR_DIR);
	if (ship->cursors < 0)
		return ship->cursors;
	err = main_lock(s);
	if (err)
		return err;
	ship->status = ship->run_dir ? main_dir(ship->run_dir, SHIP_RUN) : -1;
	if (ship->run_dir && ship->status < 0)
		return ship->status;
	(void)snprintf(path, sizeof(path), "%s/%s", ship->state_dir,
		       CURSOR_DONE);
	ship->done =
		open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (ship->done < 0)
		return -errno;
	(void)snprintf(s->ledger, sizeof(s->ledger), "%s/%s", ship->state_dir,
		       LEDGER_NAME);
	ship->ledger = s->ledger;
	return cursor_instance(ship->cursors, ship->instance);
}

static int main_setup(struct supervisor *s)
{
	int err = main_files(s);

	if (err)
		log_error("%s/%s: %s", s->ship.state_dir, CURSOR_DIR,
			  err == -EBUSY ? "another penstock-ship sends this "
					  "ledger"
					: err_str(err));
	for (size_t i = 0; i < s->ship.dests_len && !err; i++) {
		err = link_open(&s->ship.dests[i].link);
		if (err)
			log_error("%s", err_str(err));
	}
	return err;
}

/* In the child: what only the supervisor needs goes. */
static void main_child(struct supervisor *s, pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	signals_none();
	(void)close(s->lock);
	if (s->ready_fd >= 0)
		(void)close(s->ready_fd);
}

static void main_start_reader(struct supervisor *s)
{
	pid_t self = getpid();

	s->reader = fork();
	if (s->reader)
		return;
	main_child(s, self);
	for (size_t i = 0; i < s->ship.dests_len; i++)
		(void)close(s->ship.dests[i].link.sender);
	_exit(reader_run(&s->ship));
}

/* A sender sees its own link, and nothing of the ledger. */
static void main_start_sender(struct supervisor *s, size_t which)
{
	pid_t self = getpid();
	struct ship *ship = &s->ship;

	s->started_ms[which] = clock_ms(CLOCK_MONOTONIC);
	s->generation++;
	s->senders[which] = fork();
	if (s->senders[which])
		return;
	main_child(s, self);
	(void)close(ship->cursors);
	(void)close(ship->done);
	if (ship->status >= 0)
		(void)close(ship->status);
	for (size_t i = 0; i < ship->dests_len; i++) {
		(void)close(ship->dests[i].link.reader);
		if (i == which)
			continue;
		(void)close(ship->dests[i].link.sender);
		link_forget(&ship->dests[i].link);
	}
	sender_run(ship, &ship->dests[which], s->generation);
}

/* Start senders that are not there, each not more often than once in
 * MAIN_RESPAWN_MS. Returns whether one has to wait.
 */
static bool main_start_senders(struct supervisor *s)
{
	uint64_t now_ms = clock_ms(CLOCK_MONOTONIC);
	bool waits = false;

	for (size_t i = 0; i < s->ship.dests_len; i++) {
		if (s->senders[i] > 0)
			continue;
		if (s->started_ms[i] &&
		    now_ms - s->started_ms[i] < MAIN_RESPAWN_MS)
			waits = true;
		else
			main_start_sender(s, i);
	}
	return waits;
}

/* Returns whether all go on. */
static bool main_reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->reader)
			return false;
		for (size_t i = 0; i < s->ship.dests_len; i++) {
			if (s->senders[i] != pid)
				continue;
			s->senders[i] = 0;
			if (WIFSIGNALED(status))
				log_error("the sender of %s ended by signal "
					  "%d: it is replaced",
					  s->ship.dests[i].config->name,
					  WTERMSIG(status));
		}
	}
	return true;
}

static void main_ready(struct supervisor *s)
{
	if (s->ready_fd < 0)
		return;
	(void)!write(s->ready_fd, "\n", 1);
	(void)close(s->ready_fd);
	s->ready_fd = -1;
}

static int main_run(struct supervisor *s)
{
	const struct timespec second = { .tv_sec = 1 };
	sigset_t ours;

	(void)sigemptyset(&ours);
	(void)sigaddset(&ours, SIGCHLD);
	(void)sigaddset(&ours, SIGTERM);
	(void)sigaddset(&ours, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &ours, NULL);
	main_start_reader(s);
	if (s->reader < 0) {
		log_error("%s", strerror(errno));
		return EXIT_FAILURE;
	}
	(void)main_start_senders(s);
	main_ready(s);
	for (;;) {
		int sig = main_start_senders(s)
				  ? sigtimedwait(&ours, NULL, &second)
				  : sigwaitinfo(&ours, NULL);

		if (sig == SIGTERM || sig == SIGINT)
			return 0;
		if (sig == SIGCHLD && !main_reap(s)) {
			log_error("the reader has ended");
			return EXIT_FAILURE;
		}
	}
}

int main(int argc, char **argv)
{
	static struct supervisor s = { .ready_fd = -1 };
	int status;

	log_init("penstock-ship", LOG_LEVEL_INFO,
		 getenv("JOURNAL_STREAM") != NULL);
	status = main_arguments(&s, argc, argv);
	if (status >= 0)
		return status;
	(void)umask(0077);
	(void)signal(SIGPIPE, SIG_IGN);
	if (caps_drop() < 0)
		return EXIT_FAILURE;
	status = main_config(&s);
	if (status < 0)
		return EXIT_FAILURE;
	if (!status) {
		log_info("%s has no audit: ship:, nothing to do",
			 s.config_path);
		main_ready(&s);
		return 0;
	}
	if (main_setup(&s))
		return EXIT_FAILURE;
	return main_run(&s);
}
