/* gateway/grants.h - what the operator decided at run time.
 *
 * A grant is a rule given to one sandbox by `penstock allow`, `deny` or `ask`,
 * or an answer to a question that is to be remembered. Grants belong to a
 * sandbox's name and stand in a file of the state directory, written whole
 * before a grant is in force, so that they survive any restart: one that
 * forgets a deny would open what was closed.
 */
#ifndef GATEWAY_GRANTS_H
#define GATEWAY_GRANTS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/control.h"
#include "policy/load.h"

struct grant {
	uint32_t id; /* never given twice by one process */
	enum verdict verdict;
	bool answer; /* an answer to a question: line is compared, not matched */
	bool kept;   /* outlives the sandbox */
	char sandbox[SANDBOX_NAME_MAX + 1];
	uint64_t made_s;  /* since 1970 */
	uint64_t until_s; /* 0: no end */
	uint64_t
		ends_ms; /* the same by a clock that is never set; 0: not seen */
	char *line;	 /* a rule in its canonical text, or a question's */
	struct grant *next;
};

struct grants {
	const char *path;    /* borrowed */
	struct grant *first; /* oldest first */
	size_t len;
	uint32_t last_id;
};

#define GRANTS_ALL_MAX 10000 /* of all sandboxes */
#define GRANTS_FILE    "grants"

/* Read the file; none is as an empty one. Returns 0, -ENOMEM, -errno, or
 * ERR_SYNTAX with *ret_err saying in which line.
 */
int grants_open(struct grants *g, const char *path,
		struct config_error *ret_err);
void grants_done(struct grants *g);

/* Add a copy of what, its id aside, and write the file. With until_s and not
 * answer the line gets the option until=. Returns 0 with *ret (which may be
 * NULL) the new one's id, ERR_SYNTAX (it is no rule; ret_err has the caret),
 * ERR_LIMIT, -ENOMEM or -errno of the file; nothing has changed then.
 */
int grants_add(struct grants *g, const struct grant *what, uint64_t now_s,
	       uint32_t *ret_id, struct config_error *ret_err);

/* Take one away. Returns 0 with its sandbox's name, ERR_UNKNOWN, or -errno of
 * the file; it is still there then.
 */
int grants_remove(struct grants *g, uint32_t id,
		  char ret_sandbox[SANDBOX_NAME_MAX + 1]);

/* Those that have ended by now go, and so do those of a sandbox that has, kept
 * ones apart. Each returns true if there were any.
 *
 * What ends is told by two clocks: now_ms is never set, and counts from the
 * first call that sees a grant. Where they differ the clock was set; an allow
 * then ends by the one that is first, and anything else by the one that is
 * last.
 */
bool grants_expire(struct grants *g, uint64_t now_s, uint64_t now_ms);
bool grants_leave(struct grants *g, struct slice sandbox);

/* The rules of one sandbox, in a new ruleset. Returns 0 or -ENOMEM. */
int grants_rules(const struct grants *g, struct slice sandbox,
		 struct ruleset **ret);

/* A remembered answer to this question, or NULL. */
const struct grant *grants_answer(const struct grants *g, struct slice sandbox,
				  struct slice line, uint64_t now_s);

#endif
