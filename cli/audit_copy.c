/* cli/audit_copy.c - penstock audit export, penstock audit import. */

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/copy.h"
#include "base/base.h"
#include "cli/audit.h"
#include "cli/cli.h"
#include "cli/when.h"

static const char export_usage[] =
	"usage: penstock audit export --output FILE [options]\n"
	"\n"
	"Writes rows to FILE, one JSON object a line, with their proof: the\n"
	"batches, the signed checkpoints and the public key. Gzipped when FILE\n"
	"ends in .gz. penstock audit verify FILE checks it anywhere.\n"
	"\n"
	"  --since WHEN     10m, 1h30m, 7d ago, or 2026-11-22T10:00 (local, or\n"
	"                   with Z): whole batches, from the one that holds it\n"
	"  --until WHEN     the same, for the end\n"
	"  --sandbox NAME   only these rows; a file that leaves rows out of a\n"
	"  --host HOST      batch carries no proof, and says so\n"
	"  --verdict WORD   allow, deny, ask, none\n"
	"  --ledger FILE    another ledger than the instance's\n"
	"\n"
	"Rows of the last seconds, which are not sealed yet, are not in it.\n"
	"\n"
	"Exit status: 0 done, 2 usage, 3 it failed.\n";

static const char import_usage[] =
	"usage: penstock audit import FILE --into LEDGER\n"
	"\n"
	"Enters an export into a ledger that no instance writes to; a new one\n"
	"is made when there is none. The file is verified before. All its rows\n"
	"go in, or none; rows that are there already stay as they are. The\n"
	"ledger seals them with its own key.\n"
	"\n"
	"Exit status: 0 done, 2 usage, 3 it failed.\n";

struct export_options {
	struct copy_filter filter;
	const char *output;
	const char *ledger;
};

static bool export_option(struct export_options *o, int option,
			  const char *value)
{
	switch (option) {
	case 's':
		return when_parse(value, &o->filter.since_us);
	case 'u':
		return when_parse(value, &o->filter.until_us);
	case 'n':
		o->filter.sandbox = value;
		return true;
	case 'H':
		o->filter.host = value;
		return true;
	case 'v':
		o->filter.verdict = value;
		return !strcmp(value, "allow") || !strcmp(value, "deny") ||
		       !strcmp(value, "ask") || !strcmp(value, "none");
	case 'o':
		o->output = value;
		return true;
	default:
		o->ledger = value;
		return true;
	}
}

static int export_run(const struct export_options *o)
{
	char path[INSTANCE_PATH_MAX], why[COPY_WHY_MAX] = "out of memory";
	struct copy_counts counts;
	const struct copy_filter *f = &o->filter;

	if (!audit_path(o->ledger, path))
		return EXIT_USAGE;
	if (copy_export(path, f, o->output, &counts, why))
		return audit_says(EXIT_BROKEN, "%s to %s: %s", path, o->output,
				  why);
	(void)printf("%" PRId64 " rows of %" PRId64 " batches%s\n", counts.rows,
		     counts.batches,
		     f->sandbox || f->host || f->verdict
			     ? "; filtered, so without proof"
			     : "");
	return 0;
}

int audit_export(int argc, char **argv)
{
	static const struct option options[] = {
		{ "since", required_argument, NULL, 's' },
		{ "until", required_argument, NULL, 'u' },
		{ "sandbox", required_argument, NULL, 'n' },
		{ "host", required_argument, NULL, 'H' },
		{ "verdict", required_argument, NULL, 'v' },
		{ "output", required_argument, NULL, 'o' },
		{ "ledger", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct export_options o = { .output = NULL };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h' || option == '?') {
			(void)fputs(export_usage,
				    option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : EXIT_USAGE;
		}
		if (!export_option(&o, option, optarg))
			return audit_says(EXIT_USAGE,
					  "'%s' is no %s; see: penstock audit "
					  "export --help",
					  optarg,
					  option == 'v' ? "verdict" : "time");
	}
	if (optind != argc || !o.output) {
		(void)fputs(export_usage, stderr);
		return EXIT_USAGE;
	}
	return export_run(&o);
}

int audit_import(int argc, char **argv)
{
	static const struct option options[] = {
		{ "into", required_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	char why[COPY_WHY_MAX] = "out of memory";
	const char *into = NULL;
	struct copy_counts counts;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'i') {
			(void)fputs(import_usage,
				    option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : EXIT_USAGE;
		}
		into = optarg;
	}
	if (optind + 1 != argc || !into) {
		(void)fputs(import_usage, stderr);
		return EXIT_USAGE;
	}
	if (copy_import(argv[optind], into, &counts, why))
		return audit_says(EXIT_BROKEN, "%s", why);
	(void)printf("%" PRId64 " rows entered, %" PRId64
		     " were there already\n",
		     counts.rows - counts.left, counts.left);
	return 0;
}
