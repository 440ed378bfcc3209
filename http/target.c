/* http/target.c - the request target and its path. */

#include "http/target.h"

#include "base/base.h"
#include "base/err.h"
#include "base/uri.h"

#define PATH_MAX_LEN 16384 /* octets; the codecs' limit of a target */

/* Visible ASCII without '#'. */
static bool octets_ok(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '!' || s.ptr[i] > '~' || s.ptr[i] == '#')
			return false;
	return true;
}

static const char *check_escapes(struct slice path)
{
	char plain[PATH_MAX_LEN];
	size_t len;

	for (size_t i = 0; i < path.len; i++)
		if (path.ptr[i] == '%' && uri_escape(slice_skip(path, i)) < 0)
			return "malformed percent-encoding in the path";
	len = uri_decode_fully(path, plain);
	if (slice_find(slice_of(plain, len), '\0') >= 0)
		return "encoded NUL in the path";
	if (uri_has_overlong(slice_of(plain, len)))
		return "overlong UTF-8 in the path";
	if (uri_has_dots(slice_of(plain, len)))
		return "encoded dot segment in the path";
	return NULL;
}

const char *target_check_path(struct slice path)
{
	if (!path.len || path.ptr[0] != '/')
		return "the path does not begin with a slash";
	if (path.len > PATH_MAX_LEN)
		return "the path is too long";
	if (!octets_ok(path))
		return "octet not allowed in the path";
	if (slice_find(path, '\\') >= 0)
		return "backslash in the path";
	if (uri_has_dots(path))
		return "dot segment in the path";
	if (slice_find(path, '%') >= 0)
		return check_escapes(path);
	return NULL;
}

/* Everything from the path on. */
static const char *parse_path_query(struct slice text, struct target *t)
{
	t->path_query = text;
	(void)slice_cut(text, '?', &t->path, &t->query);
	return target_check_path(t->path);
}

static const char *parse_authority_form(struct slice text, struct target *t)
{
	struct authority a;

	t->form = TARGET_AUTHORITY;
	t->authority = text;
	if (authority_parse(text, &a))
		return "malformed CONNECT target";
	if (!a.port)
		return "CONNECT target without a port";
	return NULL;
}

static const char *parse_absolute_form(struct slice text, struct target *t)
{
	struct authority a;
	struct slice rest;
	size_t len = 0;

	t->form = TARGET_ABSOLUTE;
	if (!slice_cut(text, ':', &t->scheme, &rest) ||
	    !slice_starts(rest, SLICE("//")))
		return "the target is neither a path nor a URL";
	if (!slice_ieq(t->scheme, SLICE("http")) &&
	    !slice_ieq(t->scheme, SLICE("https")))
		return "the target's scheme is not http or https";
	rest = slice_skip(rest, 2);
	while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?')
		len++;
	t->authority = slice_of(rest.ptr, len);
	if (authority_parse(t->authority, &a))
		return "malformed authority in the target";
	rest = slice_skip(rest, len);
	/* "http://host?query" has an empty path, which servers read
	 * differently; no client sends it. */
	if (rest.len && rest.ptr[0] == '?')
		return "the target has a query but no path";
	return parse_path_query(rest.len ? rest : SLICE("/"), t);
}

int target_parse(struct slice method, struct slice text, struct target *ret,
		 const char **ret_why)
{
	struct target t = { .form = TARGET_ORIGIN };
	const char *why;

	if (!text.len) {
		why = "empty request target";
	} else if (!octets_ok(text)) {
		why = "octet not allowed in the request target";
	} else if (slice_eq(method, SLICE("CONNECT"))) {
		why = parse_authority_form(text, &t);
	} else if (slice_eq(text, SLICE("*"))) {
		t.form = TARGET_ASTERISK;
		t.path_query = t.path = text;
		why = slice_eq(method, SLICE("OPTIONS"))
			      ? NULL
			      : "target * without OPTIONS";
	} else if (text.ptr[0] == '/') {
		why = parse_path_query(text, &t);
	} else {
		why = parse_absolute_form(text, &t);
	}

	if (why) {
		*ret_why = why;
		return ERR_SYNTAX;
	}
	*ret = t;
	return 0;
}
