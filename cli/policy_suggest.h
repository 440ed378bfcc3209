/* cli/policy_suggest.h - penstock policy suggest. */
#ifndef CLI_POLICY_SUGGEST_H
#define CLI_POLICY_SUGGEST_H

/* argv[0] is "suggest". Returns an exit status. */
int policy_suggest_cmd(int argc, char **argv);

#endif
