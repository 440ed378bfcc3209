/* gateway/secrets_impl.h - for secrets.c and inject.c only: the set's parts. */
#ifndef GATEWAY_SECRETS_IMPL_H
#define GATEWAY_SECRETS_IMPL_H

#include "gateway/secrets.h"

/* All slices point into the set's memory. */
struct secret {
	struct slice name;
	struct slice header;	  /* lower case; empty: none */
	struct slice prefix;	  /* before the content in the header */
	struct slice placeholder; /* empty: none */
	struct slice content;
	struct slice hosts[SECRET_HOSTS_MAX];
	size_t hosts_len;
};

struct secrets {
	char *mem; /* owned; see secrets_map() */
	size_t used;
	size_t len;
	struct secret all[SECRETS_MAX];
};

#endif
