/* cli/policy_diff.h - penstock policy diff. */
#ifndef CLI_POLICY_DIFF_H
#define CLI_POLICY_DIFF_H

int policy_diff_cmd(int argc, char **argv);

#endif
