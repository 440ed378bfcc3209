/* tests/unit/http/h2_mem_test.c - the frames of a session, and the rest. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/h2_mem.h"

#define FRAMES ((size_t)16394) /* octets, what nghttp2 asks for */

static void test_mem(void **state)
{
	struct h2_mem mem = { 0 };
	unsigned char *small = h2_mem_malloc(100, &mem);
	unsigned char *frames = h2_mem_realloc(NULL, FRAMES, &mem);
	unsigned char *other = h2_mem_malloc(FRAMES, &mem);
	unsigned char *clear = h2_mem_calloc(3, FRAMES, &mem);

	(void)state;
	assert_non_null(small);
	assert_ptr_equal(frames, mem.frames);
	assert_non_null(other);
	assert_ptr_not_equal(other, frames);
	assert_int_equal(clear[3 * FRAMES - 1], 0);
	memset(small, 1, 100);
	memset(frames, 2, FRAMES);
	memset(other, 3, FRAMES);
	h2_mem_slim(&mem);
	assert_int_equal(small[99], 1);
	assert_int_equal(frames[0], 0);
	assert_int_equal(other[0], 3);

	/* It may grow, and then is like any other. */
	memset(frames, 4, FRAMES);
	frames = h2_mem_realloc(frames, 4 * FRAMES, &mem);
	assert_int_equal(frames[FRAMES - 1], 4);
	assert_null(mem.frames);
	h2_mem_slim(&mem);
	assert_int_equal(frames[0], 4);
	small = h2_mem_realloc(small, 200, &mem);
	assert_int_equal(small[99], 1);
	h2_mem_free(NULL, &mem);
	h2_mem_free(small, &mem);
	h2_mem_free(frames, &mem);
	h2_mem_free(other, &mem);
	h2_mem_free(clear, &mem);
}

static void test_give_back(void **state)
{
	struct h2_mem mem = { 0 };
	void *p = h2_mem_malloc(FRAMES, &mem);

	(void)state;
	assert_non_null(p);
	h2_mem_free(p, &mem);
	assert_null(mem.frames);
	p = h2_mem_malloc(FRAMES, &mem);
	assert_ptr_equal(p, mem.frames);
	h2_mem_free(p, &mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mem),
		cmocka_unit_test(test_give_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
