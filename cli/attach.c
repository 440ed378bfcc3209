/* cli/attach.c - penstock attach, detach: a namespace that is there already.
 *
 *   penstock attach ── fork ──▶ the keeper, in a session of its own
 *                                 ── fork, exec ──▶ penstock-capture attach
 *
 * The keeper takes the listeners that penstock-capture opened inside, gives
 * them to the gateway and holds the control connection for as long as the
 * sandbox is to last: until detach ends it, or no process is left in the
 * namespace of the one that was named. It says "good" to its parent over a
 * pipe, or has said what is wrong.
 *
 * RUN/attach.NAME is its record, locked while it lives: the namespace's number
 * and how to find it. When the keeper is killed the namespace stays closed,
 * and detach opens it again with what stands there.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/frame.h"
#include "cli/cli.h"
#include "cli/proc.h"
#include "cli/run_rules.h"
#include "cli/sandbox.h"
#include "policy/name.h"

#define ATTACH_WAIT_MS	10000 /* for penstock-capture, and for an answer */
#define ATTACH_KNOCK_MS 200   /* between attempts at a door that is closed */

static const char attach_usage[] =
	"usage: penstock attach PID|NETNS [--name NAME] [--policy NAME|FILE]...\n"
	"                       [--allow RULE]...\n"
	"       penstock detach NAME\n"
	"\n"
	"Leads all traffic of a network namespace to the gateway: that of a\n"
	"running process or container, or of a file as `ip netns` makes them.\n"
	"It lasts until detach, or until no process is left in there.\n";

struct attach {
	struct sandbox sb; /* instance, name, policies */
	const char *target;
	struct words policies, allow;
	char record[INSTANCE_PATH_MAX];
	int lock;    /* on the record, for as long as the process lives */
	ino_t inode; /* of the namespace */
	int rules;   /* memfd */
	int pidfd;   /* of the target; -1: a path */
	int door;    /* -1: closed */
	uint8_t tcp, udp, dns;
	int fds[FRAME_FDS_MAX];
	size_t fds_len;
};

static int attach_say(const char *what, const char *why)
{
	(void)fprintf(stderr, "penstock attach: %s: %s\n", what, why);
	return EXIT_BROKEN;
}

static bool attach_is_pid(const char *target)
{
	return *target && strspn(target, "0123456789") == strlen(target);
}

/* Where the namespace of target is seen. */
static void attach_path(const char *target, char ret[INSTANCE_PATH_MAX])
{
	(void)snprintf(ret, INSTANCE_PATH_MAX,
		       attach_is_pid(target) ? "/proc/%s/ns/net" : "%s",
		       target);
}

static bool attach_record_path(const struct instance *in, const char *name,
			       char ret[INSTANCE_PATH_MAX])
{
	char file[SANDBOX_NAME_MAX + 8];

	(void)snprintf(file, sizeof(file), "attach.%s", name);
	return instance_path(in->run_dir, file, ret);
}

/* Become penstock-capture. Never returns. */
static void attach_become(const char *word, const char *sock,
			  const char *target)
{
	char path[INSTANCE_PATH_MAX];
	struct words w = { 0 };

	if (!instance_program(CAPTURE_PROGRAM, path))
		_exit(EXIT_BROKEN);
	words_add_all(&w, CAPTURE_PROGRAM, word, NULL);
	if (sock)
		words_add(&w, sock);
	words_add(&w, target);
	if (words_ok(&w))
		(void)execv(path, w.ptr);
	_exit(attach_say(path, strerror(errno)));
}

static int attach_take(struct attach *a, int sock)
{
	static struct frame_in in;
	struct pollfd p = { .fd = sock, .events = POLLIN };
	int rc = poll(&p, 1, ATTACH_WAIT_MS);

	rc = rc == 1 ? frame_recv(sock, &in) : -ETIMEDOUT;
	if (rc != 1)
		return rc ? rc : ERR_PROTO;
	a->tcp = bytes_u8(&in.body);
	a->udp = bytes_u8(&in.body);
	a->dns = bytes_u8(&in.body);
	if (in.type != CAPTURE_LISTENERS || in.body.bad ||
	    in.fds_len != (size_t)a->tcp + a->udp + a->dns ||
	    in.fds_len >= FRAME_FDS_MAX) {
		frame_close_fds(&in);
		return ERR_PROTO;
	}
	memcpy(a->fds, in.fds, in.fds_len * sizeof(in.fds[0]));
	a->fds_len = in.fds_len;
	return 0;
}

/* Ask the gateway to take the sandbox; what it refuses is said if loud. */
static int attach_knock(struct attach *a, bool loud)
{
	static struct frame_out out;
	static struct frame_in in;
	int fds[FRAME_FDS_MAX] = { a->rules };
	int door = instance_connect(&a->sb.in);
	struct pollfd p = { .fd = door, .events = POLLIN };
	struct slice phrase;
	int rc;

	if (door < 0) {
		if (loud)
			(void)attach_say("the gateway", err_str(door));
		return door;
	}
	memcpy(fds + 1, a->fds, a->fds_len * sizeof(fds[0]));
	frame_begin(&out, CONTROL_ADD);
	frame_put_str(&out, slice_str(a->sb.name));
	frame_put_str(&out, slice_str(a->sb.policies));
	frame_put_u8(&out, a->tcp);
	frame_put_u8(&out, a->udp);
	frame_put_u8(&out, a->dns);
	frame_put_str(&out, SLICE("attach"));
	(void)lseek(a->rules, 0, SEEK_SET);
	rc = frame_send(door, &out, fds, a->fds_len + 1);
	if (rc == 1)
		rc = poll(&p, 1, ATTACH_WAIT_MS) == 1 ? frame_recv(door, &in)
						      : -ETIMEDOUT;
	if (rc == 1 && in.type == CONTROL_OK) {
		a->door = door;
		return 0;
	}
	phrase = rc == 1 ? bytes_str(&in.body)
			 : slice_str(rc ? err_str(rc) : "it does not listen");
	if (loud)
		(void)fprintf(stderr,
			      "penstock attach: the gateway did not take the "
			      "sandbox: %.*s\n",
			      (int)phrase.len, phrase.ptr ? phrase.ptr : "");
	(void)close(door);
	return ERR_DENIED;
}

/* Captured, and known to the gateway: only then is it for good. */
static int attach_capture(struct attach *a)
{
	static struct frame_out go;
	int ends[2], status = 0, rc;
	char fd[16];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	child = fork();
	if (child == 0) {
		(void)fcntl(ends[1], F_SETFD, 0);
		(void)snprintf(fd, sizeof(fd), "%d", ends[1]);
		attach_become("attach", fd, a->target);
	}
	(void)close(ends[1]);
	rc = child < 0 ? -errno : attach_take(a, ends[0]);
	if (!rc)
		rc = attach_knock(a, true);
	frame_begin(&go, CAPTURE_GO);
	if (!rc && frame_send(ends[0], &go, NULL, 0) != 1)
		rc = ERR_CLOSED;
	(void)close(ends[0]); /* without GO it undoes all */
	if (child > 0)
		(void)waitpid(child, &status, 0);
	return rc || status ? ERR_DENIED : 0;
}

/* Its namespace cannot even be looked at. */
static int attach_unseen(const char *target, int error)
{
	const char *why = strerror(error);

	if (error == EACCES || error == EPERM)
		why = "this needs root, or the user who owns its user "
		      "namespace";
	else if (error == ENOENT && attach_is_pid(target))
		why = "there is no such process";
	return attach_say(target, why);
}

/* The namespace of the record: 0 with *ret_fd open, or -1 when it has gone. */
static int attach_open(int record, int *ret_fd)
{
	char text[INSTANCE_PATH_MAX] = "", path[INSTANCE_PATH_MAX];
	ssize_t n = pread(record, text, sizeof(text) - 1, 0);
	struct stat st;
	char *target;
	unsigned long inode;
	int fd;

	inode = strtoul(text, &target, 10);
	if (n <= 0 || *target != ' ')
		return -1;
	target++;
	target[strcspn(target, "\n")] = '\0';
	attach_path(target, path);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || st.st_ino != inode) {
		(void)close(fd);
		return -1;
	}
	*ret_fd = fd;
	return 0;
}

/* False with errno set. */
static bool attach_write(const struct attach *a)
{
	char text[INSTANCE_PATH_MAX + 32];
	int n = snprintf(text, sizeof(text), "%lu %s\n",
			 (unsigned long)a->inode, a->target);

	return ftruncate(a->lock, 0) == 0 &&
	       pwrite(a->lock, text, (size_t)n, 0) == n;
}

static int attach_record(struct attach *a)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[INSTANCE_PATH_MAX];
	struct stat st;
	int fd, old;

	attach_path(a->target, path);
	if (stat(path, &st) < 0)
		return attach_unseen(a->target, errno);
	fd = open(a->record, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return attach_say(a->record, strerror(errno));
	if (fcntl(fd, F_SETLK, &lock) < 0)
		return attach_say(a->sb.name, "a sandbox of this name is "
					      "attached already");
	/* Written anew, nobody could let that one go again. */
	if (attach_open(fd, &old) == 0) {
		(void)close(old);
		(void)close(fd);
		return attach_say(a->sb.name,
				  "its keeper was killed and the namespace is "
				  "closed; first: penstock detach, with this "
				  "name");
	}
	a->lock = fd;
	a->inode = st.st_ino;
	return attach_write(a) ? 0 : attach_say(a->record, strerror(errno));
}

/* The target has ended. A namespace may outlive the process by which it was
 * named, as a pod does its containers: go on with another one in it. Its number
 * is nobody else's, because the listeners that we hold are in it.
 */
static bool attach_follow(struct attach *a)
{
	static char target[16];
	char path[INSTANCE_PATH_MAX];
	struct stat st;
	pid_t pid;

	while ((pid = proc_in_netns(a->inode)) > 0) {
		(void)close(a->pidfd);
		a->pidfd = pidfd_open(pid, 0);
		if (a->pidfd < 0)
			continue; /* it has ended meanwhile */
		(void)snprintf(target, sizeof(target), "%d", pid);
		attach_path(target, path);
		if (stat(path, &st) < 0 || st.st_ino != a->inode)
			continue;
		a->target = target;
		(void)attach_write(a); /* for a detach without us, ignoring */
		return true;
	}
	return false;
}

/* Until nobody is in the namespace. TERM, from detach, ends the keeper as it
 * is.
 */
static void attach_keep(struct attach *a)
{
	static struct frame_in in;

	for (;;) {
		struct pollfd p[] = {
			{ .fd = a->pidfd, .events = POLLIN },
			{ .fd = a->door, .events = POLLIN },
		};
		int n = poll(p, ARRAY_SIZE(p),
			     a->door < 0 ? ATTACH_KNOCK_MS : -1);

		if (n > 0 && p[0].revents && !attach_follow(a))
			break;
		if (n > 0 && p[1].revents && frame_recv(a->door, &in) < 0) {
			(void)close(a->door);
			a->door = -1;
		}
		if (n == 0)
			(void)attach_knock(a, false);
	}
	(void)unlink(a->record);
}

/* The child that stays. Never returns. */
static void attach_stay(struct attach *a, int good)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int rc;

	(void)setsid();
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	rc = attach_record(a);
	if (rc)
		_exit(rc);
	if (attach_is_pid(a->target)) {
		a->pidfd = pidfd_open((pid_t)strtol(a->target, NULL, 10), 0);
		if (a->pidfd < 0)
			rc = attach_say(a->target, "there is no such process");
	}
	if (!rc && attach_capture(a) < 0)
		rc = EXIT_BROKEN;
	if (rc) {
		(void)unlink(a->record);
		_exit(rc);
	}
	(void)!write(good, "", 1);
	(void)close(good);
	if (chdir("/") < 0 || null < 0)
		_exit(EXIT_BROKEN);
	for (int fd = 0; fd < 3; fd++)
		(void)dup2(null, fd);
	attach_keep(a);
	_exit(0);
}

/* Whoever may administer the namespace may undo what we do in it. */
static void attach_warn(const char *target)
{
	char path[64], line[128];
	unsigned long long caps = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/status", target);
	f = attach_is_pid(target) ? fopen(path, "re") : NULL;
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "CapBnd:", 7))
			caps = strtoull(line + 7, NULL, 16);
	}
	(void)fclose(f);
	if (caps & 1ull << CAP_NET_ADMIN)
		(void)fprintf(stderr,
			      "penstock attach: warning: process %s may get "
			      "CAP_NET_ADMIN and undo this; start it without "
			      "(--cap-drop=net_admin)\n",
			      target);
}

static int attach_start(struct attach *a)
{
	int good[2], status;
	pid_t child;
	char c;

	if (pipe2(good, O_CLOEXEC) < 0)
		return attach_say("pipe", strerror(errno));
	child = fork();
	if (child == 0) {
		(void)close(good[0]);
		attach_stay(a, good[1]);
	}
	(void)close(good[1]);
	if (child < 0)
		return attach_say("fork", strerror(errno));
	if (read(good[0], &c, 1) == 1) {
		attach_warn(a->target);
		(void)printf("%s\n", a->sb.name);
		return 0;
	}
	(void)waitpid(child, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status)
							: EXIT_BROKEN;
}

/* As detach finds it, which may stand elsewhere. */
static bool attach_target(struct attach *a, const char *word)
{
	static char path[INSTANCE_PATH_MAX];
	char cwd[INSTANCE_PATH_MAX] = "";

	a->target = word;
	if (attach_is_pid(word) || word[0] == '/')
		return strlen(word) < sizeof(path);
	a->target = path;
	return getcwd(cwd, sizeof(cwd)) && instance_path(cwd, word, path);
}

static int attach_parse(struct attach *a, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "policy", required_argument, NULL, 'p' },
		{ "allow", required_argument, NULL, 'a' },
		{ 0 },
	};
	const char *name = NULL, *fault;
	size_t at;
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == '?')
			return EXIT_USAGE;
		if (c == 'n')
			name = optarg;
		else
			words_add(c == 'p' ? &a->policies : &a->allow, optarg);
	}
	if (optind + 1 != argc || !words_ok(&a->policies) ||
	    !words_ok(&a->allow))
		return EXIT_USAGE;
	if (!attach_target(a, argv[optind]))
		return EXIT_USAGE;
	if (!name)
		name = strrchr(a->target, '/') ? strrchr(a->target, '/') + 1
					       : a->target;
	fault = name_fault(slice_str(name), &at);
	if (fault) {
		(void)fprintf(stderr, "penstock attach: --name %s: %s\n", name,
			      fault);
		return EXIT_USAGE;
	}
	(void)snprintf(a->sb.name, sizeof(a->sb.name), "%s", name);
	return 0;
}

int cmd_attach(int argc, char **argv)
{
	static struct attach a = { .pidfd = -1, .door = -1 };
	const struct words none = { 0 };
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(attach_usage, stdout);
		return 0;
	}
	rc = attach_parse(&a, argc, argv);
	if (rc) {
		(void)fputs(attach_usage, stderr);
		return rc;
	}
	if (instance_find(&a.sb.in) || instance_start(&a.sb.in) ||
	    !attach_record_path(&a.sb.in, a.sb.name, a.record))
		return EXIT_BROKEN;
	a.rules = run_rules("attach", &a.sb, &a.policies, &none, &a.allow);
	return a.rules < 0 ? EXIT_USAGE : attach_start(&a);
}

/* End the keeper, if there is one, and wait until its lock is free. */
static bool detach_keeper(int record)
{
	const struct timespec nap = { .tv_nsec = 20 * 1000000L };

	for (int i = 0; i < 250; i++) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

		if (fcntl(record, F_GETLK, &lock) < 0)
			return false;
		if (lock.l_type == F_UNLCK)
			return true;
		/* 0: it is in a pid namespace that we don't see. */
		if (lock.l_pid <= 0)
			return false;
		if (i == 0 && kill(lock.l_pid, SIGTERM) < 0)
			return false;
		(void)nanosleep(&nap, NULL);
	}
	return false;
}

static int detach_release(int fd)
{
	char path[32];
	int status;
	pid_t child = fork();

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (child == 0)
		attach_become("release", NULL, path);
	if (child < 0 || waitpid(child, &status, 0) != child)
		return EXIT_BROKEN;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_BROKEN;
}

int cmd_detach(int argc, char **argv)
{
	char path[INSTANCE_PATH_MAX];
	struct instance in;
	int record, fd, rc = 0;
	size_t at;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(attach_usage, stdout);
		return 0;
	}
	if (argc != 2 || name_fault(slice_str(argv[1]), &at)) {
		(void)fputs(attach_usage, stderr);
		return EXIT_USAGE;
	}
	if (instance_find(&in) || !attach_record_path(&in, argv[1], path))
		return EXIT_BROKEN;
	record = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (record < 0) {
		(void)fprintf(stderr,
			      "penstock detach: nothing is attached as '%s'\n",
			      argv[1]);
		return EXIT_NO;
	}
	if (!detach_keeper(record)) {
		(void)fprintf(stderr,
			      "penstock detach: its keeper does not end, or "
			      "cannot be seen from here\n");
		return EXIT_BROKEN;
	}
	if (attach_open(record, &fd) == 0)
		rc = detach_release(fd);
	if (rc == 0)
		(void)unlink(path);
	return rc;
}
