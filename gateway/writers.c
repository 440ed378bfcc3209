/* gateway/writers.c - numbers for those who give ids. */

#include "gateway/writers.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/base.h"

/* What the file holds; two octets are never torn. */
static int writers_read(struct writers *w)
{
	uint16_t last;
	ssize_t n = pread(w->fd, &last, sizeof(last), 0);

	if (n == (ssize_t)sizeof(last))
		w->last = last % WRITERS;
	return n < 0 ? -errno : 0;
}

int writers_open(struct writers *w, const char *path)
{
	int rc;

	w->last = 0;
	w->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	rc = w->fd < 0 ? -errno : writers_read(w);
	if (rc < 0) {
		writers_done(w);
		(void)!getrandom(&w->last, sizeof(w->last), 0);
		w->last %= WRITERS;
	}
	return rc;
}

void writers_done(struct writers *w)
{
	if (w->fd >= 0)
		(void)close(w->fd);
	w->fd = -1;
}

uint16_t writers_next(struct writers *w)
{
	w->last = (uint16_t)((w->last + 1) % WRITERS);
	/* On a full disk the octets are there already. */
	if (w->fd >= 0)
		(void)!pwrite(w->fd, &w->last, sizeof(w->last), 0);
	return (uint16_t)(w->last * ID_TURNS);
}
