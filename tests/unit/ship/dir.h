/* tests/unit/ship/dir.h - a directory that goes when the test ends. */
#ifndef SHIP_DIR_H
#define SHIP_DIR_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct dir {
	char path[64];
	int fd;
};

/* The exit status of a shell's command. */
static inline int dir_run(const char *command)
{
	return system(command);
}

static inline int dir_setup(void **state)
{
	struct dir *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	(void)snprintf(d->path, sizeof(d->path), "/tmp/penstock-ship-XXXXXX");
	assert_non_null(mkdtemp(d->path));
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(d->fd >= 0);
	*state = d;
	return 0;
}

static inline int dir_teardown(void **state)
{
	struct dir *d = *state;
	char cmd[100];

	(void)close(d->fd);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", d->path);
	(void)dir_run(cmd);
	free(d);
	return 0;
}

static inline void dir_write(const struct dir *d, const char *name,
			     const void *text, size_t len)
{
	int fd = openat(d->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	(void)close(fd);
}

/* A file's text; "" when there is none. */
static inline const char *dir_text(const struct dir *d, const char *name)
{
	static char text[8192];
	int fd = openat(d->fd, name, O_RDONLY);
	ssize_t n = 0;

	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		(void)close(fd);
	}
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

#endif
