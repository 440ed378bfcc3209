/* cli/sandbox_calls.h - the system calls that a sandbox does not have. For
 * sandbox_filter.c and its test.
 *
 * Without capabilities most of them fail by themselves. But a user namespace
 * of its own gives a process all of these powers over what it makes there, and
 * each has been the way to a fault of the kernel; so nobody gets that far.
 *
 * CALL(name, i386, arm): the native number is in base/jail_calls.c; these are
 * those of the 32-bit conventions beside x86-64 and arm64, in
 * arch/x86/entry/syscalls/syscall_32.tbl and arch/arm/tools/syscall.tbl. 0: it
 * has none of that name.
 */
#ifndef CLI_SANDBOX_CALLS_H
#define CLI_SANDBOX_CALLS_H

/* Answered EPERM, as to a user without the power. */
#define SANDBOX_CALLS_REFUSED(CALL)                                            \
	/* other processes' memory, registers and descriptors */               \
	CALL(ptrace, 26, 26)                                                   \
	CALL(process_vm_readv, 347, 376)                                       \
	CALL(process_vm_writev, 348, 377)                                      \
	CALL(kcmp, 349, 378)                                                   \
	CALL(pidfd_getfd, 438, 438)                                            \
	/* mounts, by the old calls and the new */                             \
	CALL(mount, 21, 21)                                                    \
	CALL(umount2, 52, 52)                                                  \
	CALL(pivot_root, 217, 218)                                             \
	CALL(open_tree, 428, 428)                                              \
	CALL(move_mount, 429, 429)                                             \
	CALL(fsopen, 430, 430)                                                 \
	CALL(fsconfig, 431, 431)                                               \
	CALL(fsmount, 432, 432)                                                \
	CALL(fspick, 433, 433)                                                 \
	CALL(mount_setattr, 442, 442)                                          \
	CALL(swapon, 87, 87)                                                   \
	CALL(swapoff, 115, 115)                                                \
	CALL(quotactl, 131, 131)                                               \
	CALL(quotactl_fd, 443, 443)                                            \
	CALL(acct, 51, 51)                                                     \
	/* files by number, past all directories */                            \
	CALL(open_by_handle_at, 342, 371)                                      \
	CALL(fanotify_init, 338, 367)                                          \
	/* namespaces that exist; making new ones is another question */       \
	CALL(setns, 346, 375)                                                  \
	/* code in the kernel, and a look at what it does */                   \
	CALL(bpf, 357, 386)                                                    \
	CALL(perf_event_open, 336, 364)                                        \
	CALL(userfaultfd, 374, 388)                                            \
	CALL(init_module, 128, 128)                                            \
	CALL(finit_module, 350, 379)                                           \
	CALL(delete_module, 129, 129)                                          \
	CALL(kexec_load, 283, 347)                                             \
	CALL(kexec_file_load, 0, 401)                                          \
	CALL(syslog, 103, 103)                                                 \
	/* the whole machine */                                                \
	CALL(reboot, 88, 88)                                                   \
	CALL(settimeofday, 79, 79)                                             \
	CALL(clock_settime, 264, 262)                                          \
	CALL(clock_adjtime, 343, 372)                                          \
	CALL(vhangup, 111, 111)

/* Answered ENOSYS, as by a kernel that was built without: programs know what
 * to do then.
 */
#define SANDBOX_CALLS_ABSENT(CALL)                                             \
	CALL(add_key, 286, 309)                                                \
	CALL(request_key, 287, 310)                                            \
	CALL(keyctl, 288, 311)                                                 \
	CALL(io_uring_setup, 425, 425)                                         \
	CALL(io_uring_enter, 426, 426)                                         \
	CALL(io_uring_register, 427, 427)

#endif
