/* gateway/exchange.c - the life of one request.
 *
 * Two flows join two codecs: the request's from the client's codec to the
 * origin's, the answer's back. The codecs fill and empty them; what is done
 * here is to pass the word on when one of them changed, and to decide at the
 * turning points: the head is whole (permit.c judges and records; dial),
 * upstream answers (relay), something failed (answer.c refuses while that is
 * possible; cut when not).
 *
 * The record is begun before the request is handed to upstream.c, so before
 * the first octet leaves, and ended in one place, exchange_end().
 */

#include "gateway/exchange_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/log.h"

static const char *const exchange_name[] = {
	[EXCHANGE_FREE] = "free",     [EXCHANGE_HEAD] = "head",
	[EXCHANGE_JUDGE] = "judge",   [EXCHANGE_ASK] = "ask",
	[EXCHANGE_DIAL] = "dial",     [EXCHANGE_RELAY] = "relay",
	[EXCHANGE_REFUSE] = "refuse",
};
static_assert(ARRAY_SIZE(exchange_name) == EXCHANGE_STATES,
	      "a state without a name");

/* Where each state may go. FREE is reached from everywhere: a peer may hang
 * up at any moment.
 */
static const unsigned int exchange_next[] = {
	[EXCHANGE_FREE] = BIT(EXCHANGE_HEAD),
	[EXCHANGE_HEAD] = BIT(EXCHANGE_JUDGE) | BIT(EXCHANGE_REFUSE),
	[EXCHANGE_JUDGE] =
		BIT(EXCHANGE_ASK) | BIT(EXCHANGE_DIAL) | BIT(EXCHANGE_REFUSE),
	[EXCHANGE_ASK] = BIT(EXCHANGE_DIAL) | BIT(EXCHANGE_REFUSE),
	[EXCHANGE_DIAL] = BIT(EXCHANGE_RELAY) | BIT(EXCHANGE_REFUSE),
	[EXCHANGE_RELAY] = 0,
	[EXCHANGE_REFUSE] = 0,
};
static_assert(ARRAY_SIZE(exchange_next) == EXCHANGE_STATES,
	      "a state without a way out");

void exchange_set_state(struct exchange *ex, enum exchange_state next)
{
	assert(next == EXCHANGE_FREE || exchange_next[ex->state] & BIT(next));
	log_debug("exchange %u: %s -> %s", ex->index, exchange_name[ex->state],
		  exchange_name[next]);
	ex->state = next;
}

static struct loop_ref exchange_ref(const struct exchange *ex)
{
	return (struct loop_ref){ .kind = GATE_EXCHANGE,
				  .gen = ex->gen & 0xffffff,
				  .index = ex->index };
}

void exchange_wait(struct exchange *ex, enum gate_timer name)
{
	timer_start(ex->conn->gate->loop, &ex->timer, exchange_ref(ex),
		    (uint8_t)name);
}

void exchange_wake_down(struct exchange *ex)
{
	struct exchange_conn *c = ex->conn;

	if (ex->down.attached)
		http_codec_resume(c->codec, &ex->down);
	loop_post(c->gate->loop, c->post, c->ref);
}

static struct exchange *exchange_take_spare(struct gate *gate)
{
	struct exchange *ex = gate->spare;

	if (!ex) {
		ex = calloc(1, sizeof(*ex));
		if (ex)
			arena_init(&ex->arena, EXCHANGE_ARENA_MAX);
		return ex;
	}
	gate->spare = ex->next;
	gate->spare_len--;
	return ex;
}

static void exchange_give_spare(struct gate *gate, struct exchange *ex)
{
	struct arena arena = ex->arena;

	if (gate->spare_len >= EXCHANGES_SPARE) {
		arena_done(&ex->arena);
		free(ex);
		return;
	}
	arena_clear(&arena);
	*ex = (struct exchange){ .arena = arena, .next = gate->spare };
	gate->spare = ex;
	gate->spare_len++;
}

void exchange_done(struct gate *gate)
{
	while (gate->spare) {
		struct exchange *next = gate->spare->next;

		arena_done(&gate->spare->arena);
		free(gate->spare);
		gate->spare = next;
	}
	gate->spare_len = 0;
}

static void exchange_init(struct exchange *ex, struct exchange_conn *conn)
{
	ex->conn = conn;
	buf_init(&ex->req.body, http_limits_server.body_bytes);
	buf_init(&ex->rsp.body, http_limits_client.body_bytes);
	ex->down.in = &ex->req;
	ex->down.out = &ex->rsp;
	ex->down.arena = &ex->arena;
	ex->down.owner = ex;
	ex->up.stream.in = &ex->rsp;
	ex->up.stream.out = &ex->req;
	ex->up.stream.arena = &ex->arena;
	ex->up.stream.owner = ex;
	ex->up.post = &ex->post;
	ex->up.ref = exchange_ref(ex);
	ex->prev = NULL;
	ex->next = conn->exchanges;
	if (conn->exchanges)
		conn->exchanges->prev = ex;
	conn->exchanges = ex;
}

struct http_stream *exchange_begin(struct exchange_conn *conn)
{
	struct gate *gate = conn->gate;
	struct exchange *ex = exchange_take_spare(gate);

	if (!ex)
		return NULL;
	if (table_add(&gate->exchanges, ex, &ex->index, &ex->gen) < 0) {
		exchange_give_spare(gate, ex);
		return NULL;
	}
	exchange_init(ex, conn);
	exchange_set_state(ex, EXCHANGE_HEAD);
	exchange_wait(ex, TIMER_HEAD);
	tell_start(&ex->tell, gate);
	return &ex->down;
}

/* How it ended, for the record. */
static void exchange_account(struct exchange *ex, enum audit_outcome outcome)
{
	/* A tunnel's client is shown no answer of ours. */
	bool mute = ex->refused && ex->req.head &&
		    ex->req.head->version == HTTP_RAW;
	struct tell_end end = {
		.outcome = outcome,
		.reason = ex->judged.reason,
		.detail = ex->detail,
		.response = mute ? NULL : ex->rsp.head,
		.bytes_up = ex->req.passed,
		.bytes_down = ex->refused ? 0 : ex->rsp.passed,
		.upstream = ex->up.address,
		.up_protocol = ex->up.protocol,
		.up_tls = ex->up.tls_version,
	};

	tell_end(&ex->tell, ex->conn->gate, &end);
}

/* The one way out: record how it ended, and forget it. */
static void exchange_end(struct exchange *ex, enum audit_outcome outcome)
{
	struct exchange_conn *conn = ex->conn;
	struct gate *gate = conn->gate;

	up_cancel(gate, &ex->up, HTTP_FAULT_CANCEL);
	permit_unask(ex);
	exchange_account(ex, outcome);
	timer_stop(gate->loop, &ex->timer);
	loop_unpost(gate->loop, &ex->post);
	buf_done(&ex->req.body);
	buf_done(&ex->rsp.body);
	exchange_set_state(ex, EXCHANGE_FREE);
	if (ex->prev)
		ex->prev->next = ex->next;
	else
		conn->exchanges = ex->next;
	if (ex->next)
		ex->next->prev = ex->prev;
	table_remove(&gate->exchanges, ex->index);
	exchange_give_spare(gate, ex);
}

/* Has the client got all of the answer? One that knows the length may leave
 * when it has so many octets, without waiting for the end of the stream.
 */
static bool exchange_answered(const struct exchange *ex)
{
	const struct http_head *head = ex->rsp.head;

	if (ex->rsp.done)
		return true;
	return head && ex->rsp.head_written && head->framing == HTTP_LENGTH &&
	       ex->rsp.passed == head->content_length &&
	       !buf_len(&ex->rsp.body);
}

/* What the state says of an exchange whose client side is over. */
static enum audit_outcome exchange_outcome(const struct exchange *ex)
{
	if (ex->refused)
		return refusal_status(ex->refusal) >= 502 &&
				       ex->tell.verdict == AUDIT_ALLOW
			       ? AUDIT_FAILED
			       : AUDIT_REFUSED;
	if ((ex->state == EXCHANGE_RELAY || ex->judged.portal) &&
	    exchange_answered(ex) && !ex->rsp.cut && !ex->noted)
		return AUDIT_DONE;
	return AUDIT_CUT;
}

struct slice exchange_field(const struct exchange *ex, struct slice name)
{
	const struct http_field *f =
		ex->req.head ? http_head_find(ex->req.head, name) : NULL;

	return f ? f->value : SLICE("");
}

/* Octets rather than HTTP go upstream. */
static bool exchange_raw(const struct exchange *ex)
{
	return ex->req.head->version == HTTP_RAW || ex->judged.tunnel;
}

/* Hand the request over. */
static void exchange_go(struct exchange *ex)
{
	struct origin_key key = {
		.sandbox = ex->conn->sandbox->id,
		.tls = ex->conn->tls && !exchange_raw(ex),
		.private = ex->tell.private,
		.upgrade = ex->req.head->upgrade,
		.raw = exchange_raw(ex),
		.port = ex->judged.host.port,
		.host = ex->judged.host,
	};

	if (up_begin(ex->conn->gate, &key, &ex->up) < 0)
		answer_refuse(ex, REFUSAL_BUSY,
			      SLICE("Too many requests wait for this "
				    "origin."));
}

void exchange_dial(struct exchange *ex)
{
	ex->conn->gate->stats->row.allowed++;
	ex->req.head->authority = ex->judged.authority;
	ex->rsp.held = true;
	exchange_set_state(ex, EXCHANGE_DIAL);
	exchange_wait(ex, TIMER_RESPONSE);
	exchange_go(ex);
}

static enum refusal_kind exchange_fault_kind(enum http_fault fault)
{
	switch (fault) {
	case HTTP_FAULT_URI_LONG:
		return REFUSAL_URI_LONG;
	case HTTP_FAULT_HEAD_LONG:
		return REFUSAL_HEAD_LONG;
	case HTTP_FAULT_VERSION:
		return REFUSAL_VERSION;
	case HTTP_FAULT_METHOD:
		return REFUSAL_METHOD;
	case HTTP_FAULT_OURS:
		return REFUSAL_BUSY;
	default:
		return REFUSAL_MALFORMED;
	}
}

/* Why it ends in the middle: the first word counts, and a refusal's own. What
 * was let through uninspected, or by mode learn, stays marked as that.
 */
static void exchange_note(struct exchange *ex, struct slice reason,
			  struct slice detail)
{
	if (ex->refused || ex->noted)
		return;
	ex->noted = true;
	if (!ex->judged.uninspected && !ex->judged.learned)
		ex->judged.reason = reason;
	ex->detail = detail;
}

/* The client's codec let go before all of the answer was out; it may have seen
 * that upstream's codec cut the answer before we were told.
 */
static void exchange_note_cut(struct exchange *ex, enum http_fault fault)
{
	exchange_note(ex,
		      ex->rsp.cut ? SLICE("origin-cut") : SLICE("client-gone"),
		      slice_str(http_fault_str(fault)));
}

/* The client's side of the exchange is broken. */
static void exchange_on_fault(struct exchange *ex)
{
	enum http_fault fault = ex->down.fault;

	if (fault == HTTP_FAULT_CANCEL || fault == HTTP_FAULT_CUT ||
	    fault == HTTP_FAULT_FLOOD) {
		up_cancel(ex->conn->gate, &ex->up, HTTP_FAULT_CANCEL);
		if (!exchange_answered(ex))
			exchange_note_cut(ex, fault);
		return; /* CLOSED follows */
	}
	if (ex->state != EXCHANGE_RELAY && ex->state != EXCHANGE_REFUSE) {
		answer_refuse(ex, exchange_fault_kind(fault),
			      ex->down.fault_detail);
		return;
	}
	up_cancel(ex->conn->gate, &ex->up, HTTP_FAULT_CANCEL);
	exchange_note(ex, refusal_slug(exchange_fault_kind(fault)),
		      ex->down.fault_detail);
	ex->rsp.cut = !ex->rsp.end;
	exchange_wake_down(ex);
}

/* Octets came from the client, or went to it. */
static void exchange_on_octets(struct exchange *ex)
{
	if (ex->state != EXCHANGE_RELAY && ex->state != EXCHANGE_DIAL)
		return;
	if (!permit_body(ex))
		return;
	exchange_wait(ex, ex->state == EXCHANGE_RELAY ? TIMER_STALL
						      : TIMER_RESPONSE);
	up_resume(ex->conn->gate, &ex->up);
}

void exchange_on_news(struct http_stream *s, unsigned int news)
{
	struct exchange *ex = s->owner;

	if (news & HTTP_NEWS_FAULT)
		exchange_on_fault(ex);
	else if (news & HTTP_NEWS_HEAD && ex->state == EXCHANGE_HEAD)
		permit_judge(ex);
	if (news & HTTP_NEWS_CLOSED) {
		exchange_end(ex, exchange_outcome(ex));
		return;
	}
	if (ex->state == EXCHANGE_REFUSE)
		answer_discard(ex);
	else if (news & (HTTP_NEWS_BODY | HTTP_NEWS_ROOM))
		exchange_on_octets(ex);
}

bool exchange_holds(const struct exchange_conn *conn)
{
	for (const struct exchange *ex = conn->exchanges; ex; ex = ex->next) {
		if (buf_len(&ex->req.body) &&
		    (ex->up.state == UP_WAITING || ex->up.state == UP_SENT))
			return true;
	}
	return false;
}

void exchange_hush(struct exchange_conn *conn)
{
	for (struct exchange *ex = conn->exchanges; ex; ex = ex->next) {
		if (!buf_len(&ex->rsp.body))
			continue;
		buf_consume(&ex->rsp.body, buf_len(&ex->rsp.body));
		up_resume(conn->gate, &ex->up);
	}
}

void exchange_abort_all(struct exchange_conn *conn)
{
	while (conn->exchanges) {
		struct exchange *ex = conn->exchanges;

		if (!exchange_answered(ex))
			exchange_note_cut(ex, HTTP_FAULT_CUT);
		exchange_end(ex, exchange_outcome(ex));
	}
}

/* May the request be sent again, now that a connection failed under it? Only
 * if nothing of it is lost, and either nobody began on it or doing it twice
 * does no harm (RFC 9110, section 9.2.2).
 */
static bool exchange_may_retry(const struct exchange *ex)
{
	struct slice method = ex->req.head->method;
	bool whole = buf_len(&ex->req.body) == ex->req.passed;
	bool harmless = slice_eq(method, SLICE("GET")) ||
			slice_eq(method, SLICE("HEAD")) ||
			slice_eq(method, SLICE("OPTIONS"));

	if (!whole || ex->tries >= RETRIES_MAX || ex->rsp.interim)
		return false;
	if (ex->up.stream.fault == HTTP_FAULT_REFUSED)
		return true;
	return ex->up.stream.fault == HTTP_FAULT_CUT && ex->up.reused &&
	       harmless;
}

static void exchange_retry(struct exchange *ex)
{
	struct http_stream fresh = { .in = &ex->rsp,
				     .out = &ex->req,
				     .arena = &ex->arena,
				     .owner = ex };

	ex->tries++;
	ex->up.stream = fresh;
	ex->req.head_written = false;
	ex->req.done = false;
	ex->rsp.cut = false;
	ex->rsp.end = false;
	exchange_go(ex);
}

/* Upstream broke off. */
static void exchange_on_up_fault(struct exchange *ex)
{
	enum http_fault fault = ex->up.stream.fault;
	struct slice detail = ex->up.stream.fault_detail;

	if (ex->state == EXCHANGE_RELAY) {
		exchange_note(ex, SLICE("origin-cut"),
			      slice_str(http_fault_str(fault)));
		ex->rsp.cut = true;
		exchange_wake_down(ex);
		return;
	}
	if (exchange_may_retry(ex)) {
		exchange_retry(ex);
		return;
	}
	if (!detail.len)
		detail = slice_str(http_fault_str(fault));
	(void)refusal_say(&ex->arena, &detail,
			  "%s at %s broke the answer off: %.*s.",
			  ex->judged.host.host, ex->up.address, (int)detail.len,
			  detail.ptr);
	answer_refuse(ex, REFUSAL_PROTOCOL, detail);
}

static void exchange_on_up_failed(struct exchange *ex)
{
	struct slice detail = SLICE("The origin can't be reached.");

	(void)arena_copy(&ex->arena, slice_str(ex->up.detail), &detail);
	answer_refuse(ex, ex->up.why, detail);
}

/* Are both bodies octets of another protocol? */
static bool exchange_tunnels(const struct exchange *ex)
{
	return exchange_raw(ex) ||
	       (ex->rsp.head && ex->rsp.head->status == 101);
}

/* The origin of a tunnel said its last and then went, and takes no more: nor do
 * we, once the client has heard it.
 */
static void exchange_untaken(struct exchange *ex)
{
	exchange_note(ex, SLICE("origin-cut"),
		      SLICE("the origin took no more of what was sent"));
	buf_consume(&ex->req.body, buf_len(&ex->req.body));
	ex->req.done = true;
}

void exchange_on_post(struct gate *gate, struct loop_ref ref)
{
	struct exchange *ex = table_get(&gate->exchanges, ref.index, ref.gen);
	unsigned int news;

	if (!ex || (ex->state != EXCHANGE_DIAL && ex->state != EXCHANGE_RELAY))
		return;
	if (ex->up.state == UP_FAILED) {
		exchange_on_up_failed(ex);
		return;
	}
	news = ex->up.news;
	ex->up.news = 0;
	if (!permit_response(ex))
		return;
	if (ex->rsp.head && ex->state == EXCHANGE_DIAL) {
		exchange_set_state(ex, EXCHANGE_RELAY);
		ex->rsp.held = false;
	}
	if (news & HTTP_NEWS_FAULT) {
		exchange_on_up_fault(ex);
		return;
	}
	if (news & HTTP_NEWS_CLOSED && exchange_tunnels(ex) && !ex->req.done)
		exchange_untaken(ex);
	if (news) {
		exchange_wait(ex, ex->state == EXCHANGE_RELAY ? TIMER_STALL
							      : TIMER_RESPONSE);
		exchange_wake_down(ex);
	}
}

/* What the client has not read is not waited for: a codec can't cut before it
 * has written, and it can't write.
 */
void exchange_cut(struct exchange *ex, struct slice reason, struct slice detail)
{
	struct exchange_conn *c = ex->conn;

	exchange_note(ex, reason, detail);
	http_codec_reset(c->codec, &ex->down, HTTP_FAULT_CUT);
	loop_post(c->gate->loop, c->post, c->ref);
	exchange_end(ex, exchange_outcome(ex));
}

void exchange_on_timer(struct gate *gate, struct loop_ref ref, uint8_t name)
{
	struct exchange *ex = table_get(&gate->exchanges, ref.index, ref.gen);

	if (!ex)
		return;
	if (name == TIMER_HEAD && ex->state == EXCHANGE_HEAD)
		answer_refuse(
			ex, REFUSAL_SLOW,
			SLICE("The request did not become whole in time."));
	else if (name == TIMER_RESPONSE && !ex->rsp.head)
		answer_refuse(ex, REFUSAL_RESPONSE_TIMEOUT,
			      SLICE("The origin did not answer in time."));
	else if (name == TIMER_RESPONSE) /* it came in this very turn */
		exchange_wait(ex, TIMER_STALL);
	else if (name == TIMER_ASK)
		answer_refuse(ex, REFUSAL_UNANSWERED, SLICE(""));
	else
		exchange_cut(ex, SLICE("stalled"), SLICE(""));
}
