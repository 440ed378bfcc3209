/* audit/query_words.c - the keys of rows, and which words occur for them. */

#include "audit/query.h"

#include <stdio.h>

#include "audit/find.h"
#include "audit/query_private.h"
#include "base/base.h"

static const char *const key_name[] = {
	[QUERY_HOST] = "host",
	[QUERY_SANDBOX] = "sandbox",
	[QUERY_RULE] = "rule",
	[QUERY_REASON] = "reason",
	[QUERY_METHOD] = "method",
	[QUERY_STATUS] = "status",
	[QUERY_VERDICT] = "verdict",
	[QUERY_OUTCOME] = "outcome",
	[QUERY_KIND] = "kind",
	[QUERY_CLIENT] = "client",
	[QUERY_USER_AGENT] = "user_agent",
	[QUERY_CONTENT_TYPE] = "content_type",
	[QUERY_SCHEME] = "scheme",
	[QUERY_PORT] = "port",
	[QUERY_HOUR] = "hour",
	[QUERY_DAY] = "day",
};
static_assert(ARRAY_SIZE(key_name) == QUERY_KEYS, "a key without a name");

const char *query_key_str(enum query_key key)
{
	assert(key < QUERY_KEYS);
	return key_name[key];
}

bool query_key_parse(struct slice name, enum query_key *ret)
{
	for (size_t i = 0; i < QUERY_KEYS; i++) {
		if (!slice_eq(name, slice_str(key_name[i])))
			continue;
		*ret = (enum query_key)i;
		return true;
	}
	return false;
}

int query_words(struct query *q, enum query_key key)
{
	char sql[200];

	(void)sqlite3_finalize(q->words);
	q->words = NULL;
	if (key == QUERY_STATUS)
		(void)snprintf(sql, sizeof(sql),
			       "SELECT status FROM facts WHERE status > 0"
			       " GROUP BY 1 ORDER BY max(last_day) DESC");
	else
		(void)snprintf(sql, sizeof(sql),
			       "SELECT text FROM text WHERE id IN (SELECT %s"
			       " FROM facts) ORDER BY last_day DESC, text",
			       query_key_str(key));
	return query_prepare(q, sql, &q->words);
}

int query_word_next(struct query *q, struct slice *ret)
{
	int rc = sqlite3_step(q->words);

	if (rc == SQLITE_ROW) {
		*ret = query_text(q->words, 0);
		return 1;
	}
	(void)sqlite3_finalize(q->words);
	q->words = NULL;
	return rc == SQLITE_DONE ? 0 : query_fail(q);
}

int query_occurs(struct query *q, enum query_key key, struct slice word)
{
	bool glob = key == QUERY_HOST || key == QUERY_SANDBOX;
	char sql[200], pattern[FIND_PATTERN_MAX];
	sqlite3_stmt *stmt;
	int n, err;

	(void)snprintf(sql, sizeof(sql),
		       "SELECT 1 FROM facts WHERE %s IN (SELECT id FROM text"
		       " WHERE text %s ?) LIMIT 1",
		       query_key_str(key), glob ? "GLOB" : "=");
	err = query_prepare(q, sql, &stmt);
	if (err)
		return err;
	if (key == QUERY_HOST)
		find_host(word, pattern);
	else if (glob)
		find_sandbox(word, pattern);
	if (glob)
		word = slice_str(pattern);
	(void)sqlite3_bind_text(stmt, 1, word.ptr, (int)word.len,
				SQLITE_STATIC);
	n = sqlite3_step(stmt) == SQLITE_ROW;
	return sqlite3_finalize(stmt) == SQLITE_OK ? n : query_fail(q);
}
