/* tests/unit/capture/nft_test.c - the rules in the kernel, and only those. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>

#include "base/base.h"
#include "base/caps.h"
#include "base/err.h"
#include "capture/nft.h"
#include "tests/unit/capture/world.h"

static struct rules rules;

static void install(void)
{
	CHECK(rules_build(false, &rules) == 0);
	CHECK(nft_install(&rules) == 0);
}

static void in_agreement(void)
{
	install();
	CHECK(nft_verify(&rules) == 0);
	CHECK(nft_verify(&rules) == 0);
}

static void test_installed_rules_verify(void **state)
{
	(void)state;
	world_run(in_agreement);
}

static void in_nothing(void)
{
	CHECK(rules_build(false, &rules) == 0);
	CHECK(nft_verify(&rules) == ERR_STALE);
}

static void test_missing_rules_do_not_verify(void **state)
{
	(void)state;
	world_run(in_nothing);
}

static void in_second(void)
{
	install();
	CHECK(nft_install(&rules) == -EEXIST);
	CHECK(nft_verify(&rules) == 0);
}

static void test_a_second_install_changes_nothing(void **state)
{
	(void)state;
	world_run(in_second);
}

/* The kernel has one rule more than we asked for, or one less. */
static void in_number(void)
{
	struct rules shown;

	install();
	shown = rules;
	shown.len--;
	CHECK(nft_verify(&shown) == ERR_STALE);
	shown = rules;
	shown.rule[shown.len++] = rules.rule[0];
	CHECK(nft_verify(&shown) == ERR_STALE);
}

static void test_the_number_of_rules_counts(void **state)
{
	(void)state;
	world_run(in_number);
}

static void in_order(void)
{
	struct rules shown;

	install();
	for (size_t i = 0; i + 1 < rules.len; i++) {
		shown = rules;
		shown.rule[i] = rules.rule[i + 1];
		shown.rule[i + 1] = rules.rule[i];
		CHECK(nft_verify(&shown) == ERR_STALE);
	}
}

static void test_the_order_of_rules_counts(void **state)
{
	(void)state;
	world_run(in_order);
}

static void in_policy(void)
{
	install();
	nftnl_chain_set_u32(rules.chain[1], NFTNL_CHAIN_POLICY, NF_ACCEPT);
	CHECK(nft_verify(&rules) == ERR_STALE);
}

static void test_the_policy_of_a_chain_counts(void **state)
{
	(void)state;
	world_run(in_policy);
}

/* Without capabilities nothing is installed and nothing verifies. */
static void in_weakness(void)
{
	CHECK(rules_build(false, &rules) == 0);
	CHECK(caps_drop() == 0);
	CHECK(nft_install(&rules) == -EPERM);
	CHECK(nft_verify(&rules) < 0);
}

static void test_without_capabilities_it_fails(void **state)
{
	(void)state;
	world_run(in_weakness);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_installed_rules_verify),
		cmocka_unit_test(test_missing_rules_do_not_verify),
		cmocka_unit_test(test_a_second_install_changes_nothing),
		cmocka_unit_test(test_the_number_of_rules_counts),
		cmocka_unit_test(test_the_order_of_rules_counts),
		cmocka_unit_test(test_the_policy_of_a_chain_counts),
		cmocka_unit_test(test_without_capabilities_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
