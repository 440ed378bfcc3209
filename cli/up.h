/* cli/up.h - what `penstock up` knows of its instance. For cli/up*.c only. */
#ifndef CLI_UP_H
#define CLI_UP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "cli/inlet.h"
#include "cli/instance.h"
#include "cli/words.h"

/* The processes of an instance, in the order they start. */
enum up_process {
	UP_CAPTURE, /* nftables, where the configuration has `capture:` */
	UP_CERTGEN, /* the CA's key, nothing else */
	UP_AUDIT,   /* the ledger, nothing else */
	UP_GATEWAY, /* all octets of sandboxes and origins */
	UP_SHIP,    /* rows to elsewhere, where `audit: ship:` says so */

	UP_PROCESSES,
};

struct up {
	struct instance in;
	char config[INSTANCE_PATH_MAX];
	char spool[INSTANCE_PATH_MAX];
	char certgen[INSTANCE_PATH_MAX];
	bool named;	      /* the configuration: it must be there */
	struct words capture; /* options of penstock-capture */
	bool keeps_capture;   /* it is for us to install and keep */
	bool ships;	      /* rows are sent elsewhere */
	char good[INSTANCE_PATH_MAX];
	struct stat good_seen; /* CONFIG_GOOD as it was when we read it */
	struct inlet inlet;
	const char *idle_exit; /* or NULL */
	struct words waits;    /* --wait options passed through, for tests */
	bool debug;
	pid_t pid[UP_PROCESSES];
	uint64_t started_ms[UP_PROCESSES];
	int signals;
	int lock;
	int hold; /* on the run directory */
	int kin;
	bool stopping;
};

/* The program of a process. */
const char *up_program(enum up_process which);

/* Its command line; ready is the descriptor on which it says so. Returns 0, or
 * a negative number with a message: the configuration can't be read.
 */
int up_words(const struct up *u, enum up_process which, int ready,
	     struct words *ret);

#endif
