/* certgen/bundle.c - a trust store for a sandbox: the system's CAs and ours. */

#include "certgen/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/file.h"

#define BUNDLE_SYSTEM_MAX (4u << 20) /* octets; Debian's has 220 KiB */
#define BUNDLE_CA_MAX	  16384
#define BUNDLE_LINE_MAX	  76 /* octets of base64 in a line, RFC 7468 and MIME */

static const struct slice bundle_head = SLICE("-----BEGIN CERTIFICATE-----");
static const struct slice bundle_tail = SLICE("-----END CERTIFICATE-----");

static const char *const bundle_places[] = {
	"/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine, Arch */
	"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
	"/etc/ssl/ca-bundle.pem",	      /* SUSE */
	"/etc/ssl/cert.pem",		      /* BSD, macOS */
};

const char *bundle_system_path(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(bundle_places); i++) {
		if (access(bundle_places[i], R_OK) == 0)
			return bundle_places[i];
	}
	return NULL;
}

static bool bundle_base64_line(struct slice line)
{
	if (!line.len || line.len > BUNDLE_LINE_MAX)
		return false;
	for (size_t i = 0; i < line.len; i++) {
		char c = line.ptr[i];

		if (!ascii_is_alnum(c) && c != '+' && c != '/' && c != '=')
			return false;
	}
	return true;
}

/* head, base64 lines, tail, blank lines around; RFC 7468 without its
 * explanatory text.
 */
int bundle_check(struct slice text)
{
	enum {
		BEFORE,
		FIRST,
		WITHIN,
		AFTER
	} state = BEFORE;
	struct slice line;

	while (text.len) {
		(void)slice_cut(text, '\n', &line, &text);
		if (slice_ends(line, SLICE("\r")))
			line.len--;
		if (!line.len && (state == BEFORE || state == AFTER))
			continue;
		if (state == BEFORE && slice_eq(line, bundle_head))
			state = FIRST;
		else if (state == WITHIN && slice_eq(line, bundle_tail))
			state = AFTER;
		else if ((state == FIRST || state == WITHIN) &&
			 bundle_base64_line(line))
			state = WITHIN;
		else
			return ERR_SYNTAX;
	}
	return state == AFTER ? 0 : ERR_SYNTAX;
}

/* Append what path holds to mem, which has room for cap octets, and end it
 * with a newline.
 */
static int bundle_read(const char *path, char *mem, size_t cap, size_t *len)
{
	CLEANUP(file_close)
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	size_t n = 0;
	int err;

	if (fd < 0)
		return -errno;
	err = file_slurp(fd, mem + *len, cap - 1, &n);
	if (err < 0)
		return err;
	*len += n;
	if (n && mem[*len - 1] != '\n')
		mem[(*len)++] = '\n';
	return 0;
}

/* Fill mem with both. */
static int bundle_gather(const char *system_pem, const char *ca_pem, char *mem,
			 size_t *ret_len)
{
	size_t len = 0;
	size_t ours;
	int err = 0;

	if (system_pem)
		err = bundle_read(system_pem, mem, BUNDLE_SYSTEM_MAX, &len);
	if (err < 0)
		return err;
	ours = len;
	err = bundle_read(ca_pem, mem, BUNDLE_CA_MAX, &len);
	if (err < 0)
		return err;
	err = bundle_check(slice_of(mem + ours, len - ours));
	if (err < 0)
		return err;
	*ret_len = len;
	return 0;
}

int bundle_join(const char *system_pem, const char *ca_pem,
		const char *out_path)
{
	char temp[PATH_MAX];
	size_t len = 0;
	char *mem;
	int err;
	int n = snprintf(temp, sizeof(temp), "%s.%d.new", out_path,
			 (int)getpid());

	if (n < 0 || (size_t)n >= sizeof(temp))
		return -ENAMETOOLONG;
	mem = malloc(BUNDLE_SYSTEM_MAX + BUNDLE_CA_MAX);
	if (!mem)
		return -ENOMEM;
	err = bundle_gather(system_pem, ca_pem, mem, &len);
	if (err == 0)
		err = file_replace(AT_FDCWD, temp, out_path, 0644,
				   slice_of(mem, len));
	free(mem);
	return err;
}

int bundle_write(const char *ca_pem, const char *out_path)
{
	return bundle_join(bundle_system_path(), ca_pem, out_path);
}
