/* base/jail_calls.h - system calls by name, and their numbers per architecture.
 *
 * The numbers do not come from the headers of the compiler, so that a filter
 * for one architecture can be built, and run by a test, on another.
 */
#ifndef BASE_JAIL_CALLS_H
#define BASE_JAIL_CALLS_H

#include <stdint.h>

enum jail_arch {
	JAIL_X86_64,
	JAIL_ARM64
};

#if defined(__x86_64__)
#define JAIL_ARCH JAIL_X86_64
#elif defined(__aarch64__)
#define JAIL_ARCH JAIL_ARM64
#else
#error "no seccomp filter has been written for this architecture"
#endif

/* clang-format off */
enum jail_call {
	CALL_accept4, CALL_access, CALL_acct, CALL_add_key, CALL_bind,
	CALL_bpf, CALL_brk, CALL_chmod, CALL_clock_adjtime, CALL_clock_getres,
	CALL_clock_gettime, CALL_clock_nanosleep, CALL_clock_settime,
	CALL_clone, CALL_clone3, CALL_close, CALL_connect, CALL_delete_module,
	CALL_dup, CALL_dup2, CALL_dup3, CALL_epoll_create1, CALL_epoll_ctl,
	CALL_epoll_pwait, CALL_epoll_wait, CALL_eventfd2, CALL_exit,
	CALL_exit_group, CALL_faccessat, CALL_faccessat2, CALL_fadvise64,
	CALL_fallocate, CALL_fanotify_init, CALL_fchmod, CALL_fchmodat,
	CALL_fchown, CALL_fcntl, CALL_fdatasync, CALL_finit_module,
	CALL_flock, CALL_fsconfig, CALL_fsmount, CALL_fsopen, CALL_fspick,
	CALL_fstat, CALL_fstatfs, CALL_fsync, CALL_ftruncate, CALL_futex,
	CALL_getcwd, CALL_getdents64, CALL_getegid, CALL_geteuid, CALL_getgid,
	CALL_getpeername, CALL_getpid, CALL_getppid, CALL_getrandom,
	CALL_getresgid, CALL_getresuid, CALL_getrusage, CALL_getsockname,
	CALL_getsockopt, CALL_gettid, CALL_gettimeofday, CALL_getuid,
	CALL_init_module, CALL_io_uring_enter, CALL_io_uring_register,
	CALL_io_uring_setup, CALL_ioctl, CALL_ioperm, CALL_iopl, CALL_kcmp,
	CALL_kexec_file_load, CALL_kexec_load, CALL_keyctl, CALL_lseek,
	CALL_lstat, CALL_madvise, CALL_membarrier, CALL_mkdir, CALL_mkdirat,
	CALL_mlock, CALL_mmap, CALL_mount, CALL_mount_setattr,
	CALL_move_mount, CALL_mprotect, CALL_mremap, CALL_msync, CALL_munmap,
	CALL_nanosleep, CALL_newfstatat, CALL_open, CALL_open_by_handle_at,
	CALL_open_tree, CALL_openat, CALL_perf_event_open, CALL_pidfd_getfd,
	CALL_pipe2, CALL_pivot_root, CALL_poll, CALL_ppoll, CALL_prctl,
	CALL_pread64, CALL_preadv, CALL_prlimit64, CALL_process_vm_readv,
	CALL_process_vm_writev, CALL_pselect6, CALL_ptrace, CALL_pwrite64,
	CALL_pwritev, CALL_quotactl, CALL_quotactl_fd, CALL_read,
	CALL_readlink, CALL_readlinkat, CALL_readv, CALL_reboot,
	CALL_recvfrom, CALL_recvmmsg, CALL_recvmsg, CALL_rename,
	CALL_renameat, CALL_renameat2, CALL_request_key, CALL_restart_syscall,
	CALL_rmdir, CALL_rseq, CALL_rt_sigaction, CALL_rt_sigprocmask,
	CALL_rt_sigreturn, CALL_sched_getaffinity, CALL_sched_setaffinity,
	CALL_sched_yield, CALL_select, CALL_sendmmsg, CALL_sendmsg,
	CALL_sendto, CALL_set_robust_list, CALL_setns, CALL_setsockopt,
	CALL_settimeofday, CALL_shutdown, CALL_sigaltstack, CALL_socket,
	CALL_socketpair, CALL_stat, CALL_statfs, CALL_statx, CALL_swapoff,
	CALL_swapon, CALL_sysinfo, CALL_syslog, CALL_tgkill, CALL_time,
	CALL_timerfd_create, CALL_timerfd_settime, CALL_umask, CALL_umount2,
	CALL_uname, CALL_unlink, CALL_unlinkat, CALL_unshare,
	CALL_userfaultfd, CALL_utimensat, CALL_vhangup, CALL_write,
	CALL_writev, JAIL_CALLS_LEN
};
/* clang-format on */

/* The number of call; -1 where the architecture has none of that name. */
int jail_calls_nr(enum jail_arch arch, enum jail_call call);

/* AUDIT_ARCH_ as the kernel tells it to a filter. */
uint32_t jail_calls_audit(enum jail_arch arch);

#endif
