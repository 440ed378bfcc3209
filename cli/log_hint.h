/* cli/log_hint.h - when nothing fits: why. For cli/log*.c only. */
#ifndef CLI_LOG_HINT_H
#define CLI_LOG_HINT_H

#include "audit/query.h"
#include "cli/log_options.h"

/* Say on standard error why there is nothing to show: of a filter that can't
 * match, which, and the word that was perhaps meant.
 */
void log_hint(struct query *q, const struct log_options *o);

/* The same for an id: the row that was perhaps meant. */
void log_hint_id(struct query *q, const char *text, uint64_t id);

/* "penstock log: WHAT 'WORD'; did you mean 'NEAR'?", near being one of the
 * words, of which the last is NULL.
 */
void log_hint_word(const char *what, const char *word,
		   const char *const *words);

#endif
