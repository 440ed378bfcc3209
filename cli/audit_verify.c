/* cli/audit_verify.c - penstock audit verify. */

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/copy.h"
#include "audit/verify.h"
#include "base/clock.h"
#include "base/id.h"
#include "cli/audit.h"
#include "cli/cells.h"
#include "cli/cli.h"

static const char verify_usage[] =
	"usage: penstock audit verify [options] [FILE]\n"
	"\n"
	"Computes the chain over all rows again and compares: no row was\n"
	"changed, removed or put in since it was sealed. Without FILE: the\n"
	"instance's ledger, also while it runs. FILE may be a ledger or what\n"
	"penstock audit export wrote.\n"
	"\n"
	"  --ledger FILE      the same\n"
	"  --key KEY          the public key that must have signed, or a file\n"
	"                     that holds it (penstock audit stats shows it)\n"
	"  --checkpoint FILE  a checkpoint kept elsewhere (penstock audit stats\n"
	"                     --checkpoint): the ledger must still contain it\n"
	"  --json             one JSON object\n"
	"\n"
	"Without --key or --checkpoint the ledger's own word on its key is\n"
	"taken: who can write to the state directory can forge it.\n"
	"\n"
	"Exit status: 0 intact, 1 broken, 2 usage, or it cannot be told.\n";

static const char *verdict_word(const struct verify_report *r)
{
	static const char *const words[] = { "intact", "broken", "unsure" };

	return words[r->verdict];
}

static void verify_json(const struct verify_report *r, const char *path)
{
	char id[ID_TEXT];

	(void)printf("{\"verdict\":\"%s\",\"file\":", verdict_word(r));
	cells_string(stdout, slice_str(path));
	if (r->why[0]) {
		(void)printf(",\"why\":");
		cells_string(stdout, slice_str(r->why));
	}
	if (r->bad_batch)
		(void)printf(",\"bad_batch\":%" PRId64, r->bad_batch);
	if (r->bad_row) {
		id_print(r->bad_row, id);
		(void)printf(",\"bad_row\":\"%s\"", id);
	}
	(void)printf(",\"batches\":%" PRId64 ",\"last_batch\":%" PRId64
		     ",\"rows\":%" PRId64 ",\"late\":%" PRId64
		     ",\"unsealed\":%" PRId64 ",\"open\":%" PRId64
		     ",\"pruned\":%" PRId64 ",\"checkpoints\":%" PRId64
		     ",\"unsigned\":%" PRId64 ",\"filtered\":%s",
		     r->batches, r->last_batch, r->rows, r->late, r->unsealed,
		     r->open, r->pruned_rows, r->checkpoints, r->unsigned_rows,
		     r->filtered ? "true" : "false");
	if (r->key[0])
		(void)printf(",\"key\":\"%s\"", r->key);
	(void)puts("}");
}

static void verify_details(const struct verify_report *r)
{
	char when[AUDIT_TIME];

	if (r->pruned_rows) {
		audit_time(id_wall_us(r->pruned_id), when);
		(void)printf("  pruned    %" PRId64
			     " rows before %s, by retention, signed\n",
			     r->pruned_rows, when);
	}
	if (r->signed_us) {
		audit_time((uint64_t)r->signed_us, when);
		(void)printf("  signed    %" PRId64
			     " checkpoints, the last of %s%s\n",
			     r->checkpoints, when,
			     r->other_keys ? "; by more than one key" : "");
	}
	if (r->unsigned_rows)
		(void)printf("  unsigned  %" PRId64
			     " rows since the last checkpoint\n",
			     r->unsigned_rows);
	if (r->unsealed || r->open)
		(void)printf("  unsealed  %" PRId64 " rows of the last "
			     "seconds, %" PRId64 " still open\n",
			     r->unsealed, r->open);
	if (r->key[0])
		(void)printf("  key       %s\n", r->key);
}

static void verify_text(const struct verify_report *r, const char *path,
			double took_s)
{
	if (r->verdict == VERIFY_INTACT)
		(void)printf("intact: %" PRId64 " rows in %" PRId64
			     " batches of %s (%.0f rows/s)\n",
			     r->rows, r->batches, path,
			     took_s > 0 ? (double)r->rows / took_s : 0.0);
	else if (r->verdict == VERIFY_BROKEN)
		(void)printf("BROKEN: %s\n  before it %" PRId64
			     " batches are good\n",
			     r->why, r->batches);
	else
		(void)audit_says(0, "%s", r->why);
	if (r->verdict == VERIFY_INTACT)
		verify_details(r);
}

static bool verify_is_ledger(const char *path)
{
	char magic[15] = { 0 };
	FILE *f = fopen(path, "re");

	if (!f)
		return true; /* which then says what is wrong */
	(void)!fread(magic, 1, sizeof(magic), f);
	(void)fclose(f);
	return !memcmp(magic, "SQLite format 3", sizeof(magic));
}

static int verify_run(const char *given, const struct verify_pins *pins,
		      bool json)
{
	char path[INSTANCE_PATH_MAX];
	struct verify_report r;
	uint64_t began = clock_us(CLOCK_MONOTONIC);

	if (!audit_path(given, path))
		return EXIT_USAGE;
	if (verify_is_ledger(path))
		verify_ledger(path, pins, &r);
	else
		copy_verify(path, pins, &r);
	if (json)
		verify_json(&r, path);
	else
		verify_text(&r, path,
			    (double)(clock_us(CLOCK_MONOTONIC) - began) / 1e6);
	if (r.verdict == VERIFY_UNSURE)
		return EXIT_USAGE;
	return r.verdict == VERIFY_BROKEN ? EXIT_NO : 0;
}

int audit_verify(int argc, char **argv)
{
	static const struct option options[] = {
		{ "ledger", required_argument, NULL, 'l' },
		{ "key", required_argument, NULL, 'k' },
		{ "checkpoint", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct verify_pins pins = { NULL, NULL };
	const char *path = NULL;
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'l')
			path = optarg;
		else if (option == 'k')
			pins.key = optarg;
		else if (option == 'c')
			pins.checkpoint = optarg;
		else if (option == 'j')
			json = true;
		else {
			(void)fputs(verify_usage,
				    option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : EXIT_USAGE;
		}
	}
	if (optind < argc && !path)
		path = argv[optind++];
	if (optind != argc) {
		(void)fputs(verify_usage, stderr);
		return EXIT_USAGE;
	}
	return verify_run(path, &pins, json);
}
