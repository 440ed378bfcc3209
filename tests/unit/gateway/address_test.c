/* tests/unit/gateway/address_test.c - addresses to text and back. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"
#include "gateway/address.h"

static void test_fixpoint(void **state)
{
	static const char *const good[] = { "1.2.3.4:80", "[::1]:443",
					    "[2001:db8::1]:65535",
					    "255.255.255.255:1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char text[ADDRESS_MAX];
		union resolve_addr a, b;

		assert_int_equal(address_parse(slice_str(good[i]), &a), 0);
		address_print(&a, text);
		assert_string_equal(text, good[i]);
		assert_int_equal(address_parse(slice_str(text), &b), 0);
		assert_true(address_eq(&a, &b));
	}
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"",	     "1.2.3.4",	 "1.2.3.4:",	  "1.2.3.4:0",
		"1.2.3.4:x", "::1:80",	 "[::1]",	  "[fe80::1%lo]:80",
		"name:80",   "127.1:80", "1.2.3.4:65536", "1.2.3.4:80 ",
	};
	union resolve_addr a, before;

	(void)state;
	memset(&a, 0x5a, sizeof(a));
	before = a;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(address_parse(slice_str(bad[i]), &a),
				 ERR_SYNTAX);
		assert_memory_equal(&a, &before, sizeof(a));
	}
}

static void test_authority(void **state)
{
	union resolve_addr a, b;
	struct authority host;

	(void)state;
	assert_int_equal(address_parse(SLICE("[2001:DB8::1]:8443"), &a), 0);
	address_authority(&a, &host);
	assert_string_equal(host.host, "2001:db8::1");
	assert_int_equal(host.host_len, 11);
	assert_int_equal(host.kind, HOST_IPV6);
	assert_int_equal(host.port, 8443);
	assert_int_equal(address_parse(SLICE("10.0.0.1:8443"), &b), 0);
	assert_false(address_eq(&a, &b));
	a = b;
	a.v4.sin_port = 0;
	assert_false(address_eq(&a, &b));
	address_authority(&b, &host);
	assert_string_equal(host.host, "10.0.0.1");
	assert_int_equal(host.kind, HOST_IPV4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixpoint),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_authority),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
