/* policy/suffix.c - names below which anybody may have one. */

#include "policy/suffix.h"

#include <libpsl.h>

#define NAME_MAX_OCTETS 253

bool suffix_is_public(struct slice name)
{
	const psl_ctx_t *list = psl_builtin();
	char copy[NAME_MAX_OCTETS + 1];

	if (!list || !name.len || name.len > NAME_MAX_OCTETS)
		return false;
	memcpy(copy, name.ptr, name.len);
	copy[name.len] = '\0';
	return psl_is_public_suffix2(list, copy,
				     PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
}
