#include "ship/status.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/base.h"

#define STATUS_NAME "ship.status"

/* Numbers of a destination, in the order of the file. */
static const struct {
	const char *name;
	size_t at;
} status_numbers[] = {
#define AT(name) offsetof(struct status_dest, name)
	{ "position", AT(position) },
	{ "rows_behind", AT(rows_behind) },
	{ "seconds_behind", AT(seconds_behind) },
	{ "rows_delivered", AT(rows_delivered) },
	{ "requests", AT(requests) },
	{ "failures", AT(failures) },
	{ "tries", AT(tries) },
	{ "missed_batches", AT(missed_batches) },
#undef AT
};

static uint64_t status_number(const struct status_dest *d, size_t i)
{
	return *(const uint64_t *)(const void *)((const char *)d +
						 status_numbers[i].at);
}

static void status_print_dest(FILE *f, const struct status_dest *d)
{
	(void)fprintf(f, "%s.state %s\n", d->name, d->state);
	for (size_t i = 0; i < ARRAY_SIZE(status_numbers); i++)
		(void)fprintf(f, "%s.%s %" PRIu64 "\n", d->name,
			      status_numbers[i].name, status_number(d, i));
	if (d->error[0])
		(void)fprintf(f, "%s.error %s\n", d->name, d->error);
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
		status_print_dest(f, &s->dests[i]);
	if (!fclose(f))
		(void)renameat(dir, STATUS_NAME ".new", dir, STATUS_NAME);
}
