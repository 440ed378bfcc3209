/* gateway/secrets.c - credentials that the sandbox never sees: the set.
 *
 * One block of locked pages holds all of them, each as a struct with its texts
 * behind it. The parent fills its set from the files, a worker its own from the
 * parent's frames, and a new set takes the place of the old one whole.
 */

#include "gateway/secrets_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"

#define SECRETS_BYTES (SECRETS_MAX * (SECRET_CONTENT_MAX + 8192ul))

/* The memory of a set; nothing of it is used that is not needed. */
static int secrets_map(struct secrets *s)
{
	void *mem = mmap(NULL, SECRETS_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED)
		return -ENOMEM;
	(void)madvise(mem, SECRETS_BYTES, MADV_DONTDUMP);
	(void)madvise(mem, SECRETS_BYTES, MADV_DONTFORK);
	s->mem = mem;
	return 0;
}

int secrets_new(struct secrets **ret)
{
	struct secrets *s = calloc(1, sizeof(*s));

	if (!s || secrets_map(s) < 0) {
		free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

void secrets_free(struct secrets **s)
{
	if (!*s)
		return;
	explicit_bzero((*s)->mem, (*s)->used);
	(void)munmap((*s)->mem, SECRETS_BYTES);
	free(*s);
	*s = NULL;
}

size_t secrets_len(const struct secrets *s)
{
	return s->len;
}

/* A copy of text in the set's memory. */
static bool secrets_copy(struct secrets *s, struct slice text,
			 struct slice *ret)
{
	if (text.len > SECRETS_BYTES - s->used)
		return false;
	if (text.len)
		memcpy(s->mem + s->used, text.ptr, text.len);
	*ret = slice_of(s->mem + s->used, text.len);
	s->used += text.len;
	return true;
}

/* Add what from says, its texts copied. */
static int secrets_add(struct secrets *s, const struct secret *from)
{
	struct secret *to = &s->all[s->len];

	if (s->len == SECRETS_MAX || from->hosts_len > SECRET_HOSTS_MAX)
		return ERR_LIMIT;
	if (!secrets_copy(s, from->name, &to->name) ||
	    !secrets_copy(s, from->header, &to->header) ||
	    !secrets_copy(s, from->prefix, &to->prefix) ||
	    !secrets_copy(s, from->placeholder, &to->placeholder) ||
	    !secrets_copy(s, from->content, &to->content))
		return ERR_LIMIT;
	for (size_t i = 0; i < from->hosts_len; i++)
		if (!secrets_copy(s, from->hosts[i], &to->hosts[i]))
			return ERR_LIMIT;
	to->hosts_len = from->hosts_len;
	s->len++;
	return 0;
}

/* The files. */

static int secrets_say(struct config_error *ret_err, const char *name, int rc,
		       const char *path, const char *why)
{
	(void)snprintf(ret_err->text, sizeof(ret_err->text),
		       "secret %s: %.512s: %s", name, path, why);
	return rc;
}

/* Where the content is. False: it has no place. */
static bool secrets_path(const struct config_secret *c, char *ret, size_t size)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	if (c->file)
		return (size_t)snprintf(ret, size, "%s", c->file) < size;
	(void)snprintf(ret, size, "$CREDENTIALS_DIRECTORY/%s", c->credential);
	return dir &&
	       (size_t)snprintf(ret, size, "%s/%s", dir, c->credential) < size;
}

/* A header's value: visible ASCII and blanks within. */
static bool secrets_good(struct slice s)
{
	if (!s.len || s.ptr[0] == ' ' || s.ptr[s.len - 1] == ' ')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < ' ' || s.ptr[i] > '~')
			return false;
	return true;
}

/* Read the content, an end of line aside. Returns its length or what is wrong.
 */
static ssize_t secrets_content(const char *path, char *ret, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n = -1;

	*why = NULL;
	if (fd < 0 || fstat(fd, &st) < 0)
		*why = err_str(-errno);
	else if (!S_ISREG(st.st_mode))
		*why = "it is no file";
	else if (st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP))
		*why = "others may read or change it; chmod 600 it";
	else
		n = read(fd, ret, SECRET_CONTENT_MAX + 2);
	if (n < 0 && !*why)
		*why = err_str(-errno);
	if (fd >= 0)
		(void)close(fd);
	while (n > 0 && (ret[n - 1] == '\n' || ret[n - 1] == '\r'))
		n--;
	if (n == 0)
		*why = "it is empty";
	else if (n > SECRET_CONTENT_MAX)
		*why = "it is longer than 8192 octets";
	else if (n > 0 && !secrets_good(slice_of(ret, (size_t)n)))
		*why = "a secret is one line of visible ASCII";
	return *why ? -1 : n;
}

static int secrets_read_one(struct secrets *s, const struct config_secret *c,
			    struct config_error *ret_err)
{
	char path[4096], content[SECRET_CONTENT_MAX + 2];
	struct secret got = {
		.name = slice_str(c->name),
		.header = slice_str(c->header),
		.prefix = slice_str(c->prefix),
		.placeholder = slice_str(c->placeholder),
		.hosts_len = c->hosts_len,
	};
	const char *why;
	ssize_t n;
	int rc;

	if (!secrets_path(c, path, sizeof(path)))
		return secrets_say(ret_err, c->name, -ENOENT, path,
				   "there are no credentials of systemd here");
	n = secrets_content(path, content, &why);
	if (n < 0) {
		explicit_bzero(content, sizeof(content));
		return secrets_say(ret_err, c->name, ERR_SYNTAX, path, why);
	}
	got.content = slice_of(content, (size_t)n);
	for (size_t i = 0; i < MIN(c->hosts_len, (size_t)SECRET_HOSTS_MAX); i++)
		got.hosts[i] = slice_str(c->hosts[i]);
	rc = secrets_add(s, &got);
	explicit_bzero(content, sizeof(content));
	return rc < 0 ? secrets_say(ret_err, c->name, rc, path, err_str(rc))
		      : 0;
}

int secrets_read(const struct config *config, struct secrets **ret,
		 struct config_error *ret_err)
{
	struct secrets *s = NULL;
	int rc = secrets_new(&s);

	for (size_t i = 0; rc == 0 && i < config_secrets(config); i++) {
		struct config_secret c;

		config_secret(config, i, &c);
		rc = secrets_read_one(s, &c, ret_err);
	}
	if (rc < 0)
		secrets_free(&s);
	else
		*ret = s;
	return rc;
}

/* Frames. */

void secrets_put(const struct secrets *s, size_t i, struct frame_out *out)
{
	const struct secret *c = &s->all[i];

	frame_put_str(out, c->name);
	frame_put_str(out, c->header);
	frame_put_str(out, c->prefix);
	frame_put_str(out, c->placeholder);
	frame_put_str(out, c->content);
	frame_put_u8(out, (uint8_t)c->hosts_len);
	for (size_t k = 0; k < c->hosts_len; k++)
		frame_put_str(out, c->hosts[k]);
}

int secrets_take(struct secrets *s, struct bytes *b)
{
	struct secret got = { .name = bytes_str(b) };

	got.header = bytes_str(b);
	got.prefix = bytes_str(b);
	got.placeholder = bytes_str(b);
	got.content = bytes_str(b);
	got.hosts_len = bytes_u8(b);
	if (b->bad || got.hosts_len > SECRET_HOSTS_MAX)
		return ERR_SYNTAX;
	for (size_t i = 0; i < got.hosts_len; i++)
		got.hosts[i] = bytes_str(b);
	return b->bad ? ERR_SYNTAX : secrets_add(s, &got);
}
