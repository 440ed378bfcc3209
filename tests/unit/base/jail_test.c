/* tests/unit/base/jail_test.c - each wall is leaned on, in a child. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/jail.h"

/* The child's answers, beside 0 and death. */
#define REFUSED 1 /* the call failed as it should */
#define TROUBLE 99

static char dir[] = "/tmp/jail_test.XXXXXX";
static char inside[64], outside[64];

static int begin(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(inside, sizeof(inside), "%s/in", dir);
	(void)snprintf(outside, sizeof(outside), "%s/out", dir);
	return mkdir(inside, 0700) || mkdir(outside, 0700);
}

static int finish(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static int enter_worker(void)
{
	const char *const paths[] = { inside, "/etc/group", "/nowhere", NULL };

	return jail_worker(paths);
}

static int enter_certgen(void)
{
	return jail_certgen(inside);
}

static int enter_audit(void)
{
	return jail_audit(inside, inside);
}

static int enter_reader(void)
{
	return jail_ship_reader(dir, inside, inside);
}

static int enter_sender(void)
{
	const char *const paths[] = { inside, "/etc/group", "/nowhere", NULL };

	return jail_ship_sender(paths);
}

/* Run act in a child within the jail; how it ended, as waitpid() says. */
static int in_jail(int (*enter)(void), int (*act)(void))
{
	int status = -1;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		int flags = enter();

		if (flags < 0)
			_exit(TROUBLE);
		_exit(act());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void assert_exit(int (*enter)(void), int (*act)(void), int code)
{
	int status = in_jail(enter, act);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), code);
}

static void assert_killed(int (*enter)(void), int (*act)(void))
{
	int status = in_jail(enter, act);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 1;
}

static int act_hardened(void)
{
	struct rlimit core;
	bool caps_gone;

	if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_max != 0)
		return 1;
	/* No capability in force: raising the core limit again must fail. */
	core.rlim_max = 1;
	caps_gone = setrlimit(RLIMIT_CORE, &core) < 0 && errno == EPERM;
	return caps_gone ? 0 : 2;
}

static void test_hardened(void **state)
{
	(void)state;
	assert_exit(enter_worker, act_hardened, 0);
	assert_exit(enter_certgen, act_hardened, 0);
	assert_exit(enter_audit, act_hardened, 0);
}

/* Does path carry text on a line that begins with field? */
static bool status_says(pid_t pid, const char *field, const char *value)
{
	char path[64], line[256];
	bool says = false;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)))
			says = strstr(line, value);
	(void)fclose(f);
	return says;
}

/* The kernel's own view of a process in the jail. */
static void test_status(void **state)
{
	int ready[2];
	pid_t child;
	char c;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		if (enter_worker() < 0 || write(ready[1], "x", 1) != 1)
			_exit(TROUBLE);
		for (;;)
			(void)nanosleep(&(struct timespec){ 1, 0 }, NULL);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_true(status_says(child, "NoNewPrivs:", "1"));
	assert_true(status_says(child, "CapPrm:", "0000000000000000"));
	assert_true(status_says(child, "CapEff:", "0000000000000000"));
	assert_true(status_says(child, "CapInh:", "0000000000000000"));
	assert_true(status_says(child, "CapAmb:", "0000000000000000"));
	if (geteuid() == 0)
		assert_true(status_says(child, "CapBnd:", "0000000000000000"));
#ifndef PENSTOCK_SANITIZE
	assert_true(status_says(child, "Seccomp:", "2"));
#endif
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static int act_network(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	struct epoll_event ev = { .events = EPOLLIN };
	int one = 1, n = 0;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int a = socket(AF_INET, SOCK_STREAM, 0);
	int b = socket(AF_INET, SOCK_STREAM, 0);
	int c;

	if (a < 0 || b < 0 || socket(AF_INET6, SOCK_DGRAM, 0) < 0 ||
	    socket(AF_UNIX, SOCK_SEQPACKET, 0) < 0)
		return 1;
	if (bind(a, (struct sockaddr *)&addr, len) < 0 ||
	    getsockname(a, (struct sockaddr *)&addr, &len) < 0)
		return 2;
	(void)setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	(void)connect(b, (struct sockaddr *)&addr, len);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, a, &ev) < 0 ||
	    epoll_wait(epoll, &ev, 1, 0) < 0)
		return 3;
	c = accept4(a, NULL, NULL, SOCK_CLOEXEC);
	if (c >= 0 || errno != EINVAL)
		return 4;
	return ioctl(a, FIONREAD, &n) < 0 && errno != EINVAL ? 5 : 0;
}

static int act_memory(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *heap = malloc(10 << 20);
	struct timespec now;
	char random[16];

	if (p == MAP_FAILED || !heap)
		return 1;
	free(heap);
	if (madvise(p, 8192, MADV_DONTNEED) < 0 ||
	    mprotect(p, 4096, PROT_READ) < 0 || munmap(p, 8192) < 0)
		return 2;
	if (clock_gettime(CLOCK_REALTIME, &now) < 0 ||
	    getentropy(random, sizeof(random)) < 0)
		return 3;
	return eventfd(0, 0) < 0 || timerfd_create(CLOCK_MONOTONIC, 0) < 0 ? 4
									   : 0;
}

static int act_abort(void)
{
	abort();
}

static void test_allowed(void **state)
{
	int status;

	(void)state;
	assert_exit(enter_worker, act_network, 0);
	assert_exit(enter_worker, act_memory, 0);
	assert_exit(enter_certgen, act_memory, 0);
	assert_exit(enter_audit, act_memory, 0);
	/* A failed assertion ends in SIGABRT, not in SIGSYS. */
	status = in_jail(enter_worker, act_abort);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static int act_read_inside(void)
{
	char path[96];
	int fd = open("/etc/group", O_RDONLY);

	if (fd < 0)
		return 1;
	(void)close(fd);
	(void)snprintf(path, sizeof(path), "%s/.", inside);
	return open(path, O_RDONLY | O_DIRECTORY) < 0;
}

static int act_read_outside(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES ? REFUSED
								    : 0;
}

static int write_file(const char *in_dir)
{
	char path[96], other[96];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/a", in_dir);
	(void)snprintf(other, sizeof(other), "%s/b", in_dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return errno == EACCES || errno == EPERM ? REFUSED : TROUBLE;
	if (write(fd, "x", 1) != 1 || ftruncate(fd, 4096) < 0 ||
	    fsync(fd) < 0 || flock(fd, LOCK_EX) < 0 ||
	    fcntl(fd, F_SETLK,
		  &(struct flock){ .l_type = F_WRLCK, .l_len = 1 }) < 0 ||
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
		    MAP_FAILED ||
	    rename(path, other) < 0 || unlink(other) < 0)
		return TROUBLE;
	return 0;
}

static int act_write_inside(void)
{
	return write_file(inside);
}

static int act_write_outside(void)
{
	return write_file(outside);
}

static void test_files(void **state)
{
	(void)state;
	if (!has_landlock())
		skip();
	assert_exit(enter_worker, act_read_inside, 0);
	assert_exit(enter_worker, act_read_outside, REFUSED);
	assert_exit(enter_worker, act_write_inside, REFUSED);
	assert_exit(enter_certgen, act_write_inside, 0);
	assert_exit(enter_certgen, act_write_outside, REFUSED);
	assert_exit(enter_certgen, act_read_outside, REFUSED);
	assert_exit(enter_audit, act_write_inside, 0);
	assert_exit(enter_audit, act_write_outside, REFUSED);
	assert_exit(enter_reader, act_write_inside, 0);
	assert_exit(enter_reader, act_write_outside, REFUSED);
	assert_exit(enter_reader, act_read_outside, REFUSED);
	assert_exit(enter_sender, act_read_inside, 0);
	assert_exit(enter_sender, act_read_outside, REFUSED);
	assert_exit(enter_sender, act_write_inside, REFUSED);
}

static int act_foreign_family(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) < 0 && errno == EPERM ? REFUSED
								     : 0;
}

static int act_any_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EPERM ? REFUSED
								     : 0;
}

static int act_open_for_writing(void)
{
	return open("/dev/null", O_WRONLY) < 0 && errno == EPERM ? REFUSED : 0;
}

static int act_map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
			       errno == EPERM
		       ? REFUSED
		       : 0;
}

static int act_raise_limit(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return TROUBLE;
	return setrlimit(RLIMIT_NOFILE, &lim) < 0 && errno == EPERM ? REFUSED
								    : 0;
}

static int act_signal_parent(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0) < 0 &&
			       errno == EPERM
		       ? REFUSED
		       : 0;
}

static int act_terminal(void)
{
	return ioctl(0, 0x5412 /* TIOCSTI */, "x") < 0 && errno == EPERM
		       ? REFUSED
		       : 0;
}

static int act_exec(void)
{
	(void)execl("/bin/true", "true", NULL);
	return 0;
}

static int act_fork(void)
{
	return fork() < 0;
}

static int act_ptrace(void)
{
	return (int)syscall(SYS_ptrace, 0, 0, 0, 0);
}

static int act_kill(void)
{
	return kill(1, 0);
}

static int act_unlink(void)
{
	return unlink("/nowhere");
}

static int act_listen(void)
{
	return listen(0, 1);
}

static int act_connect(void)
{
	return connect(0, NULL, 0);
}

static int act_mount(void)
{
	return (int)syscall(SYS_mount, 0, 0, 0, 0, 0);
}

static int act_bpf(void)
{
	return (int)syscall(SYS_bpf, 0, 0, 0);
}

#ifdef __x86_64__
/* The same numbers mean other calls to the 32-bit entry. */
static int act_32_bit(void)
{
	int ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(20) : "memory");
	return ret < 0;
}

static int act_x32(void)
{
	return (int)syscall(0x40000000 | SYS_getpid);
}
#endif

static void test_refused(void **state)
{
	(void)state;
#ifdef PENSTOCK_SANITIZE
	skip();
#endif
	assert_exit(enter_worker, act_foreign_family, REFUSED);
	assert_exit(enter_certgen, act_any_socket, REFUSED);
	assert_exit(enter_audit, act_any_socket, REFUSED);
	assert_exit(enter_worker, act_open_for_writing, REFUSED);
	assert_exit(enter_worker, act_map_code, REFUSED);
	assert_exit(enter_certgen, act_map_code, REFUSED);
	assert_exit(enter_worker, act_raise_limit, REFUSED);
	assert_exit(enter_worker, act_signal_parent, REFUSED);
	assert_exit(enter_worker, act_terminal, REFUSED);
}

static void test_deadly(void **state)
{
	int (*const always[])(void) = {
		act_exec, act_fork,  act_ptrace, act_kill,
		act_bpf,  act_mount, act_listen,
#ifdef __x86_64__
		act_x32,
#endif
	};

	(void)state;
#ifdef PENSTOCK_SANITIZE
	skip();
#endif
	for (size_t i = 0; i < ARRAY_SIZE(always); i++) {
		assert_killed(enter_worker, always[i]);
		assert_killed(enter_certgen, always[i]);
		assert_killed(enter_audit, always[i]);
	}
	assert_killed(enter_worker, act_unlink);
	assert_killed(enter_certgen, act_connect);
	assert_killed(enter_audit, act_connect);
}

static void *in_thread(void *arg)
{
	*(int *)arg = 7;
	return NULL;
}

static int act_thread(void)
{
	pthread_t thread;
	int n = 0;

	if (pthread_create(&thread, NULL, in_thread, &n) ||
	    pthread_join(thread, NULL))
		return TROUBLE;
	return n == 7 ? 0 : TROUBLE;
}

static int act_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) < 0;
}

/* What a sender may and a worker may not, and where it ends. */
static void test_sender(void **state)
{
	(void)state;
	assert_exit(enter_sender, act_hardened, 0);
	assert_exit(enter_sender, act_network, 0);
	assert_exit(enter_sender, act_thread, 0);
	assert_exit(enter_sender, act_netlink, 0);
	assert_exit(enter_sender, act_fork, REFUSED);
	assert_exit(enter_sender, act_map_code, REFUSED);
	assert_exit(enter_sender, act_open_for_writing, REFUSED);
	assert_exit(enter_sender, act_signal_parent, REFUSED);
	assert_killed(enter_sender, act_exec);
	assert_killed(enter_sender, act_ptrace);
	assert_killed(enter_sender, act_unlink);
	assert_killed(enter_sender, act_listen);
	assert_killed(enter_sender, act_kill);
}

static void test_reader(void **state)
{
	(void)state;
	assert_exit(enter_reader, act_hardened, 0);
	assert_exit(enter_reader, act_any_socket, REFUSED);
	assert_killed(enter_reader, act_connect);
	assert_killed(enter_reader, act_fork);
	assert_killed(enter_reader, act_exec);
}

#ifdef __x86_64__
static void test_other_entry(void **state)
{
	int status;

	(void)state;
#ifdef PENSTOCK_SANITIZE
	skip();
#endif
	status = in_jail(enter_worker, act_32_bit);
	/* Some kernels have no 32-bit entry: then it faults. */
	assert_true(WIFSIGNALED(status));
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hardened),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_deadly),
		cmocka_unit_test(test_sender),
		cmocka_unit_test(test_reader),
#ifdef __x86_64__
		cmocka_unit_test(test_other_entry),
#endif
	};

	return cmocka_run_group_tests(tests, begin, finish);
}
