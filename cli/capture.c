/* cli/capture.c - penstock capture: what leads traffic to the gateway.
 *
 * On this host penstock-capture does the work; from here it is told what the
 * configuration says.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "capture/capture.h"
#include "cli/cli.h"
#include "cli/inlet.h"
#include "cli/instance.h"
#include "cli/pf.h"

static const char capture_usage[] =
	"usage: penstock capture show | remove\n"
	"       penstock capture apply | verify | keep [--interface IF]... "
	"[--source CIDR]...\n"
	"       penstock capture pf --interface IF --to ADDR [--to ADDR6]\n"
	"                [--via IF] [--system macos|freebsd|openbsd]\n"
	"\n"
	"show     what each rule on this host has seen\n"
	"apply    lead the sandboxes' traffic to the gateway; all or nothing\n"
	"verify   compare with what the kernel has; exit status 1: it differs\n"
	"keep     apply, then verify every 10 seconds and repair\n"
	"remove   take all of it away\n"
	"pf       print the rules for a macOS or BSD host whose sandboxes'\n"
	"         traffic goes to a gateway at ADDR\n"
	"\n"
	"Without options, apply, verify and keep take `capture:` of the\n"
	"configuration.\n";

static int capture_help(int rc)
{
	(void)fputs(capture_usage, rc ? stderr : stdout);
	return rc;
}

/* The configuration's options, where the command line has none. */
static int capture_options(struct words *w)
{
	char path[INSTANCE_PATH_MAX];
	struct instance in;
	size_t before = w->len;

	if (instance_find(&in) < 0 ||
	    !instance_path(in.conf_dir, INSTANCE_CONFIG, path))
		return EXIT_BROKEN;
	if (inlet_words(path, w) < 0)
		return EXIT_BROKEN;
	if (w->len > before)
		return 0;
	(void)fprintf(stderr,
		      "penstock capture: there is no capture: in %s, and no "
		      "--interface or --source\n",
		      path);
	return EXIT_USAGE;
}

/* Becomes penstock-capture, or says why not. */
static int capture_become(int argc, char **argv, bool configured)
{
	const char *own = getenv("RUNTIME_DIRECTORY");
	char path[INSTANCE_PATH_MAX];
	struct words w = { 0 };
	int rc = 0;

	words_add_all(&w, CAPTURE_PROGRAM, argv[0], NULL);
	/* The service manager's: there status finds them. */
	if (!strcmp(argv[0], "keep") && own &&
	    !strcmp(own, CAPTURE_COUNTERS_DIR))
		words_addf(&w, "--counters=%s/" CAPTURE_COUNTERS, own);
	for (int i = 1; i < argc; i++)
		words_add(&w, argv[i]);
	if (configured && argc == 1)
		rc = capture_options(&w);
	if (!rc && words_ok(&w) && instance_program(CAPTURE_PROGRAM, path)) {
		(void)execv(path, w.ptr);
		(void)fprintf(stderr, "penstock capture: %s: %s\n", path,
			      strerror(errno));
	}
	words_done(&w);
	return rc ? rc : EXIT_BROKEN;
}

struct capture_pf {
	struct pf_anchor anchor;
	enum pf_system system; /* PF_SYSTEMS: all */
};

static bool capture_is_interface(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return len && len < 16 && !name[len];
}

static bool capture_to(struct pf_anchor *a, const char *text)
{
	unsigned char octets[16];

	if (inet_pton(AF_INET, text, octets) == 1)
		a->v4 = text;
	else if (inet_pton(AF_INET6, text, octets) == 1)
		a->v6 = text;
	else
		return false;
	return true;
}

static bool capture_pf_option(struct capture_pf *pf, int c, const char *arg)
{
	switch (c) {
	case 'i':
		pf->anchor.interface = arg;
		return capture_is_interface(arg);
	case 'v':
		pf->anchor.via = arg;
		return capture_is_interface(arg);
	case 't':
		return capture_to(&pf->anchor, arg);
	case 's':
		for (int i = 0; i < PF_SYSTEMS; i++) {
			if (!strcmp(arg, pf_name((enum pf_system)i))) {
				pf->system = (enum pf_system)i;
				return true;
			}
		}
		return false;
	default:
		return false;
	}
}

static int capture_pf(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "interface", required_argument, NULL, 'i' },
		{ "to", required_argument, NULL, 't' },
		{ "via", required_argument, NULL, 'v' },
		{ "system", required_argument, NULL, 's' },
		{ 0 },
	};
	struct capture_pf pf = { .system = PF_SYSTEMS };
	int c;

	optind = 0; /* another command may have used it */
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (capture_pf_option(&pf, c, optarg))
			continue;
		if (c != '?')
			(void)fprintf(stderr,
				      "penstock capture pf: '%s' does not fit "
				      "there\n",
				      optarg);
		return capture_help(EXIT_USAGE);
	}
	if (optind != argc || !pf.anchor.interface ||
	    (!pf.anchor.v4 && !pf.anchor.v6))
		return capture_help(EXIT_USAGE);
	if (!pf.anchor.via)
		pf.anchor.via = pf.anchor.interface;
	for (int i = 0; i < PF_SYSTEMS; i++) {
		if (pf.system == PF_SYSTEMS || pf.system == (enum pf_system)i)
			pf_print(&pf.anchor, (enum pf_system)i, stdout);
	}
	return 0;
}

int cmd_capture(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	if (!strcmp(word, "--help"))
		return capture_help(0);
	if (!strcmp(word, "pf"))
		return capture_pf(argc - 1, argv + 1);
	if (!strcmp(word, "show") || !strcmp(word, "remove"))
		return capture_become(argc - 1, argv + 1, false);
	if (!strcmp(word, "apply") || !strcmp(word, "verify") ||
	    !strcmp(word, "keep"))
		return capture_become(argc - 1, argv + 1, true);
	return capture_help(EXIT_USAGE);
}
