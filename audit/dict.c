/* audit/dict.c - what repeats in rows, stored once.
 *
 * The facts of a record are looked up by their key: all their numbers and
 * texts in one run of octets. A hit of the cache costs a hash and a
 * comparison. A miss looks for each text, in a cache of texts and then in its
 * table, and then for the combination. What is cached is good for the day and
 * the second it was used last in; a new day marks texts and facts as still in
 * use, a new second enters facts into `seen`.
 */

#include "audit/dict.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "audit/cache.h"
#include "audit/schema.h"
#include "base/base.h"

#define FACTS_CACHED 16384 /* some 350 octets each */
#define TEXTS_CACHED 8192  /* some 80 octets each */
#define KEY_MAX	     2048  /* octets; all bounds together are fewer */
#define DAY_US	     (86400ll * 1000000)

struct dict {
	sqlite3 *db; /* borrowed */
	sqlite3_stmt *text_find;
	sqlite3_stmt *text_add;
	sqlite3_stmt *text_use;
	sqlite3_stmt *facts_find;
	sqlite3_stmt *facts_add;
	sqlite3_stmt *facts_use;
	sqlite3_stmt *seen_add;
	struct cache *facts; /* owned */
	struct cache *texts; /* owned */
	char key[KEY_MAX];   /* of the record at hand */
};

/* The texts of facts, in the order of their columns. */
static const uint8_t facts_text[] = {
	RECORD_SANDBOX,	 RECORD_CLIENT,	     RECORD_PROTOCOL,
	RECORD_TLS,	 RECORD_METHOD,	     RECORD_SCHEME,
	RECORD_HOST,	 RECORD_USER_AGENT,  RECORD_REASON,
	RECORD_RULE,	 RECORD_RULE_WHERE,  RECORD_CONTENT_TYPE,
	RECORD_UPSTREAM, RECORD_UP_PROTOCOL, RECORD_UP_TLS,
};
static_assert(ARRAY_SIZE(facts_text) == FACTS_COLUMNS - FACTS_FIRST_TEXT,
	      "a column without its text");

#define DICT_WHERE(name)  #name " = ? AND "
#define DICT_COLUMN(name) #name ", "
#define DICT_MARK(name)	  "?, "

static int dict_prepare(struct dict *d)
{
	struct {
		sqlite3_stmt **stmt;
		const char *sql;
	} all[] = {
		{ &d->text_find,
		  "SELECT id, last_day FROM text WHERE text = ?" },
		{ &d->text_add,
		  "INSERT INTO text(text, last_day) VALUES(?, ?)" },
		{ &d->text_use, "UPDATE text SET last_day = ? WHERE id = ?" },
		{ &d->facts_find, "SELECT id, last_day FROM facts"
				  " WHERE " SCHEMA_FACTS(DICT_WHERE) "1" },
		{ &d->facts_add,
		  "INSERT INTO facts(" SCHEMA_FACTS(
			  DICT_COLUMN) "last_day) VALUES(" SCHEMA_FACTS(DICT_MARK) "?)" },
		{ &d->facts_use, "UPDATE facts SET last_day = ? WHERE id = ?" },
		{ &d->seen_add, "INSERT OR IGNORE INTO seen VALUES(?, ?)" },
	};
	int rc = SQLITE_OK;

	for (size_t i = 0; i < ARRAY_SIZE(all) && rc == SQLITE_OK; i++)
		rc = sqlite3_prepare_v3(d->db, all[i].sql, -1,
					SQLITE_PREPARE_PERSISTENT, all[i].stmt,
					NULL);
	return rc;
}

int dict_open(sqlite3 *db, struct dict **ret)
{
	struct dict *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return SQLITE_NOMEM;
	d->db = db;
	d->facts = cache_new(FACTS_CACHED);
	d->texts = cache_new(TEXTS_CACHED);
	rc = d->facts && d->texts ? dict_prepare(d) : SQLITE_NOMEM;
	if (rc == SQLITE_OK)
		*ret = d;
	else
		dict_free(&d);
	return rc;
}

void dict_free(struct dict **d)
{
	if (!*d)
		return;
	(void)sqlite3_finalize((*d)->text_find);
	(void)sqlite3_finalize((*d)->text_add);
	(void)sqlite3_finalize((*d)->text_use);
	(void)sqlite3_finalize((*d)->facts_find);
	(void)sqlite3_finalize((*d)->facts_add);
	(void)sqlite3_finalize((*d)->facts_use);
	(void)sqlite3_finalize((*d)->seen_add);
	cache_free(&(*d)->facts);
	cache_free(&(*d)->texts);
	free(*d);
	*d = NULL;
}

void dict_clear(struct dict *d)
{
	cache_clear(d->facts);
	cache_clear(d->texts);
}

int64_t dict_day(int64_t entry)
{
	return (entry >> 12) / DAY_US;
}

struct slice dict_client(struct slice client, uint16_t *ret_port)
{
	uint32_t port = 0, scale = 1;
	size_t n = client.len;

	*ret_port = 0;
	for (; n && client.ptr[n - 1] >= '0' && client.ptr[n - 1] <= '9'; n--) {
		if (scale > 10000)
			return client;
		port += (uint32_t)(client.ptr[n - 1] - '0') * scale;
		scale *= 10;
	}
	if (n < 2 || client.ptr[n - 1] != ':' || port > UINT16_MAX)
		return client;
	*ret_port = (uint16_t)port;
	return slice_of(client.ptr, n - 1);
}

static struct slice dict_text_of(const struct record *r, size_t i)
{
	struct slice s = r->text[facts_text[i]];
	uint16_t port;

	return facts_text[i] == RECORD_CLIENT ? dict_client(s, &port) : s;
}

static void dict_numbers(const struct record *r, int64_t v[FACTS_COLUMNS])
{
	v[FACTS_kind] = r->kind;
	v[FACTS_verdict] = r->verdict;
	v[FACTS_outcome] = r->outcome;
	v[FACTS_status] = r->status;
	v[FACTS_port] = r->port;
	v[FACTS_generation] = r->generation;
}

/* How a key begins; behind it stand the texts. */
struct dict_key {
	uint32_t generation;
	uint16_t status;
	uint16_t port;
	uint8_t kind;
	uint8_t verdict;
	uint8_t outcome;
	uint8_t zero;
	uint16_t len[ARRAY_SIZE(facts_text)];
};
static_assert(sizeof(struct dict_key) == 12 + 2 * ARRAY_SIZE(facts_text) + 2,
	      "no padding but the last two");

static char *dict_key_put(struct dict *d, char *to, struct slice run)
{
	assert(run.len <= sizeof(d->key) - (size_t)(to - d->key));
	if (run.len)
		memcpy(to, run.ptr, run.len);
	return to + run.len;
}

static struct slice dict_key(struct dict *d, const struct record *r)
{
	struct dict_key head;
	struct slice run = { 0 };
	char *to = d->key + sizeof(head);

	memset(&head, 0, sizeof(head));
	head.generation = r->generation;
	head.status = r->status;
	head.port = r->port;
	head.kind = (uint8_t)r->kind;
	head.verdict = (uint8_t)r->verdict;
	head.outcome = (uint8_t)r->outcome;
	for (size_t i = 0; i < ARRAY_SIZE(facts_text); i++) {
		struct slice s = dict_text_of(r, i);

		head.len[i] = (uint16_t)s.len;
		if (!s.len)
			continue;
		/* Most stand behind each other: copied in one run. */
		if (run.len && s.ptr == run.ptr + run.len) {
			run.len += s.len;
			continue;
		}
		to = dict_key_put(d, to, run);
		run = s;
	}
	to = dict_key_put(d, to, run);
	memcpy(d->key, &head, sizeof(head));
	return slice_of(d->key, (size_t)(to - d->key));
}

/* Run a statement that gives no rows. */
static int dict_run(sqlite3_stmt *stmt)
{
	(void)sqlite3_step(stmt);
	return sqlite3_reset(stmt);
}

/* Step a SELECT id, last_day. Both are 0 when there is none. */
static int dict_find(sqlite3_stmt *stmt, int64_t *ret_id, int64_t *ret_day)
{
	*ret_id = 0;
	*ret_day = 0;
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		*ret_id = sqlite3_column_int64(stmt, 0);
		*ret_day = sqlite3_column_int64(stmt, 1);
	}
	return sqlite3_reset(stmt);
}

static int dict_use(sqlite3_stmt *stmt, int64_t id, int64_t day)
{
	(void)sqlite3_bind_int64(stmt, 1, day);
	(void)sqlite3_bind_int64(stmt, 2, id);
	return dict_run(stmt);
}

/* The id of a text that is not in the cache, or not for this day. */
static int dict_text_enter(struct dict *d, struct slice s, int64_t day,
			   int64_t *ret_id)
{
	int64_t used;
	int rc;

	(void)sqlite3_bind_text(d->text_find, 1, s.ptr, (int)s.len,
				SQLITE_STATIC);
	rc = dict_find(d->text_find, ret_id, &used);
	if (rc != SQLITE_OK)
		return rc;
	if (*ret_id)
		return used < day ? dict_use(d->text_use, *ret_id, day)
				  : SQLITE_OK;
	(void)sqlite3_bind_text(d->text_add, 1, s.ptr, (int)s.len,
				SQLITE_STATIC);
	(void)sqlite3_bind_int64(d->text_add, 2, day);
	rc = dict_run(d->text_add);
	*ret_id = sqlite3_last_insert_rowid(d->db);
	return rc;
}

/* The empty text is 0 and stands in no table. */
static int dict_text(struct dict *d, struct slice s, int64_t day,
		     int64_t *ret_id)
{
	struct cache_entry *e;
	bool hit;
	int rc;

	*ret_id = 0;
	if (!s.len)
		return SQLITE_OK;
	hit = cache_find(d->texts, s, &e);
	if (hit && e->day >= day) {
		*ret_id = e->id;
		return SQLITE_OK;
	}
	rc = dict_text_enter(d, s, day, ret_id);
	if (rc != SQLITE_OK)
		return rc;
	if (!hit)
		cache_keep(d->texts, e, s, *ret_id);
	e->day = day;
	return SQLITE_OK;
}

static int dict_combination(struct dict *d, const int64_t v[FACTS_COLUMNS],
			    int64_t day, int64_t *ret_id)
{
	int64_t used;
	int rc;

	for (int i = 0; i < FACTS_COLUMNS; i++) {
		(void)sqlite3_bind_int64(d->facts_find, i + 1, v[i]);
		(void)sqlite3_bind_int64(d->facts_add, i + 1, v[i]);
	}
	rc = dict_find(d->facts_find, ret_id, &used);
	if (rc != SQLITE_OK)
		return rc;
	if (*ret_id)
		return used < day ? dict_use(d->facts_use, *ret_id, day)
				  : SQLITE_OK;
	(void)sqlite3_bind_int64(d->facts_add, FACTS_COLUMNS + 1, day);
	rc = dict_run(d->facts_add);
	*ret_id = sqlite3_last_insert_rowid(d->db);
	return rc;
}

/* Find or enter the facts in the tables. */
static int dict_enter(struct dict *d, const struct record *r, int64_t day,
		      int64_t *ret_facts)
{
	int64_t v[FACTS_COLUMNS];
	int rc = SQLITE_OK;

	dict_numbers(r, v);
	for (size_t i = 0; i < ARRAY_SIZE(facts_text) && rc == SQLITE_OK; i++)
		rc = dict_text(d, dict_text_of(r, i), day,
			       &v[FACTS_FIRST_TEXT + i]);
	if (rc == SQLITE_OK)
		rc = dict_combination(d, v, day, ret_facts);
	return rc;
}

/* Enter facts into a second that they are not known to be seen in. */
static int dict_see(struct dict *d, int64_t facts, int64_t second)
{
	(void)sqlite3_bind_int64(d->seen_add, 1, facts);
	(void)sqlite3_bind_int64(d->seen_add, 2, second);
	return dict_run(d->seen_add);
}

int dict_facts(struct dict *d, const struct record *r, int64_t entry,
	       int64_t *ret_facts)
{
	struct slice key = dict_key(d, r);
	struct cache_entry *e;
	int64_t day = dict_day(entry), second = SCHEMA_SECOND(entry);
	bool hit = cache_find(d->facts, key, &e);
	int64_t facts = e->id;
	int rc = SQLITE_OK;

	if (!hit || e->day < day)
		rc = dict_enter(d, r, day, &facts);
	if (rc == SQLITE_OK && (!hit || e->second != second))
		rc = dict_see(d, facts, second);
	if (rc != SQLITE_OK)
		return rc;
	if (!hit)
		cache_keep(d->facts, e, key, facts);
	e->day = MAX(e->day, day);
	e->second = MAX(e->second, second);
	*ret_facts = facts;
	return SQLITE_OK;
}
