/* The system calls that a sandbox does not have: each made under the filter,
 * and the filters of both architectures run by hand.
 */

#include "cli/sandbox.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "cli/sandbox_calls.h"
#include "cli/sandbox_filter.h"
#include "tests/unit/bpf.h"

struct call {
	const char *name;
	long native, compat;
	int err;
};

#if defined(__x86_64__)
#define COMPAT(i386, arm) i386
#else
#define COMPAT(i386, arm) arm
#endif
#define REFUSED(call, i386, arm)                                               \
	{ #call, SYS_##call, COMPAT(i386, arm), EPERM },
#define ABSENT(call, i386, arm)                                                \
	{ #call, SYS_##call, COMPAT(i386, arm), ENOSYS },

static const struct call calls[] = { SANDBOX_CALLS_REFUSED(REFUSED)
					     SANDBOX_CALLS_ABSENT(ABSENT) };

/* Arguments that no call takes: without the filter none would do anything,
 * and the errno would be another.
 */
static long call_native(long nr)
{
	return syscall(nr, -1L, -1L, -1L, -1L, -1L, -1L) < 0 ? errno : 0;
}

#if defined(__x86_64__)
/* The same by the 32-bit convention. */
static long call_compat(long nr)
{
	long ret = nr;

	__asm__ volatile("int $0x80"
			 : "+a"(ret)
			 : "b"(-1L), "c"(-1L), "d"(-1L), "S"(-1L), "D"(-1L)
			 : "memory", "r8", "r9", "r10", "r11");
	return -(int)ret;
}
#endif

/* In a child under the filter: its exit status is fn's answer. */
static int under_filter(long (*fn)(long), long nr)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    sandbox_filter_enter())
			_exit(255);
		_exit((int)fn(nr));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_native(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		int err = under_filter(call_native, calls[i].native);

		if (err != calls[i].err)
			fail_msg("%s: errno %d", calls[i].name, err);
	}
}

static void test_compat(void **state)
{
	(void)state;
#if defined(__x86_64__)
	/* getpid; a kernel without this convention kills. */
	if (under_filter(call_compat, 20) < 0)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		int err;

		if (!calls[i].compat)
			continue;
		err = under_filter(call_compat, calls[i].compat);
		if (err != calls[i].err)
			fail_msg("%s: errno %d", calls[i].name, err);
	}
#else
	skip();
#endif
}

static long call_harmless(long nr)
{
	(void)nr;
	if (getppid() <= 0 || access("/", F_OK) || dup(2) < 0)
		return 1;
	return fork() < 0;
}

static void test_others_pass(void **state)
{
	(void)state;
	assert_int_equal(under_filter(call_harmless, 0), 0);
}

/* What programs are made of: [JAIL_X86_64], [JAIL_ARM64]. */
static const struct {
	const char *name;
	int nr[2];
} needed[] = {
	{ "read", { 0, 63 } },
	{ "write", { 1, 64 } },
	{ "openat", { 257, 56 } },
	{ "close", { 3, 57 } },
	{ "execve", { 59, 221 } },
	{ "clone", { 56, 220 } },
	{ "wait4", { 61, 260 } },
	{ "exit_group", { 231, 94 } },
	{ "mmap", { 9, 222 } },
	{ "mprotect", { 10, 226 } },
	{ "munmap", { 11, 215 } },
	{ "brk", { 12, 214 } },
	{ "futex", { 202, 98 } },
	{ "connect", { 42, 203 } },
	{ "bind", { 49, 200 } },
	{ "listen", { 50, 201 } },
	{ "accept4", { 288, 242 } },
	{ "sendto", { 44, 206 } },
	{ "recvfrom", { 45, 207 } },
	{ "sendmsg", { 46, 211 } },
	{ "recvmsg", { 47, 212 } },
	{ "fcntl", { 72, 25 } },
	{ "pipe2", { 293, 59 } },
	{ "dup3", { 292, 24 } },
	{ "getdents64", { 217, 61 } },
	{ "newfstatat", { 262, 79 } },
	{ "statx", { 332, 291 } },
	{ "unlinkat", { 263, 35 } },
	{ "renameat2", { 316, 276 } },
	{ "mkdirat", { 258, 34 } },
	{ "fchmodat", { 268, 53 } },
	{ "chdir", { 80, 49 } },
	{ "kill", { 62, 129 } },
	{ "tgkill", { 234, 131 } },
	{ "getpid", { 39, 172 } },
	{ "setsid", { 112, 157 } },
	{ "rt_sigaction", { 13, 134 } },
	{ "rt_sigprocmask", { 14, 135 } },
	{ "rt_sigreturn", { 15, 139 } },
	{ "prctl", { 157, 167 } },
	{ "prlimit64", { 302, 261 } },
	{ "getrandom", { 318, 278 } },
	{ "clock_gettime", { 228, 113 } },
	{ "nanosleep", { 35, 101 } },
	{ "epoll_create1", { 291, 20 } },
	{ "epoll_ctl", { 233, 21 } },
	{ "epoll_pwait", { 281, 22 } },
	{ "eventfd2", { 290, 19 } },
	{ "timerfd_create", { 283, 85 } },
	{ "inotify_init1", { 294, 26 } },
	{ "memfd_create", { 319, 279 } },
	{ "sched_setaffinity", { 203, 122 } },
	{ "set_tid_address", { 218, 96 } },
	{ "set_robust_list", { 273, 99 } },
	{ "rseq", { 334, 293 } },
	{ "landlock_create_ruleset", { 444, 444 } },
	{ "seccomp", { 317, 277 } },
};

struct filter {
	struct sock_filter code[SANDBOX_FILTER_MAX];
	size_t len;
};

static uint32_t answer(const struct filter *f, uint32_t arch, int nr,
		       uint64_t a, uint64_t b)
{
	const struct bpf_call call = { arch, (uint32_t)nr, { a, b, 0 } };

	return bpf_run(f->code, f->len, &call);
}

static void assert_never(const struct filter *f, uint32_t arch, int nr,
			 const struct bpf_never *never)
{
	uint32_t got;

	if (nr < 0)
		return;
	got = answer(f, arch, nr, 0, 0);
	if (got != BPF_ERRNO(never->err))
		fail_msg("%s, %#x: %#x", never->name, arch, got);
}

/* The calls and arguments that one convention numbers so. */
struct convention {
	uint32_t arch;
	int ioctl, socket, clone, clone3, unshare;
};

static void check_convention(const struct filter *f, bool root,
			     const struct convention *c)
{
	const uint32_t allow = SECCOMP_RET_ALLOW;
	const uint32_t ns = root ? BPF_ERRNO(EPERM) : allow;
	const uint32_t userns = 0x10000000; /* CLONE_NEWUSER */

	/* TIOCSTI, TIOCLINUX, TCGETS */
	assert_int_equal(answer(f, c->arch, c->ioctl, 0, 0x5412),
			 BPF_ERRNO(EPERM));
	assert_int_equal(answer(f, c->arch, c->ioctl, 0, 0x10000541c),
			 BPF_ERRNO(EPERM));
	assert_int_equal(answer(f, c->arch, c->ioctl, 0, 0x5401), allow);
	assert_int_equal(answer(f, c->arch, c->socket, AF_INET6, 0), allow);
	assert_int_equal(answer(f, c->arch, c->socket, AF_PACKET, 0),
			 BPF_ERRNO(EAFNOSUPPORT));
	assert_int_equal(answer(f, c->arch, c->socket, 40 /* VSOCK */, 0),
			 BPF_ERRNO(EAFNOSUPPORT));
	assert_int_equal(answer(f, c->arch, c->clone, userns | 17, 0), ns);
	assert_int_equal(answer(f, c->arch, c->unshare, userns, 0), ns);
	assert_int_equal(answer(f, c->arch, c->clone, 17, 0), allow);
	assert_int_equal(answer(f, c->arch, c->clone3, 0, 0),
			 root ? BPF_ERRNO(ENOSYS) : allow);
}

static void check_x86_64(const struct filter *f, bool root)
{
	static const struct convention own = {
		AUDIT_ARCH_X86_64, 16, 41, 56, 435, 272,
	};
	static const struct convention compat = {
		AUDIT_ARCH_I386, 54, 359, 120, 435, 310,
	};

	check_convention(f, root, &own);
	check_convention(f, root, &compat);
	for (size_t i = 0; i < ARRAY_SIZE(bpf_never); i++) {
		const struct bpf_never *n = &bpf_never[i];

		assert_never(f, AUDIT_ARCH_X86_64, n->x86_64, n);
		assert_never(f, AUDIT_ARCH_I386, n->i386, n);
	}
	assert_int_equal(answer(f, AUDIT_ARCH_I386, 102 /* socketcall */, 0, 0),
			 BPF_ERRNO(ENOSYS));
	assert_int_equal(answer(f, AUDIT_ARCH_X86_64, 172 /* iopl */, 0, 0),
			 BPF_ERRNO(EPERM));
	for (int nr = 0; nr < 1024; nr++) {
		uint32_t got = answer(f, AUDIT_ARCH_X86_64,
				      (int)(BPF_X32 | (unsigned int)nr), 0, 0);

		assert_int_equal(got, BPF_ERRNO(ENOSYS));
		assert_int_equal(answer(f, AUDIT_ARCH_AARCH64, nr, 0, 0),
				 SECCOMP_RET_KILL_PROCESS);
	}
}

static void check_arm64(const struct filter *f, bool root)
{
	static const struct convention own = {
		AUDIT_ARCH_AARCH64, 29, 198, 220, 435, 97,
	};
	static const struct convention compat = {
		AUDIT_ARCH_ARM, 54, 281, 120, 435, 337,
	};

	check_convention(f, root, &own);
	check_convention(f, root, &compat);
	for (size_t i = 0; i < ARRAY_SIZE(bpf_never); i++) {
		const struct bpf_never *n = &bpf_never[i];

		assert_never(f, AUDIT_ARCH_AARCH64, n->arm64, n);
		assert_never(f, AUDIT_ARCH_ARM, n->arm, n);
	}
	for (int nr = 0; nr < 1024; nr++) {
		assert_int_equal(answer(f, AUDIT_ARCH_X86_64, nr, 0, 0),
				 SECCOMP_RET_KILL_PROCESS);
		assert_int_equal(answer(f, AUDIT_ARCH_I386, nr, 0, 0),
				 SECCOMP_RET_KILL_PROCESS);
	}
}

static void test_built(void **state)
{
	static const uint32_t audit[] = { AUDIT_ARCH_X86_64,
					  AUDIT_ARCH_AARCH64 };
	struct filter f;

	(void)state;
	for (int i = 0; i < 4; i++) {
		enum jail_arch arch = i & 1 ? JAIL_ARM64 : JAIL_X86_64;
		bool root = i & 2;

		f.len = sandbox_filter_build(arch, root, f.code);
		if (arch == JAIL_X86_64)
			check_x86_64(&f, root);
		else
			check_arm64(&f, root);
		for (size_t n = 0; n < ARRAY_SIZE(needed); n++) {
			uint32_t got = answer(&f, audit[arch],
					      needed[n].nr[arch], 0, 0);

			if (needed[n].nr[arch] >= 0 && got != SECCOMP_RET_ALLOW)
				fail_msg("%s: %#x", needed[n].name, got);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_native),
		cmocka_unit_test(test_compat),
		cmocka_unit_test(test_others_pass),
		cmocka_unit_test(test_built),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
