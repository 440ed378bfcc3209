/* cli/sandbox_filter.c - system calls that lead out of a sandbox.
 *
 * Namespaces hold most doors. These are the ones that they leave open:
 *
 * - ioctl TIOCSTI and TIOCLINUX put characters into the terminal, which the
 *   command shares with the shell that started it, and so type commands there.
 *   Only the low half of the request is compared, as the kernel looks at no
 *   more.
 * - Socket families other than UNIX, IPv4, IPv6 and netlink. Some (VSOCK,
 *   QRTR) know no network namespaces and reach the hypervisor or devices.
 * - For root alone: user namespaces. It cannot be mapped into one, but gains
 *   the power to mount cgroups there, whose files belong to root, and could
 *   freeze or kill what shares its group outside. clone3 takes its flags by
 *   pointer, which no filter can read, so it is not there; libraries fall back.
 * - What sandbox_calls.h lists: keyrings, which are the caller's and may hold
 *   its tickets; io_uring, which makes sockets without the socket call; mounts,
 *   ptrace, bpf, modules and their like, which a user namespace of one's own
 *   would open again.
 * - The 32-bit socketcall takes its arguments by pointer, which no filter can
 *   read; so 32-bit programs on x86 have no sockets. The x32 calls, which
 *   nobody uses, would have to be checked a third time.
 *
 * Foreign calling conventions have numbers of their own: a call is judged only
 * under the convention that it was made by, and an unknown one kills.
 */

#include "cli/sandbox_filter.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "cli/sandbox.h"
#include "cli/sandbox_calls.h"

#define FILTER_X32 0x40000000u /* the x32 numbers begin here */

/* Numbers of calls; 0 is one that this convention has not. */
struct filter_list {
	const uint32_t *nr;
	size_t len;
};

#define FILTER_LIST(array)                                                     \
	{                                                                      \
		(array), ARRAY_SIZE(array)                                     \
	}

/* The 32-bit convention beside a native one. */
struct filter_compat {
	uint32_t audit;
	uint32_t ioctl, socket, socketpair;
	uint32_t clone, clone3, unshare;
	struct filter_list refused; /* EPERM */
	struct filter_list absent;  /* ENOSYS */
};

#define FILTER_CALL_NATIVE(name, i386, arm) CALL_##name,
#define FILTER_CALL_I386(name, i386, arm)   i386,
#define FILTER_CALL_ARM(name, i386, arm)    arm,

static const enum jail_call filter_refused[] = {
	SANDBOX_CALLS_REFUSED(FILTER_CALL_NATIVE) CALL_iopl,
	CALL_ioperm,
};

static const enum jail_call filter_absent[] = { SANDBOX_CALLS_ABSENT(
	FILTER_CALL_NATIVE) };

static const uint32_t filter_i386_refused[] = {
	SANDBOX_CALLS_REFUSED(FILTER_CALL_I386) 110 /* iopl */,
	101 /* ioperm */,
	22 /* umount */,
	25 /* stime */,
	404 /* clock_settime64 */,
	405 /* clock_adjtime64 */,
};

static const uint32_t filter_i386_absent[] = {
	SANDBOX_CALLS_ABSENT(FILTER_CALL_I386) 102 /* socketcall */,
};

static const uint32_t filter_arm_refused[] = {
	SANDBOX_CALLS_REFUSED(FILTER_CALL_ARM) 404 /* clock_settime64 */,
	405 /* clock_adjtime64 */,
};

static const uint32_t filter_arm_absent[] = { SANDBOX_CALLS_ABSENT(
	FILTER_CALL_ARM) };

static const struct filter_compat filter_compat[] = {
	[JAIL_X86_64] = {
		/* arch/x86/entry/syscalls/syscall_32.tbl */
		.audit = AUDIT_ARCH_I386,
		.ioctl = 54,
		.socket = 359,
		.socketpair = 360,
		.clone = 120,
		.clone3 = 435,
		.unshare = 310,
		.refused = FILTER_LIST(filter_i386_refused),
		.absent = FILTER_LIST(filter_i386_absent),
	},
	[JAIL_ARM64] = {
		/* arch/arm/tools/syscall.tbl; EABI has no socketcall */
		.audit = AUDIT_ARCH_ARM,
		.ioctl = 54,
		.socket = 281,
		.socketpair = 288,
		.clone = 120,
		.clone3 = 435,
		.unshare = 337,
		.refused = FILTER_LIST(filter_arm_refused),
		.absent = FILTER_LIST(filter_arm_absent),
	},
};

struct filter {
	struct sock_filter *code; /* of SANDBOX_FILTER_MAX */
	size_t len;
};

static void filter_put(struct filter *f, struct sock_filter code)
{
	assert(f->len < SANDBOX_FILTER_MAX);
	f->code[f->len++] = code;
}

static void filter_load(struct filter *f, size_t offset)
{
	filter_put(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   (uint32_t)offset));
}

/* The low half of an argument; both machines are little-endian. */
static void filter_load_arg(struct filter *f, size_t n)
{
	filter_load(f,
		    offsetof(struct seccomp_data, args) + n * sizeof(uint64_t));
}

/* If the accumulator is k, skip yes instructions, else no. */
static void filter_if(struct filter *f, uint32_t k, uint8_t yes, uint8_t no)
{
	filter_put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k,
						   yes, no));
}

static void filter_return(struct filter *f, uint32_t action)
{
	filter_put(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

static void filter_refuse(struct filter *f, uint32_t err)
{
	filter_return(f, SECCOMP_RET_ERRNO | err);
}

static void filter_ioctl(struct filter *f, uint32_t nr)
{
	filter_if(f, nr, 0, 5);
	filter_load_arg(f, 1);
	filter_if(f, TIOCSTI, 1, 0);
	filter_if(f, TIOCLINUX, 0, 1);
	filter_refuse(f, EPERM);
	filter_return(f, SECCOMP_RET_ALLOW);
}

static void filter_socket(struct filter *f, uint32_t nr)
{
	filter_if(f, nr, 0, 7);
	filter_load_arg(f, 0);
	filter_if(f, AF_UNIX, 4, 0);
	filter_if(f, AF_INET, 3, 0);
	filter_if(f, AF_INET6, 2, 0);
	filter_if(f, AF_NETLINK, 1, 0);
	filter_refuse(f, EAFNOSUPPORT);
	filter_return(f, SECCOMP_RET_ALLOW);
}

/* No new user namespace; the flags are the first argument. */
static void filter_userns(struct filter *f, uint32_t nr)
{
	filter_if(f, nr, 0, 4);
	filter_load_arg(f, 0);
	filter_put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K,
						   CLONE_NEWUSER, 0, 1));
	filter_refuse(f, EPERM);
	filter_return(f, SECCOMP_RET_ALLOW);
}

static void filter_root(struct filter *f, uint32_t clone, uint32_t clone3,
			uint32_t unshare)
{
	filter_userns(f, clone);
	filter_userns(f, unshare);
	filter_if(f, clone3, 0, 1);
	filter_refuse(f, ENOSYS);
}

static void filter_refuse_one(struct filter *f, uint32_t nr, uint32_t err)
{
	filter_if(f, nr, 0, 1);
	filter_refuse(f, err);
}

static void filter_refuse_list(struct filter *f, const struct filter_list *list,
			       uint32_t err)
{
	for (size_t i = 0; i < list->len; i++)
		if (list->nr[i])
			filter_refuse_one(f, list->nr[i], err);
}

/* From its number to a verdict, a call by the 32-bit convention. */
static void filter_foreign(struct filter *f, const struct filter_compat *c,
			   bool root)
{
	filter_load(f, offsetof(struct seccomp_data, nr));
	filter_ioctl(f, c->ioctl);
	filter_socket(f, c->socket);
	filter_socket(f, c->socketpair);
	if (root)
		filter_root(f, c->clone, c->clone3, c->unshare);
	filter_refuse_list(f, &c->refused, EPERM);
	filter_refuse_list(f, &c->absent, ENOSYS);
	filter_return(f, SECCOMP_RET_ALLOW);
}

static uint32_t filter_nr(enum jail_arch arch, enum jail_call call)
{
	int nr = jail_calls_nr(arch, call);

	assert(nr >= 0);
	return (uint32_t)nr;
}

static void filter_refuse_calls(struct filter *f, enum jail_arch arch,
				const enum jail_call *calls, size_t len,
				uint32_t err)
{
	for (size_t i = 0; i < len; i++)
		if (jail_calls_nr(arch, calls[i]) >= 0)
			filter_refuse_one(f, filter_nr(arch, calls[i]), err);
}

/* The same of the architecture itself. */
static void filter_native(struct filter *f, enum jail_arch arch, bool root)
{
	filter_load(f, offsetof(struct seccomp_data, nr));
	filter_ioctl(f, filter_nr(arch, CALL_ioctl));
	filter_socket(f, filter_nr(arch, CALL_socket));
	filter_socket(f, filter_nr(arch, CALL_socketpair));
	if (root)
		filter_root(f, filter_nr(arch, CALL_clone),
			    filter_nr(arch, CALL_clone3),
			    filter_nr(arch, CALL_unshare));
	filter_refuse_calls(f, arch, filter_refused, ARRAY_SIZE(filter_refused),
			    EPERM);
	filter_refuse_calls(f, arch, filter_absent, ARRAY_SIZE(filter_absent),
			    ENOSYS);
	if (arch == JAIL_X86_64) {
		filter_put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE |
								   BPF_K,
							   FILTER_X32, 0, 1));
		filter_refuse(f, ENOSYS);
	}
	filter_return(f, SECCOMP_RET_ALLOW);
}

size_t sandbox_filter_build(enum jail_arch arch, bool root,
			    struct sock_filter *ret)
{
	const struct filter_compat *compat = &filter_compat[arch];
	struct filter f = { .code = ret };
	size_t jump;

	filter_load(&f, offsetof(struct seccomp_data, arch));
	filter_if(&f, compat->audit, 1, 0);
	jump = f.len;
	filter_put(&f, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
	filter_foreign(&f, compat, root);
	f.code[jump].k = (uint32_t)(f.len - jump - 1);

	filter_if(&f, jail_calls_audit(arch), 1, 0);
	filter_return(&f, SECCOMP_RET_KILL_PROCESS);
	filter_native(&f, arch, root);
	return f.len;
}

int sandbox_filter(struct sandbox_args *args)
{
	struct sock_filter code[SANDBOX_FILTER_MAX];
	size_t len = sandbox_filter_build(JAIL_ARCH, geteuid() == 0, code);

	return sandbox_args_file(args, code, len * sizeof(code[0]));
}

int sandbox_filter_enter(void)
{
	struct sock_filter code[SANDBOX_FILTER_MAX];
	struct sock_fprog program = {
		.filter = code,
		.len = (unsigned short)sandbox_filter_build(
			JAIL_ARCH, geteuid() == 0, code),
	};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno
									: 0;
}
