/* base/jail.h - what each process may still do, in one file.
 *
 * One function per process, called once it has opened all it needs and before
 * it reads the first byte from outside. Each sets no_new_privs, drops every
 * capability, forbids core dumps and ptrace (PR_SET_DUMPABLE 0), and installs
 * a seccomp filter (default: kill the process) and a landlock ruleset.
 */
#ifndef BASE_JAIL_H
#define BASE_JAIL_H

/* A gateway worker: sockets (inet and unix connect), epoll, its mapped files;
 * may read the paths given (resolver and trust store), may write nowhere.
 * paths is NULL-terminated; missing paths are skipped.
 */
int jail_worker(const char *const *read_paths);

/* certgen: unix sockets it already has; no network, no new files but below
 * state_dir.
 */
int jail_certgen(const char *state_dir);

/* audit: files below state_dir and spool_dir; no network at all. */
int jail_audit(const char *state_dir, const char *spool_dir);

/* penstock-ship's reader: reads below state_dir, writes below the other two,
 * which may lie in it; no network.
 */
int jail_ship_reader(const char *state_dir, const char *cursors_dir,
		     const char *status_dir);

/* Its senders: sockets and a resolver's threads; may read the paths given,
 * NULL-terminated, and write nowhere.
 */
int jail_ship_sender(const char *const *read_paths);

/* Each returns 0 or -errno. Where the kernel lacks landlock that layer is
 * skipped and bit JAIL_NO_LANDLOCK is set in the (non-negative) answer.
 */
#define JAIL_NO_LANDLOCK 1

#endif
