/* cli/pf.c - pf rules that send a network's traffic to a gateway.
 *
 * The gateway is another machine, so the packets must reach it as they are:
 * route-to changes the next hop and no address, where rdr would change the
 * destination, which the gateway could not ask for. It captures them there as
 * it does those of any machine behind it (penstock.yaml, capture:).
 *
 * Its answers go to the sandboxes by themselves, so pf sees one half of each
 * connection: no state is kept, or one that does not mind.
 */

#include "cli/pf.h"

#include <string.h>

#include "base/base.h"

static const struct {
	const char *name;
	const char *howto; /* comment lines */
} pf_systems[] = {
	[PF_MACOS] = {
		"macos",
		"# macOS. As root, save this as /etc/pf.anchors/penstock and add to\n"
		"# /etc/pf.conf, below its other anchors:\n"
		"#     anchor \"penstock\"\n"
		"#     load anchor \"penstock\" from \"/etc/pf.anchors/penstock\"\n"
		"# Then: sysctl -w net.inet.ip.forwarding=1; pfctl -f /etc/pf.conf; pfctl -E\n"
		"# See it work: pfctl -a penstock -vsr\n",
	},
	[PF_FREEBSD] = {
		"freebsd",
		"# FreeBSD. As root, save this as /etc/pf.penstock and add to /etc/pf.conf,\n"
		"# before its other filter rules:\n"
		"#     anchor \"penstock\"\n"
		"#     load anchor \"penstock\" from \"/etc/pf.penstock\"\n"
		"# Then: sysrc gateway_enable=YES pf_enable=YES; sysctl net.inet.ip.forwarding=1;\n"
		"# service pf start || pfctl -f /etc/pf.conf\n"
		"# See it work: pfctl -a penstock -vsr\n",
	},
	[PF_OPENBSD] = {
		"openbsd",
		"# OpenBSD 6.9 and later. As root, save this as /etc/pf.penstock and add to\n"
		"# /etc/pf.conf, before its other filter rules:\n"
		"#     anchor \"penstock\"\n"
		"#     load anchor \"penstock\" from \"/etc/pf.penstock\"\n"
		"# Then: sysctl net.inet.ip.forwarding=1; pfctl -f /etc/pf.conf\n"
		"# See it work: pfctl -a penstock -vsr\n",
	},
};
static_assert(ARRAY_SIZE(pf_systems) == PF_SYSTEMS, "a system without words");

const char *pf_name(enum pf_system system)
{
	return pf_systems[system].name;
}

static void pf_route(const struct pf_anchor *a, enum pf_system system,
		     const char *family, const char *to, FILE *out)
{
	if (!strcmp(a->interface, a->via))
		(void)fprintf(
			out,
			"# The gateway's own traffic is not sent to "
			"itself. A sandbox on the same\n"
			"# network could take its address: with --via the "
			"gateway stands elsewhere.\n"
			"pass in quick on %s %s from %s to any\n",
			a->interface, family, to);
	if (system == PF_OPENBSD)
		(void)fprintf(out,
			      "pass in quick on %s %s from any to any "
			      "keep state (sloppy) route-to %s\n",
			      a->interface, family, to);
	else
		(void)fprintf(out,
			      "pass in quick on %s route-to (%s %s) %s "
			      "from any to any no state\n",
			      a->interface, a->via, to, family);
}

void pf_print(const struct pf_anchor *a, enum pf_system system, FILE *out)
{
	(void)fprintf(out,
		      "%s"
		      "# On the gateway, penstock.yaml names the sandboxes' "
		      "prefixes under\n"
		      "# capture: sources: and sandboxes: from:\n\n",
		      pf_systems[system].howto);
	if (a->v4)
		(void)fprintf(out,
			      "# Addresses are still given by this machine.\n"
			      "pass in quick on %s inet proto udp "
			      "from any port 68 to any port 67\n",
			      a->interface);
	if (a->v4)
		pf_route(a, system, "inet", a->v4, out);
	if (a->v6) {
		static const char *const types[] = { "routersol", "neighbrsol",
						     "neighbradv" };

		for (size_t i = 0; i < ARRAY_SIZE(types); i++)
			(void)fprintf(out,
				      "pass in quick on %s inet6 proto "
				      "icmp6 all icmp6-type %s\n",
				      a->interface, types[i]);
		pf_route(a, system, "inet6", a->v6, out);
	}
	(void)fprintf(out,
		      "# What is left goes nowhere%s.\n"
		      "block drop in quick on %s all\n",
		      a->v6   ? ""
		      : a->v4 ? ", IPv6 included"
			      : "",
		      a->interface);
}
