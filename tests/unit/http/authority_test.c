/* Tests of http/authority.c. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"
#include "http/authority.h"
#include "tests/unit/http/vectors.h"

static void run_vector(const struct vector *v)
{
	struct authority a, before;
	char text[512];
	int err;

	memset(&a, 0x5a, sizeof(a));
	before = a;
	err = authority_parse(slice_of(v->input, v->input_len), &a);
	if (err != (vector_accepts(v) ? 0 : ERR_SYNTAX))
		fail_msg("authority.tsv:%d: answer %d", v->line, err);
	if (err) {
		assert_memory_equal(&a, &before, sizeof(a));
		return;
	}
	(void)snprintf(text, sizeof(text), "%s %u %d", a.host, a.port,
		       (int)a.kind);
	assert_int_equal(strlen(text), v->expected_len);
	assert_memory_equal(text, v->expected, v->expected_len);
	assert_int_equal(a.host_len, strlen(a.host));
}

static void test_vectors(void **state)
{
	(void)state;
	vectors_run(TEST_DIR "/unit/http/data/authority.tsv", run_vector);
}

/* What the parser prints it must read again, to the same. */
static void run_fixpoint(const struct vector *v)
{
	struct authority a, b;
	char text[HOST_MAX + 16];

	if (authority_parse(slice_of(v->input, v->input_len), &a))
		return;
	(void)snprintf(text, sizeof(text), a.kind == HOST_IPV6 ? "[%s]" : "%s",
		       a.host);
	assert_int_equal(authority_parse(slice_str(text), &b), 0);
	assert_string_equal(a.host, b.host);
	assert_int_equal(a.kind, b.kind);
}

static void test_fixpoint(void **state)
{
	(void)state;
	vectors_run(TEST_DIR "/unit/http/data/authority.tsv", run_fixpoint);
}

static void test_host(void **state)
{
	static const char *const bad[] = { "",
					   "example.com:443",
					   "192.0.2.1",
					   "[::1]",
					   "::1",
					   "a,DNS:bank.com",
					   "../etc",
					   "a/b",
					   "a\r\nb",
					   "127.1",
					   "<script>",
					   "*.example.com",
					   "example..com" };
	struct authority a, before;

	(void)state;
	memset(&a, 0x5a, sizeof(a));
	before = a;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(host_parse(slice_str(bad[i]), &a), ERR_SYNTAX);
		assert_memory_equal(&a, &before, sizeof(a));
	}
	assert_int_equal(host_parse(SLICE("WWW.Example.com."), &a), 0);
	assert_string_equal(a.host, "www.example.com");
	assert_int_equal(a.port, 0);
	assert_int_equal(a.kind, HOST_NAME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_fixpoint),
		cmocka_unit_test(test_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
