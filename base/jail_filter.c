/* base/jail_filter.c - which system calls our own processes may make.
 *
 * The filter compares the number of a call with one list after the other. The
 * kernel runs it once for each number and remembers those that are allowed
 * without a look at the arguments, so the length of the lists costs nothing.
 * What is in no list kills the process: hostile code gets no second try, and
 * a call that we forgot is found by the first test that makes it. Calls that a
 * library tries and can do without get EPERM instead.
 *
 * A call that an architecture has not is left out of its filter. What is
 * compared besides numbers (flags of open, clone and mmap, families of
 * sockets, ioctls) has the same value on both.
 */

#include "base/jail_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/base.h"

/* A filter being written. */
struct jail_filter {
	enum jail_arch arch;
	struct sock_filter *code; /* of JAIL_FILTER_MAX */
	size_t len;
};

/* Every process: memory, time, signals to itself, descriptors it has. */
static const enum jail_call jail_common[] = {
	CALL_read,
	CALL_readv,
	CALL_pread64,
	CALL_write,
	CALL_writev,
	CALL_close,
	CALL_dup,
	CALL_dup3,
	CALL_fcntl,
	CALL_fstat,
	CALL_newfstatat,
	CALL_statx,
	CALL_lseek,
	CALL_munmap,
	CALL_mremap,
	CALL_madvise,
	CALL_brk,
	CALL_futex,
	CALL_clock_gettime,
	CALL_clock_getres,
	CALL_clock_nanosleep,
	CALL_nanosleep,
	CALL_gettimeofday,
	CALL_getrandom,
	CALL_getpid,
	CALL_gettid,
	CALL_getuid,
	CALL_geteuid,
	CALL_getgid,
	CALL_getegid,
	CALL_uname,
	CALL_sysinfo,
	CALL_sched_yield,
	CALL_rt_sigaction,
	CALL_rt_sigprocmask,
	CALL_rt_sigreturn,
	CALL_sigaltstack,
	CALL_restart_syscall,
	CALL_set_robust_list,
	CALL_rseq,
	CALL_exit,
	CALL_exit_group,
	CALL_epoll_create1,
	CALL_epoll_ctl,
	CALL_epoll_pwait,
	CALL_ppoll,
	CALL_pselect6,
	CALL_eventfd2,
	CALL_timerfd_create,
	CALL_timerfd_settime,
	CALL_accept4,
	CALL_sendto,
	CALL_sendmsg,
	CALL_recvfrom,
	CALL_recvmsg,
	CALL_getsockopt,
	CALL_getsockname,
	CALL_getpeername,
	CALL_shutdown,
	/* older spellings, which arm64 never had */
	CALL_dup2,
	CALL_epoll_wait,
	CALL_poll,
	CALL_select,
	CALL_time,
};

/* The worker: it opens connections. socket() itself is looked at below. */
static const enum jail_call jail_network[] = {
	CALL_connect, CALL_bind, CALL_setsockopt, CALL_sendmmsg, CALL_recvmmsg,
};

/* certgen and audit: files, wherever landlock lets them. */
static const enum jail_call jail_files[] = {
	CALL_openat,	CALL_pwrite64,	CALL_pwritev,	 CALL_preadv,
	CALL_ftruncate, CALL_fallocate, CALL_fsync,	 CALL_fdatasync,
	CALL_msync,	CALL_flock,	CALL_getdents64, CALL_statfs,
	CALL_fstatfs,	CALL_faccessat, CALL_readlinkat, CALL_renameat,
	CALL_renameat2, CALL_unlinkat,	CALL_mkdirat,	 CALL_fchmod,
	CALL_fchmodat,	CALL_getcwd,	CALL_umask,	 CALL_stat,
	CALL_lstat,	CALL_access,	CALL_readlink,	 CALL_rename,
	CALL_unlink,	CALL_rmdir,	CALL_mkdir,	 CALL_chmod,
};

/* A resolver that runs in a thread, and how the thread says that it is done. */
static const enum jail_call jail_threads[] = {
	CALL_socketpair,
	CALL_pipe2,
};

/* Tried by libraries, which go on without: refused, but not deadly. What an
 * earlier list allows does not come here.
 */
static const enum jail_call jail_refused[] = {
	CALL_socket,
	CALL_faccessat,
	CALL_faccessat2,
	CALL_readlinkat,
	CALL_getcwd,
	CALL_getrusage,
	CALL_prctl,
	CALL_membarrier,
	CALL_sched_getaffinity,
	CALL_mlock,
	CALL_fchown,
	CALL_fadvise64,
	CALL_getresuid,
	CALL_getresgid,
	CALL_getppid,
	CALL_utimensat,
	CALL_sched_setaffinity,
	CALL_stat,
	CALL_lstat,
	CALL_access,
	CALL_readlink,
	CALL_open,
};

static void jail_filter_emit(struct jail_filter *f, struct sock_filter op)
{
	assert(f->len < JAIL_FILTER_MAX);
	f->code[f->len++] = op;
}

static void jail_filter_load(struct jail_filter *f, size_t offset)
{
	jail_filter_emit(f,
			 (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						      (uint32_t)offset));
}

/* Leave out the next skip instructions unless the loaded word is v. */
static void jail_filter_unless(struct jail_filter *f, uint32_t v, size_t skip)
{
	assert(skip <= UINT8_MAX);
	jail_filter_emit(f,
			 (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						      v, 0, (uint8_t)skip));
}

static void jail_filter_unless_call(struct jail_filter *f, enum jail_call call,
				    size_t skip)
{
	int nr = jail_calls_nr(f->arch, call);

	assert(nr >= 0); /* both architectures have those we look into */
	jail_filter_unless(f, (uint32_t)nr, skip);
}

static void jail_filter_answer(struct jail_filter *f, uint32_t answer)
{
	jail_filter_emit(f,
			 (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer));
}

#define JAIL_ALLOW SECCOMP_RET_ALLOW
#define JAIL_EPERM (SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA))

/* From here on the number of the call is the loaded word, as every branch
 * that loads something else ends in an answer.
 */
static void jail_filter_begin(struct jail_filter *f)
{
	jail_filter_load(f, offsetof(struct seccomp_data, arch));
	jail_filter_unless(f, jail_calls_audit(f->arch), 1);
	jail_filter_emit(
		f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0));
	jail_filter_answer(f, SECCOMP_RET_KILL_PROCESS);
	jail_filter_load(f, offsetof(struct seccomp_data, nr));
}

static void jail_filter_calls(struct jail_filter *f,
			      const enum jail_call *calls, size_t len,
			      uint32_t answer)
{
	for (size_t i = 0; i < len; i++) {
		int nr = jail_calls_nr(f->arch, calls[i]);

		if (nr < 0)
			continue;
		jail_filter_unless(f, (uint32_t)nr, 1);
		jail_filter_answer(f, answer);
	}
}

/* Where an argument lies. Both architectures are little-endian: the low word
 * comes first.
 */
static size_t jail_filter_arg(unsigned int arg)
{
	return offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t);
}

/* Allow call if its argument, an int, is one of values under mask; otherwise
 * it gets EPERM. The kernel ignores the high word of an int as well.
 */
static void jail_filter_if(struct jail_filter *f, enum jail_call call,
			   unsigned int arg, uint32_t mask,
			   const uint32_t *values, size_t len)
{
	jail_filter_unless_call(f, call, 3 + 2 * len);
	jail_filter_load(f, jail_filter_arg(arg));
	jail_filter_emit(f, (struct sock_filter)BPF_STMT(
				    BPF_ALU | BPF_AND | BPF_K, mask));
	for (size_t i = 0; i < len; i++) {
		jail_filter_unless(f, values[i], 1);
		jail_filter_answer(f, JAIL_ALLOW);
	}
	jail_filter_answer(f, JAIL_EPERM);
}

/* Allow call if its argument is NULL; otherwise it gets EPERM. */
static void jail_filter_if_null(struct jail_filter *f, enum jail_call call,
				unsigned int arg)
{
	jail_filter_unless_call(f, call, 6);
	jail_filter_load(f, jail_filter_arg(arg));
	jail_filter_unless(f, 0, 3);
	jail_filter_load(f, jail_filter_arg(arg) + sizeof(uint32_t));
	jail_filter_unless(f, 0, 1);
	jail_filter_answer(f, JAIL_ALLOW);
	jail_filter_answer(f, JAIL_EPERM);
}

/* What all processes share: the common calls, no new code in memory, no
 * terminal tricks, limits to be read only, signals only to oneself.
 */
static void jail_filter_common(struct jail_filter *f, uint32_t self)
{
	static const uint32_t none = 0;
	static const uint32_t ioctls[] = { FIONREAD, FIONBIO };

	jail_filter_begin(f);
	jail_filter_calls(f, jail_common, ARRAY_SIZE(jail_common), JAIL_ALLOW);
	jail_filter_if(f, CALL_mmap, 2, PROT_EXEC, &none, 1);
	jail_filter_if(f, CALL_mprotect, 2, PROT_EXEC, &none, 1);
	jail_filter_if(f, CALL_ioctl, 1, UINT32_MAX, ioctls,
		       ARRAY_SIZE(ioctls));
	jail_filter_if(f, CALL_tgkill, 0, UINT32_MAX, &self, 1);
	jail_filter_if_null(f, CALL_prlimit64, 2);
}

/* What those that dial have in common. */
static void jail_filter_dialer(struct jail_filter *f, const uint32_t *families,
			       size_t families_len)
{
	static const uint32_t none = 0;

	jail_filter_calls(f, jail_network, ARRAY_SIZE(jail_network),
			  JAIL_ALLOW);
	jail_filter_if(f, CALL_socket, 0, UINT32_MAX, families, families_len);
	jail_filter_if(f, CALL_openat, 2,
		       O_ACCMODE | O_CREAT | O_TRUNC |
			       (O_TMPFILE & ~O_DIRECTORY),
		       &none, 1);
}

static void jail_filter_sender(struct jail_filter *f)
{
	/* A resolver asks netlink which addresses there are. */
	static const uint32_t families[] = { AF_INET, AF_INET6, AF_UNIX,
					     AF_NETLINK };
	static const uint32_t thread = CLONE_THREAD;

	jail_filter_dialer(f, families, ARRAY_SIZE(families));
	jail_filter_calls(f, jail_threads, ARRAY_SIZE(jail_threads),
			  JAIL_ALLOW);
	jail_filter_if(f, CALL_clone, 0, CLONE_THREAD, &thread, 1);
	/* Its flags lie in memory, which a filter cannot read: libc then takes
	 * the older call.
	 */
	jail_filter_unless_call(f, CALL_clone3, 1);
	jail_filter_answer(f, SECCOMP_RET_ERRNO | ENOSYS);
}

size_t jail_filter_build(enum jail_arch arch, enum jail_kind kind,
			 uint32_t self, struct sock_filter *ret)
{
	static const uint32_t families[] = { AF_INET, AF_INET6, AF_UNIX };
	struct jail_filter f = { .arch = arch, .code = ret };

	jail_filter_common(&f, self);
	switch (kind) {
	case JAIL_WORKER:
		jail_filter_dialer(&f, families, ARRAY_SIZE(families));
		break;
	case JAIL_SHIP_SENDER:
		jail_filter_sender(&f);
		break;
	case JAIL_KEEPER:
		jail_filter_calls(&f, jail_files, ARRAY_SIZE(jail_files),
				  JAIL_ALLOW);
		break;
	}
	jail_filter_calls(&f, jail_refused, ARRAY_SIZE(jail_refused),
			  JAIL_EPERM);
	jail_filter_answer(&f, SECCOMP_RET_KILL_PROCESS);
	return f.len;
}
