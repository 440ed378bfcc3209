#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"

void file_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

int file_slurp(int fd, char *mem, size_t cap, size_t *ret_len)
{
	size_t len = 0;

	for (;;) {
		char past; /* one octet more than cap is one too many */
		ssize_t n = len < cap ? read(fd, mem + len, cap - len)
				      : read(fd, &past, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		if (len == cap)
			return ERR_LIMIT;
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

int file_text(int dir, const char *name, int flags, char *ret, size_t max)
{
	CLEANUP(file_close)
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | flags);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, max - 1);

	if (n < 0)
		return -errno;
	ret[n] = '\0';
	return 0;
}

int file_write(int fd, struct slice text)
{
	while (text.len) {
		ssize_t n = write(fd, text.ptr, text.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text = slice_skip(text, (size_t)n);
	}
	return 0;
}

/* A new file with exactly this mode, whatever the umask. */
static int file_fill(int dir, const char *temp, mode_t mode, struct slice text)
{
	CLEANUP(file_close) int fd = -1;
	int err;

	if (unlinkat(dir, temp, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir, temp,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = file_write(fd, text);
	if (err < 0)
		return err;
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

int file_replace(int dir, const char *temp, const char *name, mode_t mode,
		 struct slice text)
{
	int err = file_fill(dir, temp, mode, text);

	if (err == 0 && renameat(dir, temp, dir, name) < 0)
		err = -errno;
	if (err < 0)
		(void)unlinkat(dir, temp, 0);
	return err;
}
