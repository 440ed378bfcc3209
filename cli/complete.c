/* cli/complete.c - what may stand at a place of a command line.
 *
 * Names of commands come from the table of cli/main.c; options and
 * sub-commands from the command's own help, which is printed into memory and
 * read. So there is no second list that could say something else.
 */

#include "cli/complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

#define COMPLETE_S   5	 /* then whoever waits gets nothing */
#define WORDS_LOOKED 256 /* words of a line that are looked at */

bool complete_print(struct complete *c, struct slice candidate,
		    const char *what)
{
	struct slice rest = slice_skip(c->word, c->list.len);

	if (!candidate.len || !slice_starts(candidate, rest))
		return false;
	/* A line for each, and no control character into a terminal. */
	for (size_t i = 0; i < candidate.len; i++)
		if ((unsigned char)candidate.ptr[i] < 0x20 ||
		    candidate.ptr[i] == 0x7f)
			return false;
	(void)printf("%.*s%.*s%s%s\n", (int)c->list.len, c->list.ptr,
		     (int)candidate.len, candidate.ptr, what ? "\t" : "",
		     what ? what : "");
	return c->any = true;
}

void complete_shell(struct complete *c, const char *which)
{
	(void)puts(which);
	c->any = true;
}

/* What the command prints for --help; NULL for none. */
static char *complete_help(const struct command *command)
{
	char name[32], option[] = "--help", *argv[] = { name, option, NULL };
	FILE *out = stdout;
	char *text = NULL;
	size_t len;

	(void)snprintf(name, sizeof(name), "%s", command->name);
	stdout = open_memstream(&text, &len);
	if (stdout) {
		(void)command->run(2, argv);
		if (fclose(stdout)) {
			free(text);
			text = NULL;
		}
	}
	stdout = out;
	return text;
}

static void complete_command(struct complete *c, const struct command *commands,
			     size_t len)
{
	for (size_t i = 0; i < len; i++)
		(void)complete_print(c, slice_str(commands[i].name),
				     commands[i].what);
	(void)complete_print(c, SLICE("--help"), "list the commands");
	(void)complete_print(c, SLICE("--version"), "say which this is");
}

/* bash breaks words at '=' and gives "--host", "=", "x": without the sign it
 * is as others have it.
 */
static size_t complete_words(const char *const *from, size_t len,
			     const char **ret)
{
	size_t n = 0;

	for (size_t i = 0; i < MIN(len, WORDS_LOOKED); i++) {
		bool sign = !strcmp(from[i], "=");

		if (!sign)
			ret[n++] = from[i];
		else if (i + 1 == len)
			ret[n++] = "";
	}
	return n;
}

static void complete_line(const struct command *commands, size_t commands_len,
			  const char *const *words, size_t len)
{
	struct complete c = { .word = slice_str(words[len - 1]) };
	char *help;

	if (len == 1) {
		complete_command(&c, commands, commands_len);
		return;
	}
	for (size_t i = 0; i < commands_len; i++) {
		if (strcmp(words[0], commands[i].name) != 0)
			continue;
		help = complete_help(&commands[i]);
		if (help)
			complete_by_help(&c, words[0], help, words + 1,
					 len - 1);
		free(help);
		return;
	}
}

int complete(const struct command *commands, size_t len, int argc, char **argv)
{
	const char *words[WORDS_LOOKED];
	size_t words_len;

	if (argc < 3 || strcmp(argv[1], "--") != 0)
		return 0;
	(void)alarm(COMPLETE_S);
	(void)!freopen("/dev/null", "w", stderr);
	words_len = complete_words((const char *const *)argv + 2,
				   (size_t)argc - 2, words);
	if (words_len)
		complete_line(commands, len, words, words_len);
	return 0;
}
