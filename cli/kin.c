/* cli/kin.c - whether processes of an earlier `penstock up` are still there. */

#include "cli/kin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KIN_POLL_MS 20
#define KIN_TELL_MS 200 /* of a shorter wait nothing is said */
#define KIN_ASIDE   32	/* cli/inlet.c places descriptors below */

/* Returns a descriptor of the file that is not one of the first, or -errno. */
static int kin_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int aside = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, KIN_ASIDE);
	int rc = -errno;

	if (fd >= 0)
		(void)close(fd);
	return aside < 0 ? rc : aside;
}

/* Returns 0, -EAGAIN or another -errno. */
static int kin_lock(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

static int kin_wait(int fd)
{
	const struct timespec step = { .tv_nsec = KIN_POLL_MS * 1000000L };
	int rc = kin_lock(fd);

	for (int ms = 0; rc == -EAGAIN && ms < KIN_WAIT_MS; ms += KIN_POLL_MS) {
		if (ms == KIN_TELL_MS)
			(void)fprintf(stderr,
				      "penstock up: waiting for the processes "
				      "of an instance that was killed\n");
		(void)nanosleep(&step, NULL);
		rc = kin_lock(fd);
	}
	return rc;
}

int kin_take(const struct instance *in)
{
	char path[INSTANCE_PATH_MAX];
	int fd, rc;

	if (!instance_path(in->run_dir, INSTANCE_KIN, path))
		return -ENAMETOOLONG;
	fd = kin_open(path);
	rc = fd < 0 ? fd : kin_wait(fd);
	if (rc == 0)
		return fd;
	if (rc == -EAGAIN)
		(void)fprintf(stderr,
			      "penstock up: processes of an instance that was "
			      "killed do not end; see which: fuser -v %s\n",
			      path);
	else
		(void)fprintf(stderr, "penstock up: %s: %s\n", path,
			      strerror(-rc));
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

void kin_pass(int lock)
{
	(void)fcntl(lock, F_SETFD, 0);
}
