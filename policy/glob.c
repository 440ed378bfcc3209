/* policy/glob.c - patterns of paths and queries.
 *
 * Both levels, octets in a segment and segments in a path, use the same greedy
 * step: on a mismatch only the last star is tried one further along. What an
 * earlier star swallowed needs no second thought, because the pieces between
 * stars may as well match at their first place. So nothing is exponential.
 */

#include "policy/glob.h"

#include <errno.h>

#include "base/base.h"
#include "base/uri.h"

#define QUERY_PART_MAX 2048 /* octets of a key or value that are looked at */

const char *glob_check_path(struct slice text, size_t *ret_at)
{
	const char *why = path_check(text, ret_at);
	struct slice rest = text, seg;
	bool more = true;

	if (why)
		return why;
	while (more) {
		more = slice_cut(rest, '/', &seg, &rest);
		for (size_t i = 0; seg.len > 2 && i + 1 < seg.len; i++) {
			if (seg.ptr[i] != '*' || seg.ptr[i + 1] != '*')
				continue;
			*ret_at = (size_t)(seg.ptr + i - text.ptr);
			return "** stands alone between two slashes";
		}
	}
	return NULL;
}

static bool bad_escape(struct slice text, size_t i)
{
	char value[3]; /* what is no escape stays three octets */

	if (text.ptr[i] != '%')
		return false;
	if (text.len - i < 3)
		return true;
	return uri_decode(slice_of(text.ptr + i, 3), value) != 1 || !value[0];
}

const char *glob_check_query(struct slice text, size_t *ret_at)
{
	struct slice rest = text, pair, key, value;
	bool more = true;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		*ret_at = i;
		if (c <= ' ' || c >= 0x7f || c == '#' || c == '\\' || c == ';')
			return "not a character of a query";
		if (bad_escape(text, i))
			return "% without two hex digits, or an encoded NUL";
		if (c == '*' && i + 1 < text.len && text.ptr[i + 1] == '*')
			return "** has no meaning in a query";
	}
	while (more) {
		*ret_at = rest.ptr ? (size_t)(rest.ptr - text.ptr) : 0;
		more = slice_cut(rest, '&', &pair, &rest);
		if (!slice_cut(pair, '=', &key, &value) || !key.len)
			return "expected key=value";
		if (slice_find(key, '*') >= 0)
			return "the key of a query takes no wildcard";
	}
	return NULL;
}

/* Decode once, and turn raw stars into GLOB_STAR. */
static bool decode_pattern(struct arena *arena, struct slice text,
			   struct slice *ret)
{
	char *mem = arena_alloc(arena, text.len + 1);
	size_t len = 0;

	if (!mem)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '%') {
			len += uri_decode(slice_of(text.ptr + i, 3), mem + len);
			i += 2;
		} else {
			mem[len++] =
				text.ptr[i] == '*' ? GLOB_STAR : text.ptr[i];
		}
	}
	*ret = slice_of(mem, len);
	return true;
}

static struct glob_segment segment_of(struct slice text)
{
	struct glob_segment seg = { .text = text };

	if (slice_eq(text, slice_of("\0\0", 2)))
		seg.kind = GLOB_REST;
	else if (slice_eq(text, slice_of("\0", 1)))
		seg.kind = GLOB_ONE;
	else if (slice_find(text, GLOB_STAR) >= 0)
		seg.kind = GLOB_MIXED;
	return seg;
}

/* The segments of text, which begins behind the first slash. Opaque segments
 * are decoded one by one; the decoded reading gets text decoded already.
 */
static int split_opaque(struct arena *arena, struct slice text,
			struct glob *ret)
{
	struct slice seg;
	bool more = true;

	while (more) {
		more = slice_cut(text, '/', &seg, &text);
		if (!decode_pattern(arena, seg, &seg))
			return -ENOMEM;
		ret->seg[ret->len++] = segment_of(seg);
	}
	return 0;
}

static void split_decoded(struct slice text, struct glob *ret)
{
	size_t start = 0;

	for (size_t i = 0; i <= text.len; i++) {
		if (i < text.len && text.ptr[i] != '/' && text.ptr[i] != '\\')
			continue;
		if (i > start)
			ret->seg[ret->len++] = segment_of(
				slice_of(text.ptr + start, i - start));
		start = i + 1;
	}
}

static struct glob *glob_alloc(struct arena *arena, struct slice text)
{
	size_t max = 1;

	for (size_t i = 0; i < text.len; i++)
		max += text.ptr[i] == '/' || text.ptr[i] == '\\';
	return arena_zalloc(arena, sizeof(struct glob) +
					   max * sizeof(struct glob_segment));
}

static bool same_glob(const struct glob *a, const struct glob *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (!slice_eq(a->seg[i].text, b->seg[i].text))
			return false;
	return true;
}

/* Only what the decoding of escapes or the dropping of empty segments may
 * change needs a second pattern.
 */
static bool may_differ(const struct glob *opaque, struct slice text)
{
	if (slice_find(text, '%') >= 0)
		return true;
	for (size_t i = 0; i < opaque->len; i++)
		if (!opaque->seg[i].text.len)
			return true;
	return false;
}

int glob_path_new(struct arena *arena, struct slice text, struct glob_path *ret)
{
	struct slice inner = slice_skip(text, 1), decoded;
	struct glob *g = glob_alloc(arena, inner);
	uint16_t literal = 0;
	struct glob *d;

	if (!g || split_opaque(arena, inner, g) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < text.len; i++)
		literal = (uint16_t)(literal + (text.ptr[i] != '*'));
	*ret = (struct glob_path){ g, g, literal };
	if (!may_differ(g, text))
		return 0;

	if (!decode_pattern(arena, inner, &decoded))
		return -ENOMEM;
	d = glob_alloc(arena, decoded);
	if (!d)
		return -ENOMEM;
	split_decoded(decoded, d);
	if (!same_glob(g, d))
		ret->decoded = d;
	return 0;
}

bool glob_text_match(struct slice pattern, struct slice text)
{
	size_t p = 0, t = 0;
	size_t star = SIZE_MAX, resume = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.ptr[p] == GLOB_STAR) {
			star = p++;
			resume = t;
		} else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++resume;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.ptr[p] == GLOB_STAR)
		p++;
	return p == pattern.len;
}

static bool segment_match(const struct glob_segment *g, struct slice text)
{
	switch (g->kind) {
	case GLOB_LITERAL:
		return slice_eq(g->text, text);
	case GLOB_ONE:
		return text.len > 0;
	case GLOB_MIXED:
		return glob_text_match(g->text, text);
	case GLOB_REST:
		break;
	}
	return false;
}

/* Does g's segment fit what stands at this place of what is walked? */
typedef bool fits_fn(const struct glob_segment *g, const void *what, size_t at);

/* Lay g along len places, both from the same one on. */
static inline __attribute__((always_inline)) bool walk(const struct glob *g,
						       size_t from, size_t len,
						       fits_fn *fits,
						       const void *what)
{
	size_t p = from, t = from;
	size_t rest = SIZE_MAX, resume = 0;

	while (t < len) {
		if (p < g->len && g->seg[p].kind == GLOB_REST) {
			rest = p++;
			resume = t;
			if (p == g->len)
				return true;
		} else if (p < g->len && fits(&g->seg[p], what, t)) {
			p++;
			t++;
		} else if (rest != SIZE_MAX) {
			p = rest + 1;
			t = ++resume;
		} else {
			return false;
		}
	}
	while (p < g->len && g->seg[p].kind == GLOB_REST)
		p++;
	return p == g->len;
}

struct walked_path {
	const struct path *path;
	const struct path_segment *seg;
};

static inline bool segment_fits(const struct glob_segment *g, const void *what,
				size_t at)
{
	const struct walked_path *w = what;

	return segment_match(g, path_slice(w->path, w->seg[at]));
}

bool glob_match(const struct glob *g, const struct path *path,
		const struct path_reading *reading, size_t from)
{
	const struct walked_path walked = { path, reading->seg };

	return walk(g, from, reading->len, segment_fits, &walked);
}

static bool only_stars(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] != GLOB_STAR)
			return false;
	return true;
}

static bool segment_covers(const struct glob_segment *w, const void *what,
			   size_t at)
{
	const struct glob_segment *n = &((const struct glob *)what)->seg[at];

	if (n->kind == GLOB_REST || w->kind == GLOB_REST)
		return false; /* only another "**" covers it: walk() */
	if (w->kind == GLOB_ONE)
		return n->kind == GLOB_ONE ||
		       (n->text.len && !only_stars(n->text));
	if (w->kind == GLOB_LITERAL)
		return n->kind == GLOB_LITERAL && slice_eq(w->text, n->text);
	return glob_text_match(w->text, n->text);
}

bool glob_covers(const struct glob *w, const struct glob *n)
{
	return walk(w, 0, n->len, segment_covers, n);
}

/* Is the raw key, decoded, this one? */
static bool key_eq(struct slice key, struct slice raw)
{
	char mem[QUERY_PART_MAX];

	if (raw.len > sizeof(mem))
		return false;
	return slice_eq(key, slice_of(mem, uri_decode(raw, mem)));
}

static bool value_match(struct slice pattern, struct slice raw, bool permit)
{
	char mem[QUERY_PART_MAX];
	struct slice value;

	if (raw.len > sizeof(mem))
		return !permit;
	value = slice_of(mem, uri_decode(raw, mem));
	if (glob_text_match(pattern, value))
		return true;
	if (permit)
		return false;
	for (size_t i = 0; i < value.len; i++)
		if (mem[i] == '+')
			mem[i] = ' ';
	return glob_text_match(pattern, value);
}

static struct slice next_pair(struct slice *rest, bool semicolons)
{
	struct slice pair = *rest;
	size_t end = 0;

	while (end < pair.len && pair.ptr[end] != '&' &&
	       !(semicolons && pair.ptr[end] == ';'))
		end++;
	*rest = end < pair.len ? slice_skip(pair, end + 1) : slice_of(NULL, 0);
	return slice_of(pair.ptr, end);
}

static bool pair_match(const struct glob_query *g, struct slice query,
		       bool permit, bool semicolons)
{
	bool seen = false;

	while (query.len) {
		struct slice pair = next_pair(&query, semicolons), key, value;

		(void)slice_cut(pair, '=', &key, &value);
		if (!key_eq(g->key, key))
			continue;
		seen = value_match(g->value, value, permit);
		if (seen != permit)
			return seen;
	}
	return seen;
}

/* Under one reading. */
static bool query_match(const struct glob_query *g, struct slice query,
			bool permit, bool semicolons)
{
	for (; g; g = g->next)
		if (!pair_match(g, query, permit, semicolons))
			return false;
	return true;
}

bool glob_query_match(const struct glob_query *g, struct slice query,
		      bool permit)
{
	bool plain = query_match(g, query, permit, false);

	if (plain != permit || slice_find(query, ';') < 0)
		return plain;
	return query_match(g, query, permit, true);
}

int glob_query_new(struct arena *arena, struct slice text,
		   const struct glob_query **ret, uint16_t *ret_literal)
{
	const struct glob_query *list = NULL;
	struct slice pair, key, value;
	uint16_t literal = 0;
	bool more = true;

	while (more) {
		struct glob_query *g = arena_zalloc(arena, sizeof(*g));

		more = slice_cut(text, '&', &pair, &text);
		(void)slice_cut(pair, '=', &key, &value);
		if (!g || !decode_pattern(arena, key, &g->key) ||
		    !decode_pattern(arena, value, &g->value))
			return -ENOMEM;
		literal = (uint16_t)(literal + pair.len);
		g->next = list;
		list = g;
	}
	*ret = list;
	*ret_literal = literal;
	return 0;
}
