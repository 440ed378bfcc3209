/* gateway/rules_fd.h - rulesets travel as text in a memfd. */
#ifndef GATEWAY_RULES_FD_H
#define GATEWAY_RULES_FD_H

#include "policy/policy.h"

#define RULES_FD_MAX (16 * 1024 * 1024) /* octets: 100,000 long rules */

/* The text of rs in a fresh memfd. Returns the descriptor or -errno. */
int rules_fd_write(const struct ruleset *rs);

/* Read what such a descriptor holds; an empty one is the empty ruleset. Returns
 * 0, -errno, ERR_LIMIT, or ERR_SYNTAX with *ret_err filled.
 */
int rules_fd_read(int fd, struct ruleset **ret, struct rule_error *ret_err);

#endif
