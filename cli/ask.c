/* cli/ask.c - ask the running instance something over its control door. */

#include "cli/ask.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "cli/cli.h"
#include "gateway/control.h"

#define ASK_PATIENCE_MS 15000 /* workers confirm within 5 s, or are replaced */

static int ask_connect(const char *command)
{
	struct instance in;
	int fd;

	if (instance_find(&in) < 0)
		return -1;
	fd = instance_connect(&in);
	if (fd < 0)
		(void)fprintf(stderr,
			      "penstock %s: no instance is running here (%s); "
			      "start one with: penstock up\n",
			      command, in.run_dir);
	return fd;
}

/* One frame, or false. */
static bool ask_frame(int fd, struct frame_in *in)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ASK_PATIENCE_MS) == 1 && frame_recv(fd, in) == 1;
}

static int ask_wait(const char *command, int fd, ask_fn *each, void *ctx,
		    char *ret_phrase)
{
	static struct frame_in in;

	while (ask_frame(fd, &in)) {
		struct slice text;

		if (in.type != CONTROL_OK && in.type != CONTROL_NO) {
			if (each)
				each(ctx, &in);
			frame_close_fds(&in);
			continue;
		}
		text = bytes_str(&in.body);
		frame_close_fds(&in);
		if (in.type == CONTROL_NO) {
			(void)fprintf(stderr, "penstock %s: %.*s\n", command,
				      (int)text.len, text.ptr);
			return EXIT_NO;
		}
		if (ret_phrase)
			(void)snprintf(ret_phrase, ASK_PHRASE_MAX, "%.*s",
				       (int)text.len, text.ptr);
		return 0;
	}
	(void)fprintf(stderr, "penstock %s: the instance does not answer\n",
		      command);
	return EXIT_BROKEN;
}

int ask(const char *command, const struct frame_out *question, ask_fn *each,
	void *ctx, char ret_phrase[ASK_PHRASE_MAX])
{
	int fd = ask_connect(command);
	int rc;

	if (fd < 0)
		return EXIT_BROKEN;
	rc = frame_send(fd, question, NULL, 0);
	if (rc == ERR_LIMIT) {
		(void)fprintf(stderr, "penstock %s: that is too long\n",
			      command);
		rc = EXIT_USAGE;
	} else {
		rc = ask_wait(command, fd, each, ctx, ret_phrase);
	}
	(void)close(fd);
	return rc;
}
