/* audit/copy_line.c - one flat JSON object a line. */

#include "audit/copy_line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/err.h"
#include "base/hex.h"

static void out_put(struct copy_out *o, const char *p, size_t len)
{
	if (len > sizeof(o->mem) - o->len) {
		o->bad = true;
		return;
	}
	memcpy(o->mem + o->len, p, len);
	o->len += len;
}

static void out_str(struct copy_out *o, const char *s)
{
	out_put(o, s, strlen(s));
}

static void out_name(struct copy_out *o, const char *name)
{
	out_str(o, o->len > 1 ? ",\"" : "\"");
	out_str(o, name);
	out_str(o, "\":");
}

void copy_text(struct copy_out *o, const char *name, struct slice s)
{
	char escape[8];

	out_name(o, name);
	out_put(o, "\"", 1);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c == '"' || c == '\\' || c < 0x20) {
			(void)snprintf(escape, sizeof(escape), "\\u%04x", c);
			out_str(o, escape);
		} else {
			out_put(o, &s.ptr[i], 1);
		}
	}
	out_put(o, "\"", 1);
}

void copy_begin(struct copy_out *o, const char *is)
{
	o->len = 0;
	out_put(o, "{", 1);
	copy_text(o, "is", slice_str(is));
}

void copy_number(struct copy_out *o, const char *name, int64_t n)
{
	char text[24];

	out_name(o, name);
	(void)snprintf(text, sizeof(text), "%" PRId64, n);
	out_str(o, text);
}

void copy_bool(struct copy_out *o, const char *name, bool b)
{
	out_name(o, name);
	out_str(o, b ? "true" : "false");
}

void copy_octets(struct copy_out *o, const char *name, const uint8_t *p,
		 size_t len)
{
	char hex[HEX_TEXT(CHAIN_SIGNATURE)];

	assert(len <= CHAIN_SIGNATURE);
	hex_print(p, len, hex);
	copy_text(o, name, slice_str(hex));
}

void copy_end(struct copy_out *o)
{
	out_put(o, "}\n", 2);
	if (!o->bad &&
	    gzwrite(o->gz, o->mem, (unsigned int)o->len) != (int)o->len)
		o->bad = true;
}

/* A place in the line; NULL once it was not what it should be. */
static char *in_expect(char *p, char c)
{
	return p && *p == c ? p + 1 : NULL;
}

/* What stands behind a backslash, into *to. Of \u those below 80, which is all
 * that copy_text() writes.
 */
static char *in_escape(char *p, char *to)
{
	static const char plain[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	const char *at = *p ? strchr(plain, *p) : NULL;
	int n = 0;

	if (at) {
		*to = means[at - plain];
		return p + 1;
	}
	if (*p++ != 'u')
		return NULL;
	for (int i = 0; i < 4; i++) {
		int digit = hex_value(*p++);

		if (digit < 0)
			return NULL;
		n = n * 16 + digit;
	}
	*to = (char)n;
	return n && n < 0x80 ? p : NULL;
}

/* A string, decoded where it stands: it only gets shorter. */
static char *in_string(char *p, struct slice *ret)
{
	char *to, *from;

	p = in_expect(p, '"');
	if (!p)
		return NULL;
	for (from = to = p; *p != '"'; to++) {
		if (!*p || (unsigned char)*p < 0x20)
			return NULL;
		if (*p != '\\') {
			*to = *p++;
			continue;
		}
		p = in_escape(p + 1, to);
		if (!p)
			return NULL;
	}
	*ret = slice_of(from, (size_t)(to - from));
	return p + 1;
}

static char *in_number(char *p, int64_t *ret)
{
	bool minus = *p == '-';
	uint64_t n = 0;
	char *begin;

	p += minus;
	for (begin = p; *p >= '0' && *p <= '9'; p++) {
		if (n > (uint64_t)INT64_MAX / 10)
			return NULL;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	if (p == begin || n > INT64_MAX)
		return NULL;
	*ret = minus ? -(int64_t)n : (int64_t)n;
	return p;
}

static char *in_value(char *p, struct copy_field *f)
{
	f->is_text = *p == '"';
	if (f->is_text)
		return in_string(p, &f->text);
	f->number = !strncmp(p, "true", 4);
	if (f->number)
		return p + 4;
	if (!strncmp(p, "false", 5))
		return p + 5;
	return in_number(p, &f->number);
}

/* {"name":value,…}, without blanks, as copy_end() leaves it. */
static bool in_object(struct copy_in *in)
{
	char *p = in_expect(in->mem, '{');

	in->len = 0;
	while (p && in->len < COPY_FIELDS_MAX) {
		struct copy_field *f = &in->field[in->len++];

		*f = (struct copy_field){ .is_text = false };
		p = in_expect(in_string(p, &f->name), ':');
		if (p)
			p = in_value(p, f);
		if (p && *p == '}')
			return !p[1];
		p = in_expect(p, ',');
	}
	return false;
}

int copy_next(struct copy_in *in)
{
	int err;
	size_t len;

	if (!gzgets(in->gz, in->mem, sizeof(in->mem))) {
		(void)gzerror(in->gz, &err);
		return err == Z_OK || err == Z_STREAM_END ? 0 : -EIO;
	}
	in->line++;
	len = strlen(in->mem);
	if (!len || in->mem[len - 1] != '\n')
		return len + 1 == sizeof(in->mem) ? ERR_LIMIT : ERR_CUT;
	in->mem[len - 1] = '\0';
	return in_object(in) ? 1 : ERR_SYNTAX;
}

/* NULL when there is none of this name. */
static const struct copy_field *copy_find(const struct copy_in *in,
					  const char *name)
{
	for (size_t i = 0; i < in->len; i++)
		if (slice_eq(in->field[i].name, slice_str(name)))
			return &in->field[i];
	return NULL;
}

struct slice copy_find_text(const struct copy_in *in, const char *name)
{
	const struct copy_field *f = copy_find(in, name);

	return f && f->is_text ? f->text : slice_of(NULL, 0);
}

int64_t copy_find_number(const struct copy_in *in, const char *name)
{
	const struct copy_field *f = copy_find(in, name);

	return f && !f->is_text ? f->number : 0;
}

bool copy_find_octets(const struct copy_in *in, const char *name, uint8_t *ret,
		      size_t len)
{
	return hex_parse(copy_find_text(in, name), ret, len);
}
