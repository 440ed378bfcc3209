/* cli/terminal.h - the terminal, as it was before a sandbox had it. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <termios.h>

struct terminal {
	bool ours; /* we were in its foreground */
	bool modes_known;
	struct termios modes;
};

/* Standard input, before the command starts. */
void terminal_note(struct terminal *ret);

/* When the command has ended, with this exit status. */
void terminal_reclaim(const struct terminal *t, int status);

#endif
