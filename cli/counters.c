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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/base.h"
#include "capture/capture.h"

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

/* "PACKETS OCTETS CHAIN RULE": all but the octets. */
static void counters_line(char *line)
{
	char *end, *chain, *what;
	uint64_t packets = strtoull(line, &end, 10);

	line[strcspn(line, "\n")] = '\0';
	chain = *end == ' ' ? strchr(end + 1, ' ') : NULL;
	what = chain ? strchr(chain + 1, ' ') : NULL;
	if (what)
		(void)printf("%12" PRIu64 "  %-18.*s %s\n", packets,
			     (int)(what - chain - 1), chain + 1, what + 1);
}

void counters_print(const struct instance *in)
{
	char line[COUNTERS_LINE_MAX];
	FILE *f = counters_open(in);
	struct stat st;

	if (!f)
		return;
	if (fstat(fileno(f), &st) == 0)
		(void)printf("\nThe capture's packets, %lld seconds ago:\n",
			     (long long)(time(NULL) - st.st_mtime));
	while (fgets(line, sizeof(line), f))
		counters_line(line);
	(void)fclose(f);
}
