/* cli/words.c - a list of strings. */

#include "cli/words.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/slice.h"

#define WORDS_FIRST 32 /* strings; most lists need no more */

void words_done(struct words *w)
{
	arena_done(&w->text);
	free(w->ptr);
	*w = (struct words){ 0 };
}

static bool words_grow(struct words *w)
{
	size_t cap = w->cap ? w->cap * 2 : WORDS_FIRST;
	char **ptr;

	if (w->len + 1 < w->cap)
		return true;
	if (cap > WORDS_MAX)
		return false;
	if (!w->cap)
		arena_init(&w->text, WORDS_TEXT_MAX);
	ptr = realloc(w->ptr, cap * sizeof(*ptr));
	if (!ptr)
		return false;
	w->ptr = ptr;
	w->cap = cap;
	return true;
}

/* A copy of word that lives as long as w, or NULL. */
static char *words_copy(struct words *w, const char *word)
{
	struct slice copy;

	if (arena_copy(&w->text, slice_str(word), &copy)) {
		w->bad = true;
		return NULL;
	}
	return (char *)(uintptr_t)copy.ptr;
}

void words_add(struct words *w, const char *word)
{
	char *copy;

	if (w->bad || !words_grow(w)) {
		w->bad = true;
		return;
	}
	copy = words_copy(w, word);
	if (!copy)
		return;
	w->ptr[w->len++] = copy;
	w->ptr[w->len] = NULL;
}

void words_replace(struct words *w, size_t i, const char *word)
{
	char *copy = words_copy(w, word);

	assert(i < w->len);
	if (copy)
		w->ptr[i] = copy;
}

void words_addf(struct words *w, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		w->bad = true;
		return;
	}
	words_add(w, text);
	free(text);
}

void words_add_all(struct words *w, ...)
{
	const char *word;
	va_list ap;

	va_start(ap, w);
	while ((word = va_arg(ap, const char *)))
		words_add(w, word);
	va_end(ap);
}

bool words_ok(const struct words *w)
{
	return !w->bad;
}

bool words_within(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (len == 1 && dir[0] == '/')
		return path[0] == '/';
	return !strncmp(path, dir, len) &&
	       (path[len] == '\0' || path[len] == '/');
}

bool words_cover(const struct words *w, const char *path)
{
	for (size_t i = 0; i < w->len; i++) {
		if (words_within(path, w->ptr[i]))
			return true;
	}
	return false;
}
