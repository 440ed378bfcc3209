/* tests/unit/nomem.h - an allocator that fails at the n-th call.
 *
 * For programs whose name ends in nomem_test: tests/CMakeLists.txt has the
 * linker put these in the place of the C library's for all code of ours.
 */
#ifndef TESTS_UNIT_NOMEM_H
#define TESTS_UNIT_NOMEM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/* Volatile: a compiler that links knows that malloc changes nothing of ours. */
static volatile long nomem_left = -1; /* calls until one fails; -1: none does */
static volatile bool nomem_failed;

static bool nomem_now(void)
{
	if (nomem_left < 0 || nomem_left-- > 0)
		return false;
	nomem_failed = true;
	errno = ENOMEM;
	return true;
}

/* The call number n from here on fails, once. */
static void nomem_at(long n)
{
	nomem_left = n;
	nomem_failed = false;
}

/* No more failures. Returns true if there was one. */
static bool nomem_end(void)
{
	nomem_left = -1;
	return nomem_failed;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t count, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t count, size_t size);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t size)
{
	return nomem_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return nomem_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return nomem_now() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t count, size_t size)
{
	return nomem_now() ? NULL : __real_reallocarray(p, count, size);
}

char *__wrap_strdup(const char *s)
{
	return nomem_now() ? NULL : __real_strdup(s);
}

#endif
