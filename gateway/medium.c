/* gateway/medium.c - text, JSON or HTML: which, and how to write in it. */

#include "gateway/medium.h"

#include <stdint.h>
#include <stdio.h>

#include "base/base.h"

static const struct slice medium_types[] = {
	[MEDIUM_TEXT] = SLICE("text/plain; charset=utf-8"),
	[MEDIUM_JSON] = SLICE("application/problem+json"),
	[MEDIUM_HTML] = SLICE("text/html; charset=utf-8"),
};
static_assert(ARRAY_SIZE(medium_types) == MEDIA, "a medium without a type");

struct slice medium_type(enum medium m)
{
	assert(m < MEDIA);
	return medium_types[m];
}

static void medium_put(struct medium_out *w, struct slice s)
{
	if (!w->bad && buf_append_slice(w->out, s) < 0)
		w->bad = true;
}

void medium_lit(struct medium_out *w, const char *text)
{
	medium_put(w, slice_str(text));
}

/* How an octet is written, if not as itself; else NULL. */
static const char *medium_escape(enum medium medium, char c)
{
	if (medium == MEDIUM_JSON && c == '"')
		return "\\\"";
	if (medium == MEDIUM_JSON && c == '\\')
		return "\\\\";
	if (medium != MEDIUM_HTML)
		return NULL;
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

bool medium_printable(char c)
{
	return c >= ' ' && c <= '~';
}

static void medium_octet(struct medium_out *w, char c)
{
	const char *escaped = medium_escape(w->medium, c);
	char hex[8];

	if (escaped) {
		medium_lit(w, escaped);
	} else if (medium_printable(c)) {
		medium_put(w, slice_of(&c, 1));
	} else {
		(void)snprintf(hex, sizeof(hex), "%sx%02x",
			       w->medium == MEDIUM_JSON ? "\\\\" : "\\",
			       (unsigned int)(unsigned char)c);
		medium_lit(w, hex);
	}
}

void medium_whole(struct medium_out *w, struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		medium_octet(w, s.ptr[i]);
}

void medium_text(struct medium_out *w, struct slice s)
{
	medium_whole(w, slice_of(s.ptr, MIN(s.len, (size_t)MEDIUM_TEXT_MAX)));
	if (s.len > MEDIUM_TEXT_MAX)
		medium_lit(w, "...");
}

/* "0.5" in thousandths (RFC 9110, section 12.4.2); 0 for what is none. */
static unsigned int medium_weight(struct slice q)
{
	unsigned int weight, digit = 100;

	if (!q.len || q.len > 5 || (q.ptr[0] != '0' && q.ptr[0] != '1') ||
	    (q.len > 1 && q.ptr[1] != '.'))
		return 0;
	weight = q.ptr[0] == '1' ? 1000 : 0;
	for (size_t i = 2; i < q.len; i++, digit /= 10) {
		if (q.ptr[i] < '0' || q.ptr[i] > '9')
			return 0;
		weight += digit * (unsigned int)(q.ptr[i] - '0');
	}
	return MIN(weight, 1000u);
}

/* The weight among a media range's parameters. */
static unsigned int medium_range_weight(struct slice params)
{
	while (params.len) {
		struct slice param;

		(void)slice_cut(params, ';', &param, &params);
		param = slice_trim(param);
		if (param.len > 2 && ascii_lower(param.ptr[0]) == 'q' &&
		    param.ptr[1] == '=')
			return medium_weight(slice_skip(param, 2));
	}
	return 1000;
}

/* The medium that a media range names; MEDIA for one of others. */
static enum medium medium_range(struct slice type)
{
	static const struct slice json = SLICE("+json");

	if (slice_ieq(type, SLICE("text/plain")))
		return MEDIUM_TEXT;
	if (slice_ieq(type, SLICE("text/html")) ||
	    slice_ieq(type, SLICE("application/xhtml+xml")))
		return MEDIUM_HTML;
	if (slice_ieq(type, SLICE("application/json")) ||
	    (type.len > json.len &&
	     slice_ieq(slice_skip(type, type.len - json.len), json)))
		return MEDIUM_JSON;
	return MEDIA;
}

/* Tools that show the body to a person as it is. */
static bool medium_is_tool(struct slice agent)
{
	static const struct slice tools[] = {
		SLICE("curl/"),
		SLICE("wget/"),
		SLICE("git/"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		if (agent.len >= tools[i].len &&
		    slice_ieq(slice_of(agent.ptr, tools[i].len), tools[i]))
			return true;
	}
	return false;
}

enum medium medium_choose(struct slice accept, struct slice user_agent)
{
	enum medium best = MEDIA;
	unsigned int best_weight = 0;
	bool anything = false;

	while (accept.len) {
		struct slice range, type, params;
		enum medium m;
		unsigned int weight;

		(void)slice_cut(accept, ',', &range, &accept);
		(void)slice_cut(range, ';', &type, &params);
		type = slice_trim(type);
		weight = medium_range_weight(params);
		m = medium_range(type);
		if (m != MEDIA && weight > best_weight) {
			best = m;
			best_weight = weight;
		}
		anything =
			anything ||
			(weight && (slice_eq(type, SLICE("*/*")) ||
				    slice_ieq(type, SLICE("application/*"))));
	}
	if (best != MEDIA)
		return best;
	return anything && user_agent.len && !medium_is_tool(user_agent)
		       ? MEDIUM_JSON
		       : MEDIUM_TEXT;
}
