/* cli/inlet.h - the sockets at which captured traffic reaches an instance.
 *
 * They are opened by who may (systemd, or penstock-capture when root starts
 * the instance) and handed to each gateway as descriptors 3, 4 …, with
 * LISTEN_PID and LISTEN_FDS as systemd's protocol has it.
 */
#ifndef CLI_INLET_H
#define CLI_INLET_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/words.h"

#define INLET_MAX 16

struct inlet {
	int fds[INLET_MAX]; /* owned */
	size_t len;
};

/* What penstock-capture must be told of the configuration's `capture:`; none
 * where that does not stand there. Returns 0, or what config_load() does and
 * has said what is wrong.
 */
int inlet_words(const char *config_path, struct words *ret);

/* Take what systemd has handed to this process. Returns 0 or -errno, with a
 * message.
 */
int inlet_inherit(struct inlet *ret);

/* Have penstock-capture open them. options: from inlet_words(). Returns 0 or
 * -errno; what was wrong has been said.
 */
int inlet_open(const struct words *options, struct inlet *ret);

/* In the child that becomes the gateway: put them in their places and set the
 * environment. *fd is moved out of their way. Returns 0 or -errno.
 */
int inlet_place(const struct inlet *in, int *fd);

#endif
