/* cli/sandbox.c - what the parts of a sandbox share. */

#include "cli/sandbox.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base.h"

void sandbox_done(struct sandbox *sb)
{
	words_done(&sb->binds);
	words_done(&sb->asked_env);
}

void sandbox_args_done(struct sandbox_args *args)
{
	words_done(&args->options);
	words_done(&args->env);
	words_done(&args->bound);
	for (size_t i = 0; i < args->files_len; i++)
		(void)close(args->files[i]);
	args->files_len = 0;
}

int sandbox_memfile(const char *name, const void *data, size_t len)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	const char *p = data;
	int rc;

	if (fd < 0)
		return -errno;
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n <= 0)
			break;
		p += n;
		len -= (size_t)n;
	}
	if (!len && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	rc = errno ? -errno : -EIO;
	(void)close(fd);
	return rc;
}

int sandbox_args_file(struct sandbox_args *args, const void *data, size_t len)
{
	int fd = args->files_len < SANDBOX_FILES_MAX
			 ? sandbox_memfile("penstock", data, len)
			 : -ENOBUFS;

	if (fd < 0)
		args->options.bad = true;
	else
		args->files[args->files_len++] = fd;
	return fd;
}
