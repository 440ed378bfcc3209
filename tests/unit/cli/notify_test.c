/* notify_test.c - what a service manager hears. */

#include "cli/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket of this name, '@' for abstract, that NOTIFY_SOCKET names. */
static int listen_at(const char *name)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				    strlen(name));

	assert_true(fd >= 0);
	memcpy(sa.sun_path, name, strlen(name));
	if (name[0] == '@')
		sa.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (const struct sockaddr *)&sa, len), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	return fd;
}

static void hears_ready(const char *name)
{
	char got[32];
	int fd = listen_at(name);

	assert_int_equal(notify_ready(), 0);
	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), 7);
	assert_memory_equal(got, "READY=1", 7);
	assert_null(getenv("NOTIFY_SOCKET"));
	(void)close(fd);
}

static void test_path(void **state)
{
	char name[64];

	(void)state;
	(void)snprintf(name, sizeof(name), "/tmp/penstock-notify.%d", getpid());
	hears_ready(name);
	(void)unlink(name);
}

static void test_abstract(void **state)
{
	char name[64];

	(void)state;
	(void)snprintf(name, sizeof(name), "@penstock-notify.%d", getpid());
	hears_ready(name);
}

static void test_nobody(void **state)
{
	char lengthy[200];

	(void)state;
	(void)unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_ready(), 0);
	(void)setenv("NOTIFY_SOCKET", "", 1);
	assert_int_equal(notify_ready(), 0);
	(void)setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(notify_ready(), -EINVAL);
	(void)setenv("NOTIFY_SOCKET", "@nobody-is-there", 1);
	assert_int_equal(notify_ready(), -ECONNREFUSED);
	memset(lengthy, 'x', sizeof(lengthy) - 1);
	lengthy[0] = '/';
	lengthy[sizeof(lengthy) - 1] = '\0';
	(void)setenv("NOTIFY_SOCKET", lengthy, 1);
	assert_int_equal(notify_ready(), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_abstract),
		cmocka_unit_test(test_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
