/* cli/log_story.h - one request's story, for people. For cli/log*.c only. */
#ifndef CLI_LOG_STORY_H
#define CLI_LOG_STORY_H

#include <stdio.h>

#include "audit/query.h"
#include "cli/line.h"

#define STORY_RULE_MAX 2048

/* Who asked for what, what was decided and by which rule, where it went, how
 * it ended; for a refusal that a rule would lift, that rule.
 */
void log_story(FILE *to, const struct query_row *row);

/* The rule that would allow what was denied: exactly this request, or with
 * whole all paths of its host. Empty if a rule cannot say it, or if a rule
 * denied it, which no other undoes.
 */
void log_story_rule(const struct query_row *row, bool whole,
		    char ret[STORY_RULE_MAX]);

#endif
