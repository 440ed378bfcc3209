/* cli/init.h - the words of penstock init, for its test. */
#ifndef CLI_INIT_H
#define CLI_INIT_H

#include <stdbool.h>
#include <stddef.h>

#define INIT_RULE_MAX 600

/* The rule that reads what a git remote's address names: "git:read
 * https://HOST/PATH". Takes https://, ssh:// and git@HOST:PATH; users, ports of
 * ssh and ".git" are left out. False for an address of another kind, or when
 * no rule can be made of it.
 */
bool init_remote(const char *url, char ret[INIT_RULE_MAX]);

/* Reading all of HOST, for the address of a package index that has neither
 * user nor password in it.
 */
bool init_index(const char *url, char ret[INIT_RULE_MAX]);

#endif
