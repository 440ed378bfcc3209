/* cli/policy_explain.h - penstock policy explain. */
#ifndef CLI_POLICY_EXPLAIN_H
#define CLI_POLICY_EXPLAIN_H

/* argv[0] is "explain". Returns an exit status. */
int policy_explain_cmd(int argc, char **argv);

#endif
