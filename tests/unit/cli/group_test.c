/* group_test.c - control groups in a tree of our own making. */

#include "cli/group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"

static const char hybrid[] = "9:name=systemd:/user.slice/a.scope\n"
			     "4:memory:/box\n"
			     "1:cpu,cpuacct:/\n"
			     "0::/user.slice/a.scope\n";
static const char unified[] = "0::/user.slice/a.scope\n";

static char root[] = "/tmp/penstock-group.XXXXXX";

static void put(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		(void)mkdir(path, 0755);
		*p = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

static void holds(const char *name, const char *text)
{
	char path[256], got[64] = "";
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	f = fopen(path, "r");
	assert_non_null(f);
	(void)!fread(got, 1, sizeof(got) - 1, f);
	(void)fclose(f);
	assert_string_equal(got, text);
}

static int drop(const char *path, const struct stat *st, int kind,
		struct FTW *ftw)
{
	(void)st;
	(void)kind;
	return ftw->level ? remove(path) : 0;
}

static int teardown(void **state)
{
	(void)state;
	return nftw(root, drop, 16, FTW_DEPTH | FTW_PHYS);
}

static void is_dir(const char *text, const char *controller, const char *want,
		   bool want_v2)
{
	char got[GROUP_PATH_MAX];
	bool v2 = !want_v2;

	assert_int_equal(group_dir(root, text, controller, got, &v2), 0);
	assert_int_equal(v2, want_v2);
	assert_memory_equal(got, root, strlen(root));
	assert_string_equal(got + strlen(root), want);
}

static void test_dir(void **state)
{
	char got[GROUP_PATH_MAX] = "as it was";
	bool v2;

	(void)state;
	is_dir(hybrid, "memory", "/memory/box", false);
	is_dir(hybrid, "cpu", "/cpu/", false);
	is_dir(hybrid, "cpuacct", "/cpuacct/", false);
	is_dir(hybrid, "pids", "/unified/user.slice/a.scope", true);
	is_dir(unified, "cpu", "/unified/user.slice/a.scope", true);
	put("cgroup.controllers", "cpu memory\n");
	is_dir(unified, "cpu", "/./user.slice/a.scope", true);
	assert_int_equal(group_dir(root, "", "cpu", got, &v2), -ENOENT);
	assert_int_equal(group_dir(root, "0:\n:\nx\n", "cpu", got, &v2),
			 -ENOENT);
	assert_string_equal(got, "as it was");
}

static void test_own(void **state)
{
	char text[GROUP_TEXT_MAX];

	(void)state;
	assert_int_equal(group_of(getpid(), text), 0);
	assert_non_null(strchr(text, ':'));
	assert_int_equal(group_of(99999999, text), -ENOENT);
}

static void test_verify_v2(void **state)
{
	const struct limits memory = { .memory_bytes = 64 << 20 };
	const struct limits cpu = { .cpu_milli = 500 };

	(void)state;
	put("cgroup.controllers", "cpu memory\n");
	assert_int_equal(group_verify(root, unified, &memory), ERR_STALE);
	put("user.slice/a.scope/memory.max", "max\n");
	put("user.slice/a.scope/cpu.max", "max 100000\n");
	assert_int_equal(group_verify(root, unified, &memory), ERR_STALE);
	assert_int_equal(group_verify(root, unified, &cpu), ERR_STALE);
	put("user.slice/a.scope/memory.max", "67108865\n");
	put("user.slice/a.scope/cpu.max", "50100 100000\n");
	assert_int_equal(group_verify(root, unified, &memory), ERR_STALE);
	assert_int_equal(group_verify(root, unified, &cpu), ERR_STALE);
	put("user.slice/a.scope/memory.max", "67108864\n");
	put("user.slice/a.scope/cpu.max", "25000 50000\n");
	assert_int_equal(group_verify(root, unified, &memory), 0);
	assert_int_equal(group_verify(root, unified, &cpu), 0);
	put("user.slice/a.scope/cpu.max", "rubbish\n");
	assert_int_equal(group_verify(root, unified, &cpu), ERR_STALE);
	put("user.slice/a.scope/cpu.max", "5 0\n");
	assert_int_equal(group_verify(root, unified, &cpu), ERR_STALE);
}

static void test_verify_v1(void **state)
{
	const struct limits both = { .memory_bytes = 64 << 20,
				     .cpu_milli = 1500 };

	(void)state;
	put("memory/box/memory.limit_in_bytes", "9223372036854771712\n");
	put("cpu/cpu.cfs_quota_us", "-1\n");
	put("cpu/cpu.cfs_period_us", "100000\n");
	assert_int_equal(group_verify(root, hybrid, &both), ERR_STALE);
	put("memory/box/memory.limit_in_bytes", "67108864\n");
	assert_int_equal(group_verify(root, hybrid, &both), ERR_STALE);
	put("cpu/cpu.cfs_quota_us", "150000\n");
	assert_int_equal(group_verify(root, hybrid, &both), 0);
}

static void test_write(void **state)
{
	const struct limits both = { .memory_bytes = 64 << 20,
				     .cpu_milli = 1500 };
	const struct limits cpu = { .cpu_milli = 10 };
	char dir[256];

	(void)state;
	(void)snprintf(dir, sizeof(dir), "%s/g", root);
	assert_int_equal(group_write(dir, &both), -ENOENT);
	put("g/cpu.max", "");
	assert_int_equal(group_write(dir, &both), -ENOENT);
	put("g/memory.max", "");
	put("g/memory.swap.max", "");
	assert_int_equal(group_write(dir, &both), 0);
	holds("g/memory.max", "67108864");
	holds("g/memory.swap.max", "0");
	holds("g/cpu.max", "150000 100000");
	put("g/cpu.max", "");
	assert_int_equal(group_write(dir, &cpu), 0);
	holds("g/cpu.max", "1000 100000");
	put("g/cgroup.procs", "");
	assert_int_equal(group_enter(dir, 42), 0);
	holds("g/cgroup.procs", "42");
}

/* No files appear in a directory of a plain file system: so it says no. */
static void test_make_nothing(void **state)
{
	const struct limits both = { .memory_bytes = 64 << 20,
				     .cpu_milli = 1500 };
	char dir[GROUP_PATH_MAX], path[256];

	(void)state;
	put("cgroup.controllers", "cpu memory\n");
	put("user.slice/a.scope/cgroup.subtree_control", "");
	assert_int_equal(group_make(root, unified, "new", &both, dir), -ENOENT);
	holds("user.slice/a.scope/cgroup.subtree_control", "+cpuory");
	(void)snprintf(path, sizeof(path), "%s/user.slice/a.scope/new", root);
	assert_int_equal(access(path, F_OK), -1);
	(void)snprintf(path, sizeof(path), "%s/user.slice/new", root);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_kills(void **state)
{
	(void)state;
	assert_int_equal(group_kills(root, unified), 0);
	put("cgroup.controllers", "cpu memory\n");
	put("user.slice/a.scope/memory.events",
	    "low 0\nhigh 0\nmax 31\noom 4\noom_kill 3\noom_group_kill 9\n");
	assert_int_equal(group_kills(root, unified), 3);
	put("memory/box/memory.oom_control",
	    "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
	assert_int_equal(group_kills(root, hybrid), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_dir, teardown),
		cmocka_unit_test(test_own),
		cmocka_unit_test_teardown(test_verify_v2, teardown),
		cmocka_unit_test_teardown(test_verify_v1, teardown),
		cmocka_unit_test_teardown(test_write, teardown),
		cmocka_unit_test_teardown(test_make_nothing, teardown),
		cmocka_unit_test_teardown(test_kills, teardown),
	};
	int rc;

	if (!mkdtemp(root))
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rmdir(root);
	return rc;
}
