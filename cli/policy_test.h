/* cli/policy_test.h - penstock policy test, cases, replay. */
#ifndef CLI_POLICY_TEST_H
#define CLI_POLICY_TEST_H

/* argv[0] is the command's name. Each returns an exit status. */
int policy_test_cmd(int argc, char **argv);
int policy_cases_cmd(int argc, char **argv);
int policy_replay_cmd(int argc, char **argv);

#endif
