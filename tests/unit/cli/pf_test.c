/* tests/unit/cli/pf_test.c - the pf rules, word for word. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/pf.h"

/* The rules without the comments, which say what to do with them. */
static void same(const struct pf_anchor *anchor, enum pf_system system,
		 const char *golden)
{
	char *text = NULL, *rules;
	size_t len = 0, at = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	pf_print(anchor, system, f);
	assert_int_equal(fclose(f), 0);
	rules = calloc(1, len + 1);
	assert_non_null(rules);
	for (char *line = text; *line;) {
		size_t n = strcspn(line, "\n") + 1;

		if (*line != '#' && *line != '\n') {
			memcpy(rules + at, line, n);
			at += n;
		}
		line += n;
	}
	assert_string_equal(rules, golden);
	free(rules);
	free(text);
}

static const struct pf_anchor v4 = {
	.interface = "bridge100",
	.via = "bridge100",
	.v4 = "192.168.64.5",
};
static const struct pf_anchor both = {
	.interface = "bridge1",
	.via = "em0",
	.v4 = "10.0.0.5",
	.v6 = "fd00::5",
};

static void test_macos(void **state)
{
	(void)state;
	same(&v4, PF_MACOS,
	     "pass in quick on bridge100 inet proto udp from any port 68 to "
	     "any port 67\n"
	     "pass in quick on bridge100 inet from 192.168.64.5 to any\n"
	     "pass in quick on bridge100 route-to (bridge100 192.168.64.5) "
	     "inet from any to any no state\n"
	     "block drop in quick on bridge100 all\n");
}

static void test_freebsd(void **state)
{
	(void)state;
	same(&both, PF_FREEBSD,
	     "pass in quick on bridge1 inet proto udp from any port 68 to any "
	     "port 67\n"
	     "pass in quick on bridge1 route-to (em0 10.0.0.5) inet from any "
	     "to any no state\n"
	     "pass in quick on bridge1 inet6 proto icmp6 all icmp6-type "
	     "routersol\n"
	     "pass in quick on bridge1 inet6 proto icmp6 all icmp6-type "
	     "neighbrsol\n"
	     "pass in quick on bridge1 inet6 proto icmp6 all icmp6-type "
	     "neighbradv\n"
	     "pass in quick on bridge1 route-to (em0 fd00::5) inet6 from any "
	     "to any no state\n"
	     "block drop in quick on bridge1 all\n");
}

static void test_openbsd(void **state)
{
	(void)state;
	same(&v4, PF_OPENBSD,
	     "pass in quick on bridge100 inet proto udp from any port 68 to "
	     "any port 67\n"
	     "pass in quick on bridge100 inet from 192.168.64.5 to any\n"
	     "pass in quick on bridge100 inet from any to any keep state "
	     "(sloppy) route-to 192.168.64.5\n"
	     "block drop in quick on bridge100 all\n");
}

static void test_every_system_says_what_to_do(void **state)
{
	(void)state;
	for (int i = 0; i < PF_SYSTEMS; i++) {
		char *text = NULL;
		size_t len = 0;
		FILE *f = open_memstream(&text, &len);

		assert_non_null(f);
		pf_print(&both, (enum pf_system)i, f);
		assert_int_equal(fclose(f), 0);
		assert_int_equal(text[0], '#');
		assert_non_null(strstr(text, "load anchor \"penstock\""));
		assert_non_null(strstr(text, "pfctl"));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_macos),
		cmocka_unit_test(test_freebsd),
		cmocka_unit_test(test_openbsd),
		cmocka_unit_test(test_every_system_says_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
