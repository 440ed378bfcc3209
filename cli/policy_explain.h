/* cli/policy_explain.h - penstock policy explain. */
#ifndef CLI_POLICY_EXPLAIN_H
#define CLI_POLICY_EXPLAIN_H

#include "policy/load.h"

/* argv[0] is "explain". Returns an exit status. */
int policy_explain_cmd(int argc, char **argv);

/* The configuration of the instance, or the empty one when it has none. Prints
 * what is wrong. Returns 0 or an exit status.
 */
int policy_explain_config(struct config **ret);

#endif
