/* audit/copy_row.c - a row as a line.
 *
 * Fields are called as the columns of the views are; what is empty is left out.
 * Instead of skew_us there is time_us, which people can use.
 */

#include "audit/copy_row.h"

#include <stdio.h>
#include <string.h>

#include "audit/text.h"
#include "base/base.h"
#include "base/err.h"
#include "base/id.h"

#define FACT_NAME(name) #name,
static const char *const fact_names[] = { SCHEMA_FACTS(FACT_NAME) };
static_assert(ARRAY_SIZE(fact_names) == FACTS_COLUMNS, "a name for each");

/* The texts of facts as records have them. */
static const uint8_t fact_record[] = {
	RECORD_SANDBOX,	 RECORD_CLIENT,	     RECORD_PROTOCOL,
	RECORD_TLS,	 RECORD_METHOD,	     RECORD_SCHEME,
	RECORD_HOST,	 RECORD_USER_AGENT,  RECORD_REASON,
	RECORD_RULE,	 RECORD_RULE_WHERE,  RECORD_CONTENT_TYPE,
	RECORD_UPSTREAM, RECORD_UP_PROTOCOL, RECORD_UP_TLS,
};
static_assert(ARRAY_SIZE(fact_record) == CHAIN_TEXTS, "a text for each");

static const char *const number_names[] = { "client_port", "duration_us",
					    "bytes_up", "bytes_down", "cut" };
static const char *const text_names[] = { "path", "query", "detail" };
static const uint8_t text_record[] = { RECORD_PATH, RECORD_QUERY,
				       RECORD_DETAIL };

/* What is a row's own, in the order of these names. */
static int64_t *own_number(struct chain_row *r, size_t i)
{
	int64_t *const at[] = { &r->client_port, &r->duration_us, &r->bytes_up,
				&r->bytes_down, &r->cut };

	static_assert(ARRAY_SIZE(at) == ARRAY_SIZE(number_names),
		      "a name each");
	return at[i];
}

static struct slice *own_text(struct chain_row *r, size_t i)
{
	struct slice *const at[] = { &r->path, &r->query, &r->detail };

	static_assert(ARRAY_SIZE(at) == ARRAY_SIZE(text_names), "a name each");
	return at[i];
}

static const char *fact_word(size_t i, int64_t n)
{
	if (i == FACTS_kind && n >= 0 && n < AUDIT_KINDS)
		return audit_kind_str((enum audit_kind)n);
	if (i == FACTS_verdict && n >= 0 && n < AUDIT_VERDICTS)
		return audit_verdict_str((enum audit_verdict)n);
	if (i == FACTS_outcome && n >= 0 && n < AUDIT_OUTCOMES)
		return audit_outcome_str((enum audit_outcome)n);
	return NULL;
}

static void write_facts(struct copy_out *o, const struct chain_facts *facts)
{
	for (size_t i = 0; i < FACTS_FIRST_TEXT; i++) {
		const char *word = fact_word(i, facts->number[i]);

		if (word)
			copy_text(o, fact_names[i], slice_str(word));
		else if (facts->number[i])
			copy_number(o, fact_names[i], facts->number[i]);
	}
	for (size_t i = 0; i < CHAIN_TEXTS; i++)
		if (facts->text[i].len)
			copy_text(o, fact_names[FACTS_FIRST_TEXT + i],
				  facts->text[i]);
}

void copy_row_write(struct copy_out *o, const struct copy_row *r)
{
	struct chain_row own = r->row;
	char id[ID_TEXT];

	id_print((uint64_t)r->row.id, id);
	copy_begin(o, "row");
	copy_text(o, "id", slice_str(id));
	copy_number(o, "time_us",
		    (int64_t)id_wall_us((uint64_t)r->row.id) + r->row.skew_us);
	write_facts(o, &r->facts);
	for (size_t i = 0; i < ARRAY_SIZE(text_names); i++)
		if (own_text(&own, i)->len)
			copy_text(o, text_names[i], *own_text(&own, i));
	for (size_t i = 0; i < ARRAY_SIZE(number_names); i++)
		if (*own_number(&own, i))
			copy_number(o, number_names[i], *own_number(&own, i));
	copy_end(o);
}

static bool name_is_known(struct slice name)
{
	static const char *const more[] = { "is", "id", "time_us" };

	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		if (slice_eq(name, slice_str(more[i])))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(fact_names); i++)
		if (slice_eq(name, slice_str(fact_names[i])))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(number_names); i++)
		if (slice_eq(name, slice_str(number_names[i])))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(text_names); i++)
		if (slice_eq(name, slice_str(text_names[i])))
			return true;
	return false;
}

struct slice copy_row_unknown(const struct copy_in *in)
{
	for (size_t i = 0; i < in->len; i++)
		if (!name_is_known(in->field[i].name))
			return in->field[i].name;
	return slice_of(NULL, 0);
}

/* The number of an enum's word, or -1. */
static int64_t fact_number(size_t i, struct slice word)
{
	for (int64_t n = 0; fact_word(i, n); n++)
		if (slice_eq(word, slice_str(fact_word(i, n))))
			return n;
	return -1;
}

static const char *read_facts(const struct copy_in *in, struct chain_facts *ret)
{
	for (size_t i = 0; i < FACTS_FIRST_TEXT; i++) {
		if (!fact_word(i, 0)) {
			ret->number[i] = copy_find_number(in, fact_names[i]);
			continue;
		}
		ret->number[i] =
			fact_number(i, copy_find_text(in, fact_names[i]));
		if (ret->number[i] < 0)
			return "kind, verdict or outcome is none";
	}
	if (ret->number[FACTS_status] < 0 ||
	    ret->number[FACTS_status] > UINT16_MAX ||
	    ret->number[FACTS_port] < 0 ||
	    ret->number[FACTS_port] > UINT16_MAX ||
	    ret->number[FACTS_generation] < 0 ||
	    ret->number[FACTS_generation] > UINT32_MAX)
		return "a number is out of its range";
	for (size_t i = 0; i < CHAIN_TEXTS; i++) {
		struct slice s =
			copy_find_text(in, fact_names[FACTS_FIRST_TEXT + i]);

		if (s.len > record_bound[fact_record[i]] || !text_is_clean(s))
			return "a text is longer than it may be, or not clean";
		ret->text[i] = s;
	}
	return NULL;
}

static const char *read_own(const struct copy_in *in, struct chain_row *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(text_names); i++) {
		struct slice s = copy_find_text(in, text_names[i]);

		if (s.len > record_bound[text_record[i]] || !text_is_clean(s))
			return "a text is longer than it may be, or not clean";
		*own_text(ret, i) = s;
	}
	for (size_t i = 0; i < ARRAY_SIZE(number_names); i++) {
		int64_t n = copy_find_number(in, number_names[i]);

		if (n < 0)
			return "a number is out of its range";
		*own_number(ret, i) = n;
	}
	if (ret->client_port > UINT16_MAX || ret->cut > UINT32_MAX)
		return "a number is out of its range";
	return NULL;
}

const char *copy_row_read(const struct copy_in *in, struct copy_row *ret)
{
	const char *why;
	uint64_t id;

	if (id_parse(copy_find_text(in, "id"), &id) || !id || id > INT64_MAX)
		return "the id is none";
	if (copy_find_number(in, "time_us") <= 0)
		return "there is no time_us";
	ret->row.id = (int64_t)id;
	ret->row.skew_us =
		copy_find_number(in, "time_us") - (int64_t)id_wall_us(id);
	why = read_facts(in, &ret->facts);
	if (!why)
		why = read_own(in, &ret->row);
	if (!why && ret->facts.number[FACTS_outcome] == AUDIT_OPEN)
		why = "it is not finished";
	return why;
}

void copy_row_record(const struct copy_row *r, char client[COPY_CLIENT_MAX],
		     struct record *ret)
{
	struct slice *address = &ret->text[RECORD_CLIENT];

	ret->id = (uint64_t)r->row.id;
	ret->wall_us = id_wall_us(ret->id) + (uint64_t)r->row.skew_us;
	ret->duration_us = (uint64_t)r->row.duration_us;
	ret->bytes_up = (uint64_t)r->row.bytes_up;
	ret->bytes_down = (uint64_t)r->row.bytes_down;
	ret->cut = (uint32_t)r->row.cut;
	ret->generation = (uint32_t)r->facts.number[FACTS_generation];
	ret->port = (uint16_t)r->facts.number[FACTS_port];
	ret->status = (uint16_t)r->facts.number[FACTS_status];
	ret->kind = (enum audit_kind)r->facts.number[FACTS_kind];
	ret->verdict = (enum audit_verdict)r->facts.number[FACTS_verdict];
	ret->outcome = (enum audit_outcome)r->facts.number[FACTS_outcome];
	memset(ret->text, 0, sizeof(ret->text));
	for (size_t i = 0; i < CHAIN_TEXTS; i++)
		ret->text[fact_record[i]] = r->facts.text[i];
	ret->text[RECORD_PATH] = r->row.path;
	ret->text[RECORD_QUERY] = r->row.query;
	ret->text[RECORD_DETAIL] = r->row.detail;
	if (!address->len && !r->row.client_port)
		return;
	(void)snprintf(client, COPY_CLIENT_MAX, "%.*s:%u", (int)address->len,
		       address->len ? address->ptr : "",
		       (unsigned int)r->row.client_port);
	*address = slice_str(client);
}
