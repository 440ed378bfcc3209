/* tests/unit/gateway/dns_test.c - golden packets, and what is none. */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"
#include "gateway/dns.h"

#define HEAD "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
#define EDNS "\x12\x34\x01\x20\x00\x01\x00\x00\x00\x00\x00\x01"
#define NAME "\7example\3com\0"
#define OPT  "\0\x00\x29\x04\xd0\0\0\0\0\0\0"
#define A    "\0\1\0\1"
#define AAAA "\0\x1c\0\1"

static int parse(struct slice packet, struct dns_query *ret)
{
	/* A copy of the exact size, so that a sanitizer sees each overrun. */
	uint8_t *copy = test_malloc(packet.len + 1);
	int err;

	memcpy(copy + 1, packet.ptr, packet.len);
	err = dns_parse(copy + 1, packet.len, ret);
	test_free(copy);
	return err;
}

static void test_plain(void **state)
{
	struct dns_query q;

	(void)state;
	assert_int_equal(parse(SLICE(HEAD NAME A), &q), 1);
	assert_int_equal(q.id, 0x1234);
	assert_int_equal(q.type, 1);
	assert_int_equal(q.class, 1);
	assert_false(q.edns);
	assert_true(dns_is_query(&q));
	assert_string_equal(q.name, "example.com");
	assert_true(q.host_valid);
	assert_true(slice_eq(authority_host(&q.host), SLICE("example.com")));
	assert_true(
		slice_eq(slice_of(q.question, q.question_len), SLICE(NAME A)));
}

static void test_edns(void **state)
{
	struct dns_query q;

	(void)state;
	assert_int_equal(parse(SLICE(EDNS NAME AAAA OPT), &q), 1);
	assert_true(q.edns);
	assert_int_equal(q.type, 28);
	/* With a cookie, and a version that we do not know. */
	assert_int_equal(
		parse(SLICE(EDNS NAME A "\0\0\x29\x10\0\0\1\x80\0\0\x0c"
					"\0\x0a\0\x08"
					"12345678"),
		      &q),
		1);
	assert_true(q.edns);
}

/* Names are kept as asked for the record; only hosts are valid. */
static void test_names(void **state)
{
	static const struct {
		struct slice wire;
		const char *name;
		const char *host; /* NULL: not valid */
	} golden[] = {
		{ SLICE("\3API\7Example\3COM\0"), "API.Example.COM",
		  "api.example.com" },
		{ SLICE("\0"), ".", NULL },
		{ SLICE("\4_tls\1a\0"), "_tls.a", "_tls.a" },
		{ SLICE("\3a.b\3com\0"), "a\\.b.com", NULL },
		{ SLICE("\3a\\b\3com\0"), "a\\\\b.com", NULL },
		{ SLICE("\3a b\3com\0"), "a\\032b.com", NULL },
		{ SLICE("\3a\0b\3com\0"), "a\\000b.com", NULL },
		{ SLICE("\3a\nb\3com\0"), "a\\010b.com", NULL },
		{ SLICE("\3a\xff!\3com\0"), "a\\255!.com", NULL },
		{ SLICE("\3"
			"127\1"
			"0\1"
			"0\1"
			"1\0"),
		  "127.0.0.1", NULL },
		{ SLICE("\1"
			"1\1"
			"0\7in-addr\4arpa\0"),
		  "1.0.in-addr.arpa", "1.0.in-addr.arpa" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(golden); i++) {
		uint8_t packet[512];
		struct dns_query q;
		size_t len = 12;

		memcpy(packet, HEAD, 12);
		memcpy(packet + len, golden[i].wire.ptr, golden[i].wire.len);
		len += golden[i].wire.len;
		memcpy(packet + len, A, 4);
		assert_int_equal(parse(slice_of(packet, len + 4), &q), 1);
		assert_string_equal(q.name, golden[i].name);
		assert_int_equal(q.host_valid, golden[i].host != NULL);
		if (golden[i].host)
			assert_string_equal(q.host.host, golden[i].host);
	}
}

/* A name of n labels of 63 octets and one of last, then type and class. */
static size_t long_name(uint8_t *packet, int n, uint8_t last, char octet)
{
	size_t len = 12;

	memcpy(packet, HEAD, 12);
	for (int i = 0; i < n; i++) {
		packet[len++] = 63;
		memset(packet + len, octet, 63);
		len += 63;
	}
	if (last) {
		packet[len++] = last;
		memset(packet + len, octet, last);
		len += last;
	}
	packet[len++] = 0;
	memcpy(packet + len, A, 4);
	return len + 4;
}

static void test_longest_name(void **state)
{
	uint8_t packet[600];
	struct dns_query q;
	size_t len;

	(void)state;
	len = long_name(packet, 3, 61, 'a'); /* 255 octets */
	assert_int_equal(parse(slice_of(packet, len), &q), 1);
	assert_int_equal(strlen(q.name), 253);
	assert_true(q.host_valid);
	assert_int_equal(q.question_len, 259);
	len = long_name(packet, 3, 62, 'a'); /* 256 */
	assert_int_equal(parse(slice_of(packet, len), &q), ERR_SYNTAX);
	len = long_name(packet, 7, 0, 'a');
	assert_int_equal(parse(slice_of(packet, len), &q), ERR_SYNTAX);

	/* Escapes make the text longer than the place for it: cut, no host. */
	len = long_name(packet, 3, 61, 1);
	assert_int_equal(parse(slice_of(packet, len), &q), 1);
	assert_true(strlen(q.name) < sizeof(q.name));
	assert_false(q.host_valid);
}

static void test_dropped(void **state)
{
	struct dns_query q;

	(void)state;
	memset(&q, 0xee, sizeof(q));
	for (size_t len = 0; len < 12; len++)
		assert_int_equal(parse(slice_of(HEAD, len), &q), 0);
	assert_int_equal(
		parse(SLICE("\x12\x34\x80\x00\0\1\0\0\0\0\0\0" NAME A), &q), 0);
	assert_int_equal(q.id, 0xeeee);
}

static void test_must_reject(void **state)
{
	static const struct slice bad[] = {
		/* no question; two; an answer; an authority; two additional */
		SLICE("\x12\x34\1\0\0\0\0\0\0\0\0\0"),
		SLICE("\x12\x34\1\0\0\2\0\0\0\0\0\0" NAME A NAME A),
		SLICE("\x12\x34\1\0\0\1\0\1\0\0\0\0" NAME A),
		SLICE("\x12\x34\1\0\0\1\0\0\0\1\0\0" NAME A),
		SLICE("\x12\x34\1\0\0\1\0\0\0\0\0\2" NAME A OPT OPT),
		/* pointers: to itself, forwards, into the head */
		SLICE(HEAD "\xc0\x0c" A),
		SLICE(HEAD "\3www\xc0\x0c" A),
		SLICE(HEAD "\xc0\x00" A),
		/* label types of old, a label over the end */
		SLICE(HEAD "\x40"
			   "abc\0" A),
		SLICE(HEAD "\x80"
			   "abc\0" A),
		SLICE(HEAD "\x3f"
			   "abc\0" A),
		/* something behind the end */
		SLICE(HEAD NAME A "x"),
		SLICE(EDNS NAME A OPT "x"),
		/* additional, but no OPT; an OPT with a name; too long */
		SLICE(EDNS NAME A "\0\0\1\0\1\0\0\0\0\0\4abcd"),
		SLICE(EDNS NAME A "\1a\0\0\x29\x04\xd0\0\0\0\0\0\0"),
		SLICE(EDNS NAME A "\0\0\x29\x04\xd0\0\0\0\0\0\1"),
	};
	struct dns_query q;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		memset(&q, 0xee, sizeof(q));
		assert_int_equal(parse(bad[i], &q), ERR_SYNTAX);
		assert_int_equal(q.id, 0x1234);
		assert_int_equal(q.question_len, 0);
		assert_string_equal(q.name, "");
		assert_false(q.host_valid);
		assert_false(q.edns);
	}
}

/* Cut at every octet: malformed, until the last. */
static void test_growing(void **state)
{
	const struct slice whole = SLICE(EDNS NAME A OPT);
	struct dns_query q;

	(void)state;
	for (size_t len = 12; len < whole.len; len++)
		assert_int_equal(parse(slice_of(whole.ptr, len), &q),
				 ERR_SYNTAX);
	assert_int_equal(parse(whole, &q), 1);
}

static void test_other_opcode(void **state)
{
	uint8_t answer[DNS_MAX];
	struct dns_query q;
	size_t len;

	(void)state;
	/* UPDATE, whose sections mean other things. */
	assert_int_equal(parse(SLICE("\x12\x34\x28\0\0\1\0\1\0\1\0\0junk"), &q),
			 1);
	assert_false(dns_is_query(&q));
	assert_int_equal(q.question_len, 0);
	len = dns_print(&q, DNS_NOTIMP, (struct in_addr){ 0 }, NULL,
			slice_of(NULL, 0), answer);
	assert_true(slice_eq(slice_of(answer, len),
			     SLICE("\x12\x34\xa8\x84\0\0\0\0\0\0\0\0")));
}

static size_t print(struct slice query, enum dns_answer kind, const char *text,
		    uint8_t ret[DNS_MAX])
{
	struct dns_query q;
	struct in6_addr v6;
	struct in_addr v4;

	assert_int_equal(parse(query, &q), 1);
	assert_int_equal(inet_pton(AF_INET, "198.18.0.1", &v4), 1);
	assert_int_equal(inet_pton(AF_INET6, "fd70:656e:7374::1", &v6), 1);
	return dns_print(&q, kind, v4, &v6, slice_str(text), ret);
}

#define ASSERT_PRINTS(query, kind, text, golden)                               \
	do {                                                                   \
		uint8_t mem[DNS_MAX];                                          \
		size_t len = print(SLICE(query), (kind), (text), mem);         \
		assert_int_equal(len, sizeof(golden) - 1);                     \
		assert_memory_equal(mem, (golden), len);                       \
	} while (0)

static void test_answers(void **state)
{
	(void)state;
	ASSERT_PRINTS(HEAD NAME A, DNS_ADDRESS, "",
		      "\x12\x34\x81\x80\0\1\0\1\0\0\0\0" NAME A
		      "\xc0\x0c\0\1\0\1\0\0\0\x1e\0\4\xc6\x12\0\1");
	ASSERT_PRINTS(HEAD NAME AAAA, DNS_ADDRESS, "",
		      "\x12\x34\x81\x80\0\1\0\1\0\0\0\0" NAME AAAA
		      "\xc0\x0c\0\x1c\0\1\0\0\0\x1e\0\x10"
		      "\xfd\x70\x65\x6e\x73\x74\0\0\0\0\0\0\0\0\0\1");
	ASSERT_PRINTS(EDNS NAME A OPT, DNS_ADDRESS, "not shown",
		      "\x12\x34\x81\x80\0\1\0\1\0\0\0\1" NAME A
		      "\xc0\x0c\0\1\0\1\0\0\0\x1e\0\4\xc6\x12\0\1" OPT);
	/* HTTPS: the name exists, but there is no such record. */
	ASSERT_PRINTS(HEAD NAME "\0\x41\0\1", DNS_NO_DATA, "",
		      "\x12\x34\x81\x80\0\1\0\0\0\0\0\0" NAME "\0\x41\0\1");
	ASSERT_PRINTS(HEAD NAME "\0\x41\0\1", DNS_ADDRESS, "",
		      "\x12\x34\x81\x80\0\1\0\0\0\0\0\0" NAME "\0\x41\0\1");
}

static void test_refusals(void **state)
{
	(void)state;
	ASSERT_PRINTS(HEAD NAME A, DNS_NXDOMAIN, "not shown",
		      "\x12\x34\x81\x83\0\1\0\0\0\0\0\0" NAME A);
	ASSERT_PRINTS(EDNS NAME A OPT, DNS_NXDOMAIN, "no rule",
		      "\x12\x34\x81\x83\0\1\0\0\0\0\0\1" NAME A
		      "\0\0\x29\x04\xd0\0\0\0\0\0\x0d"
		      "\0\x0f\0\x09\0\x0f"
		      "no rule");
	ASSERT_PRINTS(EDNS NAME A OPT, DNS_SERVFAIL, "table full",
		      "\x12\x34\x81\x82\0\1\0\0\0\0\0\1" NAME A
		      "\0\0\x29\x04\xd0\0\0\0\0\0\x10"
		      "\0\x0f\0\x0c\0\0"
		      "table full");
	ASSERT_PRINTS(EDNS NAME A OPT, DNS_SERVFAIL, "",
		      "\x12\x34\x81\x82\0\1\0\0\0\0\0\1" NAME A OPT);
}

static void test_formerr(void **state)
{
	uint8_t answer[DNS_MAX];
	struct dns_query q;
	size_t len;

	(void)state;
	assert_int_equal(parse(SLICE(HEAD "\xc0\x0c" A), &q), ERR_SYNTAX);
	len = dns_print(&q, DNS_FORMERR, (struct in_addr){ 0 }, NULL,
			slice_of(NULL, 0), answer);
	assert_true(slice_eq(slice_of(answer, len),
			     SLICE("\x12\x34\x81\x81\0\0\0\0\0\0\0\0")));
}

/* The longest name and the longest text: 512 octets hold it. */
static void test_always_fits(void **state)
{
	uint8_t packet[600], answer[DNS_MAX];
	struct dns_query q;
	char text[2000];
	size_t len;

	(void)state;
	memset(text, 'x', sizeof(text));
	len = long_name(packet, 3, 61, 'a');
	packet[11] = 1;
	memcpy(packet + len, OPT, 11);
	assert_int_equal(parse(slice_of(packet, len + 11), &q), 1);
	len = dns_print(&q, DNS_NXDOMAIN, (struct in_addr){ 0 }, NULL,
			slice_of(text, sizeof(text)), answer);
	assert_true(len <= 512);
	assert_int_equal(answer[len - 1], 'x');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_edns),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_longest_name),
		cmocka_unit_test(test_dropped),
		cmocka_unit_test(test_must_reject),
		cmocka_unit_test(test_growing),
		cmocka_unit_test(test_other_opcode),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_formerr),
		cmocka_unit_test(test_always_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
