/* cli/audit.h - the commands of penstock audit. For cli/audit*.c only.
 *
 * Each gets the words after its name, argv[0] being the name, and returns the
 * exit status.
 */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/instance.h"

int audit_verify(int argc, char **argv);
int audit_stats(int argc, char **argv);
int audit_prune(int argc, char **argv);
int audit_export(int argc, char **argv);
int audit_import(int argc, char **argv);

/* The instance's ledger, or the one that was named. False with a message when
 * it cannot be told.
 */
bool audit_path(const char *given, char ret[INSTANCE_PATH_MAX]);

/* "penstock audit: …" on standard error. Returns status. */
int audit_says(int status, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* A time as people read it, UTC, into ret. */
#define AUDIT_TIME 32
void audit_time(uint64_t wall_us, char ret[AUDIT_TIME]);

#endif
