/* cli/sandboxes.c - penstock sandboxes. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "gateway/control.h"

static const char sandboxes_usage[] =
	"usage: penstock sandboxes\n"
	"\n"
	"Lists the sandboxes of the running instance: name, how its traffic\n"
	"arrives (run: its own namespace; source: by address), since when,\n"
	"requests judged and denied, policies.\n";

struct sandboxes_list {
	size_t len;
};

static void sandboxes_row(void *ctx, struct frame_in *in)
{
	struct sandboxes_list *list = ctx;
	struct slice name = bytes_str(&in->body);
	struct slice kind = bytes_str(&in->body);
	struct slice policies = bytes_str(&in->body);
	time_t since = (time_t)bytes_u64(&in->body);
	uint64_t requests = bytes_u64(&in->body);
	uint64_t denied = bytes_u64(&in->body);
	char when[32] = "?";
	struct tm tm;

	if (in->type != CONTROL_SANDBOX || in->body.bad)
		return;
	if (localtime_r(&since, &tm))
		(void)strftime(when, sizeof(when), "%m-%d %H:%M:%S", &tm);
	if (!list->len++)
		(void)printf("%-24s %-7s %-14s %9s %9s  %s\n", "SANDBOX",
			     "KIND", "SINCE", "REQUESTS", "DENIED", "POLICIES");
	(void)printf("%-24.*s %-7.*s %-14s %9" PRIu64 " %9" PRIu64 "  %.*s\n",
		     (int)name.len, name.ptr, (int)kind.len, kind.ptr, when,
		     requests, denied, (int)policies.len, policies.ptr);
}

int cmd_sandboxes(int argc, char **argv)
{
	static struct frame_out out;
	struct sandboxes_list list = { 0 };
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(sandboxes_usage, stdout);
		return 0;
	}
	if (argc != 1) {
		(void)fputs(sandboxes_usage, stderr);
		return EXIT_USAGE;
	}
	frame_begin(&out, CONTROL_LIST);
	rc = ask("sandboxes", &out, sandboxes_row, &list, NULL);
	if (rc == 0 && !list.len)
		(void)fputs("no sandboxes; start one with: penstock run -- "
			    "COMMAND\n",
			    stderr);
	return rc;
}
