/* tests/unit/http/vectors.h - test vectors from a file of lines.
 *
 * A line is: verdict, TAB, input, and perhaps TAB, expected. In input and
 * expected \r \n \t \0 \\ and \xHH stand for octets, and \{N}c for N times the
 * character c. Lines that begin with '#' and empty lines are skipped.
 */
#ifndef TESTS_UNIT_HTTP_VECTORS_H
#define TESTS_UNIT_HTTP_VECTORS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"

#define VECTOR_MAX 131072 /* octets of an input */

struct vector {
	char verdict[48];
	char input[VECTOR_MAX];
	size_t input_len;
	char expected[VECTOR_MAX];
	size_t expected_len;
	int line;
};

static size_t vector_unescape(const char *from, char *to)
{
	size_t len = 0;

	while (*from) {
		unsigned int c = (unsigned char)*from++;
		unsigned long times = 1;
		char *end;

		if (c == '\\' && *from == '{') {
			times = strtoul(from + 1, &end, 10);
			from = end + 1;
			c = (unsigned char)*from++;
		} else if (c == '\\' && *from == 'x') {
			char hex[3] = { from[1], from[2], '\0' };

			c = (unsigned int)strtoul(hex, NULL, 16);
			from += 3;
		} else if (c == '\\') {
			static const char names[] = "rnt0\\";
			static const char octets[] = "\r\n\t\0\\";
			const char *at = strchr(names, *from++);

			assert_non_null(at);
			c = (unsigned char)octets[at - names];
		}
		assert_true(len + times <= VECTOR_MAX);
		memset(to + len, (int)c, times);
		len += times;
	}
	return len;
}

/* Call run for each vector of the file; at least one must be there. */
static void vectors_run(const char *path, void (*run)(const struct vector *v))
{
	struct vector *v = malloc(sizeof(*v));
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	int lines = 0, runs = 0;

	assert_non_null(v);
	assert_non_null(file);
	while (getline(&line, &cap, file) > 0) {
		char *rest = line, *verdict, *input;

		lines++;
		line[strcspn(line, "\n")] = '\0';
		if (!*line || *line == '#')
			continue;
		verdict = strsep(&rest, "\t");
		input = strsep(&rest, "\t");
		assert_non_null(input);
		assert_true(strlen(verdict) < sizeof(v->verdict));
		memcpy(v->verdict, verdict, strlen(verdict) + 1);
		v->input_len = vector_unescape(input, v->input);
		v->expected_len =
			vector_unescape(rest ? rest : "", v->expected);
		v->line = lines;
		run(v);
		runs++;
	}
	assert_true(runs > 0);
	free(line);
	free(v);
	(void)fclose(file);
}

static inline bool vector_accepts(const struct vector *v)
{
	return !strcmp(v->verdict, "accept");
}

#endif
