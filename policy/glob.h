/* policy/glob.h - patterns of paths and queries. Private to policy/.
 *
 * '*' in a segment stands for any octets but the segment's end; a segment that
 * is only '*' for at least one octet; a segment "**" for any number of
 * segments, none included. %2a is a star that means itself. No pattern takes
 * more steps than (octets of the path) x (octets of the pattern).
 */
#ifndef POLICY_GLOB_H
#define POLICY_GLOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "policy/path.h"

/* Decoded patterns mark a wildcard with NUL, which no path can hold. */
#define GLOB_STAR '\0'

enum glob_kind {
	GLOB_LITERAL,
	GLOB_MIXED, /* literal octets and stars */
	GLOB_ONE,   /* "*" */
	GLOB_REST,  /* "**" */
};

struct glob_segment {
	struct slice text; /* borrowed from the arena */
	enum glob_kind kind;
};

struct glob {
	uint16_t len; /* segments */
	struct glob_segment seg[];
};

/* A path pattern, read the two ways that paths are read. */
struct glob_path {
	const struct glob *opaque;
	const struct glob *decoded; /* often the same pointer */
	uint16_t literal;	    /* octets that are no wildcard */
};

/* "k=v&k=v*" as a list. */
struct glob_query {
	struct slice key;   /* decoded */
	struct slice value; /* decoded, with stars */
	const struct glob_query *next;
};

/* Is text a path pattern? NULL, or a phrase and the octet where. */
const char *glob_check_path(struct slice text, size_t *ret_at);
const char *glob_check_query(struct slice text, size_t *ret_at);

/* Compile a pattern that was checked. Returns 0 or -ENOMEM. */
int glob_path_new(struct arena *arena, struct slice text,
		  struct glob_path *ret);
int glob_query_new(struct arena *arena, struct slice text,
		   const struct glob_query **ret, uint16_t *ret_literal);

/* Does the reading match from its segment from on, the pattern's first from
 * segments being known to match the reading's?
 */
bool glob_match(const struct glob *g, const struct path *path,
		const struct path_reading *reading, size_t from);

/* Does w match whatever n matches? False where it can't be told by segments. */
bool glob_covers(const struct glob *w, const struct glob *n);

/* Does the query hold every key of the pattern? Some origins part keys at ';'
 * too. permit: all values that a key has match, under both readings. Otherwise
 * one that matches under either is enough.
 */
bool glob_query_match(const struct glob_query *g, struct slice query,
		      bool permit);

/* One text against one pattern with stars. */
bool glob_text_match(struct slice pattern, struct slice text);

#endif
