/* capture/host.c - penstock-capture on a gateway host.
 *
 *   apply    install rules, and the route they need; read back and compare
 *   verify   read back and compare only
 *   keep     apply, then verify every HOST_KEEP_S and repair what was changed
 *   listen   open the transparent listeners and send them over a socket
 *   show     what each rule has seen
 *   remove   take all of it away
 *
 * apply changes nothing when it fails: the route is installed first, does
 * nothing by itself, and is taken back when the kernel refuses the rules,
 * which it takes in one transaction.
 */

#include "capture/host.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/netfilter.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/slice.h"
#include "capture/appliance.h"
#include "capture/capture.h"
#include "capture/divert.h"
#include "capture/listen.h"
#include "capture/nft.h"
#include "capture/route.h"

#define HOST_KEEP_S 10

static const char host_usage[] =
	"usage: penstock-capture apply|verify|keep "
	"--interface IF... --source CIDR... [--port N]\n"
	"                              [--counters FILE]\n"
	"       penstock-capture listen --socket FD [--port N]\n"
	"       penstock-capture show|remove\n";

struct host {
	struct appliance what;
	int sock;	      /* -1: none */
	int ready_fd;	      /* -1: none */
	const char *counters; /* borrowed; NULL: none */
};

static int host_say(const char *what, int rc)
{
	(void)fprintf(stderr, CAPTURE_PROGRAM ": %s: %s\n", what, err_str(rc));
	return CAPTURE_EXIT;
}

/* In words that say what to do. */
static int host_explain(const char *step, int rc)
{
	const char *why = NULL;

	if (rc == -EPERM || rc == -EACCES)
		why = "this needs root, or CAP_NET_ADMIN";
	else if (rc == -EEXIST)
		why = "a table 'inet penstock' is there that is not ours; look "
		      "at it with: nft list table inet penstock";
	else if (rc == -EINTR)
		why = "this host's rules change all the time; try again";
	else if (rc == -ENOENT || rc == -EOPNOTSUPP || rc == -EPROTONOSUPPORT)
		why = "the kernel lacks a module; as root: modprobe -a "
		      "nf_tables nft_tproxy nft_fib_inet nft_ct "
		      "nft_reject_inet";
	if (!why)
		return host_say(step, rc);
	(void)fprintf(stderr, CAPTURE_PROGRAM ": %s: %s\n", step, why);
	return CAPTURE_EXIT;
}

/* The name of one that is not there, or NULL. */
static const char *host_missing(const struct appliance *a)
{
	for (size_t i = 0; i < a->interfaces; i++) {
		if (!if_nametoindex(a->interface[i]))
			return a->interface[i];
	}
	return NULL;
}

static int host_interfaces(const struct appliance *a)
{
	const char *name = host_missing(a);

	if (!name)
		return 0;
	(void)fprintf(stderr, CAPTURE_PROGRAM ": there is no interface '%s'\n",
		      name);
	return CAPTURE_EXIT;
}

/* By source alone, not by device, and before a route is chosen. */
static void host_warn(const struct appliance *what)
{
	char text[APPLIANCE_SOURCE_TEXT];

	for (size_t i = 0; i < what->sources; i++) {
		if (!appliance_source_is_wide(&what->source[i]))
			continue;
		appliance_source_print(&what->source[i], text);
		(void)fprintf(stderr,
			      CAPTURE_PROGRAM
			      ": warning: source %s captures connections to "
			      "this host's own services too, from whoever is "
			      "in it; name the sandboxes' networks\n",
			      text);
	}
}

/* Two that lead the same packets to different listeners cannot both win. */
static int host_alone(void)
{
	char table[NFT_NAME_MAX];
	int rc = nft_foreign(table);

	if (rc < 0)
		return host_explain("cannot read the nftables rules", rc);
	if (rc == 0)
		return 0;
	(void)fprintf(stderr,
		      CAPTURE_PROGRAM ": the nftables table '%s' captures "
				      "connections already; nothing has been "
				      "changed\n",
		      table);
	return CAPTURE_EXIT;
}

static int host_check(const struct rules *rules)
{
	int rc = divert_verify();

	return rc ? rc : nft_verify(rules);
}

static int host_install(const struct rules *rules)
{
	bool there = false;
	int rc = nft_whose(rules, &there);

	if (!rc)
		rc = divert_install();
	if (rc)
		return rc;
	rc = nft_replace(rules);
	if (rc && !there)
		(void)divert_remove();
	return rc;
}

static int host_apply(const struct host *h, const struct rules *rules)
{
	int rc = host_interfaces(&h->what);

	if (!rc)
		rc = host_alone();
	if (rc)
		return rc;
	rc = host_install(rules);
	if (rc)
		return host_explain("cannot install the capture", rc);
	rc = host_check(rules);
	if (rc)
		return host_say("the rules are not what was asked for", rc);
	host_warn(&h->what);
	return 0;
}

static int host_differs(const struct rules *rules)
{
	int rc = host_check(rules);

	if (rc == ERR_STALE) {
		(void)fprintf(stderr, CAPTURE_PROGRAM
			      ": the capture in the kernel is not what was "
			      "asked for\n");
		return 1;
	}
	return rc ? host_explain("cannot read the capture back", rc) : 0;
}

/* A device that was renamed is captured by its sources alone. */
static int host_verify(const struct host *h, const struct rules *rules)
{
	int rc = host_differs(rules);

	return rc ? rc : host_interfaces(&h->what) ? 1 : 0;
}

static void host_line(void *ctx, const char *chain, const char *what,
		      uint64_t packets, uint64_t bytes)
{
	(void)fprintf(ctx, "%" PRIu64 " %" PRIu64 " %s %s\n", packets, bytes,
		      chain, what);
}

/* For those who may not ask the kernel; whole, or as it was before. */
static int host_count(const char *path)
{
	char fresh[4096];
	FILE *to;
	int rc;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >=
	    (int)sizeof(fresh))
		return -ENAMETOOLONG;
	to = fopen(fresh, "we");
	if (!to)
		return -errno;
	rc = nft_show(host_line, to);
	if (fclose(to) != 0 && !rc)
		rc = -errno;
	if (!rc && rename(fresh, path) < 0)
		rc = -errno;
	if (rc)
		(void)unlink(fresh);
	return rc;
}

static void host_report(const struct host *h)
{
	int rc = h->counters ? host_count(h->counters) : 0;

	if (rc)
		(void)host_say("cannot write the counters, ignoring", rc);
}

/* Say it once when a device goes, and once when all are there again. */
static void host_watch(const struct host *h, bool *gone)
{
	if (!*gone) {
		*gone = host_interfaces(&h->what) != 0;
	} else if (!host_missing(&h->what)) {
		*gone = false;
		(void)fprintf(stderr, CAPTURE_PROGRAM
			      ": all interfaces are there again\n");
	}
}

/* One look at the kernel, and what was changed put back. */
static void host_repair(const struct rules *rules)
{
	int rc = host_differs(rules);

	/* What cannot be read is not known to be changed. */
	if (rc == 1 && host_install(rules) == 0 && host_check(rules) == 0)
		(void)fprintf(stderr, CAPTURE_PROGRAM
			      ": the capture was changed and has been "
			      "restored\n");
}

/* Ends only with its caller. A rule that somebody removed is back within
 * HOST_KEEP_S; what cannot be repaired is said each time.
 */
static int host_keep(const struct host *h, const struct rules *rules)
{
	const struct timespec nap = { .tv_sec = HOST_KEEP_S };
	bool gone = false;
	int rc = host_apply(h, rules);

	if (rc)
		return rc;
	if (h->ready_fd >= 0) {
		(void)!write(h->ready_fd, "", 1);
		(void)close(h->ready_fd);
	}
	for (;;) {
		host_report(h);
		(void)nanosleep(&nap, NULL);
		host_watch(h, &gone);
		host_repair(rules);
	}
}

static int host_listen(const struct host *h)
{
	struct listen_set set;
	bool ipv6 = false;
	int rc = route_has_ipv6(&ipv6);

	if (!rc)
		rc = listen_open_transparent(ipv6, h->what.port, &set);
	if (rc)
		return host_explain("cannot open the transparent listeners",
				    rc);
	rc = listen_hand_over(&set, h->sock);
	return rc ? host_say("cannot hand the listeners over", rc) : 0;
}

static void host_row(void *ctx, const char *chain, const char *what,
		     uint64_t packets, uint64_t bytes)
{
	size_t *len = ctx;

	if (!(*len)++)
		(void)printf("%12s %14s  %-8s %s\n", "PACKETS", "BYTES",
			     "CHAIN", "RULE");
	(void)printf("%12" PRIu64 " %14" PRIu64 "  %-8s %s\n", packets, bytes,
		     chain, what);
}

static int host_show(void)
{
	size_t len = 0;
	int rc = nft_show(host_row, &len);

	if (rc)
		return host_explain("cannot read the rules", rc);
	if (!len)
		(void)fputs("nothing is captured here\n", stderr);
	return len ? 0 : 1;
}

static int host_remove(void)
{
	const struct rules ours = {
		.family = NFPROTO_INET,
		.owner = RULES_OWNER_APPLIANCE,
	};
	int rc = nft_remove(&ours);

	if (!rc)
		rc = divert_remove();
	return rc ? host_explain("cannot remove the capture", rc) : 0;
}

static bool host_number(const char *text, uint64_t *ret)
{
	return slice_number(slice_str(text), 65535, ret) && *ret;
}

static bool host_option(struct host *h, int c, const char *arg)
{
	uint64_t n;

	switch (c) {
	case 'i':
		return appliance_add_interface(&h->what, arg) == 0;
	case 's':
		return appliance_add_source(&h->what, arg) == 0;
	case 'p':
		if (!host_number(arg, &n) || n == 53)
			return false;
		h->what.port = (uint16_t)n;
		return true;
	case 'c':
		h->counters = arg;
		return *arg == '/';
	case 'f':
	case 'r':
		if (!host_number(arg, &n))
			return false;
		*(c == 'f' ? &h->sock : &h->ready_fd) = (int)n;
		return true;
	default:
		return false;
	}
}

static bool host_parse(struct host *h, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "interface", required_argument, NULL, 'i' },
		{ "source", required_argument, NULL, 's' },
		{ "port", required_argument, NULL, 'p' },
		{ "socket", required_argument, NULL, 'f' },
		{ "ready-fd", required_argument, NULL, 'r' },
		{ "counters", required_argument, NULL, 'c' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (host_option(h, c, optarg))
			continue;
		if (c != '?')
			(void)fprintf(stderr,
				      CAPTURE_PROGRAM ": '%s' does not fit "
						      "there\n",
				      optarg);
		return false;
	}
	return optind == argc;
}

static int host_rules(const struct host *h,
		      int (*run)(const struct host *h,
				 const struct rules *rules))
{
	static struct rules rules;
	int rc = appliance_build(&h->what, &rules);

	if (rc)
		return host_say("cannot build the rules", rc);
	rc = run(h, &rules);
	rules_done(&rules);
	return rc;
}

int host_main(int argc, char **argv)
{
	static struct host h = { .sock = -1, .ready_fd = -1 };
	bool asked;

	h.what.port = CAPTURE_TCP_PORT;
	if (!host_parse(&h, argc, argv)) {
		(void)fputs(host_usage, stderr);
		return 2;
	}
	asked = h.what.interfaces || h.what.sources;
	if (!strcmp(argv[0], "show") && !asked)
		return host_show();
	if (!strcmp(argv[0], "remove") && !asked)
		return host_remove();
	if (!strcmp(argv[0], "listen") && !asked && h.sock >= 0)
		return host_listen(&h);
	if (!strcmp(argv[0], "apply") && asked)
		return host_rules(&h, host_apply);
	if (!strcmp(argv[0], "verify") && asked)
		return host_rules(&h, host_verify);
	if (!strcmp(argv[0], "keep") && asked)
		return host_rules(&h, host_keep);
	(void)fputs(host_usage, stderr);
	return 2;
}
