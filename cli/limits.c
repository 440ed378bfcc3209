/* cli/limits.c - what a sandbox may use of the machine, held by the kernel.
 *
 *   penstock run ──▶ the child, held before its first step
 *      │              moved into the group, with all that it starts
 *      └── fork ──▶ the keeper, in the group too, asleep
 *
 * systemd is asked first, the user's own or, for root, the system's: it makes
 * a scope of the two processes. Else a group is made beside our own, where
 * that was delegated to us. The keeper's only purpose is that the group is
 * still there when the sandbox has ended, because then it is asked whether the
 * memory was used up. It ends when we do, and removes a group that we made.
 *
 * A manager without controllers, as one in a container, takes the limits and
 * does nothing. So they are read back from the kernel.
 */

#include "cli/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/slice.h"
#include "cli/doctor.h"
#include "cli/words.h"

#define LIMITS_NAP_MS	10
#define LIMITS_MOVE_MS	5000 /* for systemd to do what it was asked */
#define LIMITS_EMPTY_MS 2000 /* for the last process to be gone */

int limits_parse_memory(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	const char *unit;
	uint64_t n;
	char *end;
	int shift = 0;

	if (*text < '0' || *text > '9')
		return ERR_SYNTAX;
	errno = 0;
	n = strtoull(text, &end, 10);
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		shift = 10 * (int)(unit - units + 1);
		end++;
		if (!strcmp(end, "iB") || !strcmp(end, "B"))
			end += strlen(end);
	}
	if (errno || *end || n > (uint64_t)INT64_MAX >> shift ||
	    n << shift < LIMITS_MEMORY_MIN)
		return ERR_SYNTAX;
	*ret_bytes = n << shift;
	return 0;
}

int limits_parse_cpus(const char *text, unsigned int *ret_milli)
{
	static const unsigned int places[] = { 100, 10, 1 };
	size_t whole = strspn(text, "0123456789"), part;
	unsigned int n = 0;

	if (!whole || whole > 4)
		return ERR_SYNTAX;
	for (size_t i = 0; i < whole; i++)
		n = n * 10 + (unsigned int)(text[i] - '0');
	n *= 1000;
	text += whole;
	if (*text == '.') {
		part = strspn(++text, "0123456789");
		if (!part || part > ARRAY_SIZE(places))
			return ERR_SYNTAX;
		for (size_t i = 0; i < part; i++)
			n += (unsigned int)(text[i] - '0') * places[i];
		text += part;
	}
	if (*text || n < LIMITS_CPU_MIN || n > LIMITS_CPU_MAX)
		return ERR_SYNTAX;
	*ret_milli = n;
	return 0;
}

static void limits_nap(void)
{
	const struct timespec nap = { .tv_nsec = LIMITS_NAP_MS * 1000000L };

	(void)nanosleep(&nap, NULL);
}

/* The last process may take a moment to be gone. */
static void limits_remove(const char *dir)
{
	for (int i = 0; i < LIMITS_EMPTY_MS / LIMITS_NAP_MS; i++) {
		if (rmdir(dir) == 0 || errno != EBUSY)
			return;
		limits_nap();
	}
}

/* The keeper: asleep until nobody holds the other end, ours or a killed
 * one's. What it was written is a group to remove; it leaves that first.
 */
static _Noreturn void limits_keep(int pipe)
{
	static char text[GROUP_TEXT_MAX], home[GROUP_PATH_MAX];
	static char dir[GROUP_PATH_MAX];
	size_t len = 0;
	ssize_t n;
	bool v2;

	(void)close_range(3, (unsigned int)pipe - 1, 0);
	(void)close_range((unsigned int)pipe + 1, ~0u, 0);
	if (group_of(getpid(), text) < 0 ||
	    group_dir(GROUP_ROOT, text, "", home, &v2) < 0)
		home[0] = '\0';
	while (len < sizeof(dir) - 1 &&
	       (n = read(pipe, dir + len, sizeof(dir) - 1 - len)) > 0)
		len += (size_t)n;
	if (len) {
		(void)group_enter(home, 0);
		limits_remove(dir);
	}
	_exit(0);
}

static int limits_start_keeper(struct limits_hold *hold)
{
	sigset_t all, before;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	/* The terminal's signals are for others; it ends when we do. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	hold->keeper = fork();
	if (!hold->keeper) {
		int own = fcntl(ends[0], F_DUPFD_CLOEXEC, 4);

		if (own < 0)
			_exit(0);
		limits_keep(own);
	}
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)close(ends[0]);
	hold->pipe = ends[1];
	return hold->keeper < 0 ? -errno : 0;
}

static void limits_stop_keeper(const struct limits_hold *hold)
{
	if (hold->pipe >= 0)
		(void)close(hold->pipe);
	if (hold->keeper > 0)
		(void)waitpid(hold->keeper, NULL, 0);
}

/* The words before those of a call of systemd. */
static void limits_call(struct words *w, const char *method, const char *types)
{
	words_add(w, "busctl");
	if (geteuid() != 0)
		words_add(w, "--user");
	words_add_all(w, "--quiet", "call", "org.freedesktop.systemd1",
		      "/org/freedesktop/systemd1",
		      "org.freedesktop.systemd1.Manager", method, types, NULL);
}

/* The words of one call: a scope that has the two processes. */
static void limits_words(const struct limits_hold *hold, const char *unit,
			 pid_t pid, bool policy, struct words *w)
{
	const struct limits *l = &hold->limits;
	int properties =
		3 + policy + (l->memory_bytes ? 2 : 0) + (l->cpu_milli ? 1 : 0);

	limits_call(w, "StartTransientUnit", "ssa(sv)a(sa(sv))");
	words_add_all(w, unit, "fail", NULL);
	words_addf(w, "%d", properties);
	words_add_all(w, "PIDs", "au", "2", NULL);
	words_addf(w, "%d", (int)pid);
	words_addf(w, "%d", (int)hold->keeper);
	/* Only into one that is delegated does it put a process later. */
	words_add_all(w, "CollectMode", "s", "inactive-or-failed", "Delegate",
		      "b", "true", NULL);
	if (policy)
		words_add_all(w, "OOMPolicy", "s", "continue", NULL);
	if (l->memory_bytes) {
		words_add_all(w, "MemoryMax", "t", NULL);
		words_addf(w, "%" PRIu64, l->memory_bytes);
		words_add_all(w, "MemorySwapMax", "t", "0", NULL);
	}
	if (l->cpu_milli) {
		words_add_all(w, "CPUQuotaPerSecUSec", "t", NULL);
		words_addf(w, "%" PRIu64, (uint64_t)l->cpu_milli * 1000);
	}
	words_add(w, "0");
}

/* systemd has answered before it has done it. */
static bool limits_moved(struct limits_hold *hold, const char *unit, pid_t pid)
{
	for (int i = 0; i < LIMITS_MOVE_MS / LIMITS_NAP_MS; i++) {
		if (group_of(pid, hold->text) < 0)
			return false;
		if (strstr(hold->text, unit))
			return true;
		limits_nap();
	}
	return false;
}

static bool limits_in_scope(struct limits_hold *hold, const char *name,
			    pid_t pid, char why[DOCTOR_TEXT_MAX])
{
	char unit[128];
	int status = -1;

	why[0] = '\0';
	if (access("/run/systemd/system", F_OK) < 0) {
		(void)snprintf(why, DOCTOR_TEXT_MAX, "does not run here");
		return false;
	}
	(void)snprintf(unit, sizeof(unit), "penstock-%s-%d.scope", name,
		       (int)getpid());
	/* Before version 253 a scope has no OOMPolicy, and need not. */
	for (int policy = 1; policy >= 0 && status != 0; policy--) {
		struct words w = { 0 };

		limits_words(hold, unit, pid, policy, &w);
		status = words_ok(&w) ? doctor_run(w.ptr, -1, why) : -1;
		words_done(&w);
	}
	if (status == 127)
		(void)snprintf(why, DOCTOR_TEXT_MAX, "there is no busctl");
	else if (status < 0)
		(void)snprintf(why, DOCTOR_TEXT_MAX, "it does not answer");
	if (status != 0)
		return false;
	if (!limits_moved(hold, unit, pid)) {
		(void)snprintf(why, DOCTOR_TEXT_MAX,
			       "it does not move the process into its scope");
		return false;
	}
	if (group_verify(GROUP_ROOT, hold->text, &hold->limits) == 0)
		return true;
	(void)snprintf(why, DOCTOR_TEXT_MAX,
		       "it took the limits, but the kernel has not got them: "
		       "no controllers were delegated to it");
	return false;
}

static bool limits_in_group(struct limits_hold *hold, const char *name,
			    pid_t pid, char why[DOCTOR_TEXT_MAX])
{
	char group[128], dir[GROUP_PATH_MAX];
	int rc = group_of(getpid(), hold->text);

	(void)snprintf(group, sizeof(group), "penstock-%s-%d", name,
		       (int)getpid());
	if (!rc)
		rc = group_make(GROUP_ROOT, hold->text, group, &hold->limits,
				dir);
	if (rc) {
		(void)snprintf(why, DOCTOR_TEXT_MAX,
			       "none can be made with memory and cpu (%s)",
			       err_str(rc));
		return false;
	}
	if (write(hold->pipe, dir, strlen(dir)) != (ssize_t)strlen(dir))
		rc = -EIO;
	if (!rc)
		rc = group_enter(dir, hold->keeper);
	if (!rc)
		rc = group_enter(dir, pid);
	if (!rc)
		rc = group_of(pid, hold->text);
	if (!rc)
		rc = group_verify(GROUP_ROOT, hold->text, &hold->limits);
	if (rc)
		(void)snprintf(why, DOCTOR_TEXT_MAX, "%.400s: %s", dir,
			       err_str(rc));
	return !rc;
}

int limits_begin(const struct limits *l, const char *name, pid_t pid,
		 struct limits_hold *ret)
{
	char scope[DOCTOR_TEXT_MAX], group[DOCTOR_TEXT_MAX];
	int rc;

	*ret = (struct limits_hold){ .limits = *l, .pipe = -1 };
	rc = limits_start_keeper(ret);
	if (rc) {
		(void)fprintf(stderr, "penstock run: %s\n", err_str(rc));
		limits_stop_keeper(ret);
		return rc;
	}
	if (limits_in_scope(ret, name, pid, scope) ||
	    limits_in_group(ret, name, pid, group))
		return 0;
	(void)fprintf(stderr,
		      "penstock run: --memory and --cpus: nothing here can "
		      "hold a sandbox to them, so it has not been started\n"
		      "  systemd: %s\n"
		      "  a control group: %s\n"
		      "  needed is systemd with cgroups of version 2 (for a "
		      "user: in a session), or a\n"
		      "  delegated group; see: penstock doctor\n",
		      scope, group);
	limits_stop_keeper(ret);
	return -EOPNOTSUPP;
}

void limits_end(struct limits_hold *hold)
{
	unsigned long kills = group_kills(GROUP_ROOT, hold->text);

	if (hold->limits.memory_bytes && kills)
		(void)fprintf(
			stderr,
			"penstock run: the sandbox had used up its memory "
			"(--memory, %" PRIu64 " MiB): the kernel killed "
			"%lu of its processes\n",
			hold->limits.memory_bytes >> 20, kills);
	limits_stop_keeper(hold);
	hold->pipe = -1;
}

/* Where a process is: by memory, by cpu, and in the hierarchy of version 2. */
#define LIMITS_UNIFIED 2

static const char *const limits_by[] = { "memory", "cpu", "" };

struct limits_place {
	char dir[ARRAY_SIZE(limits_by)][GROUP_PATH_MAX]; /* empty: none */
};

static int limits_place(pid_t pid, struct limits_place *ret)
{
	static char text[GROUP_TEXT_MAX];
	int rc = group_of(pid, text);
	bool v2;

	for (size_t i = 0; !rc && i < ARRAY_SIZE(limits_by); i++) {
		if (group_dir(GROUP_ROOT, text, limits_by[i], ret->dir[i],
			      &v2) < 0)
			ret->dir[i][0] = '\0';
	}
	return rc;
}

/* The first group of a in which b is not, or NULL. */
static const char *limits_apart(const struct limits_place *a,
				const struct limits_place *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits_by); i++) {
		if (strcmp(a->dir[i], b->dir[i]) != 0)
			return a->dir[i];
	}
	return NULL;
}

/* Whether it did shows in where we are then. */
static void limits_ask_scope(const char *unit)
{
	char answer[DOCTOR_TEXT_MAX];
	struct words w = { 0 };

	limits_call(&w, "AttachProcessesToUnit", "ssau");
	words_add_all(&w, unit, "", "1", NULL);
	words_addf(&w, "%d", (int)getpid());
	if (words_ok(&w))
		(void)doctor_run(w.ptr, -1, answer);
	words_done(&w);
}

int limits_join(pid_t runner, pid_t held)
{
	static struct limits_place own, outside, inside;
	const char *dir, *unit;
	int rc = limits_place(runner, &outside);

	if (!rc)
		rc = limits_place(held, &inside);
	if (rc)
		return rc;
	dir = limits_apart(&inside, &outside);
	if (!dir)
		return 0;
	unit = strrchr(dir, '/');
	if (unit && slice_ends(slice_str(unit), SLICE(".scope")))
		limits_ask_scope(unit + 1);
	rc = limits_place(getpid(), &own);
	if (!rc && limits_apart(&inside, &own)) {
		(void)group_enter(inside.dir[LIMITS_UNIFIED], 0);
		rc = limits_place(getpid(), &own);
	}
	return rc ? rc : limits_apart(&inside, &own) ? -EPERM : 0;
}
