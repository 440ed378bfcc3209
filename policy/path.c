/* policy/path.c - a request's path under its readings. */

#include "policy/path.h"

#include "base/base.h"
#include "base/uri.h"

static const char *check_octets(struct slice text, size_t *ret_at)
{
	*ret_at = 0;
	if (!text.len || text.ptr[0] != '/')
		return "the path does not begin with /";
	if (text.len > PATH_OCTETS_MAX)
		return "the path is longer than 8192 octets";
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		*ret_at = i;
		if (c <= ' ' || c >= 0x7f)
			return "the path has a blank, control or 8-bit octet";
		if (c == '\\' || c == '#' || c == '?')
			return "the path has a raw \\, # or ?";
		if (c != '%')
			continue;
		switch (uri_escape(slice_skip(text, i))) {
		case -1:
			return "the path has a % without two hex digits";
		case 0:
			return "the path has an encoded NUL";
		default:
			break;
		}
	}
	*ret_at = 0;
	return NULL;
}

static bool is_splitter(char c)
{
	return c == '/' || c == '\\';
}

/* Of decoded octets: what as plain ones would have been refused before. */
static const char *check_decoded(struct slice text)
{
	if (uri_has_overlong(text))
		return "the path has overlong UTF-8";
	return uri_has_dots(text) ? "the path has a dot segment" : NULL;
}

/* The same in what is left after decoding for ever. Out of line for its
 * buffer, which few paths need.
 */
static __attribute__((noinline)) const char *check_deep(struct slice once)
{
	PATH_BARE char deep[PATH_OCTETS_MAX];
	size_t len = uri_decode_fully(once, deep);

	if (memchr(deep, '\0', len))
		return "the path has an encoded NUL";
	return check_decoded(slice_of(deep, len));
}

static bool add_segment(struct path_reading *r, size_t at, size_t end)
{
	if (r->len == PATH_SEGMENTS_MAX)
		return false;
	r->seg[r->len].at = (uint16_t)at;
	r->seg[r->len].len = (uint16_t)(end - at);
	r->len++;
	return true;
}

/* The decoded reading, out of the decoded octets. */
static bool split_decoded(struct slice text, struct path_reading *ret)
{
	size_t start = 1;

	ret->len = 0;
	for (size_t i = 1; i <= text.len; i++) {
		if (i < text.len && !is_splitter(text.ptr[i]))
			continue;
		if (i > start && !add_segment(ret, start, i))
			return false;
		start = i + 1;
	}
	return true;
}

/* The bare reading: text is as sent, the offsets are those of the decoded
 * text. Between the ';' and the '/' behind it nothing parts segments.
 */
static bool split_bare(struct slice text, struct path_reading *ret)
{
	size_t start = 1, at = 1;
	bool params = false;

	ret->len = 0;
	for (size_t i = 1; i <= text.len; i++, at++) {
		bool raw = i == text.len || text.ptr[i] != '%';
		char c = i == text.len ? '/' : text.ptr[i];
		bool begin, end;

		if (!raw) {
			c = (char)uri_escape(slice_skip(text, i));
			i += 2;
		}
		begin = raw && c == ';' && !params;
		end = params ? raw && c == '/' : is_splitter(c);
		if ((begin || (end && !params)) && at > start &&
		    !add_segment(ret, start, at))
			return false;
		if (begin || end)
			params = begin;
		if (end)
			start = at + 1;
	}
	return true;
}

static const char *const too_many = "the path has more than 128 segments";

const char *path_read_plain(struct slice text, struct path *ret)
{
	size_t start = 1, at;
	const char *why = check_octets(text, &at);

	if (why)
		return why;
	ret->text = text.ptr;
	ret->same = true;
	ret->opaque.len = 0;
	for (size_t i = 1; i <= text.len; i++) {
		if (i < text.len && text.ptr[i] != '/')
			continue;
		if (uri_is_dots(slice_of(text.ptr + start, i - start)))
			return "the path has a dot segment";
		if (!add_segment(&ret->opaque, start, i))
			return too_many;
		if (i == start)
			ret->same = false;
		start = i + 1;
	}
	if (!ret->same && !split_decoded(text, &ret->decoded))
		return too_many;
	ret->params = slice_find(text, ';') >= 0;
	if (ret->params && !split_bare(text, &ret->bare))
		return too_many;
	return NULL;
}

/* The opaque reading: split where the sent text has '/', with the offsets of
 * the decoded text.
 */
static bool split_opaque(struct slice text, struct path_reading *ret)
{
	size_t start = 1, at = 1;

	ret->len = 0;
	for (size_t i = 1; i < text.len; i++, at++) {
		if (text.ptr[i] == '%')
			i += 2;
		if (text.ptr[i] != '/')
			continue;
		if (!add_segment(ret, start, at))
			return false;
		start = at + 1;
	}
	return add_segment(ret, start, at);
}

static bool same_segments(const struct path_reading *a,
			  const struct path_reading *b)
{
	return a->len == b->len &&
	       !memcmp(a->seg, b->seg, a->len * sizeof(a->seg[0]));
}

const char *path_read(struct slice text, char *scratch, struct path *ret)
{
	struct slice once;
	const char *why;
	size_t at;

	why = check_octets(text, &at);
	if (why)
		return why;
	once = slice_of(scratch, uri_decode(text, scratch));
	why = slice_find(once, '%') >= 0 ? check_deep(once)
					 : check_decoded(once);
	if (why)
		return why;

	ret->text = scratch;
	if (!split_opaque(text, &ret->opaque) ||
	    !split_decoded(once, &ret->decoded))
		return too_many;
	ret->same = same_segments(&ret->opaque, &ret->decoded);
	ret->params = slice_find(text, ';') >= 0;
	if (ret->params && !split_bare(text, &ret->bare))
		return too_many;
	return NULL;
}

const char *path_check(struct slice text, size_t *ret_at)
{
	char scratch[PATH_OCTETS_MAX];
	struct path path;
	const char *why = check_octets(text, ret_at);

	return why ? why : path_read(text, scratch, &path);
}
