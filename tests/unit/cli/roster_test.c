/* What stands of a sandbox in the run directory, and processes of /proc. */

#include "cli/roster.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"

static void test_stat(void **state)
{
	static const char good[] =
		"42 (a) b) (c) S 7 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 "
		"987654321012 1 2";
	static const char *const bad[] = {
		"",
		"42",
		"42 (a",
		"42 )a( S 7",
		"42 (a)",
		"42 (a) S",
		"42 (a) S 7 1 1 0",
		"x (a) S 7 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 9 1",
	};
	struct proc_stat st = { .parent = 99 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(proc_parse(bad[i], &st));
		assert_int_equal(st.parent, 99);
	}
	assert_true(proc_parse(good, &st));
	assert_int_equal(st.id.pid, 42);
	assert_int_equal(st.parent, 7);
	assert_int_equal(st.id.start, 987654321012);
	assert_string_equal(st.name, "a) b) (c");
}

static void test_self(void **state)
{
	struct proc_stat st;
	struct proc_id other;
	int fd;

	(void)state;
	assert_int_equal(proc_read(getpid(), &st), 0);
	assert_int_equal(st.parent, getppid());
	fd = proc_open(&st.id);
	assert_return_code(fd, 0);
	assert_int_equal(proc_of_pidfd(fd), getpid());
	(void)close(fd);
	other = st.id;
	other.start++;
	assert_int_equal(proc_open(&other), -ESRCH);
	other.pid = 0;
	assert_int_equal(proc_open(&other), -ESRCH);
}

static struct roster one(void)
{
	struct roster r = { .name = "one", .since = 1795348343 };
	struct proc_stat st;

	assert_int_equal(proc_read(getpid(), &st), 0);
	r.runner = r.outer = st.id;
	r.init = (struct proc_id){ 7, 8 };
	(void)snprintf(r.project, sizeof(r.project), "/a b\nrunner 1 1");
	return r;
}

static void test_text(void **state)
{
	struct roster r = one(), back = { .name = "one" };
	char text[8192], part[8192];
	size_t len = roster_print(&r, text, sizeof(text));

	(void)state;
	assert_true(len);
	assert_true(roster_parse(text, &back));
	assert_memory_equal(&back.runner, &r.runner, sizeof(r.runner));
	assert_memory_equal(&back.init, &r.init, sizeof(r.init));
	assert_int_equal(back.since, r.since);
	assert_string_equal(back.project, r.project);
	assert_int_equal(roster_print(&r, text, len), 0);
	(void)roster_print(&r, text, sizeof(text));
	/* Cut anywhere before the project's name, it is nothing. */
	for (size_t i = 0; i < len - strlen(r.project); i++) {
		memcpy(part, text, i);
		part[i] = '\0';
		assert_false(roster_parse(part, &back));
	}
}

static void count(void *ctx, const struct roster *r)
{
	(void)r;
	++*(int *)ctx;
}

/* A process that has ended, whose number may be another's. */
static struct proc_id gone(void)
{
	struct proc_stat st;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		(void)pause();
		_exit(0);
	}
	assert_int_equal(proc_read(pid, &st), 0);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return st.id;
}

static void test_files(void **state)
{
	char dir[] = "/tmp/penstock-roster.XXXXXX";
	struct instance in = { .state_dir = "/" };
	struct roster r = one(), back;
	char path[INSTANCE_PATH_MAX];
	struct stat st;
	int n = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(in.run_dir, sizeof(in.run_dir), "%s", dir);
	assert_int_equal(roster_find(&in, "one", &back), -ENOENT);
	assert_int_equal(roster_add(&in, &r), 0);
	assert_int_equal(roster_add(&in, &r), -EEXIST);
	assert_true(instance_path(dir, ROSTER_DIR "/one", path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	r.init.pid = 9;
	assert_int_equal(roster_update(&in, &r), 0);
	assert_int_equal(roster_find(&in, "one", &back), 0);
	assert_int_equal(back.init.pid, 9);
	assert_string_equal(back.name, "one");
	assert_int_equal(roster_find(&in, "../one", &back), -ENOENT);
	assert_int_equal(roster_each(&in, count, &n), 0);
	assert_int_equal(n, 1);
	/* One that a killed run left: not believed, and gone. */
	r.runner = gone();
	assert_int_equal(roster_update(&in, &r), 0);
	assert_int_equal(roster_find(&in, "one", &back), -ENOENT);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(roster_each(&in, count, &n), 0);
	assert_int_equal(n, 1);
	assert_true(instance_path(dir, ROSTER_DIR, path));
	assert_return_code(rmdir(path), 0);
	assert_return_code(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
