/* cli/run_rules.h - the rules of one run, from its command line. */
#ifndef CLI_RUN_RULES_H
#define CLI_RUN_RULES_H

#include "cli/instance.h"
#include "cli/words.h"

/* The policies named (or policy `default`, where none is) and the rules to
 * allow, as the text that the gateway reads, in a file in memory. Returns its
 * descriptor, or a negative number with a message on standard error.
 */
int run_rules(const struct instance *in, const struct words *policies,
	      const struct words *allow);

#endif
