/* cli/status.c - penstock status. */

#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/counters.h"
#include "cli/vitals.h"
#include "cli/instance.h"
#include "gateway/stats.h"

#define STATUS_SILENT_S 10 /* audit says how it goes once a second */

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
	{ "questions", "requests that wait for an answer: penstock asks" },
	{ "grants", "rules and answers given at run time: penstock grants" },
	{ "records_waiting", "records not yet in the ledger" },
	{ "records_open", "requests in work" },
	{ "audit_rows", "rows entered since penstock-audit started" },
	{ "audit_spools", "spools that are being drained" },
	{ "audit_bad_spools", "spools that were damaged, kept as *.bad" },
	{ "audit_bad_records", "records that were damaged" },
	{ "audit_damaged", "ledgers that were damaged and stepped aside" },
	{ "audit_batches", "batches of the ledger's chain" },
	{ "audit_sealed", "rows that the chain has sealed" },
	{ "audit_pruned_unshipped", "rows too old to keep, not shipped" },
	{ "audit_age_s", "seconds since penstock-audit said so" },
	{ "audit_cpu_insert_us", "CPU of penstock-audit, µs: entering rows" },
	{ "audit_cpu_seal_us", "… sealing and signing them" },
	{ "audit_cpu_sum_us", "… summing them up" },
	{ "audit_cpu_prune_us", "… taking old ones away" },
	{ "audit_cpu_other_us", "… reading spools, and the rest" },
	{ "ledger_bytes", "size of the ledger" },
#define STATUS_WORD(name, what) { #name, what },
	STATS_EACH(STATUS_WORD)
#undef STATUS_WORD
};

static const char *status_what(struct slice name)
{
	if (slice_starts(name, SLICE("refused.")))
		return "refusals with this reason";
	if (slice_starts(name, SLICE("ship.")))
		return "of shipping, by destination";
	for (size_t i = 0; i < ARRAY_SIZE(status_words); i++) {
		if (slice_eq(slice_str(status_words[i].name), name))
			return status_words[i].what;
	}
	return "";
}

static void status_json(const struct vitals *v, const struct instance *in)
{
	struct slice rest = slice_of(v->text, v->len), name, value;

	(void)putchar('{');
	while (vitals_next(&rest, &name, &value)) {
		cells_string(stdout, name);
		(void)putchar(':');
		if (vitals_is_number(value))
			(void)printf("%.*s", (int)value.len, value.ptr);
		else
			cells_string(stdout, value);
		(void)putchar(',');
	}
	(void)printf("\"sandboxes\":{");
	for (size_t i = 0; i < v->sandboxes_len; i++) {
		const struct vitals_sandbox *s = &v->sandboxes[i];

		(void)printf(i ? "," : "");
		cells_string(stdout, slice_str(s->name));
		(void)printf(":{\"requests\":%llu,\"denied\":%llu}",
			     (unsigned long long)s->requests,
			     (unsigned long long)s->denied);
	}
	(void)putchar('}');
	counters_json(in);
	(void)puts("}");
}

/* A line for each number; of refusals, those that there were. */
static void status_print(const struct vitals *v)
{
	struct slice rest = slice_of(v->text, v->len), name, value;

	while (vitals_next(&rest, &name, &value)) {
		if (!vitals_is_number(value) ||
		    slice_eq(name, SLICE("ship.time_us")) ||
		    (slice_starts(name, SLICE("refused.")) &&
		     slice_eq(value, SLICE("0"))))
			continue;
		(void)printf("%12.*s  %-22.*s %s\n", (int)value.len, value.ptr,
			     (int)name.len, name.ptr, status_what(name));
	}
}

static void status_advise_ledger(const struct vitals *v)
{
	struct slice state = vitals_get(v, "audit_state");
	struct slice error = vitals_get(v, "audit_error");

	if (!state.len || vitals_number(v, "audit_age_s") > STATUS_SILENT_S)
		(void)puts("\nNOT RECORDING: penstock-audit does not say how "
			   "it goes; records wait in the spools, and requests "
			   "are refused when these are full. See the log.");
	else if (!slice_eq(state, SLICE("ok")))
		(void)printf("\nNOT RECORDING: the ledger can't be written "
			     "(%.*s). Records wait in the spools, and "
			     "requests are refused when these are full; it is "
			     "tried again.\n",
			     (int)error.len, error.ptr);
	if (vitals_number(v, "audit_damaged"))
		(void)puts(
			"\nA ledger was damaged and stands beside the new "
			"one, as ledger.db.damaged-TIME.\nWhat can be saved: "
			"sqlite3 FILE .recover; then take the file away.");
	if (vitals_number(v, "audit_bad_spools"))
		(void)puts("\nA spool was damaged: what was sound in it is in "
			   "the ledger, the file is kept as *.bad.");
	if (vitals_number(v, "lost"))
		(void)puts("\nDecisions went unrecorded, as audit.when_full "
			   "says count.");
}

/* Each destination that does not take what it is sent. */
static void status_advise_ship(const struct vitals *v)
{
	struct slice rest = slice_of(v->text, v->len), name, value;

	while (vitals_next(&rest, &name, &value))
		if (slice_starts(name, SLICE("ship.")) &&
		    slice_ends(name, SLICE(".error")))
			(void)printf("\nShipping, %.*s: %.*s\n",
				     (int)(name.len - strlen("ship.") -
					   strlen(".error")),
				     name.ptr + strlen("ship."), (int)value.len,
				     value.ptr);
}

/* What an operator can do something about. */
static void status_advise(const struct vitals *v)
{
	status_advise_ledger(v);
	status_advise_ship(v);
	if (vitals_number(v, "untrusting"))
		(void)puts("\nSome client does not trust the CA. "
			   "Which: penstock log --reason "
			   "ca-not-trusted\nWhat to do: "
			   "http://penstock.internal/instructions "
			   "(from the sandbox), penstock ca export");
}

int cmd_status(int argc, char **argv)
{
	static struct vitals vitals;
	bool json = argc == 2 && !strcmp(argv[1], "--json");
	struct instance in = { .run_dir = "" };
	bool found;
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(status_usage, stdout);
		return 0;
	}
	if (argc != 1 && !json) {
		(void)fputs(status_usage, stderr);
		return EXIT_USAGE;
	}
	rc = vitals_read("status", &vitals);
	if (rc != 0)
		return rc;
	found = instance_find(&in) == 0;
	if (json) {
		status_json(&vitals, &in);
	} else {
		if (found)
			(void)printf("running: process %d\n    run %s\n"
				     "  state %s\n config %s\n\n",
				     (int)instance_pid(&in), in.run_dir,
				     in.state_dir, in.conf_dir);
		status_print(&vitals);
		counters_print(&in);
		status_advise(&vitals);
	}
	vitals_free(&vitals);
	return 0;
}
