/* cli/asks.c - penstock asks, answer: what rules leave to the operator. */

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "cli/ask.h"
#include "cli/cells.h"
#include "cli/cli.h"
#include "gateway/control.h"
#include "policy/policy.h"
#include "policy/units.h"

static const char asks_usage[] =
	"usage: penstock asks [--follow] [--json]\n"
	"\n"
	"Lists the requests that wait for an answer, as a rule says ask. The\n"
	"same request from several clients is one question.\n"
	"\n"
	"  --follow  go on, and print each new one as it comes\n"
	"  --json    a JSON object a line\n"
	"\n"
	"Answer with: penstock answer NUMBER allow|deny. Exit status 1: none "
	"waits.\n";

static const char answer_usage[] =
	"usage: penstock answer NUMBER allow|deny [--for TIME] [--save]\n"
	"\n"
	"Answers a question of `penstock asks`; the requests behind it go on, "
	"or\n"
	"are refused.\n"
	"\n"
	"  --for TIME  the same answer to the same question for 30m, 8h, 7d;\n"
	"              when it ends, so does what it allowed\n"
	"  --save      the same, until it is revoked (see: penstock grants)\n";

struct asks_list {
	bool json;
	size_t len;
	uint32_t seen; /* questions up to this number are not shown again */
};

/* What a sandbox sent, on a terminal: printable ASCII only. */
static void asks_text(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c >= ' ' && c < 0x7f)
			(void)putchar(c);
		else
			(void)printf("\\x%02x", c);
	}
}

struct asks_question {
	uint32_t id, waiters;
	uint64_t asked_s, until_s;
	struct slice sandbox, line, query, rule;
};

/* What is not there is "", never null. */
static struct cell asks_cell(struct slice s)
{
	return (struct cell){ .kind = CELL_TEXT, .text = s };
}

static void asks_json(const struct asks_question *q)
{
	static const char *const names[] = { "question", "sandbox",  "asked",
					     "until",	 "requests", "request",
					     "query",	 "rule" };
	const struct cell row[] = {
		cell_integer(q->id),	  asks_cell(q->sandbox),
		cell_integer(q->asked_s), cell_integer(q->until_s),
		cell_integer(q->waiters), asks_cell(q->line),
		asks_cell(q->query),	  asks_cell(q->rule),
	};

	static_assert(ARRAY_SIZE(names) == ARRAY_SIZE(row), "a name each");
	cells_object(stdout, names, row, ARRAY_SIZE(row));
	(void)putchar('\n');
}

static void asks_table(const struct asks_question *q, bool first)
{
	int64_t left = (int64_t)q->until_s - (int64_t)time(NULL);

	if (first)
		(void)printf("%8s  %-14s %6s %8s  %s\n", "QUESTION", "SANDBOX",
			     "LEFT", "REQUESTS", "WHAT");
	(void)printf("%8" PRIu32 "  %-14.*s %5" PRId64 "s %8" PRIu32 "  ",
		     q->id, (int)q->sandbox.len, q->sandbox.ptr,
		     left > 0 ? left : 0, q->waiters);
	asks_text(q->line);
	if (q->query.len) {
		(void)putchar('?');
		asks_text(q->query);
	}
	(void)printf("\n%43sasked by: ", "");
	asks_text(q->rule);
	(void)putchar('\n');
}

static void asks_row(void *ctx, struct frame_in *in)
{
	struct asks_list *list = ctx;
	struct bytes *b = &in->body;
	struct asks_question q = { .id = bytes_u32(b) };

	q.sandbox = bytes_str(b);
	q.asked_s = bytes_u64(b);
	q.until_s = bytes_u64(b);
	q.waiters = bytes_u32(b);
	q.line = bytes_str(b);
	q.query = bytes_str(b);
	q.rule = bytes_str(b);
	if (in->type != CONTROL_QUESTION || b->bad || q.id <= list->seen)
		return;
	list->seen = q.id;
	if (list->json)
		asks_json(&q);
	else
		asks_table(&q, !list->len);
	list->len++;
}

static int asks_once(struct asks_list *list)
{
	static struct frame_out out;
	int rc;

	frame_begin(&out, CONTROL_ASKS);
	rc = ask("asks", &out, asks_row, list, NULL);
	(void)fflush(stdout);
	return rc;
}

int cmd_asks(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "follow", no_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct asks_list list = { 0 };
	struct timespec half = { .tv_nsec = 500 * 1000000L };
	bool follow = false;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'h') {
			(void)fputs(asks_usage, stdout);
			return 0;
		}
		if (c == '?')
			return EXIT_USAGE;
		follow |= c == 'f';
		list.json |= c == 'j';
	}
	if (optind < argc) {
		(void)fputs(asks_usage, stderr);
		return EXIT_USAGE;
	}
	while ((rc = asks_once(&list)) == 0 && follow)
		(void)nanosleep(&half, NULL);
	if (rc == 0 && !list.len && !list.json)
		(void)fputs("no question waits\n", stderr);
	return rc || list.len ? rc : EXIT_NO;
}

/* What stands behind NUMBER allow|deny. */
static bool answer_options(int argc, char **argv, struct frame_out *out)
{
	uint32_t for_s = 0;
	bool save = false;

	for (int i = 3; i < argc; i++) {
		if (!strcmp(argv[i], "--save")) {
			save = true;
		} else if (strcmp(argv[i], "--for") != 0 || ++i == argc ||
			   !units_duration(slice_str(argv[i]), &for_s) ||
			   !for_s) {
			(void)fputs(answer_usage, stderr);
			return false;
		}
	}
	if (save && for_s) {
		(void)fputs("penstock answer: --for ends, --save does not; say "
			    "one of them\n",
			    stderr);
		return false;
	}
	frame_put_u64(out, for_s);
	frame_put_u8(out, save);
	return true;
}

int cmd_answer(int argc, char **argv)
{
	static struct frame_out out;
	uint64_t id = 0;
	bool allow = argc > 2 && !strcmp(argv[2], "allow");
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(answer_usage, stdout);
		return 0;
	}
	if (argc < 3 || !slice_number(slice_str(argv[1]), UINT32_MAX, &id) ||
	    !id || (!allow && strcmp(argv[2], "deny") != 0)) {
		(void)fputs(answer_usage, stderr);
		return EXIT_USAGE;
	}
	frame_begin(&out, CONTROL_ANSWER);
	frame_put_u32(&out, (uint32_t)id);
	frame_put_u8(&out, allow ? VERDICT_ALLOW : VERDICT_DENY);
	if (!answer_options(argc, argv, &out))
		return EXIT_USAGE;
	rc = ask("answer", &out, NULL, NULL, NULL);
	if (rc == 0)
		(void)printf("question %lu: %s\n", id, argv[2]);
	return rc;
}
