/* policy/judge.h - a question prepared, and one entry against it. Private to
 * policy/: the judge and the explanation ask the same functions.
 */
#ifndef POLICY_JUDGE_H
#define POLICY_JUDGE_H

#include "policy/compile.h"
#include "policy/host.h"

struct inquiry {
	const struct policy *p;
	const struct policy_question *q;
	const struct path *path; /* NULL for tcp and tls */
	struct slice host;	 /* canonical */
	char host_text[HOST_TEXT];
	uint8_t addr[16];
	uint8_t addr_len; /* 0: the host is a name */
	uint8_t scheme;	  /* bit of enum rule_scheme */
	uint8_t method;	  /* bit of enum method_bit */
};

/* Why an entry matches or does not, in the order of looking. */
enum look {
	LOOK_SCHEME,
	LOOK_HOST,
	LOOK_PORT,
	LOOK_METHOD,
	LOOK_PATH,
	LOOK_QUERY,
	LOOK_SOME,    /* of an ask: some of the query, under some reading */
	LOOK_OPAQUE,  /* the path matches as sent, not when decoded */
	LOOK_DECODED, /* the other way round */
	LOOK_PARAMS,  /* with its parameters, not without */
	LOOK_BARE,    /* the other way round */
	LOOK_MATCH,

	LOOKS,
};

/* Everything but the path; in->path is set by the caller. */
void inquiry_init(struct inquiry *in, const struct policy *p,
		  const struct policy_question *q);

/* Scheme, port, method: LOOK_MATCH or what differs. The host is the caller's
 * business.
 */
enum look inquiry_speaks(const struct inquiry *in, const struct entry *e);

/* The path under its readings, and the query. Below LOOK_SOME it does not
 * match at all.
 */
enum look inquiry_path(const struct inquiry *in, const struct entry *e);

#endif
