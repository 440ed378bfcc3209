/* gateway/sandbox.h - who sends: names, policies, source addresses.
 *
 * A worker's view. The parent decides which sandboxes there are and tells each
 * worker; see gateway/parent.c.
 */
#ifndef GATEWAY_SANDBOX_H
#define GATEWAY_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/slice.h"
#include "gateway/control.h"
#include "gateway/limits.h"
#include "gateway/login.h"

struct policy;

struct sandbox {
	uint32_t id;   /* never given twice by one parent */
	uint32_t slot; /* in the stats; SANDBOXES_MAX for nobody */
	char name[SANDBOX_NAME_MAX + 1];
	struct policy *policy; /* owned; never NULL */
	uint32_t generation;   /* of policy */
	uint32_t conns;	       /* that point here */
	bool gone;	       /* removed; freed with its last connection */
	bool nobody;	       /* see sandboxes_nobody() */
	bool learn;	       /* what no rule allows is let through, marked */
	uint64_t expires_s;    /* a rule of policy ends then; 0: none does */
	char token[TOKEN_MAX]; /* proves it to the proxy; zeros behind */
	size_t token_len;      /* 0: nothing does */
	struct sandbox *next;
	struct { /* names refused lately, see DNS_MERGE_S */
		uint64_t hash;
		uint64_t until_ms;
	} refused[DNS_MERGE_SIZE];
	uint64_t refusals_s; /* the second that refusals are counted in */
	uint32_t refusals;   /* names refused in it, see DNS_REFUSALS_S */
	uint32_t names;	     /* first asked for by it, see NAMES_SANDBOX */
};

struct sandboxes;

int sandboxes_new(struct sandboxes **ret);
void sandboxes_free(struct sandboxes **s);

/* Add one, taking *policy. Returns 0 or -ENOMEM (then *policy is untouched). */
int sandbox_add(struct sandboxes *s, uint32_t id, uint32_t slot,
		struct slice name, struct policy **policy,
		struct sandbox **ret);

/* Give it another policy, taking it. The old one is freed at once: nobody
 * keeps a pointer into a policy beyond a judgement.
 */
void sandbox_set_policy(struct sandbox *sb, struct policy **policy,
			uint32_t generation);

/* Could a connection to this host be allowed? Names of others do not exist. */
bool sandbox_names_host(const struct sandbox *sb, struct slice host,
			uint64_t now_s);

/* One that has a rule which has ended by now, or NULL. The caller gives it
 * another expires_s.
 */
struct sandbox *sandboxes_expired(struct sandboxes *s, uint64_t now_s);

/* By id, or NULL. */
struct sandbox *sandbox_find(struct sandboxes *s, uint32_t id);

/* Forget it; connections that still point to it keep it alive. */
void sandbox_remove(struct sandboxes *s, uint32_t id);

/* This prefix ("10.7.0.0/24", "fd00::1") sends as that sandbox. Returns 0,
 * ERR_SYNTAX or -ENOMEM.
 */
int sandbox_from(struct sandboxes *s, struct slice prefix, uint32_t id);
void sandbox_from_clear(struct sandboxes *s);

/* The sandbox of a source address: the longest prefix that holds it. NULL if
 * none does.
 */
struct sandbox *sandbox_by_address(struct sandboxes *s,
				   const struct sockaddr *addr);

/* Give it another token; empty: none. */
void sandbox_set_token(struct sandbox *sb, struct slice token);

/* Who a client that has not said who it is counts as: without a name, and
 * nothing is allowed to it. NULL while no sandbox has a token.
 */
struct sandbox *sandboxes_nobody(struct sandboxes *s);

/* The sandbox that this login proves to be, or NULL. */
struct sandbox *sandbox_by_login(struct sandboxes *s, const struct login *l);

void sandbox_hold(struct sandbox *sb);
void sandbox_drop(struct sandbox *sb);

#endif
