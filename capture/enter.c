/* capture/enter.c - `penstock-capture enter`: into the namespace.
 *
 * A list of steps, each of which must succeed before the next begins. Before
 * the last of them nothing of the command has run, so a failure at any point
 * leaves nothing that could send. The namespaces live as long as a process or
 * a descriptor is in them.
 *
 * The signals of the terminal are ignored from here on, and with them by the
 * layers of the sandbox between the caller and the command: a Ctrl-C belongs
 * to the command alone, and would otherwise end those layers and so kill it.
 * `launch` restores them.
 */

#include "capture/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/base.h"
#include "base/caps.h"
#include "base/err.h"
#include "base/frame.h"
#include "capture/capture.h"
#include "capture/launch.h"
#include "capture/listen.h"
#include "capture/nft.h"
#include "capture/route.h"
#include "capture/rules.h"
#include "capture/userns.h"

struct enter {
	int sock;     /* borrowed */
	pid_t caller; /* dies: so do we */
	bool ipv6;
	struct listen_set listeners;
	struct rules rules;
};

static int enter_namespaces(struct enter *e)
{
	(void)e;
	return userns_enter();
}

/* After the change of credentials, which clears it. */
static int enter_tie(struct enter *e)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return getppid() == e->caller ? 0 : -ESRCH;
}

static int enter_routes(struct enter *e)
{
	return route_install(&e->ipv6);
}

static int enter_loopback(struct enter *e)
{
	(void)e;
	return route_loopback();
}

static int enter_listeners(struct enter *e)
{
	return listen_open(e->ipv6, &e->listeners);
}

static int enter_rules(struct enter *e)
{
	int rc = rules_build(false, &e->rules);

	return rc ? rc : nft_install(&e->rules);
}

static int enter_verify(struct enter *e)
{
	return nft_verify(&e->rules);
}

static int enter_hand_over(struct enter *e)
{
	return listen_hand_over(&e->listeners, e->sock);
}

static int enter_wait(struct enter *e)
{
	static struct frame_in in;
	struct pollfd p = { .fd = e->sock, .events = POLLIN };
	int rc = 0;

	while (!rc) {
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return -errno;
		rc = frame_recv(e->sock, &in);
	}
	if (rc < 0)
		return rc;
	frame_close_fds(&in);
	return in.type == CAPTURE_GO ? 0 : ERR_PROTO;
}

static int enter_drop(struct enter *e)
{
	(void)e;
	return caps_drop();
}

enum enter_hint {
	HINT_NONE,
	HINT_USERNS,
	HINT_NFT,
};

static const struct enter_step {
	int (*run)(struct enter *e);
	const char *what; /* "cannot …" */
	enum enter_hint hint;
} enter_steps[] = {
	{ enter_namespaces, "make a user and network namespace", HINT_USERNS },
	{ enter_tie, "tie itself to its caller", HINT_NONE },
	{ enter_routes, "route the namespace to itself", HINT_USERNS },
	{ enter_listeners, "open the listeners", HINT_NONE },
	{ enter_rules, "install the nftables rules", HINT_NFT },
	{ enter_verify, "find its nftables rules in the kernel", HINT_NFT },
	{ enter_hand_over, "hand the listeners over", HINT_NONE },
	{ enter_wait, "get leave from its caller", HINT_NONE },
	{ enter_drop, "give up its capabilities", HINT_NONE },
};

/* Without a route, an address or a listener: every connection is refused by
 * the kernel at once, but those to 127.0.0.1 and ::1.
 */
static const struct enter_step enter_seal_steps[] = {
	{ enter_namespaces, "make a user and network namespace", HINT_USERNS },
	{ enter_tie, "tie itself to its caller", HINT_NONE },
	{ enter_loopback, "bring up the namespace's lo", HINT_USERNS },
	{ enter_hand_over, "report to its caller", HINT_NONE },
	{ enter_wait, "get leave from its caller", HINT_NONE },
	{ enter_drop, "give up its capabilities", HINT_NONE },
};

static const char *enter_hint(enum enter_hint hint, int rc)
{
	switch (hint) {
	case HINT_USERNS:
		return userns_hint();
	case HINT_NFT:
		if (rc == -EPERM || rc == -EACCES)
			return userns_hint();
		return "the kernel needs the modules nft_chain_nat, nft_redir, "
		       "nft_ct and nft_reject_inet; as root: modprobe -a them";
	case HINT_NONE:
		break;
	}
	return NULL;
}

/* A caller that has gone has said why, or needs no answer any more. */
static void enter_explain(const struct enter_step *step, int rc)
{
	const char *hint = enter_hint(step->hint, rc);

	if (rc == ERR_CLOSED || rc == -ESRCH)
		return;
	(void)fprintf(stderr, CAPTURE_PROGRAM ": cannot %s: %s\n", step->what,
		      err_str(rc));
	if (hint)
		(void)fprintf(stderr, "  %s\n", hint);
}

static int enter_walk(int sock, char **command, const struct enter_step *steps,
		      size_t len)
{
	struct enter e = {
		.sock = sock,
		.caller = getppid(),
		.listeners = { .tcp = { -1, -1 },
			       .udp = { -1, -1 },
			       .dns = { -1, -1 } },
	};

	for (size_t i = 0; i < len; i++) {
		int rc = steps[i].run(&e);

		if (rc) {
			enter_explain(&steps[i], rc);
			return CAPTURE_EXIT;
		}
	}
	rules_done(&e.rules);
	launch_ignore_signals();
	(void)execvp(command[0], command);
	(void)fprintf(stderr, CAPTURE_PROGRAM ": cannot run %s: %s\n",
		      command[0], strerror(errno));
	return CAPTURE_EXIT;
}

int enter_main(int sock, char **command)
{
	return enter_walk(sock, command, enter_steps, ARRAY_SIZE(enter_steps));
}

int enter_seal(int sock, char **command)
{
	return enter_walk(sock, command, enter_seal_steps,
			  ARRAY_SIZE(enter_seal_steps));
}
