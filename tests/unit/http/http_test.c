/* Tests of http/http.c. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http/http.h"

static void test_fields(void **state)
{
	struct http_head *head;
	struct arena a;
	char name[] = "x-00";

	(void)state;
	arena_init(&a, 65536);
	head = http_head_new(&a);
	assert_non_null(head);
	assert_null(http_head_find(head, SLICE("x-00")));
	for (int i = 0; i < 100; i++) {
		struct slice copy;

		name[2] = (char)('0' + i / 10);
		name[3] = (char)('0' + i % 10);
		assert_int_equal(arena_copy(&a, slice_str(name), &copy), 0);
		assert_int_equal(http_head_add(&a, head, copy, SLICE("v")), 0);
	}
	assert_int_equal(head->fields_len, 100);
	assert_int_equal(head->bytes, 100 * (4 + 1 + 32));
	for (uint32_t i = 0; i < 100; i++) {
		name[2] = (char)('0' + i / 10);
		name[3] = (char)('0' + i % 10);
		assert_ptr_equal(http_head_find(head, slice_str(name)),
				 &head->fields[i]);
	}
	arena_done(&a);
}

static void test_first_of_many(void **state)
{
	struct http_head *head;
	struct arena a;

	(void)state;
	arena_init(&a, 65536);
	head = http_head_new(&a);
	assert_int_equal(http_head_add(&a, head, SLICE("a"), SLICE("1")), 0);
	assert_int_equal(http_head_add(&a, head, SLICE("a"), SLICE("2")), 0);
	assert_string_equal(http_head_find(head, SLICE("a"))->value.ptr, "1");
	arena_done(&a);
}

/* A full arena leaves the head as it was. */
static void test_no_memory(void **state)
{
	struct http_head *head, before;
	struct arena a;

	(void)state;
	arena_init(&a, sizeof(*head) + 20 * sizeof(struct http_field));
	head = http_head_new(&a);
	assert_non_null(head);
	for (int i = 0; i < 16; i++)
		assert_int_equal(
			http_head_add(&a, head, SLICE("a"), SLICE("b")), 0);
	before = *head;
	assert_int_equal(http_head_add(&a, head, SLICE("a"), SLICE("b")),
			 -ENOBUFS);
	assert_memory_equal(head, &before, sizeof(before));
	arena_done(&a);

	arena_init(&a, 8);
	assert_null(http_head_new(&a));
	arena_done(&a);
}

static void test_words(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < HTTP_FAULTS; i++)
		assert_true(*http_fault_str((enum http_fault)i));
	assert_string_equal(http_status_str(200), "OK");
	assert_string_equal(http_status_str(421), "Misdirected Request");
	assert_string_equal(http_status_str(511),
			    "Network Authentication Required");
	assert_string_equal(http_status_str(0), "");
	assert_string_equal(http_status_str(299), "");
	assert_string_equal(http_status_str(512), "");
	assert_string_equal(http_status_str(65535), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_first_of_many),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
