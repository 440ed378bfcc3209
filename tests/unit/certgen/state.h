/* tests/unit/certgen/state.h - a state directory of one test's own. */
#ifndef TESTS_UNIT_CERTGEN_STATE_H
#define TESTS_UNIT_CERTGEN_STATE_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct state {
	char dir[64];
};

static inline const char *state_path(const struct state *s, const char *name)
{
	static char path[4][PATH_MAX];
	static unsigned int turn;
	char *p = path[turn++ % 4];

	(void)snprintf(p, PATH_MAX, "%s/%s", s->dir, name);
	return p;
}

static inline int state_setup(void **ctx)
{
	struct state *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/penstock-test-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	*ctx = s;
	return 0;
}

static inline int state_remove(const char *path, const struct stat *st,
			       int type, struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level ? remove(path) : 0;
}

static inline void state_empty(const char *dir)
{
	(void)nftw(dir, state_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static inline int state_teardown(void **ctx)
{
	struct state *s = *ctx;

	state_empty(s->dir);
	(void)rmdir(s->dir);
	free(s);
	return 0;
}

static inline void state_write(const struct state *s, const char *name,
			       const char *text, mode_t mode)
{
	int fd = open(state_path(s, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

/* The whole of a small file; NUL-terminated, static storage. */
static inline const char *state_read(const struct state *s, const char *name)
{
	static char text[2][65536];
	static unsigned int turn;
	char *p = text[turn++ % 2];
	int fd = open(state_path(s, name), O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, p, sizeof(text[0]) - 1);
	assert_true(n >= 0);
	p[n] = '\0';
	(void)close(fd);
	return p;
}

static inline mode_t state_mode(const struct state *s, const char *name)
{
	struct stat st;

	assert_int_equal(lstat(state_path(s, name), &st), 0);
	return st.st_mode & 07777;
}

static inline bool state_has(const struct state *s, const char *name)
{
	return access(state_path(s, name), F_OK) == 0;
}

#endif
