/* cli/log_hint.c - when nothing fits: why.
 *
 * A word is looked for among those that occur in the ledger. At most
 * WORDS_TRIED of them are compared, the latest first.
 */

#include "cli/log_hint.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "base/id.h"
#include "policy/near.h"

#define WORDS_TRIED  100000
#define WORD_LEN_MAX 64

static void hint_say(const char *what, const char *word, const char *near)
{
	(void)fprintf(stderr, "penstock log: %s '%s'", what, word);
	if (near)
		(void)fprintf(stderr, "; did you mean '%s'?\n", near);
	else
		(void)fputc('\n', stderr);
}

void log_hint_word(const char *what, const char *word, const char *const *words)
{
	struct near near = near_begin(word);

	for (; *words; words++)
		near_try(&near, *words);
	hint_say(what, word, near.found);
}

/* The nearest of the words that occur, into ret; empty for none. */
static void hint_near(struct query *q, enum query_key key, const char *word,
		      char ret[WORD_LEN_MAX])
{
	struct near near = near_begin(word);
	struct slice s;

	ret[0] = '\0';
	if (query_words(q, key))
		return;
	for (int i = 0; i < WORDS_TRIED && query_word_next(q, &s) == 1; i++) {
		char text[WORD_LEN_MAX];

		if (s.len >= sizeof(text))
			continue;
		memcpy(text, s.ptr, s.len);
		text[s.len] = '\0';
		near.found = NULL;
		near_try(&near, text);
		if (!strcasecmp(text, word))
			near.distance = 0;
		if (near.found || !near.distance)
			memcpy(ret, text, sizeof(text));
		if (!near.distance)
			return;
	}
}

/* Is there no row at all with this word? Then say so. */
static bool hint_filter(struct query *q, enum query_key key, struct slice word)
{
	char text[WORD_LEN_MAX * 4], near[WORD_LEN_MAX], what[64];

	if (!word.len || query_occurs(q, key, word) != 0)
		return false;
	(void)snprintf(text, sizeof(text), "%.*s", (int)word.len, word.ptr);
	hint_near(q, key, text, near);
	(void)snprintf(what, sizeof(what), "the ledger has no %s",
		       query_key_str(key));
	hint_say(what, text, *near ? near : NULL);
	return true;
}

static bool hint_filters(struct query *q, const struct query_filter *f)
{
	const struct {
		enum query_key key;
		struct slice word;
	} all[] = {
		{ QUERY_SANDBOX, f->sandbox }, { QUERY_HOST, f->host },
		{ QUERY_CLIENT, f->client },   { QUERY_METHOD, f->method },
		{ QUERY_REASON, f->reason },   { QUERY_RULE, f->rule },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (hint_filter(q, all[i].key, all[i].word))
			return true;
	return false;
}

static bool log_is_filtered(const struct query_filter *f)
{
	return f->host.len || f->sandbox.len || f->method.len || f->path.len ||
	       f->rule.len || f->reason.len || f->client.len || f->status[0] ||
	       f->kinds || f->ends || f->since_us || f->until_us;
}

void log_hint(struct query *q, const struct log_options *o)
{
	const struct query_filter *f = &o->filter;

	if (hint_filters(q, f))
		return;
	if (f->since_us && f->until_us && f->since_us >= f->until_us)
		(void)fprintf(stderr, "penstock log: --since is not before "
				      "--until\n");
	else if (f->path.len && !strchr("/*?", f->path.ptr[0]))
		(void)fprintf(stderr,
			      "penstock log: a --path begins with /, or with "
			      "* for any beginning\n");
	else if (f->what == QUERY_ALL)
		(void)fprintf(stderr, log_is_filtered(f) ? "no request fits\n"
							 : "no requests yet\n");
	else
		(void)fprintf(
			stderr, "no %s requests%s; --all shows allowed ones\n",
			f->what == QUERY_DENIED ? "denied" : "denied or failed",
			log_is_filtered(f) ? " fit" : "");
}

/* The first row from id on, or the last before it. Returns 1 and the row. */
static int hint_row(struct query *q, uint64_t id, bool after,
		    struct query_row *ret)
{
	struct query_filter f = { .limit = 1, .first = after };

	if (after)
		f.since_us = id_wall_us(id);
	else
		f.until_us = id_wall_us(id) + 1;
	return query_find(q, &f) == 1 ? query_next(q, ret) : 0;
}

void log_hint_id(struct query *q, const char *text, uint64_t id)
{
	struct near near = near_begin(text);
	char best[ID_TEXT] = "", other[ID_TEXT];
	struct query_row row;

	for (int after = 0; after < 2; after++) {
		if (hint_row(q, id, after, &row) != 1)
			continue;
		id_print(row.id, other);
		near.found = NULL;
		near_try(&near, other);
		if (near.found)
			memcpy(best, other, sizeof(best));
	}
	hint_say("no request", text, *best ? best : NULL);
}
