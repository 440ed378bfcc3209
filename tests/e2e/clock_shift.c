/* tests/e2e/clock_shift.c - a wall clock that a test sets.
 *
 * Preloaded into every process. The file that CLOCK_SHIFT names holds one
 * int64_t, the nanoseconds to add to CLOCK_REALTIME; it is mapped when the
 * process starts, before that locks itself in, so a change is seen at once by
 * all and costs no system call. Other clocks are the kernel's.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000ll

static const volatile int64_t *shift_ns;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

static void __attribute__((constructor)) shift_open(void)
{
	const char *path = getenv("CLOCK_SHIFT");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *mem = MAP_FAILED;

	real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	if (fd >= 0) {
		mem = mmap(NULL, sizeof(*shift_ns), PROT_READ, MAP_SHARED, fd,
			   0);
		(void)close(fd);
	}
	if (path && mem == MAP_FAILED)
		abort(); /* a test that does not shift proves nothing */
	if (mem != MAP_FAILED)
		shift_ns = mem;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	int rc;
	int64_t ns;

	if (!real_clock_gettime) /* asked before we were set up */
		real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	rc = real_clock_gettime(clock, t);
	if (rc || !shift_ns ||
	    (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
		return rc;
	ns = (int64_t)t->tv_sec * SECOND_NS + t->tv_nsec + *shift_ns;
	t->tv_sec = (time_t)(ns / SECOND_NS);
	t->tv_nsec = (long)(ns % SECOND_NS);
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	if (ret)
		*ret = t.tv_sec;
	return t.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	ret->tv_sec = t.tv_sec;
	ret->tv_usec = t.tv_nsec / 1000;
	return 0;
}
