/* cli/words.h - a list of strings, for argument lists and environments.
 *
 * The error sticks: after the first failure nothing is added, and words_ok()
 * says so once at the end.
 */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

#define WORDS_MAX      8192	 /* strings in one list; bwrap takes 9000 */
#define WORDS_TEXT_MAX (2 << 20) /* bytes of all of them: as execve() takes */

struct words {
	struct arena text; /* the strings */
	char **ptr;	   /* owned; NULL-terminated */
	size_t len;	   /* without the NULL */
	size_t cap;
	bool bad; /* out of memory, or a bound was reached */
};

void words_done(struct words *w);

void words_add(struct words *w, const char *word);
void words_addf(struct words *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Put word in the place of the string at i, which is less than w->len. */
void words_replace(struct words *w, size_t i, const char *word);

/* Each of the NULL-terminated list after w. */
void words_add_all(struct words *w, ...) __attribute__((sentinel));

bool words_ok(const struct words *w);

/* Is path dir itself or something below it? Both absolute and without dots. */
bool words_within(const char *path, const char *dir);

/* Does one of the directories in w hold path? */
bool words_cover(const struct words *w, const char *path);

#endif
