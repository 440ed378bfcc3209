/* cli/run_rules.h - the rules of one run, from its command line. */
#ifndef CLI_RUN_RULES_H
#define CLI_RUN_RULES_H

#include "cli/sandbox.h"
#include "cli/words.h"

/* What the run may do, in the two forms in which the gateway takes it. Names
 * (policies of the configuration, or `default` where none is given and there
 * is one) go to sb->policies; the gateway reads them again when it reloads.
 * The policies beside hold with those, or with `default`.
 * Policy files and the rules to allow become the text of further rules, in a
 * file in memory. Returns its descriptor, or a negative number with a message
 * on standard error, "penstock WHO: …"; sb is then as it was.
 */
int run_rules(const char *who, struct sandbox *sb, const struct words *policies,
	      const struct words *beside, const struct words *allow);

#endif
