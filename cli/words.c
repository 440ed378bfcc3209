/* cli/words.c - a list of strings. */

#include "cli/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define WORDS_FIRST 32 /* strings; most lists need no more */

void words_done(struct words *w)
{
	for (size_t i = 0; i < w->len; i++)
		free(w->ptr[i]);
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
	ptr = realloc(w->ptr, cap * sizeof(*ptr));
	if (!ptr)
		return false;
	w->ptr = ptr;
	w->cap = cap;
	return true;
}

/* A copy of word in the place of what slot holds, which may be NULL. */
static bool words_store(char **slot, const char *word)
{
	char *old = *slot;

	if (strnlen(word, WORDS_TEXT_MAX) == WORDS_TEXT_MAX)
		return false;
	*slot = strdup(word);
	if (!*slot) {
		*slot = old;
		return false;
	}
	free(old);
	return true;
}

void words_add(struct words *w, const char *word)
{
	if (w->bad || !words_grow(w)) {
		w->bad = true;
		return;
	}
	w->ptr[w->len] = w->ptr[w->len + 1] = NULL;
	if (words_store(&w->ptr[w->len], word))
		w->len++;
	else
		w->bad = true;
}

void words_replace(struct words *w, size_t i, const char *word)
{
	assert(i < w->len);
	if (!words_store(&w->ptr[i], word))
		w->bad = true;
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
