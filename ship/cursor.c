#include "ship/cursor.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hex.h"

#define CURSOR_NAME_MAX 128
#define CURSOR_TEXT_MAX 160

static int cursor_name(const char *name, const char *tail,
		       char ret[CURSOR_NAME_MAX])
{
	int n = snprintf(ret, CURSOR_NAME_MAX, "%s%s", name, tail);

	return n > 0 && n < CURSOR_NAME_MAX ? 0 : -ENAMETOOLONG;
}

/* All of it or nothing, also when the power fails. */
static int cursor_store(int dir, const char *file, const char *text)
{
	char fresh[CURSOR_NAME_MAX];
	int err = cursor_name(file, ".new", fresh);

	if (!err)
		err = file_replace(dir, fresh, file, 0600, slice_str(text));
	return !err && fsync(dir) < 0 ? -errno : err;
}

int cursor_read(int dir, const char *name, struct cursor *ret)
{
	char file[CURSOR_NAME_MAX], text[CURSOR_TEXT_MAX] = "";
	struct cursor c = { 0 };
	struct slice hash, rest;
	char *end;
	int err = cursor_name(name, ".cursor", file);

	if (!err)
		err = file_text(dir, file, O_NOFOLLOW, text, sizeof(text));
	if (err)
		return err;
	errno = 0;
	c.batch = strtoull(text, &end, 10);
	if (errno || !isdigit((unsigned char)*text) || *end != ' ' ||
	    !slice_cut(slice_str(end + 1), '\n', &hash, &rest) || rest.len ||
	    !hex_parse(hash, c.hash, sizeof(c.hash)))
		return ERR_SYNTAX;
	*ret = c;
	return 0;
}

int cursor_write(int dir, const char *name, const struct cursor *c)
{
	char file[CURSOR_NAME_MAX], text[CURSOR_TEXT_MAX];
	char hash[HEX_TEXT(OUTBOX_HASH_LEN)];
	int err = cursor_name(name, ".cursor", file);

	if (err)
		return err;
	hex_print(c->hash, sizeof(c->hash), hash);
	(void)snprintf(text, sizeof(text), "%" PRIu64 " %s\n", c->batch, hash);
	return cursor_store(dir, file, text);
}

int cursor_write_done(int file, uint64_t entry)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%020" PRIu64 "\n", entry);
	ssize_t n = pwrite(file, text, (size_t)len, 0);

	if (n < 0)
		return -errno;
	if (n != len)
		return -ENOSPC;
	return fdatasync(file) < 0 ? -errno : 0;
}

static int cursor_new_instance(int dir, char ret[CURSOR_INSTANCE_MAX])
{
	char host[65] = "", text[CURSOR_INSTANCE_MAX];
	uint32_t number;
	int err;

	if (gethostname(host, sizeof(host) - 1) < 0)
		return -errno;
	if (getrandom(&number, sizeof(number), 0) < 0)
		return -errno;
	/* It becomes part of a header field and of keys. */
	for (char *c = host; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '.')
			*c = '-';
	(void)snprintf(text, sizeof(text), "%s-%08" PRIx32 "\n",
		       *host ? host : "penstock", number);
	err = cursor_store(dir, "instance", text);
	if (!err)
		(void)snprintf(ret, CURSOR_INSTANCE_MAX, "%.*s",
			       (int)strcspn(text, "\n"), text);
	return err;
}

int cursor_instance(int dir, char ret[CURSOR_INSTANCE_MAX])
{
	char text[CURSOR_TEXT_MAX] = "";
	int err = file_text(dir, "instance", O_NOFOLLOW, text, sizeof(text));
	size_t len;

	if (err == -ENOENT)
		return cursor_new_instance(dir, ret);
	if (err)
		return err;
	len = strcspn(text, "\n");
	if (!len || len >= CURSOR_INSTANCE_MAX || text[len] != '\n')
		return ERR_SYNTAX;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '.' &&
		    text[i] != '-' && text[i] != '_')
			return ERR_SYNTAX;
	memcpy(ret, text, len);
	ret[len] = '\0';
	return 0;
}
