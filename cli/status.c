/* cli/status.c - penstock status. */

#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/counters.h"
#include "gateway/control.h"
#include "gateway/stats.h"

static const char status_usage[] =
	"usage: penstock status [--json]\n"
	"\n"
	"Says whether an instance runs, and its counters. Exit status 3 when\n"
	"none runs.\n";

/* What each counter means, for people. */
static const struct {
	const char *name, *what;
} status_words[] = {
	{ "workers", "worker processes" },
	{ "workers_replaced", "worker processes that died and were replaced" },
	{ "generation", "generation of the policies in force" },
	{ "records_waiting", "records not yet in the ledger" },
	{ "records_open", "requests in work" },
#define STATUS_WORD(name, what) { #name, what },
	STATS_EACH(STATUS_WORD)
#undef STATUS_WORD
};

struct status_text {
	char mem[8192];
	size_t len;
};

static void status_piece(void *ctx, struct frame_in *in)
{
	struct status_text *t = ctx;
	struct slice piece = bytes_str(&in->body);

	if (in->type != CONTROL_TEXT || !piece.len ||
	    piece.len > sizeof(t->mem) - t->len)
		return;
	memcpy(t->mem + t->len, piece.ptr, piece.len);
	t->len += piece.len;
}

static const char *status_what(struct slice name)
{
	for (size_t i = 0; i < sizeof(status_words) / sizeof(status_words[0]);
	     i++) {
		if (slice_eq(slice_str(status_words[i].name), name))
			return status_words[i].what;
	}
	return "";
}

static void status_print(struct slice text, bool json)
{
	const char *before = "{";

	while (text.len) {
		struct slice line, name, value;

		(void)slice_cut(text, '\n', &line, &text);
		if (!slice_cut(line, ' ', &name, &value))
			continue;
		if (json)
			(void)printf("%s\"%.*s\":%.*s", before, (int)name.len,
				     name.ptr, (int)value.len, value.ptr);
		else
			(void)printf("%12.*s  %-18.*s %s\n", (int)value.len,
				     value.ptr, (int)name.len, name.ptr,
				     status_what(name));
		before = ",";
	}
	if (json)
		(void)puts("}");
}

/* What an operator can do something about. */
static void status_advise(struct slice text)
{
	while (text.len) {
		struct slice line, name, value;

		(void)slice_cut(text, '\n', &line, &text);
		if (slice_cut(line, ' ', &name, &value) &&
		    slice_eq(name, SLICE("untrusting")) &&
		    !slice_eq(value, SLICE("0")))
			(void)puts("\nSome client does not trust the CA. "
				   "Which: penstock log --reason "
				   "ca-not-trusted\nWhat to do: "
				   "http://penstock.internal/instructions "
				   "(from the sandbox), penstock ca export");
	}
}

int cmd_status(int argc, char **argv)
{
	static struct frame_out out;
	static struct status_text text;
	bool json = argc == 2 && !strcmp(argv[1], "--json");
	struct instance in = { .run_dir = "" };
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(status_usage, stdout);
		return 0;
	}
	if (argc != 1 && !json) {
		(void)fputs(status_usage, stderr);
		return EXIT_USAGE;
	}
	frame_begin(&out, CONTROL_STATS);
	rc = ask("status", &out, status_piece, &text, NULL);
	if (rc != 0)
		return rc;
	if (!json && instance_find(&in) == 0)
		(void)printf("running: process %d\n    run %s\n  state %s\n"
			     " config %s\n\n",
			     (int)instance_pid(&in), in.run_dir, in.state_dir,
			     in.conf_dir);
	status_print(slice_of(text.mem, text.len), json);
	if (!json) {
		counters_print(&in);
		status_advise(slice_of(text.mem, text.len));
	}
	return 0;
}
