/* audit/record.c - the layout of a slot of a spool: one record. */

#include "audit/record.h"

#include <stddef.h>

#include "audit/text.h"
#include "base/base.h"
#include "base/err.h"

static_assert(sizeof(struct record_slot) == RECORD_SIZE, "the documented size");
static_assert(offsetof(struct record_slot, generation) == 48, "as documented");
static_assert(offsetof(struct record_slot, text) == 64, "as documented");
static_assert(offsetof(struct record_slot, area) == 140, "as documented");
static_assert(RECORD_TEXTS <= 32, "a bit of cut for each text");

/* Octets, and how it is copied. The bounds: names by their standards, the
 * rest by what a person would still read.
 */
#define RECORD_TABLE(X)                                                        \
	X(SANDBOX, 64, TEXT_PLAIN)                                             \
	X(CLIENT, 64, TEXT_PLAIN)                                              \
	X(PROTOCOL, 16, TEXT_PLAIN)                                            \
	X(TLS, 16, TEXT_PLAIN)                                                 \
	X(METHOD, 32, TEXT_PLAIN)                                              \
	X(SCHEME, 8, TEXT_PLAIN)                                               \
	X(HOST, 256, TEXT_PLAIN)                                               \
	X(PATH, 1280, TEXT_PATH)                                               \
	X(QUERY, 768, TEXT_QUERY)                                              \
	X(USER_AGENT, 256, TEXT_PATH)                                          \
	X(REASON, 48, TEXT_PLAIN)                                              \
	X(RULE, 384, TEXT_PATH)                                                \
	X(RULE_WHERE, 128, TEXT_PLAIN)                                         \
	X(END_REASON, 48, TEXT_PLAIN)                                          \
	X(DETAIL, 256, TEXT_PATH)                                              \
	X(CONTENT_TYPE, 96, TEXT_PLAIN)                                        \
	X(UPSTREAM, 64, TEXT_PLAIN)                                            \
	X(UP_PROTOCOL, 16, TEXT_PLAIN)                                         \
	X(UP_TLS, 16, TEXT_PLAIN)

#define RECORD_BOUND(id, max, kind) [RECORD_##id] = (max),
const uint16_t record_bound[] = { RECORD_TABLE(RECORD_BOUND) };
static_assert(ARRAY_SIZE(record_bound) == RECORD_TEXTS, "text without bound");

#define RECORD_MEMBER(id, max, kind) char id[max];
struct record_longest {
	RECORD_TABLE(RECORD_MEMBER)
};
static_assert(sizeof(struct record_longest) <= RECORD_AREA,
	      "all texts fit at their longest");

#define RECORD_KIND(id, max, kind) [RECORD_##id] = (kind),
static const uint8_t text_kind[] = { RECORD_TABLE(RECORD_KIND) };

static void record_put(struct record_slot *slot, enum record_text t,
		       struct slice s, uint16_t *off)
{
	bool cut = false;
	size_t len = 0;

	if (s.len)
		len = text_copy(text_kind[t], s, slot->area + *off,
				record_bound[t], &cut);
	if (cut)
		slot->cut |= BIT(t);
	slot->text[t].off = *off;
	slot->text[t].len = (uint16_t)len;
	*off = (uint16_t)(*off + len);
}

/* Copy the texts as they are and look at all of them at once. Returns false
 * when some text has to be changed: then what was written is of no use. No
 * reader looks at it before the state is set.
 */
static bool record_put_plain(struct record_slot *slot, enum record_text t,
			     const struct slice *texts, size_t n, uint16_t off)
{
	uint16_t first = off;

	for (; n; n--, t++, texts++) {
		if (texts->len > record_bound[t])
			return false;
		if (text_kind[t] != TEXT_PLAIN && text_needs_mask(*texts)) {
			record_put(slot, t, *texts, &off);
			continue;
		}
		if (texts->len)
			memcpy(slot->area + off, texts->ptr, texts->len);
		slot->text[t].off = off;
		slot->text[t].len = (uint16_t)texts->len;
		off = (uint16_t)(off + texts->len);
	}
	return text_is_plain(slice_of(slot->area + first, off - first));
}

/* The n texts from t on, behind octet off of the area. */
static void record_put_texts(struct record_slot *slot, enum record_text t,
			     const struct slice *texts, size_t n, uint16_t off)
{
	if (record_put_plain(slot, t, texts, n, off))
		return;
	for (; n; n--, t++, texts++)
		record_put(slot, t, *texts, &off);
}

void record_begin(struct record_slot *slot, const struct audit_begin *facts)
{
	const struct slice texts[] = {
		[RECORD_SANDBOX] = facts->sandbox,
		[RECORD_CLIENT] = facts->client,
		[RECORD_PROTOCOL] = facts->protocol,
		[RECORD_TLS] = facts->tls,
		[RECORD_METHOD] = facts->method,
		[RECORD_SCHEME] = facts->scheme,
		[RECORD_HOST] = facts->host,
		[RECORD_PATH] = facts->path,
		[RECORD_QUERY] = facts->query,
		[RECORD_USER_AGENT] = facts->user_agent,
		[RECORD_REASON] = facts->reason,
		[RECORD_RULE] = facts->rule,
		[RECORD_RULE_WHERE] = facts->rule_where,
	};

	static_assert(ARRAY_SIZE(texts) == RECORD_END_REASON,
		      "the texts of the beginning");
	assert(facts->id > 0 && facts->id <= INT64_MAX);
	assert(facts->kind < AUDIT_KINDS && facts->verdict < AUDIT_VERDICTS);
	atomic_store_explicit(&slot->state, RECORD_CLAIMED,
			      memory_order_relaxed);
	slot->cut = 0;
	slot->id = facts->id;
	slot->wall_us = facts->wall_us;
	slot->generation = facts->generation;
	slot->port = facts->port;
	slot->kind = (uint8_t)facts->kind;
	slot->verdict = (uint8_t)facts->verdict;
	record_put_texts(slot, 0, texts, ARRAY_SIZE(texts), 0);
	atomic_store_explicit(&slot->state, RECORD_OPEN, memory_order_release);
}

void record_answer(struct record_slot *slot, enum audit_verdict verdict)
{
	assert(slot->state == RECORD_OPEN && verdict < AUDIT_VERDICTS);
	slot->verdict = (uint8_t)verdict;
}

void record_end(struct record_slot *slot, const struct audit_end *facts)
{
	const struct slice texts[] = {
		facts->reason,	 facts->detail,	     facts->content_type,
		facts->upstream, facts->up_protocol, facts->up_tls,
	};
	uint16_t off = slot->text[RECORD_RULE_WHERE].off;

	static_assert(ARRAY_SIZE(texts) == RECORD_TEXTS - RECORD_END_REASON,
		      "the texts of the end");
	assert(slot->state == RECORD_OPEN);
	assert(facts->outcome < AUDIT_OUTCOMES && facts->outcome != AUDIT_OPEN);
	off = (uint16_t)(off + slot->text[RECORD_RULE_WHERE].len);
	slot->duration_us = facts->duration_us;
	slot->bytes_up = facts->bytes_up;
	slot->bytes_down = facts->bytes_down;
	slot->status = facts->status;
	slot->outcome = (uint8_t)facts->outcome;
	record_put_texts(slot, RECORD_END_REASON, texts, ARRAY_SIZE(texts),
			 off);
	atomic_store_explicit(&slot->state, RECORD_DONE, memory_order_release);
}

/* Copy the first len texts. The slot may change while it is read, if its
 * writer is hostile: each offset is read once, and checked as read.
 */
static int record_read_texts(const struct record_slot *slot, size_t len,
			     struct record *ret)
{
	size_t used = 0;

	for (size_t t = 0; t < RECORD_TEXTS; t++) {
		size_t n, off;

		ret->text[t] = slice_of(ret->area, 0);
		if (t >= len)
			continue;
		off = *(const volatile uint16_t *)&slot->text[t].off;
		n = *(const volatile uint16_t *)&slot->text[t].len;
		if (n > record_bound[t] || off + n > RECORD_AREA)
			return ERR_SYNTAX;
		ret->text[t] = slice_of(ret->area + off, n);
		used = MAX(used, off + n);
	}
	memcpy(ret->area, slot->area, used);
	if (text_is_plain(slice_of(ret->area, used)))
		return 0;
	for (size_t t = 0; t < len; t++)
		if (!text_is_clean(ret->text[t]))
			return ERR_SYNTAX;
	return 0;
}

/* The end's reason replaces the beginning's. */
static void record_join_reasons(struct record *r)
{
	uint32_t cut = r->cut & BIT(RECORD_END_REASON);

	if (r->text[RECORD_END_REASON].len) {
		r->text[RECORD_REASON] = r->text[RECORD_END_REASON];
		r->cut &= ~BIT(RECORD_REASON);
		r->cut |= cut >> (RECORD_END_REASON - RECORD_REASON);
	}
	r->text[RECORD_END_REASON].len = 0;
	r->cut &= ~BIT(RECORD_END_REASON);
}

int record_read(const struct record_slot *slot, enum audit_outcome open_as,
		struct record *ret)
{
	uint32_t state =
		atomic_load_explicit(&slot->state, memory_order_acquire);
	bool done = state == RECORD_DONE;
	size_t texts = done ? RECORD_TEXTS : RECORD_END_REASON;

	if (state == RECORD_FREE || state == RECORD_CLAIMED)
		return 0;
	if (state > RECORD_DONE)
		return ERR_SYNTAX;
	ret->id = slot->id;
	ret->wall_us = slot->wall_us;
	ret->generation = slot->generation;
	ret->port = slot->port;
	ret->kind = slot->kind;
	ret->verdict = slot->verdict;
	ret->duration_us = done ? slot->duration_us : 0;
	ret->bytes_up = done ? slot->bytes_up : 0;
	ret->bytes_down = done ? slot->bytes_down : 0;
	ret->status = done ? slot->status : 0;
	ret->outcome = done ? slot->outcome : open_as;
	ret->cut = slot->cut & (BIT(texts) - 1);
	if (!ret->id || ret->id > INT64_MAX || ret->wall_us > INT64_MAX ||
	    ret->duration_us > INT64_MAX || ret->bytes_up > INT64_MAX ||
	    ret->bytes_down > INT64_MAX || ret->kind >= AUDIT_KINDS ||
	    ret->verdict >= AUDIT_VERDICTS || ret->outcome >= AUDIT_OUTCOMES ||
	    (done && ret->outcome == AUDIT_OPEN))
		return ERR_SYNTAX;
	if (record_read_texts(slot, texts, ret))
		return ERR_SYNTAX;
	record_join_reasons(ret);
	return 1;
}
