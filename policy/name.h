/* policy/name.h - how sandboxes, policies and secrets may be called: fit for a
 * file name, a command line and the control door. Pure.
 */
#ifndef POLICY_NAME_H
#define POLICY_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

#define NAME_OCTETS_MAX 63

/* Could this octet stand first in a name, or further on? */
bool name_has(char c, bool first);

/* What is wrong with a name, in words, and at which octet; or NULL, and
 * *ret_at is untouched.
 */
const char *name_fault(struct slice name, size_t *ret_at);

#endif
