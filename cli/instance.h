/* cli/instance.h - where an instance lives.
 *
 * The system's (root, without --user): /run/penstock, /var/lib/penstock,
 * /etc/penstock. A user's: $XDG_RUNTIME_DIR/penstock (or /tmp/penstock-UID,
 * 0700 and ours, where that is not set), $XDG_DATA_HOME/penstock or
 * ~/.local/share/penstock, $XDG_CONFIG_HOME/penstock or ~/.config/penstock.
 * PENSTOCK_RUN_DIR, PENSTOCK_STATE_DIR and PENSTOCK_CONFIG_DIR override each,
 * for tests and for several instances on one machine; root asks for a user's
 * instance with PENSTOCK_USER=1, which is what --user sets. All are absolute.
 */
#ifndef CLI_INSTANCE_H
#define CLI_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define INSTANCE_PATH_MAX 256

struct instance {
	char run_dir[INSTANCE_PATH_MAX];   /* sockets, spool, pid file */
	char state_dir[INSTANCE_PATH_MAX]; /* ledger, CA, names */
	char conf_dir[INSTANCE_PATH_MAX];  /* penstock.yaml */
};

/* Files below the directories above. */
#define INSTANCE_LEDGER	 "ledger.db"	  /* state */
#define INSTANCE_SHIPPED "ship.cursor"	  /* state; while rows are sent away */
#define INSTANCE_CONFIG	 "penstock.yaml"  /* conf */
#define INSTANCE_PID	 "penstock.pid"	  /* run; locked while `up` runs */
#define INSTANCE_KIN	 "processes.lock" /* run; cli/kin.h */
#define INSTANCE_LOG	 "penstock.log"	  /* run; of one started by `run` */

/* Fill *ret from the environment and the uid. Creates nothing. Returns 0, or
 * -EINVAL / -ENAMETOOLONG with a message on standard error.
 */
int instance_find(struct instance *ret);

/* Create the directories that are missing (run and state 0700). Returns 0 or
 * -errno, with a message on standard error.
 */
int instance_make(const struct instance *in);

/* "DIR/FILE" into ret; false when it does not fit. */
bool instance_path(const char *dir, const char *file,
		   char ret[INSTANCE_PATH_MAX]);

/* Become the process that runs `penstock up`: lock the pid file and write our
 * pid into it, and on a second line where the state is. The lock is the
 * process's own (fcntl), not inherited by fork, and lasts until the process
 * ends or the descriptor is closed. Returns the descriptor, -EAGAIN when
 * another process has it, or -errno; no message.
 */
int instance_lock(const struct instance *in);

/* The process that runs `penstock up`, or 0 when none does. Not to be asked by
 * the process that holds the lock: opening and closing the file drops it.
 */
pid_t instance_pid(const struct instance *in);

/* Connect to the control door. Returns the descriptor, or -errno. */
int instance_connect(const struct instance *in);

/* Start `penstock up --idle-exit 30` in the background, unless one runs; wait
 * until its control door answers, INSTANCE_START_MS at most. One that ends is
 * waited for before, as long. What it has to say goes to INSTANCE_LOG. Returns
 * 0 or -errno, with a message on standard error; -EXDEV: the one that runs has
 * another state directory.
 */
#define INSTANCE_START_MS 10000
int instance_start(const struct instance *in);

/* The path of a program of ours (penstock-gateway …): beside this one. */
bool instance_program(const char *name, char ret[INSTANCE_PATH_MAX]);

#endif
