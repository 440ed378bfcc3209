/* gateway/judge.h - from a request head to a verdict.
 *
 * Pure. An upgrade (to WebSocket) is judged as ws or wss, so that a rule for
 * the plain scheme does not allow it. Checks that the names agree, splits the
 * target, and asks the policy.
 * What was judged is what is forwarded: the caller uses the parsed host, port
 * and path of the answer and nothing else.
 */
#ifndef GATEWAY_JUDGE_H
#define GATEWAY_JUDGE_H

#include <stdbool.h>

#include "base/arena.h"
#include "gateway/refusal.h"
#include "http/authority.h"
#include "http/http.h"
#include "policy/policy.h"

struct judge_facts {
	const struct policy *policy;
	struct slice sandbox; /* its name */
	/* The name that TLS was opened for or CONNECT named, or the address
	 * that was dialled; the request must agree. NULL: clear.
	 */
	const struct authority *sni;
	bool proxy;	/* CONNECT is served here */
	uint64_t now_s; /* since 1970; 0: unknown */
	bool learn;	/* what has no rule is let through, and marked so */
};

struct judgement {
	bool judged;  /* the policy was asked */
	bool tunnel;  /* a CONNECT that a tcp:// rule allows */
	bool carrier; /* a CONNECT for requests that are judged by themselves */
	bool portal;  /* for the gateway itself (portal.h): allowed unasked, and
		      * nothing goes upstream */
	bool uninspected;		 /* let through by a tls:// rule */
	bool learned;			 /* let through by mode learn alone */
	struct policy_question question; /* with judged; in the head */
	struct policy_answer answer;	 /* with judged */
	struct authority host;		 /* its port is always set */
	/* The same as text, to be forwarded: in the arena, without the
	 * default port.
	 */
	struct slice authority;
	struct slice path;	   /* in the head */
	struct slice query;	   /* in the head */
	enum refusal_kind refusal; /* unless allowed */
	struct slice detail;	   /* for the refusal; in the arena */
	struct slice to_allow;	   /* the line to add, or empty; in the arena */
	struct slice reason;	   /* slug for the ledger */
};

/* May a proxy's client go to this host and port, to be judged there? */
bool judge_target(const struct judge_facts *facts,
		  const struct authority *target);

/* Total: always fills *ret. True means allowed. */
bool judge_request(const struct judge_facts *facts,
		   const struct http_head *head, struct arena *a,
		   struct judgement *ret);

/* The same question once more, as the policy may have changed since. The
 * judgement is one that asked the policy, and its head still lives.
 * *ret_learned says that mode learn alone allows it.
 */
void judge_again(const struct judge_facts *facts, const struct judgement *j,
		 struct policy_answer *ret, bool *ret_learned);

#endif
