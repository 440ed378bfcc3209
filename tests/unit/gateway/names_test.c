/* tests/unit/gateway/names_test.c - a name keeps its address. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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

#include "gateway/names.h"

static char dir[] = "/tmp/names_test.XXXXXX";
static char path[64];

static int begin(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/names", dir);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

static void test_stable(void **state)
{
	struct names *n = NULL;
	int slot, other;

	(void)state;
	assert_int_equal(names_open(path, &n), 0);
	slot = names_slot(n, SLICE("api.example.com"));
	other = names_slot(n, SLICE("www.example.com"));
	assert_true(slot > 0 && other > 0);
	assert_int_not_equal(slot, other);
	assert_int_equal(names_slot(n, SLICE("api.example.com")), slot);
	assert_true(slice_eq(names_name(n, (uint32_t)slot),
			     SLICE("api.example.com")));

	/* A restart changes nothing. */
	names_close(&n);
	assert_null(n);
	names_close(&n);
	assert_int_equal(names_open(path, &n), 0);
	assert_true(slice_eq(names_name(n, (uint32_t)slot),
			     SLICE("api.example.com")));
	assert_int_equal(names_slot(n, SLICE("www.example.com")), other);
	names_close(&n);
}

static void test_lengths(void **state)
{
	char text[254];
	struct names *n;
	int slot;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(names_open(path, &n), 0);
	assert_int_equal(names_slot(n, slice_of(text, 0)), -EINVAL);
	assert_int_equal(names_slot(n, slice_of(text, 254)), -EINVAL);
	slot = names_slot(n, slice_of(text, 253));
	assert_true(slot > 0);
	assert_true(
		slice_eq(names_name(n, (uint32_t)slot), slice_of(text, 253)));
	assert_int_not_equal(names_slot(n, slice_of(text, 252)), slot);
	names_close(&n);
}

static void test_empty_slots(void **state)
{
	struct names *n;
	int named = 0;

	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(names_open(path, &n), 0);
	assert_true(names_slot(n, SLICE("x")) > 0);
	assert_int_equal(names_name(n, 0).len, 0);
	assert_int_equal(names_name(n, 1u << 17).len, 0);
	assert_int_equal(names_name(n, UINT32_MAX).len, 0);
	for (uint32_t i = 0; i < 1u << 17; i++)
		named += names_name(n, i).len > 0;
	assert_int_equal(named, 1);
	names_close(&n);
}

static void test_addresses(void **state)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	struct in_addr v4;

	(void)state;
	v4 = names_v4(1);
	assert_string_equal(inet_ntop(AF_INET, &v4, text, sizeof(text)),
			    "198.18.0.1");
	v4 = names_v4(0x1fffe);
	assert_string_equal(inet_ntop(AF_INET, &v4, text, sizeof(text)),
			    "198.19.255.254");
	assert_int_equal(names_of_v4(v4), 0x1fffe);
	v6 = names_v6(0x1fffe);
	assert_string_equal(inet_ntop(AF_INET6, &v6, text, sizeof(text)),
			    "fd70:656e:7374::1:fffe");
	assert_int_equal(names_of_v6(&v6), 0x1fffe);

	v6.s6_addr[11] = 1;
	assert_int_equal(names_of_v6(&v6), 0);
	assert_int_equal(inet_pton(AF_INET6, "fd70:656e:7374::2:0", &v6), 1);
	assert_int_equal(names_of_v6(&v6), 0);
	for (int i = 0; i < 3; i++) {
		static const char *const not_ours[] = { "198.17.255.255",
							"198.20.0.0",
							"0.0.0.0" };

		assert_int_equal(inet_pton(AF_INET, not_ours[i], &v4), 1);
		assert_int_equal(names_of_v4(v4), 0);
	}
	assert_int_equal(inet_pton(AF_INET, "198.18.0.0", &v4), 1);
	assert_int_equal(names_of_v4(v4), 0);
}

/* Another layout, another size, a link: replaced, and what it led to stays. */
static void test_foreign_file(void **state)
{
	char other[80];
	struct names *n;
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(names_open(path, &n), 0);
	names_close(&n);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "p", 1, 15), 1);
	(void)close(fd);
	assert_int_equal(names_open(path, &n), 0);
	assert_int_equal(names_name(n, 1).len, 0);
	names_close(&n);

	fd = open(path, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "text\n", 5), 5);
	(void)close(fd);
	assert_int_equal(names_open(path, &n), 0);
	assert_true(names_slot(n, SLICE("x")) > 0);
	names_close(&n);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	(void)snprintf(other, sizeof(other), "%s.other", path);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	n = NULL;
	assert_int_equal(names_open(path, &n), -ELOOP);
	assert_null(n);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(names_open("/nowhere/names", &n), -ENOENT);
	assert_null(n);
}

#define WORKERS 4
#define NAMES	3000

/* Workers ask for the same names at once: each slot that one of them got leads
 * back to the name that it asked for.
 */
static void test_processes(void **state)
{
	pid_t child[WORKERS];
	struct names *n;

	(void)state;
	assert_int_equal(names_open(path, &n), 0);
	for (int w = 0; w < WORKERS; w++) {
		child[w] = fork();
		assert_true(child[w] >= 0);
		if (child[w])
			continue;
		for (int i = 0; i < NAMES; i++) {
			char text[32];
			int len =
				snprintf(text, sizeof(text), "n%d.example", i);
			struct slice name = slice_of(text, (size_t)len);
			int slot = names_slot(n, name);

			if (slot <= 0 ||
			    !slice_eq(names_name(n, (uint32_t)slot), name))
				_exit(1);
		}
		_exit(0);
	}
	for (int w = 0; w < WORKERS; w++) {
		int status;

		assert_int_equal(waitpid(child[w], &status, 0), child[w]);
		assert_int_equal(status, 0);
	}
	names_close(&n);
}

/* A claim that nobody completes is passed by, and found by nobody. */
static void test_dead_claimer(void **state)
{
	uint16_t claimed = 1;
	struct names *n;
	int slot, next, fd;

	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(names_open(path, &n), 0);
	slot = names_slot(n, SLICE("victim.example"));
	assert_true(slot > 0);
	fd = open(path, O_WRONLY);
	assert_int_equal(
		pwrite(fd, &claimed, sizeof(claimed), (off_t)slot * 256),
		sizeof(claimed));
	(void)close(fd);
	assert_int_equal(names_name(n, (uint32_t)slot).len, 0);
	next = names_slot(n, SLICE("victim.example"));
	assert_true(next > 0);
	assert_int_not_equal(next, slot);
	assert_int_equal(names_slot(n, SLICE("victim.example")), next);
	names_close(&n);
}

static void test_full(void **state)
{
	struct names *n;
	int full = 0, given = 0;

	(void)state;
	assert_int_equal(names_open(path, &n), 0);
	for (int i = 0; i < (1 << 17) + 1000; i++) {
		char text[32];
		int len = snprintf(text, sizeof(text), "%d", i);
		int slot = names_slot(n, slice_of(text, (size_t)len));

		if (slot == -ENOSPC)
			full++;
		else if (slot > 0)
			given++;
		else
			fail();
	}
	assert_true(full >= 1000);
	assert_true(given > 120000);
	assert_true(given < 1 << 17);
	assert_int_equal(names_name(n, (1u << 17) - 1).len, 0);
	names_close(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stable),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_empty_slots),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_foreign_file),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_dead_claimer),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}
