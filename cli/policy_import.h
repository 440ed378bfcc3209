/* cli/policy_import.h - penstock policy import. */
#ifndef CLI_POLICY_IMPORT_H
#define CLI_POLICY_IMPORT_H

int policy_import_cmd(int argc, char **argv);

#endif
