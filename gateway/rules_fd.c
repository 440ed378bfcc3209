/* gateway/rules_fd.c - rulesets travel as text in a memfd. */

#include "gateway/rules_fd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

static int rules_fd_put(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

int rules_fd_write(const struct ruleset *rs)
{
	char *text = NULL;
	size_t len;
	int rc = ruleset_print(rs, &text, &len);
	int fd;

	if (rc < 0)
		return rc;
	fd = memfd_create("rules", MFD_CLOEXEC);
	rc = fd < 0 ? -errno : rules_fd_put(fd, text, len);
	free(text);
	if (rc < 0 && fd >= 0)
		(void)close(fd);
	return rc < 0 ? rc : fd;
}

int rules_fd_read(int fd, struct ruleset **ret, struct rule_error *ret_err)
{
	struct stat st;
	void *text;
	int rc;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!st.st_size)
		return ruleset_new(ret);
	if (st.st_size > RULES_FD_MAX)
		return ERR_LIMIT;
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		return -errno;
	rc = ruleset_parse(slice_of(text, (size_t)st.st_size), ret, ret_err);
	(void)munmap(text, (size_t)st.st_size);
	return rc;
}
