/* cli/complete.h - what may stand at a place of a command line. For cli/main.c
 * and cli/complete*.c only.
 *
 * `penstock complete -- WORD...` is what the shells' completions ask
 * (cli/completion/): the words after "penstock", the last being the one to
 * complete. It prints a candidate a line, with a tab and a phrase where there
 * is one, or one of ":files" and ":commands". Nothing is an error: who presses
 * the tab key gets candidates or none.
 */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
};

/* The word to complete. */
struct complete {
	struct slice word; /* as far as it was written */
	struct slice list; /* what of it stands before the last comma */
	bool any;	   /* something was printed */
};

/* Print a candidate if the word begins so, and return whether. what may be
 * NULL.
 */
bool complete_print(struct complete *c, struct slice candidate,
		    const char *what);

/* The shell's own candidates: ":files" or ":commands". */
void complete_shell(struct complete *c, const char *which);

/* Candidates for a value, by the name that the help text gives it (NAME, HOST)
 * and by its option, if it is one's. In the order of their use.
 */
void complete_value(struct complete *c, const char *command,
		    struct slice option, struct slice value);

/* Candidates by the help text of the command, of words that follow its name.
 */
void complete_by_help(struct complete *c, const char *command, const char *help,
		      const char *const *words, size_t len);

int complete(const struct command *commands, size_t len, int argc, char **argv);

#endif
