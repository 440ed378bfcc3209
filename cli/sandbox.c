/* cli/sandbox.c - what the parts of a sandbox share. */

#include "cli/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/file.h"

void sandbox_done(struct sandbox *sb)
{
	words_done(&sb->binds);
	words_done(&sb->asked_env);
}

bool sandbox_is_control(const struct sandbox *sb, const char *path)
{
	return words_within(path, sb->in.run_dir) ||
	       words_within(path, sb->in.state_dir) ||
	       words_within(path, sb->in.conf_dir);
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
	int rc;

	if (fd < 0)
		return -errno;
	rc = file_write(fd, slice_of(data, len));
	if (!rc && lseek(fd, 0, SEEK_SET) < 0)
		rc = -errno;
	if (!rc)
		return fd;
	(void)close(fd);
	return rc;
}

int sandbox_args_file(struct sandbox_args *args, const void *data, size_t len)
{
	int fd = args->files_len < SANDBOX_FILES_MAX
			 ? sandbox_memfile("penstock", data, len)
			 : -ENOBUFS;

	if (fd < 0 && !args->failed)
		args->failed = fd;
	if (fd < 0)
		args->options.bad = true;
	else
		args->files[args->files_len++] = fd;
	return fd;
}

int sandbox_args_copy(struct sandbox_args *args, const char *path)
{
	int from = open(path, O_RDONLY | O_CLOEXEC);
	void *text = MAP_FAILED;
	struct stat st;
	int fd = -1, rc;

	if (from >= 0 && fstat(from, &st) == 0)
		text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE,
			    from, 0);
	if (text != MAP_FAILED) {
		fd = sandbox_args_file(args, text, (size_t)st.st_size);
		(void)munmap(text, (size_t)st.st_size);
	} else {
		rc = -errno;
		(void)fprintf(stderr, "penstock run: %s: %s\n", path,
			      strerror(-rc));
		args->failed = args->failed ? args->failed : rc;
	}
	if (from >= 0)
		(void)close(from);
	return fd;
}
