/* audit/lines.h - text of lines "name value". Private to audit/. */
#ifndef AUDIT_LINES_H
#define AUDIT_LINES_H

#include "base/slice.h"

/* The value of the first line of that name; empty when there is none. */
static inline struct slice lines_value(const char *text, const char *name)
{
	struct slice rest = slice_str(text), line, key, value;

	while (rest.len) {
		(void)slice_cut(rest, '\n', &line, &rest);
		if (slice_cut(line, ' ', &key, &value) &&
		    slice_eq(key, slice_str(name)))
			return value;
	}
	return slice_of(NULL, 0);
}

#endif
