/* gateway/candidates.c - which addresses of an origin may be dialled, and which
 * of them is next.
 *
 * The list comes in the resolver's order, the families in turn. From its front
 * on the addresses are begun, one after the other; one that fails is taken out.
 * So what is left has not failed, and when nothing is left all have, and the
 * reasons stand together.
 */

#include "gateway/candidates.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/err.h"
#include "gateway/address.h"
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

	*c = (struct candidates){ 0 };
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
	*c = (struct candidates){ 0 };
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

bool candidates_next(struct candidates *c)
{
	if (c->begun == c->len)
		return false;
	c->begun++;
	return true;
}

static size_t candidates_find(const struct candidates *c,
			      const union resolve_addr *addr)
{
	size_t i = 0;

	while (i < c->len && !address_eq(&c->addr[i], addr))
		i++;
	return i;
}

bool candidates_prefer(struct candidates *c, const union resolve_addr *addr)
{
	const union resolve_addr first = *addr;
	size_t i = candidates_find(c, addr);

	if (i == c->len)
		return false;
	memmove(&c->addr[1], &c->addr[0], i * sizeof(c->addr[0]));
	c->addr[0] = first;
	return true;
}

void candidates_stand(struct candidates *c, const union resolve_addr *addr)
{
	c->begun = candidates_prefer(c, addr);
	c->failed = 0;
	c->why = 0;
	c->address[0] = c->detail[0] = '\0';
}

/* Did it get further than to the connection? */
static bool candidates_far(enum refusal_kind why)
{
	return why == REFUSAL_CERTIFICATE || why == REFUSAL_TLS ||
	       why == REFUSAL_TLS_TIMEOUT;
}

/* The furthest, of these the last, is what is told first: a row cuts the end
 * off.
 */
static void candidates_note(struct candidates *c, enum refusal_kind why,
			    const char *text, const char *detail)
{
	bool first = !candidates_far(c->why) || candidates_far(why);
	char so_far[UP_DETAIL_MAX];
	int len;

	memcpy(so_far, c->detail, sizeof(so_far));
	len = snprintf(c->detail, sizeof(c->detail), "%s%s%s",
		       first ? detail : so_far, c->failed ? "; " : "",
		       first ? so_far : detail);
	if (len >= (int)sizeof(c->detail))
		memcpy(&c->detail[sizeof(c->detail) - 4], "...", 4);
	c->failed++;
	if (!first)
		return;
	c->why = why;
	(void)snprintf(c->address, sizeof(c->address), "%s", text);
}

bool candidates_fail(struct candidates *c, const union resolve_addr *addr,
		     enum refusal_kind why, const char *text,
		     const char *detail)
{
	size_t i = candidates_find(c, addr);

	if (i == c->len)
		return false;
	candidates_note(c, why, text, detail);
	c->len--;
	memmove(&c->addr[i], &c->addr[i + 1],
		(c->len - i) * sizeof(c->addr[0]));
	if (i < c->begun)
		c->begun--;
	return true;
}
