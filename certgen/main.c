/* certgen/main.c - penstock-certgen: the process that holds the CA's key. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/base.h"
#include "base/err.h"
#include "base/file.h"
#include "base/frame.h"
#include "base/jail.h"
#include "base/log.h"
#include "base/signals.h"
#include "certgen/leaf.h"
#include "certgen/root.h"
#include "certgen/serve.h"

/* OpenSSL's secure heap: locked in memory, left out of core dumps. An RSA key
 * and the numbers of one signature need less than 8 KiB.
 */
#define MAIN_SECURE_HEAP  65536
#define MAIN_SECURE_SMALL 16

#define MAIN_WARN_S (30 * INT64_C(86400)) /* tell of the CA's end this early */

struct main_options {
	const char *state_dir;
	const char *socket;
	int listen_fd; /* -1: none */
	int ready_fd;  /* -1: none */
	bool rsa;
	bool make; /* the CA, and nothing more */
	bool journal;
};

static const char main_usage[] =
	"usage: penstock-certgen --state DIR (--socket PATH | --listen-fd N |\n"
	"                        --make)\n"
	"                        [--ready-fd N] [--rsa] [--journal]\n"
	"\n"
	"Holds the CA's key and mints a certificate for each name that the\n"
	"gateway asks for. Makes the CA in DIR at first start.\n"
	"\n"
	"  --state DIR     where ca.pem and certgen/ca.key are\n"
	"  --socket PATH   listen there (SOCK_SEQPACKET)\n"
	"  --listen-fd N   listen on this inherited socket\n"
	"  --make          make the CA if there is none, and end\n"
	"  --ready-fd N    write one octet there once listening, and close it\n"
	"  --rsa           make an RSA CA, for clients without P-256\n"
	"  --journal       log lines with the journal's priorities\n";

/* A descriptor number, or -1. */
static int main_fd(const char *text)
{
	uint64_t fd;

	return slice_number(slice_str(text), 65535, &fd) ? (int)fd : -1;
}

/* Returns 0, 1 (help was asked for and printed) or -EINVAL. */
static int main_arguments(int argc, char **argv, struct main_options *ret)
{
	static const struct option longs[] = {
		{ "state", required_argument, NULL, 's' },
		{ "socket", required_argument, NULL, 'p' },
		{ "listen-fd", required_argument, NULL, 'l' },
		{ "ready-fd", required_argument, NULL, 'r' },
		{ "rsa", no_argument, NULL, 'R' },
		{ "make", no_argument, NULL, 'm' },
		{ "journal", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct main_options o = { .listen_fd = -1, .ready_fd = -1 };
	bool bad = false;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			o.state_dir = optarg;
			break;
		case 'p':
			o.socket = optarg;
			break;
		case 'l':
			o.listen_fd = main_fd(optarg);
			bad = bad || o.listen_fd < 0;
			break;
		case 'r':
			o.ready_fd = main_fd(optarg);
			bad = bad || o.ready_fd < 0;
			break;
		case 'R':
			o.rsa = true;
			break;
		case 'm':
			o.make = true;
			break;
		case 'j':
			o.journal = true;
			break;
		case 'h':
			(void)fputs(main_usage, stdout);
			return 1;
		default:
			bad = true;
		}
	}
	if (bad || optind != argc || !o.state_dir ||
	    !!o.socket + (o.listen_fd >= 0) + o.make != 1) {
		(void)fputs(main_usage, stderr);
		return -EINVAL;
	}
	*ret = o;
	return 0;
}

/* Before the key is read: no dump of us, no other reader of our memory. A heap
 * that can't be locked (RLIMIT_MEMLOCK) still keeps its guard pages.
 */
static int main_hide(void)
{
	static const struct rlimit none = { 0, 0 };

	(void)umask(077);
	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
#ifndef PENSTOCK_SANITIZE /* the leak checker attaches to its own process */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
#endif
	if (CRYPTO_secure_malloc_init(MAIN_SECURE_HEAP, MAIN_SECURE_SMALL) != 1)
		log_warn("the key's memory is not locked, going on");
	return 0;
}

/* SIGTERM and SIGINT as a descriptor, so that the loop ends between two
 * questions. A reader of our log or our readiness may go; we stay.
 */
static int main_stop_fd(void)
{
	static const int ours[] = { SIGTERM, SIGINT };

	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	return signals_open(ours, ARRAY_SIZE(ours));
}

/* A listener that was handed to us: close-on-exec and non-blocking as ours. */
static int main_inherit(int fd)
{
	int yes = 0;
	socklen_t len = sizeof(yes);
	int flags;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) < 0)
		return -errno;
	if (!yes)
		return -EINVAL;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	return fd;
}

static int main_open_root(const struct main_options *o, struct root **ret)
{
	struct root_options options = { .state_dir = o->state_dir,
					.key = o->rsa ? ROOT_RSA : ROOT_P256,
					.now_s = (int64_t)time(NULL) };
	struct root_error error = { .text = "" };
	int64_t left_s;
	int err = root_open(&options, ret, &error);

	if (err < 0) {
		log_error("%s", error.text);
		return err;
	}
	left_s = root_until_s(*ret) - options.now_s;
	if (left_s < MAIN_WARN_S)
		log_warn("the CA expires in %lld days",
			 (long long)(left_s / 86400));
	return 0;
}

/* Last step before the first question. */
static int main_jail(const struct main_options *o)
{
	int err = jail_certgen(o->state_dir);

	if (err < 0) {
		log_error("cannot lock myself in: %s", err_str(err));
		return err;
	}
	if (err & JAIL_NO_LANDLOCK)
		log_info("this kernel has no landlock; seccomp alone holds");
	return 0;
}

static void main_tell_ready(int fd)
{
	if (fd < 0)
		return;
	if (write(fd, "\n", 1) != 1)
		log_warn("nobody waits for our readiness, ignoring");
	(void)close(fd);
}

static int main_serve(const struct main_options *o, const struct root *root,
		      int stop_fd)
{
	CLEANUP(file_close)
	int listener =
		o->socket ? door_listen(o->socket) : main_inherit(o->listen_fd);
	struct leaf_key key;
	int err;

	if (listener < 0) {
		log_error("cannot listen on %s: %s",
			  o->socket ? o->socket : "the inherited socket",
			  err_str(listener));
		return listener;
	}
	err = leaf_key_init(&key);
	if (err < 0) {
		log_error("the TLS library made no key");
		return err;
	}
	err = main_jail(o);
	if (err == 0) {
		main_tell_ready(o->ready_fd);
		err = serve_run(root, &key, listener, stop_fd);
	}
	leaf_key_done(&key);
	return err;
}

int main(int argc, char **argv)
{
	struct main_options o;
	CLEANUP(root_free) struct root *root = NULL;
	int stop_fd;
	int err = main_arguments(argc, argv, &o);

	if (err != 0)
		return err > 0 ? EXIT_SUCCESS : 2;
	log_init("penstock-certgen", LOG_LEVEL_INFO, o.journal);
	err = main_hide();
	if (err < 0)
		return EXIT_FAILURE;
	stop_fd = main_stop_fd();
	if (stop_fd < 0)
		return EXIT_FAILURE;
	if (main_open_root(&o, &root) < 0)
		return EXIT_FAILURE;
	if (!o.make)
		err = main_serve(&o, root, stop_fd);
	if (err == 0 && !o.make)
		log_info("ended");
	(void)close(stop_fd);
	return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
