/* cli/doctor_kernel.c - the layers of a sandbox, each tried and not guessed. */

#include "cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/file.h"
#include "capture/capture.h"

/* Asks for a number and makes no ruleset: LANDLOCK_CREATE_RULESET_VERSION. */
#define KERNEL_LANDLOCK_VERSION 1u

/* 0 or the errno with which unshare() failed, in a child. */
static int kernel_unshare(int flags)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(unshare(flags) < 0 ? errno : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return EAGAIN;
	return WEXITSTATUS(status);
}

static void kernel_userns_fix(struct doctor *d)
{
	static const struct {
		const char *path;
		char forbids;
		const char *setting;
	} settings[] = {
		{ "/proc/sys/kernel/unprivileged_userns_clone", '0',
		  "kernel.unprivileged_userns_clone=1" },
		{ "/proc/sys/user/max_user_namespaces", '0',
		  "user.max_user_namespaces=15000" },
		{ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1',
		  "kernel.apparmor_restrict_unprivileged_userns=0" },
	};

	doctor_fix(d, "in a container: --security-opt seccomp=unconfined "
		      "--security-opt systempaths=unconfined");
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		char value[32];

		if (!file_text(AT_FDCWD, settings[i].path, 0, value,
			       sizeof(value)) &&
		    value[0] == settings[i].forbids && value[1] == '\n')
			doctor_fix(d,
				   "as root: sysctl -w %s, and the same line "
				   "in /etc/sysctl.d/penstock.conf",
				   settings[i].setting);
	}
}

static void kernel_userns(const struct instance *in, struct doctor *d)
{
	int err = kernel_unshare(CLONE_NEWUSER | CLONE_NEWNET);

	(void)in;
	doctor_say(d, err ? DOCTOR_FAIL : DOCTOR_OK, "%s",
		   err ? strerror(err) : "can be made, with a network inside");
	if (err)
		kernel_userns_fix(d);
}

/* What keeps a layer from being made, when it is not the layer itself. */
static bool kernel_lacks_userns(struct doctor *d)
{
	if (!kernel_unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return false;
	kernel_userns_fix(d);
	return true;
}

/* The first step of a sandbox itself, up to where it waits for its caller:
 * namespace, routes, listeners, and the rules, installed and read back.
 */
static void kernel_capture(const struct instance *in, struct doctor *d)
{
	char program[INSTANCE_PATH_MAX], number[16], text[DOCTOR_TEXT_MAX];
	char *argv[] = { program, (char[]){ "enter" }, (char[]){ "--socket" },
			 number,  (char[]){ "--" },    (char[]){ "true" },
			 NULL };
	int ends[2], rc;

	(void)in;
	if (!instance_program(CAPTURE_PROGRAM, program) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		doctor_say(d, DOCTOR_FAIL, "%s", strerror(errno));
		return;
	}
	(void)snprintf(number, sizeof(number), "%d", ends[1]);
	/* No leave comes, which ends it; all before that has been done. */
	(void)shutdown(ends[0], SHUT_WR);
	rc = doctor_run(argv, ends[1], text);
	if (recv(ends[0], number, sizeof(number), MSG_DONTWAIT) > 0)
		doctor_say(d, DOCTOR_OK,
			   "nftables redirect in a namespace of "
			   "its own; read back, equal");
	else
		doctor_say(d, DOCTOR_FAIL, "%s",
			   rc == 127 ? CAPTURE_PROGRAM " is missing" : text);
	if (d->state != DOCTOR_OK && !kernel_lacks_userns(d))
		doctor_fix(d, "as root: modprobe -a nft_chain_nat nft_redir "
			      "nft_ct nft_reject_inet, and name them in "
			      "/etc/modules-load.d/penstock.conf");
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void kernel_bwrap(const struct instance *in, struct doctor *d)
{
	static char *const version[] = { "bwrap", "--version", NULL };
	static char *const attempt[] = { "bwrap",
					 "--unshare-user",
					 "--unshare-pid",
					 "--unshare-ipc",
					 "--ro-bind",
					 "/",
					 "/",
					 "--proc",
					 "/proc",
					 "--dev",
					 "/dev",
					 "--cap-drop",
					 "ALL",
					 "true",
					 NULL };
	char name[DOCTOR_TEXT_MAX], text[DOCTOR_TEXT_MAX];

	(void)in;
	if (doctor_run(version, -1, name) != 0) {
		doctor_say(d, DOCTOR_FAIL, "bwrap is not installed");
		doctor_fix(d, "apt-get install bubblewrap");
	} else if (doctor_run(attempt, -1, text) != 0) {
		doctor_say(d, DOCTOR_FAIL,
			   "%.64s cannot make a sandbox: %.400s", name, text);
		if (!kernel_lacks_userns(d))
			doctor_fix(d, "in a container: --security-opt "
				      "systempaths=unconfined; with AppArmor: "
				      "the profile in docs/run.md");
	} else {
		doctor_say(d, DOCTOR_OK,
			   "%.64s: mounts, processes, no "
			   "capability",
			   name);
	}
}

static void kernel_seccomp(const struct instance *in, struct doctor *d)
{
	char actions[256];

	(void)in;
	if (file_text(AT_FDCWD, "/proc/sys/kernel/seccomp/actions_avail", 0,
		      actions, sizeof(actions)) ||
	    !strstr(actions, "errno") || !strstr(actions, "kill_process")) {
		doctor_say(d, DOCTOR_FAIL, "the kernel has no seccomp filters");
		doctor_fix(d, "a kernel with CONFIG_SECCOMP_FILTER");
		return;
	}
	doctor_say(d, DOCTOR_OK, "filters, with errno and kill_process");
}

static void kernel_landlock(const struct instance *in, struct doctor *d)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   KERNEL_LANDLOCK_VERSION);

	(void)in;
	if (abi > 0) {
		doctor_say(d, DOCTOR_OK,
			   "ABI %ld, for the gateway's own "
			   "processes",
			   abi);
		return;
	}
	doctor_say(d, DOCTOR_WARN,
		   "not there: the gateway's own processes run "
		   "without this second wall");
	doctor_fix(d, "a kernel from 5.13 on with lsm=landlock,…");
}

static void kernel_ipv6(const struct instance *in, struct doctor *d)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6,
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good =
		fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;

	(void)in;
	if (fd >= 0)
		(void)close(fd);
	if (good) {
		doctor_say(d, DOCTOR_OK, "there, and captured like IPv4");
		return;
	}
	doctor_say(d, DOCTOR_WARN,
		   "not there: sandboxes have IPv4 alone, and "
		   "origins are reached by it alone");
	doctor_fix(d, "if it is wanted, as root: sysctl -w "
		      "net.ipv6.conf.all.disable_ipv6=0");
}

const struct doctor_layer doctor_kernel[] = {
	{ "user namespaces", kernel_userns }, { "capture", kernel_capture },
	{ "bubblewrap", kernel_bwrap },	      { "seccomp", kernel_seccomp },
	{ "landlock", kernel_landlock },      { "IPv6", kernel_ipv6 },
};
const size_t doctor_kernel_len = ARRAY_SIZE(doctor_kernel);
