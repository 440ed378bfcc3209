/* cli/sandbox_filter.h - the system call filter of a sandbox's command as
 * instructions. For sandbox_filter.c and its test; nothing is put in force.
 */
#ifndef CLI_SANDBOX_FILTER_H
#define CLI_SANDBOX_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/jail_calls.h"

#define SANDBOX_FILTER_MAX 512 /* instructions; it has about 300 */

struct sock_filter;

/* Write the filter to ret, which has room for SANDBOX_FILTER_MAX; root gets
 * no user namespaces. Returns how many instructions it has.
 */
size_t sandbox_filter_build(enum jail_arch arch, bool root,
			    struct sock_filter *ret);

#endif
