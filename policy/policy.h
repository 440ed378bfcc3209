/* policy/policy.h - the rules, compiled, and the judge.
 *
 * A ruleset is what was written: rule lines in order, each with its verdict
 * and where it stands. A policy is a ruleset compiled: immutable, pure, asked
 * with a question and answering with a verdict. The gateway, `penstock policy
 * explain` and the tests ask the same function.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum verdict {
	VERDICT_DENY,
	VERDICT_ASK,
	VERDICT_ALLOW,
};

enum rule_scheme {
	RULE_HTTPS,
	RULE_HTTP,
	RULE_WSS,
	RULE_WS,
	RULE_TCP,
	RULE_TLS,

	RULE_SCHEMES,
};

/* Why a question got its verdict. */
enum policy_reason {
	POLICY_BY_RULE,	   /* answer.rule says which */
	POLICY_NO_RULE,	   /* none matched: the default, deny */
	POLICY_BAD_PATH,   /* the path has no safe reading: deny */
	POLICY_READINGS,   /* an allow matched under some readings: deny */
	POLICY_BY_DEFAULT, /* none matched; the default is allow or ask */

	POLICY_REASONS,
};

const char *verdict_str(enum verdict v);
const char *rule_scheme_str(enum rule_scheme s);

/* What is wrong with a line of rule text. */
struct rule_error {
	unsigned int column; /* of the first bad octet, from 1 */
	char text[160];	     /* what was expected; no newline */
};

struct rule; /* one parsed rule */

/* The rule in its canonical text, which parses to itself; borrowed. */
struct slice rule_text(const struct rule *rule);
/* "penstock.yaml:12", "profile npm:3", "command line"; borrowed. */
struct slice rule_where(const struct rule *rule);
enum verdict rule_verdict(const struct rule *rule);
/* May the name resolve to private addresses? */
bool rule_private(const struct rule *rule);

/* What a rule says besides whom it matches. The judge heeds until_s, and
 * whoever carries the request the rest.
 */
struct rule_options {
	bool private;	       /* as rule_private() */
	uint64_t max_body;     /* octets of a request's body; UINT64_MAX: no
				 * bound of its own */
	uint64_t max_response; /* the same of an answer's */
	uint32_t rate;	       /* requests ... */
	uint32_t rate_s;       /* ... in so many seconds; 0: unbounded */
	uint64_t until_s;      /* not in force from here on, seconds since
				 * 1970; 0: for ever */
	struct slice inject;   /* name of a secret; empty: none. Borrowed from
				 * the rule */
	struct slice note;     /* the same */
};

/* NULL, for what no rule allowed (the default), has the options of a rule that
 * says none.
 */
struct rule_options rule_options(const struct rule *rule);

struct ruleset;

int ruleset_new(struct ruleset **ret);
void ruleset_free(struct ruleset **rs);

/* What time it is, seconds since 1970, where rules are given and hold from
 * now: for=1h is then kept as until=. Without a clock (0) for= is an error.
 */
void ruleset_set_clock(struct ruleset *rs, uint64_t now_s);

/* Parse line and append it. where and line are copied. git:read and git:write
 * expand when compiled, so a rule is one line. Returns 0, -ENOMEM, ERR_LIMIT
 * (RULES_MAX) or ERR_SYNTAX with *ret_err filled.
 */
int ruleset_add(struct ruleset *rs, enum verdict verdict, struct slice line,
		struct slice where, struct rule_error *ret_err);

/* Append a copy of all of from's rules, and its default if it was set. On
 * failure some may have been. Returns as ruleset_add().
 */
int ruleset_append(struct ruleset *to, const struct ruleset *from);

/* "default: allow", for block lists, or ask. Of several the strictest counts.
 */
void ruleset_set_default(struct ruleset *rs, enum verdict verdict);

/* The default: deny unless somebody said. */
enum verdict ruleset_default(const struct ruleset *rs);

size_t ruleset_len(const struct ruleset *rs);
const struct rule *ruleset_at(const struct ruleset *rs, size_t i);

/* As text that ruleset_parse() reads back: a line "default VERDICT" ("default
 * unset" where none was), then lines of verdict, TAB, where, TAB, rule text.
 * *ret is malloc'd.
 */
int ruleset_print(const struct ruleset *rs, char **ret, size_t *ret_len);
int ruleset_parse(struct slice text, struct ruleset **ret,
		  struct rule_error *ret_err);

#define RULES_MAX 100000

struct policy;

/* Compile. The policy keeps its own copy. Returns 0 or -ENOMEM. */
int policy_compile(const struct ruleset *rs, struct policy **ret);
void policy_free(struct policy **p);

struct policy_question {
	enum rule_scheme scheme;
	struct slice method; /* empty for tcp and tls */
	struct slice host;   /* canonical, see http/authority.h */
	uint16_t port;
	struct slice path;  /* as sent, without the query; empty for tcp, tls */
	struct slice query; /* as sent, without '?' */

	/* Seconds since 1970. 0 is unknown: what is bound in time then allows
	 * nothing, and still denies.
	 */
	uint64_t now_s;
};

struct policy_answer {
	enum verdict verdict;
	enum policy_reason reason;
	const struct rule *rule; /* that decided, or NULL; lives with policy */

	/* Whose options hold when the request goes on: the most specific allow
	 * that matches; where only an ask does, that. NULL: nobody's.
	 */
	const struct rule *options;
};

/* Pure and total: it always answers, and doubt is a deny. */
void policy_judge(const struct policy *p, const struct policy_question *q,
		  struct policy_answer *ret);

/* Could some allow or ask rule match a connection to this host, whatever
 * method, port and path? The DNS responder answers only such names. now_s as
 * in a question.
 */
bool policy_names_host(const struct policy *p, struct slice host,
		       uint64_t now_s);

/* When the next rule ceases to be in force, after now_s; 0: none does. What
 * was allowed until then is to be judged again.
 */
uint64_t policy_next_expiry(const struct policy *p, uint64_t now_s);

/* The rules as they were written, in order; they live with the policy. i is
 * less than policy_len().
 */
size_t policy_len(const struct policy *p);
const struct rule *policy_at(const struct policy *p, size_t i);

/* The verdict where no rule matches. */
enum verdict policy_default(const struct policy *p);

/* Look at every rule in turn: calls back with each and a phrase why it
 * matched or did not, which lives as long as the call. For explain.
 */
typedef void policy_look_fn(void *ctx, const struct rule *rule, bool matched,
			    const char *why);
void policy_explain(const struct policy *p, const struct policy_question *q,
		    policy_look_fn *look, void *ctx, struct policy_answer *ret);

/* The rule line that would allow exactly this question, as rules.md prints it:
 * "GET https://api.github.com/gists". ret is NUL-terminated; empty when there
 * is no such line, or none of less than len octets.
 */
void policy_suggest(const struct policy_question *q, char *ret, size_t len);

#endif
