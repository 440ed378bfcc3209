/* cli/audit.c - penstock audit: prove, copy and trim the ledger. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "cli/audit.h"
#include "cli/cli.h"

static const char audit_usage[] =
	"usage: penstock audit verify [--ledger FILE] [--key KEY]\n"
	"                      [--checkpoint FILE] [--json] [FILE]\n"
	"       penstock audit stats [--ledger FILE] [--json] [--checkpoint]\n"
	"       penstock audit export --output FILE [--since WHEN]\n"
	"                      [--until WHEN] [--sandbox NAME] [--host HOST]\n"
	"                      [--verdict WORD] [--ledger FILE]\n"
	"       penstock audit import FILE --into LEDGER\n"
	"       penstock audit prune [--keep AGE] [--max-size SIZE]\n"
	"                      [--dry-run] [--ledger FILE]\n"
	"\n"
	"  verify   is the ledger, or an export, what was written?\n"
	"  stats    how much is in the ledger, who signed it; checkpoints\n"
	"  export   write rows to a file, with their proof\n"
	"  import   enter an export into another ledger\n"
	"  prune    take old rows away now\n"
	"\n"
	"Each explains itself with --help.\n";

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} audit_commands[] = {
	{ "verify", audit_verify }, { "stats", audit_stats },
	{ "export", audit_export }, { "import", audit_import },
	{ "prune", audit_prune },
};

bool audit_path(const char *given, char ret[INSTANCE_PATH_MAX])
{
	struct instance in;
	int n;

	if (!given)
		return instance_find(&in) == 0 &&
		       instance_path(in.state_dir, INSTANCE_LEDGER, ret);
	n = snprintf(ret, INSTANCE_PATH_MAX, "%s", given);
	if (n > 0 && n < INSTANCE_PATH_MAX)
		return true;
	(void)audit_says(EXIT_USAGE, "the path is empty or too long");
	return false;
}

int audit_says(int status, const char *fmt, ...)
{
	va_list ap;

	(void)fputs("penstock audit: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return status;
}

void audit_time(uint64_t wall_us, char ret[AUDIT_TIME])
{
	time_t s = (time_t)(wall_us / 1000000);
	struct tm tm;

	(void)gmtime_r(&s, &tm);
	(void)strftime(ret, AUDIT_TIME, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

int cmd_audit(int argc, char **argv)
{
	if (argc < 2) {
		(void)fputs(audit_usage, stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help")) {
		(void)fputs(audit_usage, stdout);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(audit_commands); i++)
		if (!strcmp(argv[1], audit_commands[i].name))
			return audit_commands[i].run(argc - 1, argv + 1);
	return audit_says(EXIT_USAGE,
			  "there is no command '%s'; see: penstock audit "
			  "--help",
			  argv[1]);
}
