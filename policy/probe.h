/* policy/probe.h - where the operator's package registries are. Private to
 * policy/.
 *
 * Nobody but the operator names a registry: what npm and apt on the gateway's
 * machine are configured to use is read when a policy that needs it compiles.
 */
#ifndef POLICY_PROBE_H
#define POLICY_PROBE_H

#include <stddef.h>

#include "base/slice.h"

#define PROBE_BASES_MAX 32
#define PROBE_BASE_MAX	512 /* octets, NUL included */

/* Base addresses, "https://host[:port][/path]", without a slash at the end,
 * user or password. No two are equal.
 */
struct probe_bases {
	char base[PROBE_BASES_MAX][PROBE_BASE_MAX];
	size_t len;
};

/* npm's registry: what npm itself says, else the environment, ~/.npmrc and
 * /etc/npmrc. Runs "npm config get registry", 5 seconds at most. *ret is empty
 * when nobody knows.
 */
void probe_npm(struct probe_bases *ret);

/* The enabled http and https sources below dir, which is /etc/apt. */
void probe_apt(const char *dir, struct probe_bases *ret);

#endif
