/* audit/request.c - ask the ledger's one writer to take rows away. */

#include "audit/request.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/lines.h"
#include "base/base.h"
#include "base/err.h"
#include "base/file.h"
#include "base/slice.h"

#define PATH_LEN_MAX 512
#define TEXT_MAX     512

/* Put text at dir/name, whole or not at all. */
static int request_put(const char *dir, const char *name, const char *text)
{
	char path[PATH_LEN_MAX], tmp[PATH_LEN_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= PATH_LEN_MAX ||
	    snprintf(tmp, sizeof(tmp), "%s/%s.new", dir, name) >= PATH_LEN_MAX)
		return -ENAMETOOLONG;
	/* For the other side, whatever our umask; the directory is 0700. */
	return file_replace(AT_FDCWD, tmp, path, 0644, slice_str(text));
}

static int request_get(const char *dir, const char *name, char ret[TEXT_MAX])
{
	char path[PATH_LEN_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= PATH_LEN_MAX)
		return -ENAMETOOLONG;
	return file_text(AT_FDCWD, path, O_NOFOLLOW | O_NONBLOCK, ret,
			 TEXT_MAX);
}

static bool request_number(const char *text, const char *name, uint64_t *ret)
{
	return slice_number(lines_value(text, name), UINT64_MAX, ret);
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
