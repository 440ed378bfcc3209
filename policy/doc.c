/* policy/doc.c - a YAML text as a tree that knows where each value stands.
 *
 * libyaml's events are put together on a stack of open maps and lists, no
 * deeper than DOC_DEPTH_MAX. The event interface, not a binding to structs,
 * because each event says where it stands, and a rule with a mistake in it is
 * shown with a caret under the octet.
 */

#include "policy/doc.h"

#include <errno.h>
#include <yaml.h>

#include "base/base.h"
#include "base/err.h"
#include "policy/text.h"

#define LINE_SHOWN 160 /* octets of a line that a message shows */

struct builder {
	const struct doc_source *src;
	struct arena *arena;
	struct config_error *err;
	struct doc_node *root;
	struct doc_node *open[DOC_DEPTH_MAX];  /* maps and lists not ended */
	struct doc_node **tail[DOC_DEPTH_MAX]; /* where the next child goes */
	size_t depth;
	unsigned int documents;
};

/* What YAML takes for the end of a line, and its length; 0: none. */
static size_t line_break(struct slice text, size_t at)
{
	struct slice rest = slice_skip(text, at);

	if (slice_starts(rest, SLICE("\r\n")))
		return 2;
	if (slice_starts(rest, SLICE("\n")) || slice_starts(rest, SLICE("\r")))
		return 1;
	if (slice_starts(rest, SLICE("\xc2\x85")))
		return 2;
	if (slice_starts(rest, SLICE("\xe2\x80\xa8")) ||
	    slice_starts(rest, SLICE("\xe2\x80\xa9")))
		return 3;
	return 0;
}

struct doc_lines doc_lines(struct slice text)
{
	bool mark = slice_starts(text, SLICE("\xef\xbb\xbf"));

	return (struct doc_lines){ .text = text, .at = mark ? 3 : 0 };
}

bool doc_next_line(struct doc_lines *lines, struct slice *ret_line,
		   struct slice *ret_end)
{
	size_t end = lines->at, step = 0;

	if (lines->done)
		return false;
	while (end < lines->text.len && !(step = line_break(lines->text, end)))
		end++;
	*ret_line = slice_of(lines->text.ptr + lines->at, end - lines->at);
	*ret_end = slice_of(lines->text.ptr + end, step);
	lines->at = end + step;
	lines->done = !step;
	return true;
}

static struct slice line_at(struct slice text, uint32_t line)
{
	size_t at = 0, end;

	if (slice_starts(text, SLICE("\xef\xbb\xbf")))
		at = 3; /* a byte order mark is in no column */
	while (line && at < text.len) {
		size_t step = line_break(text, at);

		at += step ? step : 1;
		line -= step != 0;
	}
	for (end = at; end < text.len && !line_break(text, end);)
		end++;
	return slice_of(text.ptr + at, end - at);
}

static bool begins_char(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

size_t doc_octet(struct slice line, uint32_t column)
{
	size_t at = 0;

	while (at < line.len) {
		if (begins_char(line.ptr[at]) && column-- == 0)
			break;
		at++;
	}
	return at;
}

/* The line as a terminal may see it: no control octets. */
static void put_clean(struct text *t, struct slice line)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.ptr[i];

		text_put_char(t, c < ' ' || c == 0x7f ? ' ' : (char)c);
	}
}

void doc_error(const struct doc_source *src, uint32_t line, uint32_t column,
	       const char *what, struct config_error *ret)
{
	struct text t = text_in(ret->text, sizeof(ret->text));
	struct slice shown = line_at(src->text, line);
	size_t at = doc_octet(shown, column);
	size_t from = at > LINE_SHOWN / 2 ? at - LINE_SHOWN / 2 : 0;

	while (from < at && !begins_char(shown.ptr[from]))
		from++;
	text_put_str(&t, src->name);
	text_put_char(&t, ':');
	text_put_number(&t, line + 1u);
	text_put_char(&t, ':');
	text_put_number(&t, column + 1u);
	text_put_str(&t, ": ");
	text_put_str(&t, what);
	if (!shown.len)
		return;
	text_put_str(&t, "\n  ");
	put_clean(&t, slice_of(shown.ptr + from,
			       MIN(shown.len - from, (size_t)LINE_SHOWN)));
	text_put_str(&t, "\n  ");
	for (size_t i = from; i < at; i++)
		if (begins_char(shown.ptr[i]))
			text_put_char(&t, ' ');
	text_put_char(&t, '^');
}

uint32_t doc_column(const struct doc_source *src, const struct doc_node *node,
		    size_t at)
{
	struct slice line = line_at(src->text, node->line);
	size_t from = doc_octet(line, node->column) + !node->plain;
	uint32_t column = node->column + !node->plain;

	if (from + node->text.len > line.len ||
	    memcmp(line.ptr + from, node->text.ptr, node->text.len) != 0)
		return node->column;
	for (size_t i = 0; i < at && i < node->text.len; i++)
		column += begins_char(node->text.ptr[i]);
	return column;
}

static int fail_at(const struct builder *b, const yaml_mark_t *mark,
		   const char *what)
{
	doc_error(b->src, (uint32_t)mark->line, (uint32_t)mark->column, what,
		  b->err);
	return ERR_SYNTAX;
}

static int add_node(struct builder *b, const yaml_event_t *e,
		    enum doc_kind kind, struct doc_node **ret)
{
	struct doc_node *node = arena_zalloc(b->arena, sizeof(*node));

	if (!node)
		return -ENOMEM;
	node->kind = kind;
	node->line = (uint32_t)e->start_mark.line;
	node->column = (uint32_t)e->start_mark.column;
	if (b->depth) {
		*b->tail[b->depth - 1] = node;
		b->tail[b->depth - 1] = &node->next;
	} else {
		b->root = node;
	}
	*ret = node;
	return 0;
}

static int add_scalar(struct builder *b, const yaml_event_t *e)
{
	struct slice text =
		slice_of(e->data.scalar.value, e->data.scalar.length);
	struct doc_node *node;

	if (e->data.scalar.anchor)
		return fail_at(b, &e->start_mark, "anchors are not allowed");
	if (e->data.scalar.tag)
		return fail_at(b, &e->start_mark, "tags are not allowed");
	if (text.len && memchr(text.ptr, '\0', text.len))
		return fail_at(b, &e->start_mark, "a NUL in a value");
	if (add_node(b, e, DOC_SCALAR, &node) < 0 ||
	    arena_copy(b->arena, text, &node->text) < 0)
		return -ENOMEM;
	node->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return 0;
}

static int begin_node(struct builder *b, const yaml_event_t *e,
		      enum doc_kind kind, bool decorated)
{
	struct doc_node *node;

	if (decorated)
		return fail_at(b, &e->start_mark,
			       "anchors and tags are not allowed");
	if (b->depth == DOC_DEPTH_MAX)
		return fail_at(b, &e->start_mark,
			       "nested deeper than 16 levels");
	if (add_node(b, e, kind, &node) < 0)
		return -ENOMEM;
	b->open[b->depth] = node;
	b->tail[b->depth] = &node->first;
	b->depth++;
	return 0;
}

static int on_event(struct builder *b, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->documents++)
			return fail_at(b, &e->start_mark,
				       "a second document in one file");
		return 0;
	case YAML_ALIAS_EVENT:
		return fail_at(b, &e->start_mark, "aliases are not allowed");
	case YAML_SCALAR_EVENT:
		return add_scalar(b, e);
	case YAML_SEQUENCE_START_EVENT:
		return begin_node(b, e, DOC_LIST,
				  e->data.sequence_start.anchor ||
					  e->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return begin_node(b, e, DOC_MAP,
				  e->data.mapping_start.anchor ||
					  e->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		assert(b->depth > 0);
		b->depth--;
		return 0;
	default:
		return 0;
	}
}

static int fail_parse(const struct builder *b, const yaml_parser_t *parser)
{
	char what[160];
	struct text t = text_in(what, sizeof(what));

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	text_put_str(&t, "not YAML: ");
	text_put_str(&t, parser->problem ? parser->problem : "cannot be read");
	return fail_at(b, &parser->problem_mark, what);
}

static int read_events(struct builder *b, yaml_parser_t *parser)
{
	yaml_event_t event;
	bool end = false;
	int rc = 0;

	while (rc == 0 && !end) {
		if (!yaml_parser_parse(parser, &event))
			return fail_parse(b, parser);
		rc = on_event(b, &event);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	return rc;
}

/* The encoding is not to be guessed: libyaml would read UTF-16 too. */
static int check_source(const struct doc_source *src, struct config_error *err)
{
	const char *nul;

	if (src->text.len > DOC_OCTETS_MAX) {
		doc_error(src, 0, 0, "the file is larger than 8 MiB", err);
		return ERR_SYNTAX;
	}
	nul = src->text.len ? memchr(src->text.ptr, '\0', src->text.len) : NULL;
	if (nul) {
		uint32_t line = 0;

		for (const char *p = src->text.ptr; p < nul; p++)
			line += *p == '\n';
		doc_error(src, line, 0, "a NUL octet in the file", err);
		return ERR_SYNTAX;
	}
	return 0;
}

int doc_read(const struct doc_source *src, struct arena *arena,
	     struct doc_node **ret, struct config_error *ret_err)
{
	struct builder b = { .src = src, .arena = arena, .err = ret_err };
	yaml_parser_t parser;
	struct slice text;
	int rc = check_source(src, ret_err);

	if (rc < 0)
		return rc;
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	text = slice_skip(src->text, doc_lines(src->text).at);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr,
				     text.len);
	rc = read_events(&b, &parser);
	yaml_parser_delete(&parser);
	if (rc == 0)
		*ret = b.root;
	return rc;
}
