/* cli/reload.c - penstock reload. */

#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "gateway/control.h"

static const char reload_usage[] =
	"usage: penstock reload\n"
	"\n"
	"Reads penstock.yaml again. The new policies are in force in all\n"
	"workers when this returns; if the file has an error, it is shown and\n"
	"nothing changes.\n";

int cmd_reload(int argc, char **argv)
{
	static struct frame_out out;
	char phrase[ASK_PHRASE_MAX];
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(reload_usage, stdout);
		return 0;
	}
	if (argc != 1) {
		(void)fputs(reload_usage, stderr);
		return EXIT_USAGE;
	}
	frame_begin(&out, CONTROL_RELOAD);
	rc = ask("reload", &out, NULL, NULL, phrase);
	if (rc == 0)
		(void)puts(phrase);
	return rc;
}
