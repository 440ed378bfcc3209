/* gateway/tell.c - tell the audit, and count. */

#include "gateway/tell.h"

#include "base/base.h"

void tell_start(struct tell *t, const struct gate *gate)
{
	*t = (struct tell){ .start_us = gate_now_us(gate),
			    .start_ms = loop_now_ms(gate->loop),
			    .verdict = AUDIT_NONE };
}

/* Whose share of the spool a record takes: by the id, which no later sandbox
 * has, as its records may wait there longer than a sandbox lives.
 */
static uint16_t tell_owner(const struct sandbox *sb)
{
	return sb ? (uint16_t)(sb->id % AUDIT_OWNERS) : 0;
}

static const char *tell_protocol(enum http_version version)
{
	switch (version) {
	case HTTP_1_0:
		return "http/1.0";
	case HTTP_1_1:
		return "http/1.1";
	case HTTP_RAW:
		return "tcp";
	default:
		return "h2";
	}
}

static enum audit_verdict tell_verdict(const struct policy_answer *a)
{
	if (!a)
		return AUDIT_NONE;
	switch (a->verdict) {
	case VERDICT_ALLOW:
		return AUDIT_ALLOW;
	case VERDICT_ASK:
		return AUDIT_ASK;
	default:
		return AUDIT_DENY;
	}
}

/* What the head says, as far as there is one. */
static void tell_head(const struct tell_begin *b, struct audit_begin *ret)
{
	const struct http_head *head = b->head;

	if (head) {
		ret->method = head->method;
		ret->scheme = head->scheme;
		ret->host = head->authority;
	} else {
		ret->scheme = b->tls ? SLICE("https") : SLICE("http");
		if (b->sni)
			ret->host = authority_host(b->sni);
	}
	if (b->host->host_len) {
		ret->host = authority_host(b->host);
		ret->port = b->host->port;
	}
	ret->path = b->path;
	ret->query = b->query;
}

/* A CONNECT that is let through here is a tunnel; a carrier has no record. */
static enum audit_kind tell_kind(const struct tell_begin *b)
{
	bool connect = b->head && slice_eq(b->head->method, SLICE("CONNECT"));

	if (b->version == HTTP_RAW)
		return AUDIT_TUNNEL;
	return connect && tell_verdict(b->answer) == AUDIT_ALLOW
		       ? AUDIT_TUNNEL
		       : AUDIT_REQUEST;
}

bool tell_begin(struct tell *t, struct gate *gate, const struct tell_begin *b)
{
	const struct rule *rule = b->answer ? b->answer->rule : NULL;
	struct audit_begin facts = {
		.id = id_next(&gate->ids, t->start_us),
		.wall_us = t->start_us,
		.owner = tell_owner(b->sandbox),
		.kind = tell_kind(b),
		.verdict = tell_verdict(b->answer),
		.sandbox = slice_str(b->sandbox->name),
		.client = slice_str(b->client),
		.protocol = slice_str(tell_protocol(b->version)),
		.tls = slice_str(b->tls),
		.user_agent = b->user_agent,
		.reason = b->reason,
		.generation = b->sandbox->generation,
	};

	tell_head(b, &facts);
	if (rule) {
		facts.rule = rule_text(rule);
		facts.rule_where = rule_where(rule);
	}
	t->id = facts.id;
	t->begun = true;
	t->verdict = facts.verdict;
	t->private = b->answer && rule_options(b->answer->options).private;
	t->kept = spool_begin(gate->spool, &facts, &t->slot) == 0;
	if (!t->kept && gate->count_lost)
		gate->stats->row.lost++;
	else if (!t->kept)
		gate->stats->row.unrecorded++;
	return t->kept || gate->count_lost;
}

void tell_answer(struct tell *t, struct gate *gate, enum audit_verdict verdict)
{
	t->verdict = verdict;
	if (t->kept)
		spool_answer(gate->spool, t->slot, verdict);
}

/* A tunnel's answer is a form without a status. */
static uint16_t tell_status(const struct http_head *response)
{
	return response && response->version != HTTP_RAW ? response->status : 0;
}

void tell_end(struct tell *t, struct gate *gate, const struct tell_end *e)
{
	const struct http_field *type =
		e->response ? http_head_find(e->response, SLICE("content-type"))
			    : NULL;
	struct audit_end facts = {
		.duration_us = (loop_now_ms(gate->loop) - t->start_ms) * 1000,
		.outcome = e->outcome,
		.status = tell_status(e->response),
		.bytes_up = e->bytes_up,
		.bytes_down = e->bytes_down,
		.reason = e->reason,
		.detail = e->detail,
		.content_type = type ? type->value : SLICE(""),
		.upstream = slice_str(e->upstream),
		.up_protocol = slice_str(e->up_protocol),
		.up_tls = slice_str(e->up_tls),
	};

	gate->stats->row.bytes_up += e->bytes_up;
	gate->stats->row.bytes_down += e->bytes_down;
	/* No peer ended it, we did: audit enters a record that is left open as
	 * interrupted.
	 */
	if (t->kept && !gate->over)
		spool_end(gate->spool, t->slot, &facts);
	t->kept = false;
}

void tell_count_request(struct gate *gate, const struct sandbox *sb)
{
	gate->stats->row.requests++;
	gate->stats->sandbox[sb->slot].requests++;
}

void tell_count_refusal(struct gate *gate, const struct sandbox *sb,
			enum refusal_kind kind)
{
	struct stats_row *row = &gate->stats->row;

	static_assert(REFUSAL_KINDS <= STATS_REFUSALS, "a counter for each");
	gate->stats->refusals[kind]++;
	switch (refusal_status(kind)) {
	case 403:
	case 413:
	case 429:
		row->denied++;
		gate->stats->sandbox[sb->slot].denied++;
		break;
	case 502:
	case 503:
	case 504:
		row->failed++;
		break;
	default:
		row->malformed++;
		break;
	}
}

void tell_note(struct gate *gate, const struct tell_note *n)
{
	uint64_t now_us = gate_now_us(gate);
	struct audit_begin begin = {
		.id = id_next(&gate->ids, now_us),
		.wall_us = now_us,
		.owner = tell_owner(n->sandbox),
		.kind = n->kind,
		.verdict = n->denied || n->kind == AUDIT_DNS ? AUDIT_DENY
							     : AUDIT_NONE,
		.sandbox = n->sandbox ? slice_str(n->sandbox->name) : SLICE(""),
		.client = slice_str(n->client),
		.protocol = n->protocol,
		.method = n->method,
		.host = n->host,
		.port = n->port,
		.reason = n->reason,
		.generation = n->sandbox ? n->sandbox->generation : 0,
	};
	struct audit_end end = {
		.outcome = AUDIT_REFUSED,
		.detail = n->detail,
	};

	if (spool_write(gate->spool, &begin, &end) < 0)
		gate->stats->row.lost++;
}
