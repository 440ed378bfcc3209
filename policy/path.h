/* policy/path.h - a request's path under its readings. Private to policy/.
 *
 * Origins disagree on what a path means. Some split at '/' and then decode
 * each segment, so that %2f is an octet inside one; some decode first, then
 * split, merge empty segments, and take a backslash for a slash; some also take
 * parameters for no part of the path. A path is read in all ways:
 *
 *   opaque   split at '/', then each segment decoded once
 *   decoded  decoded once, then split at '/' and '\', empty segments dropped
 *   bare     as decoded, but first what stands between a raw ';' and the next
 *            raw '/' is taken out
 *
 * The decoded octets are the same; only the borders of segments differ.
 */
#ifndef POLICY_PATH_H
#define POLICY_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Longer paths have no reading. Both bound the work of one judgement; origins
 * seldom take more than 8 KiB.
 */
#define PATH_OCTETS_MAX	  8192
#define PATH_SEGMENTS_MAX 128

/* The build fills what is on the stack with a pattern, which for these buffers
 * takes longer than a judgement. Readings write what they count, and nobody
 * reads further.
 */
#define PATH_BARE __attribute__((uninitialized))

struct path_segment {
	uint16_t at; /* in path.text */
	uint16_t len;
};

struct path_reading {
	uint16_t len; /* segments */
	struct path_segment seg[PATH_SEGMENTS_MAX];
};

struct path {
	const char *text; /* borrowed: decoded octets */
	bool same;	  /* decoded reads as opaque does; it may be unset */
	bool params;	  /* there are; otherwise bare is unset */
	struct path_reading opaque;
	struct path_reading decoded;
	struct path_reading bare;
};

static inline struct slice path_slice(const struct path *p,
				      struct path_segment seg)
{
	return slice_of(p->text + seg.at, seg.len);
}

static inline const struct path_reading *path_decoded(const struct path *p)
{
	return p->same ? &p->opaque : &p->decoded;
}

/* Read a path without percent signs: nothing to decode, text is borrowed.
 * Returns NULL, or a phrase that says why the path has no safe reading: octets
 * that have no place in one, dot segments, a limit.
 */
const char *path_read_plain(struct slice text, struct path *ret);

/* The same for any path; scratch has PATH_OCTETS_MAX octets and lives as long
 * as *ret is used. Refused as well: bad %xx, %00, and dot segments or NUL in
 * any encoding depth.
 */
const char *path_read(struct slice text, char *scratch, struct path *ret);

/* What path_read() would say, and in *ret_at the octet where (0 when it is not
 * one octet's fault).
 */
const char *path_check(struct slice text, size_t *ret_at);

#endif
