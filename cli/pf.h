/* cli/pf.h - pf rules that send a network's traffic to a gateway. Pure text. */
#ifndef CLI_PF_H
#define CLI_PF_H

#include <stdio.h>

enum pf_system {
	PF_MACOS,
	PF_FREEBSD,
	PF_OPENBSD,

	PF_SYSTEMS,
};

struct pf_anchor {
	const char *interface; /* where the sandboxes are */
	const char *via;       /* where the gateway is; may be the same */
	const char *v4, *v6;   /* the gateway's addresses; either may be NULL */
};

/* The word for --system. */
const char *pf_name(enum pf_system system);

/* The file, with what to do with it above the rules. */
void pf_print(const struct pf_anchor *anchor, enum pf_system system, FILE *to);

#endif
