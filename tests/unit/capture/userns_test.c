/* tests/unit/capture/userns_test.c - powers, taken and given back. */

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/caps.h"
#include "tests/unit/capture/world.h"

static uint64_t effective(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	CHECK(syscall(SYS_capget, &head, data) == 0);
	return (uint64_t)(data[1].effective | data[1].permitted |
			  data[1].inheritable)
		       << 32 |
	       data[0].effective | data[0].permitted | data[0].inheritable;
}

static void in_new(void)
{
	struct if_nameindex *ifs = if_nameindex();

	CHECK(ifs && !strcmp(ifs[0].if_name, "lo") && !ifs[1].if_name);
	if_freenameindex(ifs);
	CHECK(effective() & (1ull << CAP_NET_ADMIN));
	CHECK(geteuid() != 65534);
}

static void test_the_namespace_is_empty_and_ours(void **state)
{
	(void)state;
	world_run(in_new);
}

static void in_dropped(void)
{
	CHECK(caps_drop() == 0);
	CHECK(effective() == 0);
	for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
		CHECK(prctl(PR_CAPBSET_READ, cap, 0, 0, 0) <= 0);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHECK(prctl(PR_GET_SECUREBITS) & SECBIT_NOROOT_LOCKED);
	CHECK(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) < 0 && errno == EPERM);
}

static void test_dropped_is_dropped_for_good(void **state)
{
	(void)state;
	world_run(in_dropped);
}

/* Each namespace below us has one user, so a second cannot be mapped. */
static void in_map(void)
{
	int fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(write(fd, "7 7 1\n", 6) < 0 && errno == EPERM);
	(void)close(fd);
}

static void test_the_map_is_closed(void **state)
{
	(void)state;
	world_run(in_map);
}

static void test_the_hint_is_a_sentence(void **state)
{
	(void)state;
	assert_non_null(userns_hint());
	assert_null(strchr(userns_hint(), '\n'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_namespace_is_empty_and_ours),
		cmocka_unit_test(test_dropped_is_dropped_for_good),
		cmocka_unit_test(test_the_map_is_closed),
		cmocka_unit_test(test_the_hint_is_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
