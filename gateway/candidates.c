/* gateway/candidates.c - which addresses of an origin may be dialled. */

#include "gateway/candidates.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/err.h"
#include "gateway/guard.h"

/* May this address be dialled? ret_why gets a phrase if not. */
static bool candidates_may(const struct origin_key *key,
			   const struct sockaddr *addr, const char **ret_why)
{
	if (guard_is_own(addr)) {
		*ret_why = "an address of the gateway itself";
		return false;
	}
	switch (guard_class(addr, ret_why)) {
	case GUARD_GLOBAL:
		return true;
	case GUARD_PRIVATE:
		return key->private;
	default:
		return false;
	}
}

static void candidates_refuse(const struct origin_key *key,
			      const union resolve_addr *addr, const char *why,
			      char ret_detail[UP_DETAIL_MAX])
{
	char text[INET6_ADDRSTRLEN] = "?";
	const void *bits = addr->sa.sa_family == AF_INET
				   ? (const void *)&addr->v4.sin_addr
				   : (const void *)&addr->v6.sin6_addr;

	(void)inet_ntop(addr->sa.sa_family, bits, text, sizeof(text));
	(void)snprintf(ret_detail, UP_DETAIL_MAX,
		       "%s has the address %s, which is not dialled: %s%s",
		       key->host.host, text, why,
		       guard_class(&addr->sa, NULL) == GUARD_PRIVATE
			       ? " (the rule does not say private)"
			       : "");
}

static void candidates_unresolved(const struct origin_key *key, int err,
				  enum refusal_kind *ret_why,
				  char ret_detail[UP_DETAIL_MAX])
{
	(void)snprintf(ret_detail, UP_DETAIL_MAX, "%s: %s", key->host.host,
		       err == ERR_UNKNOWN  ? "no such name"
		       : err == -ETIMEDOUT ? "the name servers do not answer"
					   : err_str(err));
	*ret_why = err == -ETIMEDOUT ? REFUSAL_DNS_TIMEOUT : REFUSAL_DNS;
}

bool candidates_vet(struct candidates *c, const struct origin_key *key,
		    const struct resolve_answer *answer,
		    enum refusal_kind *ret_why, char ret_detail[UP_DETAIL_MAX])
{
	const char *first = NULL, *why;

	c->len = 0;
	if (answer->err || !answer->addrs_len) {
		candidates_unresolved(key,
				      answer->err ? answer->err : ERR_UNKNOWN,
				      ret_why, ret_detail);
		return false;
	}
	for (size_t i = 0; i < answer->addrs_len; i++) {
		union resolve_addr *to = &c->addr[c->len];

		if (!candidates_may(key, &answer->addrs[i].sa, &why)) {
			first = first ? first : why;
			continue;
		}
		*to = answer->addrs[i];
		if (to->sa.sa_family == AF_INET)
			to->v4.sin_port = htons(key->port);
		else
			to->v6.sin6_port = htons(key->port);
		c->len++;
	}
	if (!c->len) {
		candidates_refuse(key, &answer->addrs[0], first, ret_detail);
		*ret_why = REFUSAL_ADDRESS;
	}
	return c->len > 0;
}

bool candidates_host(struct candidates *c, const struct origin_key *key,
		     enum refusal_kind *ret_why, char ret_detail[UP_DETAIL_MAX])
{
	c->len = 0;
	if (!key->private) {
		(void)snprintf(ret_detail, UP_DETAIL_MAX,
			       GUARD_HOST_NAME
			       " is the gateway's own host (the rule does not "
			       "say private)");
		*ret_why = REFUSAL_ADDRESS;
		return false;
	}
	c->addr[0].v4 = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(key->port),
		.sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
	};
	c->len = 1;
	return true;
}

void candidates_drop(struct candidates *c)
{
	c->len--;
	memmove(&c->addr[0], &c->addr[1], c->len * sizeof(c->addr[0]));
}
