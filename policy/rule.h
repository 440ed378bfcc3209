/* policy/rule.h - one rule, parsed. Private to policy/.
 *
 *   rule    = [ methods SP ] target *( SP option )
 *   methods = "any" | METHOD *( "," METHOD ) | "git:read" | "git:write"
 *   target  = [ scheme "://" ] host [ ":" port ] [ path ] [ "?" query ]
 *   host    = name | "*." name | "." name | "*" | ip | cidr (tcp only)
 *   option  = "private" | "max-body=" size | "max-response=" size
 *           | "rate=" n "/" unit | "until=" time | "for=" duration
 *           | "inject=" secret | "note=" text (last; to the end of the line)
 *
 * A rule is one block of memory: the struct, its canonical text and where it
 * stands. The slices point into that text, so a copy moves them along.
 */
#ifndef POLICY_RULE_H
#define POLICY_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "policy/policy.h"
#include "policy/text.h"

#define RULE_LINE_MAX  2048 /* octets of a line, canonical or not */
#define RULE_WHERE_MAX 255  /* octets; longer ones are cut */
#define RULE_HOST_MAX  253  /* octets of a name, RFC 1035 */

enum rule_host {
	RULE_NAME,  /* exactly this name */
	RULE_BELOW, /* "*.name": any depth below it */
	RULE_TREE,  /* ".name": it, and any depth below it */
	RULE_IP,
	RULE_CIDR,
	RULE_ANY_HOST,
};

enum rule_git {
	RULE_NO_GIT,
	RULE_GIT_READ,
	RULE_GIT_WRITE,
};

/* Where a part stands in the canonical text. */
struct rule_part {
	uint16_t at;
	uint16_t len;
};

struct rule {
	enum verdict verdict;
	enum rule_scheme scheme;
	enum rule_git git;
	enum rule_host host_kind;
	uint16_t port;
	uint8_t addr_len;    /* RULE_IP, RULE_CIDR: 4 or 16 */
	uint8_t prefix_bits; /* RULE_CIDR */
	bool is_private;
	uint8_t addr[16];

	uint64_t max_body; /* see struct rule_options */
	uint64_t max_response;
	uint64_t until_s;
	uint32_t rate;
	uint32_t rate_s;

	struct rule_part methods; /* "GET,POST"; empty for any and for git */
	struct rule_part host;	  /* name without "*." or "."; ip without [] */
	struct rule_part path;	  /* pattern; empty for tcp and tls */
	struct rule_part query;	  /* pattern without '?'; mostly empty */
	struct rule_part inject;
	struct rule_part note;
	uint16_t text_len;
	uint16_t where_len;
	char mem[]; /* canonical text, then where */
};

static inline struct slice rule_slice(const struct rule *rule,
				      struct rule_part part)
{
	return slice_of(rule->mem + part.at, part.len);
}

/* What a line is read for. */
struct rule_source {
	enum verdict verdict;
	struct slice where; /* copied */
	uint64_t now_s;	    /* for for=; 0: there is no now */
};

/* Parse one line. Returns 0, -ENOMEM, or ERR_SYNTAX with *ret_err filled;
 * *ret is untouched then.
 */
int rule_new(const struct rule_source *source, struct slice line,
	     struct rule **ret, struct rule_error *ret_err);
void rule_free(struct rule **rule);

/* A copy, in the arena or (arena NULL) to be freed; NULL without memory. */
struct rule *rule_copy(const struct rule *rule, struct arena *arena);

/* Could a rule name this method? */
bool rule_is_method(struct slice word);

/* The word of the line at *pos, which moves on to it; empty at the end. */
struct slice rule_word(struct slice line, size_t *pos);

uint16_t rule_default_port(enum rule_scheme scheme); /* 0: none */

/* Is a rule bound in time, and over? now_s as in a question. */
static inline bool rule_expired(uint64_t until_s, enum verdict verdict,
				uint64_t now_s)
{
	if (!until_s)
		return false;
	return now_s ? now_s >= until_s : verdict != VERDICT_DENY;
}

/* Fill *ret: column at (0-based) and the phrase. Returns ERR_SYNTAX. */
int rule_fail(struct rule_error *ret, size_t at, const char *what,
	      struct slice detail);

#endif
