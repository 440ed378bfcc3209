/* audit/request.c - ask the ledger's one writer to take rows away. */

#include "audit/request.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/lines.h"
#include "base/base.h"
#include "base/err.h"
#include "base/slice.h"

#define PATH_LEN_MAX 512
#define TEXT_MAX     512

/* Put text at dir/name, whole or not at all. */
static int request_put(const char *dir, const char *name, const char *text)
{
	char path[PATH_LEN_MAX], tmp[PATH_LEN_MAX];
	FILE *f;
	int err = 0;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= PATH_LEN_MAX ||
	    snprintf(tmp, sizeof(tmp), "%s/%s.new", dir, name) >= PATH_LEN_MAX)
		return -ENAMETOOLONG;
	f = fopen(tmp, "we");
	if (!f)
		return -errno;
	/* For the other side, whatever our umask; the directory is 0700. */
	if (fchmod(fileno(f), 0644) || fputs(text, f) == EOF)
		err = -EIO;
	if (fclose(f) && !err)
		err = -errno;
	if (!err && rename(tmp, path))
		err = -errno;
	if (err)
		(void)unlink(tmp);
	return err;
}

static int request_get(const char *dir, const char *name, char ret[TEXT_MAX])
{
	char path[PATH_LEN_MAX];
	ssize_t n;
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= PATH_LEN_MAX)
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	n = read(fd, ret, TEXT_MAX - 1);
	(void)close(fd);
	if (n < 0)
		return -EIO;
	ret[n] = '\0';
	return 0;
}

static bool request_number(const char *text, const char *name, uint64_t *ret)
{
	struct slice s = lines_value(text, name);
	uint64_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9' || n > UINT64_MAX / 10 - 1)
			return false;
		n = n * 10 + (uint64_t)(s.ptr[i] - '0');
	}
	*ret = n;
	return s.len > 0;
}

int request_write(const char *dir, const struct request *r)
{
	char text[TEXT_MAX];

	(void)snprintf(text, sizeof(text),
		       "id %" PRIu64 "\nkeep_s %" PRIu64 "\nbytes_max %" PRIu64
		       "\n",
		       r->id, r->keep_s, r->bytes_max);
	return request_put(dir, REQUEST_NAME, text);
}

int request_read(const char *dir, struct request *ret)
{
	struct request r;
	char text[TEXT_MAX];
	int err = request_get(dir, REQUEST_NAME, text);

	if (err)
		return err;
	if (!request_number(text, "id", &r.id) || !r.id ||
	    !request_number(text, "keep_s", &r.keep_s) ||
	    !request_number(text, "bytes_max", &r.bytes_max))
		return ERR_SYNTAX;
	*ret = r;
	return 0;
}

int request_answer_write(const char *dir, const struct request_answer *a)
{
	char text[TEXT_MAX];

	(void)snprintf(text, sizeof(text),
		       "id %" PRIu64 "\nrows %" PRIu64 "\n%s%s\n", a->id,
		       a->rows, a->error[0] ? "error " : "", a->error);
	return request_put(dir, REQUEST_ANSWER, text);
}

int request_answer_read(const char *dir, struct request_answer *ret)
{
	struct request_answer a;
	struct slice error;
	char text[TEXT_MAX];
	int err = request_get(dir, REQUEST_ANSWER, text);

	if (err)
		return err;
	if (!request_number(text, "id", &a.id) ||
	    !request_number(text, "rows", &a.rows))
		return ERR_SYNTAX;
	error = lines_value(text, "error");
	(void)snprintf(a.error, sizeof(a.error), "%.*s", (int)error.len,
		       error.len ? error.ptr : "");
	*ret = a;
	return 0;
}

static void request_unlink(const char *dir, const char *name)
{
	char path[PATH_LEN_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) < PATH_LEN_MAX)
		(void)unlink(path);
}

void request_remove(const char *dir)
{
	request_unlink(dir, REQUEST_NAME);
}

void request_answer_remove(const char *dir)
{
	request_unlink(dir, REQUEST_ANSWER);
}
