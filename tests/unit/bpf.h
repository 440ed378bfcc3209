/* tests/unit/bpf.h - runs a seccomp filter as the kernel would, on any machine.
 *
 * Only what our filters are made of: words of struct seccomp_data, and, equal,
 * at least, any bit, jumps, answers. All else fails the test, as does what the
 * kernel's own checker refuses: a jump out of the program, a program that does
 * not end in an answer. Include after cmocka.h.
 *
 * The numbers here are the kernel's published ones, of
 * arch/x86/entry/syscalls/syscall_64.tbl and syscall_32.tbl, of
 * include/uapi/asm-generic/unistd.h and of arch/arm/tools/syscall.tbl: not
 * those of the headers or tables under test.
 */
#ifndef TESTS_UNIT_BPF_H
#define TESTS_UNIT_BPF_H

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BPF_X32 0x40000000u

#define BPF_ERRNO(err) (SECCOMP_RET_ERRNO | (uint32_t)(err))

/* A call as AUDIT_ARCH_ arch numbers it, with its first arguments. */
struct bpf_call {
	uint32_t arch;
	uint32_t nr;
	uint64_t args[3];
};

/* The calls that nobody of ours needs: -1 where a convention has none. */
struct bpf_never {
	const char *name;
	int x86_64, arm64, i386, arm;
	int err; /* what a sandbox is told */
};

__attribute__((unused)) static const struct bpf_never bpf_never[] = {
	{ "ptrace", 101, 117, 26, 26, EPERM },
	{ "process_vm_readv", 310, 270, 347, 376, EPERM },
	{ "process_vm_writev", 311, 271, 348, 377, EPERM },
	{ "kcmp", 312, 272, 349, 378, EPERM },
	{ "pidfd_getfd", 438, 438, 438, 438, EPERM },
	{ "mount", 165, 40, 21, 21, EPERM },
	{ "umount2", 166, 39, 52, 52, EPERM },
	{ "pivot_root", 155, 41, 217, 218, EPERM },
	{ "open_tree", 428, 428, 428, 428, EPERM },
	{ "move_mount", 429, 429, 429, 429, EPERM },
	{ "fsopen", 430, 430, 430, 430, EPERM },
	{ "fsconfig", 431, 431, 431, 431, EPERM },
	{ "fsmount", 432, 432, 432, 432, EPERM },
	{ "fspick", 433, 433, 433, 433, EPERM },
	{ "mount_setattr", 442, 442, 442, 442, EPERM },
	{ "swapon", 167, 224, 87, 87, EPERM },
	{ "swapoff", 168, 225, 115, 115, EPERM },
	{ "quotactl", 179, 60, 131, 131, EPERM },
	{ "quotactl_fd", 443, 443, 443, 443, EPERM },
	{ "acct", 163, 89, 51, 51, EPERM },
	{ "open_by_handle_at", 304, 265, 342, 371, EPERM },
	{ "fanotify_init", 300, 262, 338, 367, EPERM },
	{ "setns", 308, 268, 346, 375, EPERM },
	{ "bpf", 321, 280, 357, 386, EPERM },
	{ "perf_event_open", 298, 241, 336, 364, EPERM },
	{ "userfaultfd", 323, 282, 374, 388, EPERM },
	{ "init_module", 175, 105, 128, 128, EPERM },
	{ "finit_module", 313, 273, 350, 379, EPERM },
	{ "delete_module", 176, 106, 129, 129, EPERM },
	{ "kexec_load", 246, 104, 283, 347, EPERM },
	{ "kexec_file_load", 320, 294, -1, 401, EPERM },
	{ "syslog", 103, 116, 103, 103, EPERM },
	{ "reboot", 169, 142, 88, 88, EPERM },
	{ "settimeofday", 164, 170, 79, 79, EPERM },
	{ "clock_settime", 227, 112, 264, 262, EPERM },
	{ "clock_adjtime", 305, 266, 343, 372, EPERM },
	{ "vhangup", 153, 58, 111, 111, EPERM },
	{ "add_key", 248, 217, 286, 309, ENOSYS },
	{ "request_key", 249, 218, 287, 310, ENOSYS },
	{ "keyctl", 250, 219, 288, 311, ENOSYS },
	{ "io_uring_setup", 425, 425, 425, 425, ENOSYS },
	{ "io_uring_enter", 426, 426, 426, 426, ENOSYS },
	{ "io_uring_register", 427, 427, 427, 427, ENOSYS },
};

static uint32_t bpf_word(const struct seccomp_data *data, uint32_t at)
{
	uint32_t word;

	assert_true(at % sizeof(word) == 0 && at < sizeof(*data));
	memcpy(&word, (const char *)data + at, sizeof(word));
	return word;
}

/* How many instructions to leave out. */
static uint32_t bpf_jump(const struct sock_filter *op, uint32_t word)
{
	switch (BPF_OP(op->code)) {
	case BPF_JA:
		return op->k;
	case BPF_JEQ:
		return word == op->k ? op->jt : op->jf;
	case BPF_JGE:
		return word >= op->k ? op->jt : op->jf;
	case BPF_JSET:
		return word & op->k ? op->jt : op->jf;
	default:
		fail_msg("jump %#x", op->code);
		return 0;
	}
}

static uint32_t bpf_run(const struct sock_filter *code, size_t len,
			const struct bpf_call *call)
{
	struct seccomp_data data = { .nr = (int)call->nr, .arch = call->arch };
	uint32_t word = 0;

	memcpy(data.args, call->args, sizeof(call->args));
	assert_true(len > 0 && len <= BPF_MAXINSNS);
	assert_int_equal(code[len - 1].code, BPF_RET | BPF_K);
	for (size_t at = 0; at < len; at++) {
		const struct sock_filter *op = &code[at];

		if (op->code == (BPF_RET | BPF_K))
			return op->k;
		if (op->code == (BPF_LD | BPF_W | BPF_ABS))
			word = bpf_word(&data, op->k);
		else if (op->code == (BPF_ALU | BPF_AND | BPF_K))
			word &= op->k;
		else if (BPF_CLASS(op->code) == BPF_JMP &&
			 BPF_SRC(op->code) == BPF_K)
			at += bpf_jump(op, word);
		else
			fail_msg("instruction %zu: code %#x", at, op->code);
	}
	fail_msg("ran past the end");
	return 0;
}

#endif
