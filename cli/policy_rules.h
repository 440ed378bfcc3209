/* cli/policy_rules.h - what the commands of `penstock policy` share: where the
 * rules come from, and a URL as a question.
 */
#ifndef CLI_POLICY_RULES_H
#define CLI_POLICY_RULES_H

#include "http/authority.h"
#include "policy/load.h"

/* Where rules are asked for; one of sandbox, file and policy at least. */
struct policy_source {
	const char *command; /* "explain", for messages */
	const char *sandbox; /* of the running instance, as it has them now */
	const char *file;    /* a configuration, or a policy on its own */
	const char *policy;  /* by name: of the file, or of the instance's */
};

/* Returns 0 with a ruleset to be freed, or an exit status; what is wrong has
 * been said then.
 */
int policy_rules_load(const struct policy_source *source, struct ruleset **ret);

/* The configuration of the instance, or the empty one when it has none. Prints
 * what is wrong. Returns 0 or an exit status.
 */
int policy_rules_config(struct config **ret);

/* A URL as a question, its method and time aside. The slices point into url
 * and *host. Returns NULL, or what is wrong with it.
 */
const char *policy_rules_url(const char *url, struct authority *host,
			     struct policy_question *ret);

/* Is it a tcp:// or tls:// URL, which has neither method nor path? */
bool policy_rules_raw(const char *url);

#endif
