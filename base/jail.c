/* base/jail.c - what each process may still do, in one file.
 *
 * Three layers, each of which stands without the others: no privileges, no
 * capabilities, no dump (jail_harden); only files below the named paths
 * (landlock); only the system calls named here (seccomp). The unit files say
 * the same again from outside.
 *
 * The filter compares the number of a call with one list after the other. The
 * kernel runs it once for each number and remembers those that are allowed
 * without a look at the arguments, so the length of the lists costs nothing.
 * What is in no list kills the process: hostile code gets no second try, and
 * a call that we forgot is found by the first test that makes it. Calls that a
 * library tries and can do without get EPERM instead.
 *
 * Under PENSTOCK_SANITIZE there is no seccomp, and the process stays dumpable:
 * the sanitizers' runtimes map executable memory, clone themselves to look for
 * leaks, and trace their parent. They also read /proc, which is opened for
 * them in landlock.
 */

#include "base/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"

#if defined(__x86_64__)
#define JAIL_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define JAIL_ARCH AUDIT_ARCH_AARCH64
#else
#error "no seccomp filter has been written for this architecture"
#endif

/* Filesystem rights that landlock knew first in version 1, 2, 3, 4, 5: so many
 * of the lowest bits. Ours to deny is whatever this kernel can.
 */
static const unsigned int jail_rights[] = { 13, 14, 15, 15, 16 };

/* Kernel headers before 6.2 lack these. */
#define JAIL_FS_TRUNCATE    (1ull << 14)
#define JAIL_SCOPE_ABSTRACT (1ull << 0) /* connect to foreign @sockets */
#define JAIL_SCOPE_SIGNAL   (1ull << 1) /* signals to others */
#define JAIL_SCOPE_SINCE    6		/* landlock version */

#define JAIL_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define JAIL_WRITE                                                             \
	(JAIL_READ | LANDLOCK_ACCESS_FS_WRITE_FILE |                           \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |      \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |           \
	 LANDLOCK_ACCESS_FS_REFER | JAIL_FS_TRUNCATE)
/* The rights that make sense for what is no directory; others are EINVAL. */
#define JAIL_FILE                                                              \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |        \
	 JAIL_FS_TRUNCATE)

/* struct landlock_ruleset_attr as of version 6. Older kernels take it as long
 * as what they do not know is zero.
 */
struct jail_ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

static const char *const jail_nowhere[] = { NULL };

#define JAIL_CODE_MAX 512 /* instructions; the longest filter has some 300 */

/* A filter being written. */
struct jail_filter {
	struct sock_filter code[JAIL_CODE_MAX];
	unsigned short len;
};

/* Every process: memory, time, signals to itself, descriptors it has. */
static const int jail_common[] = {
	SYS_read,
	SYS_readv,
	SYS_pread64,
	SYS_write,
	SYS_writev,
	SYS_close,
	SYS_dup,
	SYS_dup3,
	SYS_fcntl,
	SYS_fstat,
	SYS_newfstatat,
	SYS_statx,
	SYS_lseek,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	SYS_brk,
	SYS_futex,
	SYS_clock_gettime,
	SYS_clock_getres,
	SYS_clock_nanosleep,
	SYS_nanosleep,
	SYS_gettimeofday,
	SYS_getrandom,
	SYS_getpid,
	SYS_gettid,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_uname,
	SYS_sysinfo,
	SYS_sched_yield,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_sigaltstack,
	SYS_restart_syscall,
	SYS_set_robust_list,
	SYS_rseq,
	SYS_exit,
	SYS_exit_group,
	SYS_epoll_create1,
	SYS_epoll_ctl,
	SYS_epoll_pwait,
	SYS_ppoll,
	SYS_pselect6,
	SYS_eventfd2,
	SYS_timerfd_create,
	SYS_timerfd_settime,
	SYS_accept4,
	SYS_sendto,
	SYS_sendmsg,
	SYS_recvfrom,
	SYS_recvmsg,
	SYS_getsockopt,
	SYS_getsockname,
	SYS_getpeername,
	SYS_shutdown,
#ifdef __x86_64__ /* older spellings, which aarch64 never had */
	SYS_dup2,
	SYS_epoll_wait,
	SYS_poll,
	SYS_select,
	SYS_time,
#endif
};

/* The worker: it opens connections. socket() itself is looked at below. */
static const int jail_network[] = {
	SYS_connect, SYS_bind, SYS_setsockopt, SYS_sendmmsg, SYS_recvmmsg,
};

/* certgen and audit: files, wherever landlock lets them. */
static const int jail_files[] = {
	SYS_openat,    SYS_pwrite64,  SYS_pwritev,    SYS_preadv,
	SYS_ftruncate, SYS_fallocate, SYS_fsync,      SYS_fdatasync,
	SYS_msync,     SYS_flock,     SYS_getdents64, SYS_statfs,
	SYS_fstatfs,   SYS_faccessat, SYS_readlinkat, SYS_renameat,
	SYS_renameat2, SYS_unlinkat,  SYS_mkdirat,    SYS_fchmod,
	SYS_fchmodat,  SYS_getcwd,    SYS_umask,
#ifdef __x86_64__
	SYS_stat,      SYS_lstat,     SYS_access,     SYS_readlink,
	SYS_rename,    SYS_unlink,    SYS_rmdir,      SYS_mkdir,
	SYS_chmod,
#endif
};

/* A resolver that runs in a thread, and how the thread says that it is done. */
static const int jail_threads[] = {
	SYS_socketpair,
	SYS_pipe2,
};

/* Tried by libraries, which go on without: refused, but not deadly. What an
 * earlier list allows does not come here.
 */
static const int jail_refused[] = {
	SYS_socket,
	SYS_faccessat,
	SYS_faccessat2,
	SYS_readlinkat,
	SYS_getcwd,
	SYS_getrusage,
	SYS_prctl,
	SYS_membarrier,
	SYS_sched_getaffinity,
	SYS_mlock,
	SYS_fchown,
	SYS_fadvise64,
	SYS_getresuid,
	SYS_getresgid,
	SYS_getppid,
	SYS_utimensat,
	SYS_sched_setaffinity,
#ifdef __x86_64__
	SYS_stat,
	SYS_lstat,
	SYS_access,
	SYS_readlink,
	SYS_open,
#endif
};

/* No dump of our memory, no way back to any privilege. */
static int jail_harden(void)
{
	const struct rlimit none = { 0, 0 };
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	const struct __user_cap_data_struct caps[2] = { 0 };

#ifndef PENSTOCK_SANITIZE
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
#endif
	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	/* EINVAL ends the list; EPERM means that we have no CAP_SETPCAP, and
	 * then the bounding set is as it is.
	 */
	for (unsigned long cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) >= 0;
	     cap++)
		;
	/* Fails on kernels that have no ambient set, which is as good. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, caps) < 0)
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* Allow rights below path. A path that is not there needs no permission. */
static int jail_open_path(int ruleset, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { 0 };
	struct stat st;
	int fd = open(path, O_PATH | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0) {
		err = -errno;
	} else {
		if (!S_ISDIR(st.st_mode))
			rights &= JAIL_FILE;
		rule.allowed_access = rights;
		rule.parent_fd = fd;
		if (syscall(SYS_landlock_add_rule, ruleset,
			    LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
			err = -errno;
	}
	(void)close(fd);
	return err;
}

static int jail_open_paths(int ruleset, const char *const *paths,
			   uint64_t rights)
{
	for (; *paths; paths++) {
		int err = jail_open_path(ruleset, *paths, rights);

		if (err < 0)
			return err;
	}
	return 0;
}

/* Close the filesystem: what is below write_paths may be written, below
 * read_paths read (both NULL-terminated). Returns 0, JAIL_NO_LANDLOCK or -errno.
 */
static int jail_landlock(const char *const *write_paths,
			 const char *const *read_paths)
{
	static const char *const for_sanitizer[] = {
#ifdef PENSTOCK_SANITIZE
		"/proc",
#endif
		NULL,
	};
	struct jail_ruleset attr = { 0 };
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
			       LANDLOCK_CREATE_RULESET_VERSION);
	size_t known;
	int fd, err;

	if (version < 1)
		return JAIL_NO_LANDLOCK;
	known = MIN((size_t)version, ARRAY_SIZE(jail_rights));
	attr.fs = (1ull << jail_rights[known - 1]) - 1;
	if (version >= JAIL_SCOPE_SINCE)
		attr.scoped = JAIL_SCOPE_ABSTRACT | JAIL_SCOPE_SIGNAL;
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (fd < 0)
		return -errno;

	err = jail_open_paths(fd, write_paths, JAIL_WRITE & attr.fs);
	if (err >= 0)
		err = jail_open_paths(fd, read_paths, JAIL_READ & attr.fs);
	if (err >= 0)
		err = jail_open_paths(fd, for_sanitizer, JAIL_READ);
	if (err >= 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		err = -errno;
	(void)close(fd);
	return err;
}

static void jail_emit(struct jail_filter *f, struct sock_filter op)
{
	assert(f->len < JAIL_CODE_MAX);
	f->code[f->len++] = op;
}

static void jail_load(struct jail_filter *f, size_t offset)
{
	jail_emit(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						  (uint32_t)offset));
}

/* Leave out the next skip instructions unless the loaded word is v. */
static void jail_unless(struct jail_filter *f, uint32_t v, size_t skip)
{
	assert(skip <= UINT8_MAX);
	jail_emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, v,
						  0, (uint8_t)skip));
}

static void jail_answer(struct jail_filter *f, uint32_t answer)
{
	jail_emit(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer));
}

#define JAIL_ALLOW SECCOMP_RET_ALLOW
#define JAIL_EPERM (SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA))

/* From here on the number of the call is the loaded word, as every branch
 * that loads something else ends in an answer.
 */
static void jail_filter_begin(struct jail_filter *f)
{
	f->len = 0;
	jail_load(f, offsetof(struct seccomp_data, arch));
	jail_unless(f, JAIL_ARCH, 1);
	jail_emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0));
	jail_answer(f, SECCOMP_RET_KILL_PROCESS);
	jail_load(f, offsetof(struct seccomp_data, nr));
}

static void jail_calls(struct jail_filter *f, const int *calls, size_t len,
		       uint32_t answer)
{
	for (size_t i = 0; i < len; i++) {
		jail_unless(f, (uint32_t)calls[i], 1);
		jail_answer(f, answer);
	}
}

/* Where an argument lies. Both architectures are little-endian: the low word
 * comes first.
 */
static size_t jail_arg(unsigned int arg)
{
	return offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t);
}

/* Allow call if its argument, an int, is one of values under mask; otherwise
 * it gets EPERM. The kernel ignores the high word of an int as well.
 */
static void jail_call_if(struct jail_filter *f, int call, unsigned int arg,
			 uint32_t mask, const uint32_t *values, size_t len)
{
	jail_unless(f, (uint32_t)call, 3 + 2 * len);
	jail_load(f, jail_arg(arg));
	jail_emit(f, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K,
						  mask));
	for (size_t i = 0; i < len; i++) {
		jail_unless(f, values[i], 1);
		jail_answer(f, JAIL_ALLOW);
	}
	jail_answer(f, JAIL_EPERM);
}

/* Allow call if its argument is NULL; otherwise it gets EPERM. */
static void jail_call_if_null(struct jail_filter *f, int call, unsigned int arg)
{
	jail_unless(f, (uint32_t)call, 6);
	jail_load(f, jail_arg(arg));
	jail_unless(f, 0, 3);
	jail_load(f, jail_arg(arg) + sizeof(uint32_t));
	jail_unless(f, 0, 1);
	jail_answer(f, JAIL_ALLOW);
	jail_answer(f, JAIL_EPERM);
}

/* What all processes share: the common calls, no new code in memory, no
 * terminal tricks, limits to be read only, signals only to oneself.
 */
static void jail_filter_common(struct jail_filter *f)
{
	static const uint32_t none = 0;
	static const uint32_t ioctls[] = { FIONREAD, FIONBIO };
	const uint32_t self = (uint32_t)getpid();

	jail_filter_begin(f);
	jail_calls(f, jail_common, ARRAY_SIZE(jail_common), JAIL_ALLOW);
	jail_call_if(f, SYS_mmap, 2, PROT_EXEC, &none, 1);
	jail_call_if(f, SYS_mprotect, 2, PROT_EXEC, &none, 1);
	jail_call_if(f, SYS_ioctl, 1, UINT32_MAX, ioctls, ARRAY_SIZE(ioctls));
	jail_call_if(f, SYS_tgkill, 0, UINT32_MAX, &self, 1);
	jail_call_if_null(f, SYS_prlimit64, 2);
}

/* Nothing else is allowed; put the filter in force. */
static int jail_filter_end(struct jail_filter *f)
{
	struct sock_fprog prog = { .filter = f->code };

	jail_calls(f, jail_refused, ARRAY_SIZE(jail_refused), JAIL_EPERM);
	jail_answer(f, SECCOMP_RET_KILL_PROCESS);
	prog.len = f->len;
#ifdef PENSTOCK_SANITIZE
	return 0;
#endif
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0
		       ? -errno
		       : 0;
}

/* What those that dial have in common. Returns as jail_landlock(). */
static int jail_dialer(struct jail_filter *f, const char *const *read_paths,
		       const uint32_t *families, size_t families_len)
{
	static const uint32_t none = 0;
	int err = jail_harden();
	int flags;

	if (err < 0)
		return err;
	flags = jail_landlock(jail_nowhere, read_paths);
	if (flags < 0)
		return flags;
	jail_filter_common(f);
	jail_calls(f, jail_network, ARRAY_SIZE(jail_network), JAIL_ALLOW);
	jail_call_if(f, SYS_socket, 0, UINT32_MAX, families, families_len);
	jail_call_if(f, SYS_openat, 2,
		     O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY),
		     &none, 1);
	return flags;
}

int jail_worker(const char *const *read_paths)
{
	static const uint32_t families[] = { AF_INET, AF_INET6, AF_UNIX };
	struct jail_filter f;
	int flags = jail_dialer(&f, read_paths, families, ARRAY_SIZE(families));
	int err = flags < 0 ? flags : jail_filter_end(&f);

	return err < 0 ? err : flags;
}

int jail_ship_sender(const char *const *read_paths)
{
	/* A resolver asks netlink which addresses there are. */
	static const uint32_t families[] = { AF_INET, AF_INET6, AF_UNIX,
					     AF_NETLINK };
	static const uint32_t thread = CLONE_THREAD;
	struct jail_filter f;
	int flags = jail_dialer(&f, read_paths, families, ARRAY_SIZE(families));
	int err;

	if (flags < 0)
		return flags;
	jail_calls(&f, jail_threads, ARRAY_SIZE(jail_threads), JAIL_ALLOW);
	jail_call_if(&f, SYS_clone, 0, CLONE_THREAD, &thread, 1);
	/* Its flags lie in memory, which a filter cannot read: libc then takes
	 * the older call.
	 */
	jail_unless(&f, SYS_clone3, 1);
	jail_answer(&f, SECCOMP_RET_ERRNO | ENOSYS);
	err = jail_filter_end(&f);
	return err < 0 ? err : flags;
}

/* certgen, audit and the reader of what audit writes: no network. */
static int jail_keeper(const char *const *write_paths,
		       const char *const *read_paths)
{
	struct jail_filter f;
	int err = jail_harden();
	int flags;

	if (err < 0)
		return err;
	flags = jail_landlock(write_paths, read_paths);
	if (flags < 0)
		return flags;
	jail_filter_common(&f);
	jail_calls(&f, jail_files, ARRAY_SIZE(jail_files), JAIL_ALLOW);
	err = jail_filter_end(&f);
	return err < 0 ? err : flags;
}

int jail_certgen(const char *state_dir)
{
	const char *const paths[] = { state_dir, NULL };

	return jail_keeper(paths, jail_nowhere);
}

int jail_audit(const char *state_dir, const char *spool_dir)
{
	const char *const paths[] = { state_dir, spool_dir, NULL };

	return jail_keeper(paths, jail_nowhere);
}

int jail_ship_reader(const char *state_dir, const char *cursors_dir,
		     const char *status_dir)
{
	const char *const paths[] = { cursors_dir, status_dir, NULL };
	const char *const read_paths[] = { state_dir, NULL };

	return jail_keeper(paths, read_paths);
}
