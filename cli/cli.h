/* cli/cli.h - what the commands of penstock share.
 *
 * One file per command: cli/log.c holds cmd_log(). A command gets the words
 * after its name (argv[0] is the name), prints errors to standard error as one
 * line "penstock NAME: what and what to do", and returns an exit status: 0
 * good, 1 the answer is no (denied, not found, a difference), 2 usage, 3 the
 * instance is not running or something of ours failed.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#define EXIT_NO	    1
#define EXIT_USAGE  2
#define EXIT_BROKEN 3

int cmd_allow(int argc, char **argv);
int cmd_answer(int argc, char **argv);
int cmd_ask(int argc, char **argv);
int cmd_asks(int argc, char **argv);
int cmd_ca(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_capture(int argc, char **argv);
int cmd_deny(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_detach(int argc, char **argv);
int cmd_down(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_grants(int argc, char **argv);
int cmd_init(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_metrics(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_revoke(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_sandboxes(int argc, char **argv);
int cmd_shell(int argc, char **argv);
int cmd_sql(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_up(int argc, char **argv);

#endif
