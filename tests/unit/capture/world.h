/* tests/unit/capture/world.h - run a test in a namespace of its own.
 *
 * The child becomes a captured namespace as far as the test wants it. Its
 * assertions are its exit status: cmocka knows nothing of the child.
 */
#ifndef TESTS_CAPTURE_WORLD_H
#define TESTS_CAPTURE_WORLD_H

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/userns.h"

#define WORLD_SKIP 77

#define CHECK(cond)                                                            \
	do {                                                                   \
		if (!(cond)) {                                                 \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__,         \
				      __LINE__, #cond);                        \
			_exit(1);                                              \
		}                                                              \
	} while (0)

/* Skips the test where the machine allows no user namespaces. */
static inline void world_run(void (*test)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		if (userns_enter())
			_exit(WORLD_SKIP);
		test();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == WORLD_SKIP) {
		print_message("skipped: %s\n", userns_hint());
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

#endif
