#include "ship/status.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/slice.h"

#define STATUS_NAME	"ship.status"
#define STATUS_TEXT_MAX 8192

/* Numbers of a destination, in the order of the file. */
static const struct {
	const char *name;
	size_t at;
} status_numbers[] = {
#define AT(name)                                                               \
	{                                                                      \
#name, offsetof(struct status_dest, name)                      \
	}
	AT(position), AT(rows_behind), AT(seconds_behind), AT(rows_delivered),
	AT(requests), AT(failures),    AT(tries),	   AT(missed_batches),
#undef AT
};

static uint64_t *status_number(struct status_dest *d, size_t i)
{
	return (uint64_t *)(void *)((char *)d + status_numbers[i].at);
}

static void status_print_dest(FILE *f, struct status_dest d)
{
	(void)fprintf(f, "%s.state %s\n", d.name, d.state);
	for (size_t i = 0; i < ARRAY_SIZE(status_numbers); i++)
		(void)fprintf(f, "%s.%s %" PRIu64 "\n", d.name,
			      status_numbers[i].name, *status_number(&d, i));
	if (d.error[0])
		(void)fprintf(f, "%s.error %s\n", d.name, d.error);
}

void status_write(int dir, const struct status *s)
{
	int fd = openat(dir, STATUS_NAME ".new",
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	(void)fprintf(f, "time_us %" PRIu64 "\ninstance %s\n", s->time_us,
		      s->instance);
	for (size_t i = 0; i < s->dests_len; i++)
		status_print_dest(f, s->dests[i]);
	if (!fclose(f))
		(void)renameat(dir, STATUS_NAME ".new", dir, STATUS_NAME);
}

static void status_keep(struct slice value, char *ret, size_t size)
{
	size_t len = MIN(value.len, size - 1);

	memcpy(ret, value.ptr, len);
	ret[len] = '\0';
}

static uint64_t status_parse_number(struct slice value)
{
	char text[24];

	status_keep(value, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

/* The destination of this name, new if it is not there; NULL: too many. */
static struct status_dest *status_find(struct status *s, struct slice name)
{
	struct status_dest *d = &s->dests[s->dests_len];

	for (size_t i = 0; i < s->dests_len; i++)
		if (slice_eq(slice_str(s->dests[i].name), name))
			return &s->dests[i];
	if (s->dests_len == STATUS_MAX || name.len >= sizeof(d->name))
		return NULL;
	*d = (struct status_dest){ 0 };
	status_keep(name, d->name, sizeof(d->name));
	s->dests_len++;
	return d;
}

static void status_parse_dest(struct status_dest *d, struct slice key,
			      struct slice value)
{
	if (slice_eq(key, SLICE("state")))
		status_keep(value, d->state, sizeof(d->state));
	else if (slice_eq(key, SLICE("error")))
		status_keep(value, d->error, sizeof(d->error));
	for (size_t i = 0; i < ARRAY_SIZE(status_numbers); i++)
		if (slice_eq(key, slice_str(status_numbers[i].name)))
			*status_number(d, i) = status_parse_number(value);
}

static void status_parse_line(struct status *s, struct slice name,
			      struct slice value)
{
	size_t dot = name.len;
	struct status_dest *d;

	while (dot && name.ptr[dot - 1] != '.')
		dot--;
	if (slice_eq(name, SLICE("time_us"))) {
		s->time_us = status_parse_number(value);
	} else if (slice_eq(name, SLICE("instance"))) {
		status_keep(value, s->instance, sizeof(s->instance));
	} else if (dot > 1) {
		d = status_find(s, slice_of(name.ptr, dot - 1));
		if (d)
			status_parse_dest(d, slice_skip(name, dot), value);
	}
}

static int status_load(const char *run_dir, char ret[STATUS_TEXT_MAX],
		       size_t *ret_len)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd, err;

	(void)snprintf(path, sizeof(path), "%s/%s", run_dir, STATUS_FILE);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	n = read(fd, ret, STATUS_TEXT_MAX);
	err = n < 0 ? -errno : 0;
	(void)close(fd);
	*ret_len = n < 0 ? 0 : (size_t)n;
	return err;
}

int status_read(const char *run_dir, struct status *ret)
{
	char mem[STATUS_TEXT_MAX];
	struct status s = { 0 };
	struct slice text = { mem, 0 }, line, name, value;
	int err = status_load(run_dir, mem, &text.len);

	if (err)
		return err;
	while (text.len) {
		(void)slice_cut(text, '\n', &line, &text);
		if (!slice_cut(line, ' ', &name, &value))
			return ERR_SYNTAX;
		status_parse_line(&s, name, value);
	}
	*ret = s;
	return 0;
}
