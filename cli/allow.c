/* cli/allow.c - penstock allow SANDBOX RULE. */

#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "gateway/control.h"

static const char allow_usage[] =
	"usage: penstock allow SANDBOX RULE\n"
	"\n"
	"Adds a rule to a sandbox of the running instance, at once and in all\n"
	"workers. The rule lasts until the sandbox or the instance ends; put it\n"
	"into a policy of penstock.yaml to keep it.\n"
	"\n"
	"  penstock allow ci 'POST https://api.github.com/gists'\n"
	"  penstock allow ci 'any *.example.com'\n";

int cmd_allow(int argc, char **argv)
{
	static struct frame_out out;
	char phrase[ASK_PHRASE_MAX];
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(allow_usage, stdout);
		return 0;
	}
	if (argc != 3) {
		(void)fputs(allow_usage, stderr);
		return EXIT_USAGE;
	}
	frame_begin(&out, CONTROL_GRANT);
	frame_put_str(&out, slice_str(argv[1]));
	frame_put_str(&out, slice_str(argv[2]));
	rc = ask("allow", &out, NULL, NULL, phrase);
	if (rc == 0)
		(void)printf("%s: allow %s\n", argv[1], argv[2]);
	return rc;
}
