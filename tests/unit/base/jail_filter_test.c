/* The filters of our processes, for both architectures, run by hand. */

#include "base/jail_filter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/base.h"
#include "tests/unit/bpf.h"

#define SELF 4711

static const enum jail_kind kinds[] = { JAIL_WORKER, JAIL_SHIP_SENDER,
					JAIL_KEEPER };

/* The numbers of a call: [JAIL_X86_64], [JAIL_ARM64]; -1: none. */
struct numbers {
	const char *name;
	int nr[2];
};

/* Neither of ours nor any library's below us. */
static const struct numbers deadly[] = {
	{ "execve", { 59, 221 } },
	{ "execveat", { 322, 281 } },
	{ "fork", { 57, -1 } },
	{ "vfork", { 58, -1 } },
	{ "kill", { 62, 129 } },
	{ "tkill", { 200, 130 } },
	{ "listen", { 50, 201 } },
	{ "chroot", { 161, 51 } },
	{ "setuid", { 105, 146 } },
	{ "setresuid", { 117, 147 } },
	{ "setgid", { 106, 144 } },
	{ "capset", { 126, 91 } },
	{ "sethostname", { 170, 161 } },
	{ "mknodat", { 259, 33 } },
	{ "linkat", { 265, 37 } },
	{ "symlinkat", { 266, 36 } },
	{ "pidfd_open", { 434, 434 } },
	{ "pidfd_send_signal", { 424, 424 } },
	{ "memfd_create", { 319, 279 } },
	{ "seccomp", { 317, 277 } },
	{ "personality", { 135, 92 } },
	{ "chdir", { 80, 49 } },
	{ "wait4", { 61, 260 } },
	{ "setsid", { 112, 157 } },
	{ "landlock_restrict_self", { 446, 446 } },
	{ "openat2", { 437, 437 } },
	{ "splice", { 275, 76 } },
	{ "unshare", { 272, 97 } },
};

/* What each of our processes does all day. */
static const struct numbers needed[] = {
	{ "read", { 0, 63 } },
	{ "write", { 1, 64 } },
	{ "close", { 3, 57 } },
	{ "fcntl", { 72, 25 } },
	{ "munmap", { 11, 215 } },
	{ "mremap", { 25, 216 } },
	{ "madvise", { 28, 233 } },
	{ "brk", { 12, 214 } },
	{ "futex", { 202, 98 } },
	{ "clock_gettime", { 228, 113 } },
	{ "getrandom", { 318, 278 } },
	{ "epoll_ctl", { 233, 21 } },
	{ "epoll_wait", { 232, -1 } },
	{ "epoll_pwait", { 281, 22 } },
	{ "timerfd_settime", { 286, 86 } },
	{ "accept4", { 288, 242 } },
	{ "sendmsg", { 46, 211 } },
	{ "recvmsg", { 47, 212 } },
	{ "shutdown", { 48, 210 } },
	{ "rt_sigreturn", { 15, 139 } },
	{ "exit_group", { 231, 94 } },
};

static const uint32_t audit[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64 };

struct filter {
	struct sock_filter code[JAIL_FILTER_MAX];
	size_t len;
	enum jail_arch arch;
};

static void build(struct filter *f, enum jail_arch arch, enum jail_kind kind)
{
	f->arch = arch;
	f->len = jail_filter_build(arch, kind, SELF, f->code);
}

/* The answer to call number nr with these arguments. */
static uint32_t answer(const struct filter *f, int nr, uint64_t a, uint64_t b,
		       uint64_t c)
{
	const struct bpf_call call = { audit[f->arch],
				       (uint32_t)nr,
				       { a, b, c } };

	return bpf_run(f->code, f->len, &call);
}

static void assert_answer(const struct filter *f, const struct numbers *n,
			  uint32_t wanted)
{
	uint32_t got;

	if (n->nr[f->arch] < 0)
		return;
	got = answer(f, n->nr[f->arch], 0, 0, 0);
	if (got != wanted)
		fail_msg("%s on %d: %#x", n->name, (int)f->arch, got);
}

static void each_filter(void (*fn)(const struct filter *, enum jail_kind))
{
	struct filter f;

	for (int arch = JAIL_X86_64; arch <= JAIL_ARM64; arch++) {
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
			build(&f, (enum jail_arch)arch, kinds[i]);
			fn(&f, kinds[i]);
		}
	}
}

static void check_lists(const struct filter *f, enum jail_kind kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		assert_answer(f, &needed[i], SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < ARRAY_SIZE(deadly); i++)
		assert_answer(f, &deadly[i], SECCOMP_RET_KILL_PROCESS);
	for (size_t i = 0; i < ARRAY_SIZE(bpf_never); i++) {
		const struct numbers n = {
			bpf_never[i].name,
			{ bpf_never[i].x86_64, bpf_never[i].arm64 },
		};

		assert_answer(f, &n, SECCOMP_RET_KILL_PROCESS);
	}
	(void)kind;
}

static void test_lists(void **state)
{
	(void)state;
	each_filter(check_lists);
}

/* Whatever is asked by another convention, and all numbers that the kernel
 * may yet give out.
 */
static void check_foreign(const struct filter *f, enum jail_kind kind)
{
	static const uint32_t others[] = { AUDIT_ARCH_I386, AUDIT_ARCH_ARM, 0,
					   UINT32_MAX };
	struct bpf_call call = { 0 };

	for (uint32_t nr = 0; nr < 1024; nr++) {
		call.nr = nr;
		call.arch = audit[!f->arch];
		assert_int_equal(bpf_run(f->code, f->len, &call),
				 SECCOMP_RET_KILL_PROCESS);
		for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
			call.arch = others[i];
			assert_int_equal(bpf_run(f->code, f->len, &call),
					 SECCOMP_RET_KILL_PROCESS);
		}
		assert_int_equal(answer(f, (int)(BPF_X32 | nr), 0, 0, 0),
				 SECCOMP_RET_KILL_PROCESS);
		if (nr >= 440)
			assert_int_equal(answer(f, (int)nr, 0, 0, 0),
					 SECCOMP_RET_KILL_PROCESS);
	}
	(void)kind;
}

static void test_foreign(void **state)
{
	(void)state;
	each_filter(check_foreign);
}

static void check_arguments(const struct filter *f, enum jail_kind kind)
{
	static const int mmap[] = { 9, 222 }, mprotect[] = { 10, 226 };
	static const int ioctl[] = { 16, 29 }, tgkill[] = { 234, 131 };
	static const int prlimit[] = { 302, 261 };
	const enum jail_arch a = f->arch;

	/* PROT_EXEC is 4 */
	assert_int_equal(answer(f, mmap[a], 0, 0, 3), SECCOMP_RET_ALLOW);
	assert_int_equal(answer(f, mmap[a], 0, 0, 5), BPF_ERRNO(EPERM));
	assert_int_equal(answer(f, mprotect[a], 0, 0, 1), SECCOMP_RET_ALLOW);
	assert_int_equal(answer(f, mprotect[a], 0, 0, 4), BPF_ERRNO(EPERM));
	/* FIONREAD; TIOCSTI, with noise in the word that nobody reads */
	assert_int_equal(answer(f, ioctl[a], 0, 0x541b, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(answer(f, ioctl[a], 0, 0x5412, 0), BPF_ERRNO(EPERM));
	assert_int_equal(answer(f, ioctl[a], 0, (1ull << 32) | 0x5412, 0),
			 BPF_ERRNO(EPERM));
	assert_int_equal(answer(f, tgkill[a], SELF, 1, 6), SECCOMP_RET_ALLOW);
	assert_int_equal(answer(f, tgkill[a], 1, 1, 6), BPF_ERRNO(EPERM));
	assert_int_equal(answer(f, prlimit[a], 0, 7, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(answer(f, prlimit[a], 0, 7, 1), BPF_ERRNO(EPERM));
	assert_int_equal(answer(f, prlimit[a], 0, 7, 1ull << 32),
			 BPF_ERRNO(EPERM));
	(void)kind;
}

static void test_arguments(void **state)
{
	(void)state;
	each_filter(check_arguments);
}

/* What sets the three apart. */
static void check_kinds(const struct filter *f, enum jail_kind kind)
{
	static const int socket[] = { 41, 198 }, connect[] = { 42, 203 };
	static const int openat[] = { 257, 56 }, unlinkat[] = { 263, 35 };
	static const int clone[] = { 56, 220 }, clone3[] = { 435, 435 };
	const bool dials = kind != JAIL_KEEPER;
	const bool threads = kind == JAIL_SHIP_SENDER;
	const uint32_t allow = SECCOMP_RET_ALLOW;
	const uint32_t kill = SECCOMP_RET_KILL_PROCESS;
	const enum jail_arch a = f->arch;

	assert_int_equal(answer(f, socket[a], AF_INET6, 1, 0),
			 dials ? allow : BPF_ERRNO(EPERM));
	assert_int_equal(answer(f, socket[a], AF_NETLINK, 3, 0),
			 threads ? allow : BPF_ERRNO(EPERM));
	assert_int_equal(answer(f, socket[a], AF_PACKET, 3, 0),
			 BPF_ERRNO(EPERM));
	assert_int_equal(answer(f, connect[a], 0, 0, 0), dials ? allow : kill);
	/* O_RDONLY; O_WRONLY; O_RDONLY | O_CREAT */
	assert_int_equal(answer(f, openat[a], 0, 0, 0), allow);
	assert_int_equal(answer(f, openat[a], 0, 0, 1),
			 dials ? BPF_ERRNO(EPERM) : allow);
	assert_int_equal(answer(f, openat[a], 0, 0, 0100),
			 dials ? BPF_ERRNO(EPERM) : allow);
	assert_int_equal(answer(f, unlinkat[a], 0, 0, 0), dials ? kill : allow);
	/* CLONE_THREAD; a process; a user namespace */
	assert_int_equal(answer(f, clone[a], 0x10000, 0, 0),
			 threads ? allow : kill);
	assert_int_equal(answer(f, clone[a], 17, 0, 0),
			 threads ? BPF_ERRNO(EPERM) : kill);
	assert_int_equal(answer(f, clone[a], 0x10000000, 0, 0),
			 threads ? BPF_ERRNO(EPERM) : kill);
	assert_int_equal(answer(f, clone3[a], 0, 0, 0),
			 threads ? BPF_ERRNO(ENOSYS) : kill);
}

static void test_kinds(void **state)
{
	(void)state;
	each_filter(check_kinds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
