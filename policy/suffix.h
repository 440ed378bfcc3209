/* policy/suffix.h - names below which anybody may have one. Private to
 * policy/.
 */
#ifndef POLICY_SUFFIX_H
#define POLICY_SUFFIX_H

#include <stdbool.h>

#include "base/slice.h"

/* Is the name, in A-labels, on the Public Suffix List: com, co.uk, github.io?
 * A single label that is not on it (internal) is not.
 */
bool suffix_is_public(struct slice name);

#endif
