/* gateway/inject.c - credentials that the sandbox never sees: into a request.
 *
 * The head is rebuilt from a list of fields in the arena, and put in place when
 * all of it succeeded. Where a placeholder is looked for is where it is
 * replaced, by one function, so that what is not replaced is refused.
 */

#include <errno.h>
#include <string.h>

#include "base/base.h"
#include "base/base64.h"
#include "base/err.h"
#include "gateway/secrets_impl.h"

#define BASIC_MAX 4096 /* octets of decoded Basic credentials */

static const char *inject_find(struct slice text, struct slice what)
{
	if (!what.len || text.len < what.len)
		return NULL;
	return memmem(text.ptr, text.len, what.ptr, what.len);
}

/* Copy text with each what replaced by with. Returns 0 or -ENOBUFS. */
static int inject_replace(struct arena *a, struct slice text, struct slice what,
			  struct slice with, struct slice *ret)
{
	size_t count = 0, len;
	const char *at;
	char *to;

	for (struct slice s = text; (at = inject_find(s, what)); count++)
		s = slice_skip(s, (size_t)(at - s.ptr) + what.len);
	len = text.len + count * with.len - count * what.len;
	to = arena_alloc(a, len + 1);
	if (!to)
		return -ENOBUFS;
	*ret = slice_of(to, len);
	while ((at = inject_find(text, what))) {
		size_t before = (size_t)(at - text.ptr);

		memcpy(to, text.ptr, before);
		memcpy(to + before, with.ptr, with.len);
		to += before + with.len;
		text = slice_skip(text, before + what.len);
	}
	memcpy(to, text.ptr, text.len);
	return 0;
}

/* What Basic credentials say (RFC 7617), or false. */
static bool inject_basic(const struct http_field *f, char text[BASIC_MAX],
			 struct slice *ret)
{
	struct slice scheme, code;
	ssize_t len = -1;

	if (slice_eq(f->name, SLICE("authorization")) &&
	    slice_cut(f->value, ' ', &scheme, &code) &&
	    slice_ieq(scheme, SLICE("basic")))
		len = base64_decode(code, text, BASIC_MAX);
	if (len < 0)
		return false;
	*ret = slice_of(text, (size_t)len);
	return true;
}

static bool inject_in_field(const struct http_field *f,
			    struct slice placeholder)
{
	char text[BASIC_MAX];
	struct slice basic = SLICE("");

	if (inject_find(f->value, placeholder))
		return true;
	return inject_basic(f, text, &basic) && inject_find(basic, placeholder);
}

static bool inject_in_head(const struct http_head *head,
			   struct slice placeholder)
{
	if (inject_find(head->path, placeholder))
		return true;
	for (uint32_t i = 0; i < head->fields_len; i++)
		if (inject_in_field(&head->fields[i], placeholder))
			return true;
	return false;
}

struct slice secrets_leak(const struct secrets *s, const struct http_head *head,
			  struct slice inject)
{
	for (size_t i = 0; i < s->len; i++) {
		const struct secret *c = &s->all[i];

		if (c->placeholder.len && !slice_eq(c->name, inject) &&
		    inject_in_head(head, c->placeholder))
			return c->name;
	}
	return SLICE("");
}

/* The field's value with the content in it. */
static int inject_field(const struct secret *c, struct arena *a,
			const struct http_field *f, struct http_field *ret)
{
	char text[BASIC_MAX];
	struct slice basic = SLICE("");
	char *code;
	int rc;

	*ret = *f;
	if (!inject_in_field(f, c->placeholder))
		return 0;
	ret->sensitive = true;
	if (inject_find(f->value, c->placeholder))
		return inject_replace(a, f->value, c->placeholder, c->content,
				      &ret->value);
	(void)inject_basic(f, text, &basic);
	rc = inject_replace(a, basic, c->placeholder, c->content, &basic);
	if (rc < 0)
		return rc;
	code = arena_alloc(a, strlen("Basic ") + BASE64_LEN(basic.len));
	if (!code)
		return -ENOBUFS;
	memcpy(code, "Basic ", strlen("Basic "));
	base64_encode(basic, code + strlen("Basic "));
	ret->value = slice_of(code, strlen("Basic ") + BASE64_LEN(basic.len));
	return 0;
}

/* The header that carries the content. */
static int inject_header(const struct secret *c, struct arena *a,
			 struct http_head *to)
{
	char *text = arena_alloc(a, c->prefix.len + c->content.len);
	struct slice name;
	int rc = text ? arena_copy(a, c->header, &name) : -ENOBUFS;

	if (rc < 0)
		return rc;
	memcpy(text, c->prefix.ptr, c->prefix.len);
	memcpy(text + c->prefix.len, c->content.ptr, c->content.len);
	rc = http_head_add(a, to, name,
			   slice_of(text, c->prefix.len + c->content.len));
	if (rc == 0)
		to->fields[to->fields_len - 1].sensitive = true;
	return rc;
}

/* All fields of from, and the content among them, into the empty to. */
static int inject_fields(const struct secret *c, struct arena *a,
			 const struct http_head *from, struct http_head *to)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < from->fields_len; i++) {
		struct http_field f;

		if (c->header.len && slice_eq(from->fields[i].name, c->header))
			continue; /* the client's own gives way */
		rc = inject_field(c, a, &from->fields[i], &f);
		if (rc == 0)
			rc = http_head_add(a, to, f.name, f.value);
		if (rc == 0)
			to->fields[to->fields_len - 1].sensitive = f.sensitive;
	}
	if (rc == 0 && c->header.len)
		rc = inject_header(c, a, to);
	return rc;
}

/* As text of a URL: all but the unreserved are encoded (RFC 3986, 2.3). */
static int inject_encode(struct arena *a, struct slice s, struct slice *ret)
{
	static const char hex[] = "0123456789ABCDEF";
	char *to = arena_alloc(a, 3 * s.len + 1);
	size_t len = 0;

	if (!to)
		return -ENOBUFS;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (ascii_is_alnum((char)c) || strchr("-._~", c)) {
			to[len++] = (char)c;
			continue;
		}
		to[len++] = '%';
		to[len++] = hex[c >> 4];
		to[len++] = hex[c & 15];
	}
	*ret = slice_of(to, len);
	return 0;
}

static int inject_path(const struct secret *c, struct arena *a,
		       struct slice path, struct slice *ret)
{
	struct slice content;
	int rc;

	*ret = path;
	if (!inject_find(path, c->placeholder))
		return 0;
	rc = inject_encode(a, c->content, &content);
	return rc < 0 ? rc
		      : inject_replace(a, path, c->placeholder, content, ret);
}

static const struct secret *inject_secret(const struct secrets *s,
					  struct slice name)
{
	for (size_t i = 0; i < s->len; i++)
		if (slice_eq(s->all[i].name, name))
			return &s->all[i];
	return NULL;
}

static bool inject_host(const struct secret *c, struct slice host)
{
	for (size_t i = 0; i < c->hosts_len; i++)
		if (slice_eq(c->hosts[i], host))
			return true;
	return false;
}

int secrets_inject(const struct secrets *s, struct slice name,
		   struct slice host, bool tls, struct arena *a,
		   struct http_head *head)
{
	const struct secret *c = inject_secret(s, name);
	struct http_head *fresh;
	int rc;

	if (!c)
		return ERR_UNKNOWN;
	if (!tls || !inject_host(c, host) ||
	    slice_eq(head->method, SLICE("TRACE")))
		return ERR_DENIED;
	fresh = http_head_new(a);
	if (!fresh)
		return -ENOBUFS;
	rc = inject_fields(c, a, head, fresh);
	if (rc == 0)
		rc = inject_path(c, a, head->path, &fresh->path);
	if (rc < 0)
		return rc;
	head->path = fresh->path;
	head->fields = fresh->fields;
	head->fields_len = fresh->fields_len;
	head->fields_cap = fresh->fields_cap;
	head->bytes = fresh->bytes;
	return 0;
}
