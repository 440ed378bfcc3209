/* tests/unit/base/hash_test.c - SipHash-2-4 against its authors' vectors. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/hash.h"

/* Key 00 01 … 0f; message 00 01 … of the length given. */
static void test_vectors(void **state)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} vectors[] = {
		{ 0, 0x726fdb47dd0e0e31 },  { 1, 0x74f839c593dc67fd },
		{ 7, 0xab0200f58b01d137 },  { 8, 0x93f5f5799a932462 },
		{ 15, 0xa129ca6149be45e5 },
	};
	struct hash_key key;
	char text[16];

	(void)state;
	for (int i = 0; i < 16; i++) {
		key.octets[i] = (uint8_t)i;
		text[i] = (char)i;
	}
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++)
		assert_true(hash_of(&key, slice_of(text, vectors[i].len)) ==
			    vectors[i].hash);
}

static void test_key_matters(void **state)
{
	struct hash_key a, b;

	(void)state;
	assert_int_equal(hash_key_new(&a), 0);
	assert_int_equal(hash_key_new(&b), 0);
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_true(hash_of(&a, SLICE("x")) != hash_of(&b, SLICE("x")));
	assert_true(hash_of(&a, slice_of(NULL, 0)) == hash_of(&a, SLICE("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_key_matters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
