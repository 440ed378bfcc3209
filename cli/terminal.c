/* cli/terminal.c - the terminal, as it was before a sandbox had it.
 *
 * A shell inside takes the terminal's foreground for itself and cannot give
 * it back: outside its pid namespace there is nobody, as it sees it. A command
 * that was killed also leaves the terminal's modes behind.
 */

#include "cli/terminal.h"

#include <signal.h>
#include <unistd.h>

void terminal_note(struct terminal *ret)
{
	ret->ours =
		isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
	ret->modes_known =
		ret->ours && tcgetattr(STDIN_FILENO, &ret->modes) == 0;
}

void terminal_reclaim(const struct terminal *t, int status)
{
	void (*old)(int);

	if (!t->ours)
		return;
	old = signal(SIGTTOU, SIG_IGN);
	if (tcgetpgrp(STDIN_FILENO) != getpgrp())
		(void)tcsetpgrp(STDIN_FILENO, getpgrp());
	if (t->modes_known && status > 128)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &t->modes);
	(void)signal(SIGTTOU, old);
}
