#include "ship/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/file.h"

#define SECRET_SHORT 4 /* fewer octets stand in any text by chance */

static bool secret_is_text(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if ((*p < ' ' && *p != '\n' && *p != '\t') || *p == 0x7f)
			return false;
	return *text != '\0';
}

static int secret_load(const char *path, char ret[SECRET_MAX + 2],
		       size_t *ret_len)
{
	CLEANUP(file_close)
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : file_slurp(fd, ret, SECRET_MAX + 1, ret_len);
}

int secret_read(const char *path, char ret[SECRET_MAX + 1])
{
	char text[SECRET_MAX + 2];
	size_t len = 0;
	int err = path ? secret_load(path, text, &len) : 0;

	if (!err && len && text[len - 1] == '\n')
		len--;
	if (!err && len > SECRET_MAX)
		err = ERR_LIMIT;
	if (!err) {
		text[len] = '\0';
		if (path && (strlen(text) != len || !secret_is_text(text)))
			err = ERR_SYNTAX;
	}
	if (!err)
		memcpy(ret, text, len + 1);
	explicit_bzero(text, sizeof(text));
	return err;
}

/* How many octets of a secret stand at p. */
static size_t secret_at(const char *p, const char *const *secrets)
{
	size_t longest = 0;

	for (; *secrets; secrets++) {
		size_t len = strlen(*secrets);

		if (len >= SECRET_SHORT && len > longest &&
		    !strncmp(p, *secrets, len))
			longest = len;
	}
	return longest;
}

void secret_phrase(const char *what, const char *const *secrets, char *ret,
		   size_t size)
{
	size_t len = 0;

	while (*what == ' ' || *what == '\n')
		what++;
	while (*what && *what != '\n' && *what != '\r' && len + 4 < size) {
		size_t skip = secret_at(what, secrets);

		if (skip) {
			memcpy(ret + len, "***", 3);
			len += 3;
			what += skip;
			continue;
		}
		ret[len++] = *what < ' ' || *what > '~' ? '?' : *what;
		what++;
	}
	ret[len] = '\0';
}
