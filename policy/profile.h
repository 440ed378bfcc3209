/* policy/profile.h - the policies we ship, inside the binary. Private to
 * policy/. The tables are generated from profiles/ by embed.cmake.
 * A profile uses no other policy.
 */
#ifndef POLICY_PROFILE_H
#define POLICY_PROFILE_H

#include <stddef.h>

struct profile {
	const char *name;
	const unsigned char *text; /* YAML, NUL-terminated */
	size_t len;
};

extern const struct profile profiles[]; /* sorted by name */
extern const size_t profiles_len;

#endif
