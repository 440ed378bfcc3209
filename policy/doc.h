/* policy/doc.h - a YAML text as a tree that knows where each value stands.
 * Private to policy/.
 *
 * Plain YAML only: maps, lists, scalars; one document; no anchors, aliases or
 * tags, so a short text cannot grow. Scalars stay text: "no" is no boolean.
 */
#ifndef POLICY_DOC_H
#define POLICY_DOC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "policy/load.h"

#define DOC_DEPTH_MAX  16
#define DOC_OCTETS_MAX (8u << 20) /* 100,000 rules of 80 octets */

enum doc_kind {
	DOC_SCALAR,
	DOC_LIST,
	DOC_MAP, /* children: key, value, key, value */
};

struct doc_node {
	enum doc_kind kind;
	uint32_t line;		/* from 0 */
	uint32_t column;	/* from 0, in characters */
	bool plain;		/* a scalar without quotes */
	struct slice text;	/* of a scalar; NUL behind it, none in it */
	struct doc_node *first; /* child */
	struct doc_node *next;	/* sibling */
};

/* A text and its name, for messages. */
struct doc_source {
	const char *name;
	struct slice text;
};

/* Returns 0 with *ret the root (NULL for an empty text), -ENOMEM, or
 * ERR_SYNTAX with *ret_err filled. Nodes live in the arena.
 */
int doc_read(const struct doc_source *src, struct arena *arena,
	     struct doc_node **ret, struct config_error *ret_err);

/* "NAME:LINE:COLUMN: what", the line, and a caret below the column. Both count
 * from 0.
 */
void doc_error(const struct doc_source *src, uint32_t line, uint32_t column,
	       const char *what, struct config_error *ret);

/* The lines of a text, as columns count them: without a byte order mark. end
 * is what ends the line, empty at the end of the text.
 */
struct doc_lines {
	struct slice text;
	size_t at;
	bool done;
};

struct doc_lines doc_lines(struct slice text);
bool doc_next_line(struct doc_lines *lines, struct slice *ret_line,
		   struct slice *ret_end);
/* The octet of a line where its character column begins. */
size_t doc_octet(struct slice line, uint32_t column);

/* The column in the source of octet at of the scalar: exact where the scalar
 * stands there as it is, otherwise where it begins.
 */
uint32_t doc_column(const struct doc_source *src, const struct doc_node *node,
		    size_t at);

#endif
