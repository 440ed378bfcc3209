/* policy/name.c - how sandboxes, policies and secrets may be called. */

#include "policy/name.h"

/* '.' in front would hide a file, or be a directory; '-' would be an option. */
bool name_has(char c, bool first)
{
	return ascii_is_alnum(c) || c == '_' ||
	       (!first && (c == '-' || c == '.'));
}

const char *name_fault(struct slice name, size_t *ret_at)
{
	for (size_t i = 0; i < name.len; i++) {
		if (name_has(name.ptr[i], i == 0))
			continue;
		*ret_at = i;
		return name_has(name.ptr[i], false)
			       ? "a name begins with a letter, a digit or _"
			       : "a name has letters, digits, - _ and .";
	}
	if (name.len && name.len <= NAME_OCTETS_MAX)
		return NULL;
	*ret_at = 0;
	return "a name has 1 to 63 octets";
}
