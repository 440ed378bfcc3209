/* cli/grants.c - penstock grants, revoke: what was decided at run time. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "gateway/control.h"
#include "policy/policy.h"

static const char grants_usage[] =
	"usage: penstock grants\n"
	"\n"
	"Lists the rules that `penstock allow`, `deny` and `ask` gave, and the\n"
	"answers that `penstock answer` keeps. To make one lasting, put its "
	"line\n"
	"into a policy of penstock.yaml. Exit status 1: there are none.\n";

static const char revoke_usage[] =
	"usage: penstock revoke GRANT…\n"
	"\n"
	"Takes grants away, by their numbers in `penstock grants`. What they\n"
	"allowed ends at once.\n";

struct grants_list {
	size_t len;
};

/* Until when, in words; ret has 32 octets. */
static void grants_until(uint64_t until_s, bool kept, char ret[32])
{
	time_t t = (time_t)until_s;
	struct tm tm;

	if (!until_s)
		(void)snprintf(ret, 32, "%s",
			       kept ? "revoked" : "the sandbox ends");
	else if (localtime_r(&t, &tm))
		(void)strftime(ret, 32, "%Y-%m-%d %H:%M:%S", &tm);
	else
		(void)snprintf(ret, 32, "?");
}

static void grants_row(void *ctx, struct frame_in *in)
{
	struct grants_list *list = ctx;
	struct bytes *b = &in->body;
	uint32_t id = bytes_u32(b);
	struct slice sandbox = bytes_str(b);
	uint8_t verdict = bytes_u8(b);
	uint8_t flags = bytes_u8(b);
	uint64_t until_s;
	struct slice line;
	char until[32];

	(void)bytes_u64(b); /* made */
	until_s = bytes_u64(b);
	line = bytes_str(b);
	if (in->type != CONTROL_GRANTED || b->bad || verdict > VERDICT_ALLOW)
		return;
	grants_until(until_s, flags & CONTROL_GRANT_KEPT, until);
	if (!list->len++)
		(void)printf("%5s  %-16s %-19s %s\n", "GRANT", "SANDBOX",
			     "UNTIL", "WHAT");
	(void)printf("%5" PRIu32 "  %-16.*s %-19s %s%s %.*s\n", id,
		     (int)sandbox.len, sandbox.ptr, until,
		     flags & CONTROL_GRANT_ANSWER ? "answer " : "",
		     verdict_str((enum verdict)verdict), (int)line.len,
		     line.ptr);
}

int cmd_grants(int argc, char **argv)
{
	static struct frame_out out;
	struct grants_list list = { 0 };
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(grants_usage, stdout);
		return 0;
	}
	if (argc != 1) {
		(void)fputs(grants_usage, stderr);
		return EXIT_USAGE;
	}
	frame_begin(&out, CONTROL_GRANTS);
	rc = ask("grants", &out, grants_row, &list, NULL);
	if (rc || list.len)
		return rc;
	(void)fputs("no grants; give one with: penstock allow SANDBOX RULE\n",
		    stderr);
	return EXIT_NO;
}

int cmd_revoke(int argc, char **argv)
{
	static struct frame_out out;
	int rc = 0;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(revoke_usage, stdout);
		return 0;
	}
	if (argc < 2) {
		(void)fputs(revoke_usage, stderr);
		return EXIT_USAGE;
	}
	for (int i = 1; i < argc && rc == 0; i++) {
		uint64_t id;

		if (!slice_number(slice_str(argv[i]), UINT32_MAX, &id) || !id) {
			(void)fprintf(stderr,
				      "penstock revoke: '%s' is no grant's "
				      "number; see: penstock grants\n",
				      argv[i]);
			return EXIT_USAGE;
		}
		frame_begin(&out, CONTROL_REVOKE);
		frame_put_u32(&out, (uint32_t)id);
		rc = ask("revoke", &out, NULL, NULL, NULL);
		if (rc == 0)
			(void)printf("grant %lu is revoked\n", id);
	}
	return rc;
}
