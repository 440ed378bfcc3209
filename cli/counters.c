/* cli/counters.c - what the rules of a gateway host have counted.
 *
 * Neither the gateway nor who asks may read them from the kernel. The keeper
 * of the capture can, and writes them into a file every few seconds
 * (capture/capture.h): in the run directory when `penstock up` started it, in
 * one of its own when systemd did.
 */

#include "cli/counters.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/base.h"
#include "capture/capture.h"
#include "cli/cells.h"

#define COUNTERS_LINE_MAX 512

static FILE *counters_open(const struct instance *in)
{
	char path[INSTANCE_PATH_MAX];
	FILE *f = NULL;

	if (instance_path(in->run_dir, CAPTURE_COUNTERS, path))
		f = fopen(path, "re");
	if (!f && !strcmp(in->run_dir, "/run/penstock"))
		f = fopen(CAPTURE_COUNTERS_DIR "/" CAPTURE_COUNTERS, "re");
	return f;
}

/* A line of the file, "PACKETS OCTETS CHAIN RULE". */
struct counter {
	uint64_t packets, octets;
	struct slice chain;
	char *rule;
};

static bool counters_parse(char *line, struct counter *ret)
{
	char *end, *chain;

	line[strcspn(line, "\n")] = '\0';
	ret->packets = strtoull(line, &end, 10);
	if (*end != ' ')
		return false;
	ret->octets = strtoull(end + 1, &end, 10);
	if (*end != ' ')
		return false;
	chain = end + 1;
	ret->rule = strchr(chain, ' ');
	if (!ret->rule)
		return false;
	ret->chain = slice_of(chain, (size_t)(ret->rule - chain));
	ret->rule++;
	return true;
}

static long long counters_age_s(FILE *f)
{
	struct stat st;

	return fstat(fileno(f), &st) == 0 ? (long long)time(NULL) - st.st_mtime
					  : -1;
}

void counters_print(const struct instance *in)
{
	char line[COUNTERS_LINE_MAX];
	struct counter c;
	FILE *f = counters_open(in);

	if (!f)
		return;
	(void)printf("\nThe capture's packets, %lld seconds ago:\n",
		     counters_age_s(f));
	while (fgets(line, sizeof(line), f))
		if (counters_parse(line, &c))
			(void)printf("%12" PRIu64 "  %-18.*s %s\n", c.packets,
				     (int)c.chain.len, c.chain.ptr, c.rule);
	(void)fclose(f);
}

void counters_json(const struct instance *in)
{
	char line[COUNTERS_LINE_MAX];
	struct counter c;
	FILE *f = counters_open(in);
	const char *comma = "";

	if (!f)
		return;
	(void)printf(",\"capture\":{\"age_s\":%lld,\"rules\":[",
		     counters_age_s(f));
	while (fgets(line, sizeof(line), f)) {
		if (!counters_parse(line, &c))
			continue;
		(void)printf("%s{\"packets\":%" PRIu64 ",\"octets\":%" PRIu64
			     ",\"chain\":",
			     comma, c.packets, c.octets);
		cells_string(stdout, c.chain);
		(void)fputs(",\"rule\":", stdout);
		cells_string(stdout, slice_str(c.rule));
		(void)putchar('}');
		comma = ",";
	}
	(void)fputs("]}", stdout);
	(void)fclose(f);
}
