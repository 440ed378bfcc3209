/* cli/policy_fmt.h - penstock policy fmt. */
#ifndef CLI_POLICY_FMT_H
#define CLI_POLICY_FMT_H

int policy_fmt_cmd(int argc, char **argv);

#endif
