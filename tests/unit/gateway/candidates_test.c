/* Which addresses are dialled: by class, by what the rule says, in which order,
 * and with what words when none is.
 */

#include "gateway/candidates.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"
#include "gateway/guard.h"

static struct candidates found;
static enum refusal_kind why;
static char detail[UP_DETAIL_MAX];

static struct origin_key key_of(bool private)
{
	struct origin_key key = { .private = private, .port = 8443 };

	assert_int_equal(authority_parse(SLICE("a.example"), &key.host), 0);
	return key;
}

static union resolve_addr addr_of(const char *text)
{
	union resolve_addr a;

	memset(&a, 0, sizeof(a));
	if (inet_pton(AF_INET, text, &a.v4.sin_addr) == 1) {
		a.v4.sin_family = AF_INET;
		return a;
	}
	assert_int_equal(inet_pton(AF_INET6, text, &a.v6.sin6_addr), 1);
	a.v6.sin6_family = AF_INET6;
	return a;
}

static bool vet(bool private, int err, const char *const *addrs)
{
	struct origin_key key = key_of(private);
	struct resolve_answer answer = { .err = err };

	for (; *addrs; addrs++)
		answer.addrs[answer.addrs_len++] = addr_of(*addrs);
	detail[0] = '\0';
	return candidates_vet(&found, &key, &answer, &why, detail);
}

#define VET(private, err, ...)                                                 \
	vet(private, err, (const char *[]){ __VA_ARGS__ })

static void test_good_ones_with_the_port(void **state)
{
	(void)state;
	assert_true(VET(false, 0, "10.0.0.1", "93.184.215.14",
			"2606:2800:21f::1", "169.254.169.254", NULL));
	assert_int_equal(found.len, 2);
	assert_int_equal(found.addr[0].v4.sin_addr.s_addr,
			 inet_addr("93.184.215.14"));
	assert_int_equal(ntohs(found.addr[0].v4.sin_port), 8443);
	assert_int_equal(found.addr[1].sa.sa_family, AF_INET6);
	assert_int_equal(ntohs(found.addr[1].v6.sin6_port), 8443);
}

static void test_private_where_the_rule_says_so(void **state)
{
	(void)state;
	assert_false(VET(false, 0, "10.0.0.1", NULL));
	assert_int_equal(why, REFUSAL_ADDRESS);
	assert_non_null(strstr(detail, "a.example has the address 10.0.0.1"));
	assert_non_null(strstr(detail, "(the rule does not say private)"));
	assert_true(VET(true, 0, "10.0.0.1", NULL));
	assert_false(VET(true, 0, "169.254.169.254", NULL));
	assert_null(strstr(detail, "private)"));
}

/* The phrase is about the address that is shown. */
static void test_says_why_of_the_first(void **state)
{
	char alone[UP_DETAIL_MAX];

	(void)state;
	assert_false(VET(false, 0, "127.0.0.1", NULL));
	memcpy(alone, detail, sizeof(alone));
	assert_false(VET(false, 0, "127.0.0.1", "10.0.0.1", NULL));
	assert_string_equal(detail, alone);
	assert_int_equal(found.len, 0);
}

static void test_no_answer(void **state)
{
	(void)state;
	assert_false(VET(true, ERR_UNKNOWN, NULL));
	assert_int_equal(why, REFUSAL_DNS);
	assert_string_equal(detail, "a.example: no such name");
	assert_false(VET(true, -ETIMEDOUT, NULL));
	assert_int_equal(why, REFUSAL_DNS_TIMEOUT);
	assert_false(VET(true, 0, NULL));
	assert_string_equal(detail, "a.example: no such name");
}

static void test_own_host_by_its_name(void **state)
{
	struct origin_key key = key_of(false);

	(void)state;
	assert_false(candidates_host(&found, &key, &why, detail));
	assert_int_equal(why, REFUSAL_ADDRESS);
	key.private = true;
	assert_true(candidates_host(&found, &key, &why, detail));
	assert_int_equal(found.len, 1);
	assert_int_equal(found.addr[0].v4.sin_addr.s_addr,
			 htonl(INADDR_LOOPBACK));
	assert_int_equal(ntohs(found.addr[0].v4.sin_port), 8443);
}

static bool fails(const union resolve_addr *addr, enum refusal_kind kind,
		  const char *text)
{
	char says[64];

	(void)snprintf(says, sizeof(says), "%s: it said", text);
	return candidates_fail(&found, addr, kind, text, says);
}

/* Begun from the front on; what failed is no more there. */
static void test_next(void **state)
{
	union resolve_addr a[3];

	(void)state;
	assert_true(VET(false, 0, "93.184.215.1", "93.184.215.2",
			"93.184.215.3", NULL));
	memcpy(a, found.addr, sizeof(a));
	assert_true(candidates_next(&found));
	assert_true(candidates_next(&found));
	assert_true(fails(&a[0], REFUSAL_CONNECT, "a"));
	assert_false(fails(&a[0], REFUSAL_CONNECT, "a"));
	assert_int_equal(found.len, 2);
	assert_int_equal(found.begun, 1);
	assert_memory_equal(&found.addr[0], &a[1], sizeof(a[0]));
	assert_true(candidates_next(&found));
	assert_false(candidates_next(&found));
	assert_memory_equal(&found.addr[1], &a[2], sizeof(a[0]));
	assert_true(fails(&a[2], REFUSAL_CONNECT, "c"));
	assert_true(fails(&a[1], REFUSAL_CONNECT, "b"));
	assert_int_equal(found.len, 0);
	assert_int_equal(found.begun, 0);
	assert_int_equal(found.failed, 3);
	assert_false(candidates_next(&found));
}

static void test_prefer(void **state)
{
	union resolve_addr a[3];

	(void)state;
	assert_true(VET(false, 0, "93.184.215.1", "93.184.215.2",
			"93.184.215.3", NULL));
	memcpy(a, found.addr, sizeof(a));
	assert_true(candidates_prefer(&found, &found.addr[2]));
	assert_memory_equal(&found.addr[0], &a[2], sizeof(a[0]));
	assert_memory_equal(&found.addr[1], &a[0], sizeof(a[0]));
	assert_memory_equal(&found.addr[2], &a[1], sizeof(a[0]));
	a[0].v4.sin_port = htons(1);
	assert_false(candidates_prefer(&found, &a[0]));
	assert_memory_equal(&found.addr[0], &a[2], sizeof(a[0]));
}

/* All are named; the one that got furthest decides, of these the last. */
static void test_reasons(void **state)
{
	union resolve_addr a[4];

	(void)state;
	assert_true(VET(false, 0, "93.184.215.1", "93.184.215.2",
			"93.184.215.3", "2606:2800::1", NULL));
	memcpy(a, found.addr, sizeof(a));
	fails(&a[0], REFUSAL_CONNECT, "a");
	assert_string_equal(found.detail, "a: it said");
	fails(&a[1], REFUSAL_CERTIFICATE, "b");
	assert_string_equal(found.detail, "b: it said; a: it said");
	fails(&a[2], REFUSAL_CONNECT_TIMEOUT, "c");
	assert_string_equal(found.detail, "b: it said; a: it said; c: it said");
	assert_int_equal(found.why, REFUSAL_CERTIFICATE);
	assert_string_equal(found.address, "b");
	fails(&a[3], REFUSAL_TLS_TIMEOUT, "d");
	assert_int_equal(found.why, REFUSAL_TLS_TIMEOUT);
	assert_string_equal(found.address, "d");
	assert_true(VET(false, 0, "93.184.215.1", NULL));
	assert_int_equal(found.failed, 0);
	assert_string_equal(found.detail, "");
}

static void test_stand(void **state)
{
	union resolve_addr a[3];

	(void)state;
	assert_true(VET(false, 0, "93.184.215.1", "93.184.215.2",
			"93.184.215.3", NULL));
	memcpy(a, found.addr, sizeof(a));
	while (candidates_next(&found))
		;
	fails(&a[0], REFUSAL_CERTIFICATE, "a");
	candidates_stand(&found, &a[2]);
	assert_int_equal(found.len, 2);
	assert_int_equal(found.begun, 1);
	assert_memory_equal(&found.addr[0], &a[2], sizeof(a[0]));
	assert_int_equal(found.failed, 0);
	fails(&a[1], REFUSAL_CONNECT, "b");
	assert_string_equal(found.detail, "b: it said");
	assert_int_equal(found.why, REFUSAL_CONNECT);
	candidates_stand(&found, &a[0]);
	assert_int_equal(found.len, 1);
	assert_int_equal(found.begun, 0);
}

static void test_long_reasons(void **state)
{
	char says[UP_DETAIL_MAX];

	(void)state;
	memset(says, 'x', sizeof(says));
	says[sizeof(says) - 1] = '\0';
	assert_true(VET(false, 0, "93.184.215.1", "93.184.215.2", NULL));
	assert_true(candidates_fail(&found, &found.addr[0], REFUSAL_CONNECT,
				    "a", says));
	assert_string_equal(found.detail, says);
	assert_true(fails(&found.addr[0], REFUSAL_CONNECT, "b"));
	assert_int_equal(strlen(found.detail), UP_DETAIL_MAX - 1);
	assert_memory_equal(found.detail, "b: it said; xx", 14);
	assert_string_equal(&found.detail[UP_DETAIL_MAX - 5], "x...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_ones_with_the_port),
		cmocka_unit_test(test_private_where_the_rule_says_so),
		cmocka_unit_test(test_says_why_of_the_first),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_own_host_by_its_name),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_prefer),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_long_reasons),
		cmocka_unit_test(test_stand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
