/* cli/inlet.c - the sockets at which captured traffic reaches an instance. */

#include "cli/inlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/frame.h"
#include "capture/capture.h"
#include "cli/instance.h"
#include "policy/load.h"

#define INLET_FIRST   3	    /* SD_LISTEN_FDS_START */
#define INLET_ASIDE   64    /* descriptors from here on are in nobody's way */
#define INLET_WAIT_MS 10000 /* a kernel module may have to load */

static void inlet_add(struct words *w, const struct config_settings *s)
{
	for (size_t i = 0; i < s->capture_interfaces_len; i++)
		words_addf(w, "--interface=%s", s->capture_interfaces[i]);
	for (size_t i = 0; i < s->capture_sources_len; i++)
		words_addf(w, "--source=%s", s->capture_sources[i]);
	if (s->capture_port)
		words_addf(w, "--port=%u", s->capture_port);
}

int inlet_words(const char *config_path, struct words *ret)
{
	struct config_settings settings;
	struct config_error err;
	struct config *config = NULL;
	int rc = config_load(config_path, &config, &err);

	if (rc == 0) {
		config_settings(config, &settings);
		inlet_add(ret, &settings);
	}
	config_free(&config);
	if (rc && rc != -ENOENT)
		(void)fprintf(stderr, "penstock: %s\n", err.text);
	return rc == -ENOENT ? 0 : rc;
}

int inlet_inherit(struct inlet *ret)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	long n;

	if (!pid || !fds || strtol(pid, NULL, 10) != getpid())
		return 0;
	n = strtol(fds, NULL, 10);
	if (n < 0 || n > INLET_MAX) {
		(void)fprintf(stderr,
			      "penstock up: LISTEN_FDS: at most %d sockets\n",
			      INLET_MAX);
		return -EINVAL;
	}
	for (int i = 0; i < n; i++) {
		if (fcntl(INLET_FIRST + i, F_SETFD, FD_CLOEXEC) < 0) {
			(void)fprintf(stderr,
				      "penstock up: LISTEN_FDS: descriptor %d "
				      "is not open\n",
				      INLET_FIRST + i);
			return -EBADF;
		}
		ret->fds[ret->len++] = INLET_FIRST + i;
	}
	return 0;
}

/* Never returns. */
static void inlet_become(const struct words *options, int sock)
{
	char path[INSTANCE_PATH_MAX];
	struct words w = { 0 };

	if (!instance_program(CAPTURE_PROGRAM, path))
		_exit(CAPTURE_EXIT);
	words_add_all(&w, CAPTURE_PROGRAM, "listen", NULL);
	words_addf(&w, "--socket=%d", sock);
	for (size_t i = 0; i < options->len; i++) {
		if (!strncmp(options->ptr[i], "--port=", 7))
			words_add(&w, options->ptr[i]);
	}
	(void)fcntl(sock, F_SETFD, 0);
	if (words_ok(&w))
		(void)execv(path, w.ptr);
	(void)fprintf(stderr, "penstock up: %s: %s\n", path, strerror(errno));
	_exit(CAPTURE_EXIT);
}

static int inlet_take(int sock, struct inlet *ret)
{
	static struct frame_in in;
	struct pollfd p = { .fd = sock, .events = POLLIN };
	int rc;

	if (poll(&p, 1, INLET_WAIT_MS) != 1)
		return -ETIMEDOUT;
	rc = frame_recv(sock, &in);
	if (rc != 1)
		return rc ? rc : ERR_PROTO;
	if (in.type != CAPTURE_LISTENERS || in.fds_len > INLET_MAX) {
		frame_close_fds(&in);
		return ERR_PROTO;
	}
	memcpy(ret->fds, in.fds, in.fds_len * sizeof(in.fds[0]));
	ret->len = in.fds_len;
	return 0;
}

int inlet_open(const struct words *options, struct inlet *ret)
{
	int ends[2];
	pid_t child;
	int rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		inlet_become(options, ends[1]);
	(void)close(ends[1]);
	rc = child < 0 ? -errno : inlet_take(ends[0], ret);
	(void)close(ends[0]);
	if (child > 0)
		(void)waitpid(child, NULL, 0);
	if (rc && rc != ERR_CLOSED)
		(void)fprintf(stderr, "penstock up: the listeners: %s\n",
			      err_str(rc));
	return rc;
}

int inlet_place(const struct inlet *in, int *fd)
{
	int aside[INLET_MAX];
	char text[32];

	*fd = fcntl(*fd, F_DUPFD, INLET_ASIDE);
	if (*fd < 0)
		return -errno;
	for (size_t i = 0; i < in->len; i++) {
		aside[i] = fcntl(in->fds[i], F_DUPFD_CLOEXEC, INLET_ASIDE);
		if (aside[i] < 0)
			return -errno;
	}
	for (size_t i = 0; i < in->len; i++) {
		if (dup2(aside[i], INLET_FIRST + (int)i) < 0)
			return -errno;
	}
	(void)snprintf(text, sizeof(text), "%d", getpid());
	if (setenv("LISTEN_PID", text, 1) < 0)
		return -errno;
	(void)snprintf(text, sizeof(text), "%zu", in->len);
	return setenv("LISTEN_FDS", text, 1) < 0 ? -errno : 0;
}
