/* gateway/sandbox.c - who sends: names, policies, source addresses.
 *
 * Sandboxes are few (SANDBOXES_MAX) and looked up by id only when the parent
 * speaks, so a list serves. Prefixes are looked at for each connection that
 * arrives at a listener of the instance; they are kept longest first, so that
 * the first one that holds the address is the answer. All addresses are
 * compared as IPv6, IPv4 ones in their mapped form.
 */

#include "gateway/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/err.h"
#include "policy/policy.h"

#define PREFIX_MAPPED 96 /* bits of ::ffff:0:0/96 (RFC 4291, 2.5.5.2) */

struct prefix {
	struct in6_addr addr;
	unsigned int bits; /* 0 to 128, of the mapped form */
	uint32_t sandbox;
};

struct sandboxes {
	struct sandbox *list;
	struct sandbox *nobody;	 /* owned; nowhere in the list */
	struct prefix *prefixes; /* longest first */
	size_t prefixes_len;
};

static void sandbox_free(struct sandbox *sb)
{
	policy_free(&sb->policy);
	explicit_bzero(sb->token, sizeof(sb->token));
	free(sb);
}

/* Without a rule, so all is denied. */
static int sandbox_new_nobody(struct sandbox **ret)
{
	struct ruleset *rs = NULL;
	struct sandbox *sb = calloc(1, sizeof(*sb));
	int rc = sb ? ruleset_new(&rs) : -ENOMEM;

	if (rc == 0)
		rc = policy_compile(rs, &sb->policy);
	ruleset_free(&rs);
	if (rc < 0) {
		free(sb);
		return rc;
	}
	sb->nobody = true;
	sb->slot = SANDBOXES_MAX;
	*ret = sb;
	return 0;
}

int sandboxes_new(struct sandboxes **ret)
{
	struct sandboxes *s = calloc(1, sizeof(*s));
	int rc = s ? sandbox_new_nobody(&s->nobody) : -ENOMEM;

	if (rc < 0) {
		free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

void sandboxes_free(struct sandboxes **s)
{
	if (!*s)
		return;
	while ((*s)->list) {
		struct sandbox *next = (*s)->list->next;

		sandbox_free((*s)->list);
		(*s)->list = next;
	}
	sandbox_free((*s)->nobody);
	free((*s)->prefixes);
	free(*s);
	*s = NULL;
}

int sandbox_add(struct sandboxes *s, uint32_t id, uint32_t slot,
		struct slice name, struct policy **policy, struct sandbox **ret)
{
	struct sandbox *sb = calloc(1, sizeof(*sb));

	if (!sb)
		return -ENOMEM;
	assert(slot < SANDBOXES_MAX && name.len <= SANDBOX_NAME_MAX);
	sb->id = id;
	sb->slot = slot;
	memcpy(sb->name, name.ptr, name.len);
	sb->policy = TAKE(*policy);
	sb->next = s->list;
	s->list = sb;
	*ret = sb;
	return 0;
}

void sandbox_set_policy(struct sandbox *sb, struct policy **policy,
			uint32_t generation)
{
	policy_free(&sb->policy);
	sb->policy = TAKE(*policy);
	sb->generation = generation;
}

bool sandbox_names_host(const struct sandbox *sb, struct slice host,
			uint64_t now_s)
{
	return sb->learn || policy_names_host(sb->policy, host, now_s);
}

struct sandbox *sandboxes_expired(struct sandboxes *s, uint64_t now_s)
{
	struct sandbox *sb = s->list;

	while (sb && (!sb->expires_s || sb->expires_s > now_s))
		sb = sb->next;
	return sb;
}

struct sandbox *sandbox_find(struct sandboxes *s, uint32_t id)
{
	struct sandbox *sb = s->list;

	while (sb && sb->id != id)
		sb = sb->next;
	return sb;
}

void sandbox_remove(struct sandboxes *s, uint32_t id)
{
	struct sandbox **at = &s->list;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	if (*at) {
		struct sandbox *sb = *at;

		*at = sb->next;
		sb->gone = true;
		if (!sb->conns)
			sandbox_free(sb);
	}
}

void sandbox_set_token(struct sandbox *sb, struct slice token)
{
	assert(token.len <= TOKEN_MAX);
	explicit_bzero(sb->token, sizeof(sb->token));
	if (token.len)
		memcpy(sb->token, token.ptr, token.len);
	sb->token_len = token.len;
}

struct sandbox *sandboxes_nobody(struct sandboxes *s)
{
	struct sandbox *sb = s->list;

	while (sb && !sb->token_len)
		sb = sb->next;
	return sb ? s->nobody : NULL;
}

struct sandbox *sandbox_by_login(struct sandboxes *s, const struct login *l)
{
	struct slice user = slice_of(l->user, l->user_len);
	struct sandbox *sb = s->list;

	while (sb && !slice_eq(slice_str(sb->name), user))
		sb = sb->next;
	return sb && login_proves(l, sb->token, sb->token_len) ? sb : NULL;
}

void sandbox_hold(struct sandbox *sb)
{
	sb->conns++;
}

void sandbox_drop(struct sandbox *sb)
{
	assert(sb->conns > 0);
	sb->conns--;
	if (!sb->conns && sb->gone)
		sandbox_free(sb);
}

static void prefix_map_v4(const void *v4, struct in6_addr *ret)
{
	*ret = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
	memcpy(&ret->s6_addr[12], v4, 4);
}

/* "ADDR" or "ADDR/BITS". */
static int prefix_parse(struct slice text, struct prefix *ret)
{
	char addr[INET6_ADDRSTRLEN];
	struct slice head, tail;
	struct in_addr v4;
	unsigned int bits = 0, full = 128, extra = 0;

	bool cut = slice_cut(text, '/', &head, &tail);

	if (head.len >= sizeof(addr))
		return ERR_SYNTAX;
	memcpy(addr, head.ptr, head.len);
	addr[head.len] = '\0';
	if (inet_pton(AF_INET, addr, &v4) == 1) {
		prefix_map_v4(&v4, &ret->addr);
		full = 32;
		extra = PREFIX_MAPPED;
	} else if (inet_pton(AF_INET6, addr, &ret->addr) != 1) {
		return ERR_SYNTAX;
	}
	if (cut && (tail.len < 1 || tail.len > 3))
		return ERR_SYNTAX;
	for (size_t i = 0; i < tail.len; i++) {
		if (tail.ptr[i] < '0' || tail.ptr[i] > '9')
			return ERR_SYNTAX;
		bits = bits * 10 + (unsigned int)(tail.ptr[i] - '0');
	}
	if (bits > full)
		return ERR_SYNTAX;
	ret->bits = (cut ? bits : full) + extra;
	return 0;
}

int sandbox_from(struct sandboxes *s, struct slice text, uint32_t id)
{
	struct prefix p = { .sandbox = id };
	struct prefix *more;
	size_t at = 0;
	int rc = prefix_parse(text, &p);

	if (rc < 0)
		return rc;
	more = reallocarray(s->prefixes, s->prefixes_len + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->prefixes = more;
	while (at < s->prefixes_len && more[at].bits >= p.bits)
		at++;
	memmove(&more[at + 1], &more[at],
		(s->prefixes_len - at) * sizeof(*more));
	more[at] = p;
	s->prefixes_len++;
	return 0;
}

void sandbox_from_clear(struct sandboxes *s)
{
	free(s->prefixes);
	s->prefixes = NULL;
	s->prefixes_len = 0;
}

static bool prefix_holds(const struct prefix *p, const struct in6_addr *addr)
{
	unsigned int whole = p->bits / 8;
	unsigned int rest = p->bits % 8;
	unsigned int mask = 0xffu << (8 - rest) & 0xffu;

	/* "::/0" is every IPv6 sender, and no IPv4 one in its mapped form. */
	if (p->bits < PREFIX_MAPPED && IN6_IS_ADDR_V4MAPPED(addr))
		return false;
	if (memcmp(&p->addr, addr, whole) != 0)
		return false;
	return !rest ||
	       !((p->addr.s6_addr[whole] ^ addr->s6_addr[whole]) & mask);
}

struct sandbox *sandbox_by_address(struct sandboxes *s,
				   const struct sockaddr *sa)
{
	struct in6_addr addr;

	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		prefix_map_v4(&in.sin_addr, &addr);
	} else {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		addr = in6.sin6_addr;
	}
	for (size_t i = 0; i < s->prefixes_len; i++) {
		if (prefix_holds(&s->prefixes[i], &addr))
			return sandbox_find(s, s->prefixes[i].sandbox);
	}
	return NULL;
}
