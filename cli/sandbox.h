/* cli/sandbox.h - what `penstock run` runs: a command and what it may see.
 *
 * cli/run.c fills it, sandbox_mounts.c and sandbox_env.c turn it into words
 * for bubblewrap, sandbox_start.c starts it and sandbox_watch.c stays with it.
 */
#ifndef CLI_SANDBOX_H
#define CLI_SANDBOX_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "capture/capture.h"
#include "cli/group.h"
#include "cli/instance.h"
#include "cli/words.h"
#include "gateway/control.h"

/* Our own files inside, all read-only. */
#define SANDBOX_DIR    "/.penstock"
#define SANDBOX_CA     SANDBOX_DIR "/ca.pem"	 /* our CA alone */
#define SANDBOX_BUNDLE SANDBOX_DIR "/bundle.pem" /* the system's and ours */
#define SANDBOX_JAVA   SANDBOX_DIR "/java.p12"	 /* the same, for Java */
#define SANDBOX_AGENTS SANDBOX_DIR "/AGENTS.md"
#define SANDBOX_LAUNCH SANDBOX_DIR "/launch" /* penstock-capture */

#define SANDBOX_BUNDLE_FILE "bundle.pem" /* in the run directory */

#define SANDBOX_POLICIES_MAX 512 /* octets; as many as the gateway takes */

struct sandbox {
	struct instance in;
	char name[SANDBOX_NAME_MAX + 1];
	char policies[SANDBOX_POLICIES_MAX]; /* names, a blank between */
	char cwd[PATH_MAX];		     /* real path of the project */
	char home[PATH_MAX];	/* real path; a new directory inside */
	struct words binds;	/* "rw", PATH, "ro", PATH …: as asked */
	struct words asked_env; /* NAME or NAME=VALUE, as asked */
	char **command;		/* borrowed; NULL-terminated */
	bool no_fs;		/* all files of the host are shown */
	bool learn;		/* what no rule allows passes, recorded */
	bool blocked;		/* no gateway, no network at all */
	struct limits limits;	/* of all its processes together */
};

/* What bubblewrap is given. */
#define SANDBOX_FILES_MAX 32
#define SANDBOX_PATH_MAX  65536 /* octets of $PATH */

struct sandbox_args {
	struct words options;
	struct words env;
	struct words bound;	      /* host paths that are visible inside */
	char path[SANDBOX_PATH_MAX];  /* PATH inside */
	int files[SANDBOX_FILES_MAX]; /* owned; inherited by bubblewrap */
	size_t files_len;
	int failed;	   /* why there is no further file; or 0 */
	bool java_options; /* a Java must be told where its store is */
};

void sandbox_done(struct sandbox *sb);
void sandbox_args_done(struct sandbox_args *args);

/* Is path, a real path, in a directory of penstock's own? */
bool sandbox_is_control(const struct sandbox *sb, const char *path);

/* A file in memory that bubblewrap inherits, or that goes to the gateway; the
 * position is at its start. Returns the descriptor or -errno.
 */
int sandbox_memfile(const char *name, const void *data, size_t len);

/* The same, noted in args. Returns the descriptor, or a negative number and
 * marks the options bad.
 */
int sandbox_args_file(struct sandbox_args *args, const void *data, size_t len);

/* The same with what a file holds. */
int sandbox_args_copy(struct sandbox_args *args, const char *path);

/* May this directory be the project? Prints why not. */
bool sandbox_mounts_check(const struct sandbox *sb);

/* Add the options for namespaces and mounts; also sets args->path. Returns 0
 * or -errno, with a message on standard error.
 */
int sandbox_mounts(const struct sandbox *sb, struct sandbox_args *args);

/* The tools that the caller's PATH finds, where they do not come with the
 * system: adds to args->bound and sets args->path.
 */
void sandbox_tools(const struct sandbox *sb, struct sandbox_args *args);

/* Trust stores with the gateway's CA, and AGENTS.md; after all other mounts.
 * Also sets args->java_options. Returns 0 or < 0, with a message on standard
 * error.
 */
int sandbox_trust(const struct sandbox *sb, struct sandbox_args *args);

/* The whole environment inside. */
void sandbox_env(const struct sandbox *sb, struct sandbox_args *args);

/* A seccomp program as bubblewrap reads it. Returns a descriptor noted in
 * args, or a negative number and marks the options bad.
 */
int sandbox_filter(struct sandbox_args *args);

/* Put the calling thread under the same program; no_new_privs is set. Returns
 * 0 or -errno.
 */
int sandbox_filter_enter(void);

/* "registry=URL\n" as the caller's npm has it, or an empty text. */
void sandbox_npmrc(const struct sandbox *sb, char *ret, size_t len);

/* The process that is to be the command, held before its first step. */
struct sandbox_child {
	pid_t pid;  /* of the outermost layer */
	int sock;   /* owned; frames of capture/capture.h */
	int fds[8]; /* owned; the listeners */
	size_t fds_len;
	unsigned char tcp, udp, dns; /* how many of each */
};

/* Start it and take its listeners. Returns 0, or -errno or ERR_CLOSED with a
 * message on standard error; nothing runs then.
 */
int sandbox_start(const struct sandbox *sb, struct sandbox_args *args,
		  struct sandbox_child *ret);

/* End what has not been let go, in place of sandbox_watch(). */
void sandbox_abandon(struct sandbox_child *child);

/* Register it at the gateway with its policies and the further rules in the
 * file rules (owned by the caller), let it go, stay with it until it ends.
 * Returns its exit status, or EXIT_BROKEN.
 */
int sandbox_watch(const struct sandbox *sb, struct sandbox_child *child,
		  int rules);

#endif
