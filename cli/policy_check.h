/* cli/policy_check.h - penstock policy check. */
#ifndef CLI_POLICY_CHECK_H
#define CLI_POLICY_CHECK_H

int policy_check_cmd(int argc, char **argv);

#endif
