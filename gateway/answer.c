/* gateway/answer.c - an exchange answers itself.
 *
 * A refusal, the portal, the answer to a CONNECT: made at once and whole, put
 * into the response flow, while the request's body is thrown away.
 */

#include "base/base.h"
#include "gateway/exchange_impl.h"
#include "gateway/portal.h"

/* The answer that needs no memory. A codec cuts nothing before a head, so
 * there must be one. Not written to.
 */
static struct http_head answer_bare = {
	.status = 503,
	.version = HTTP_1_1,
	.framing = HTTP_NO_BODY,
};

/* May a refusal end before its request? Over HTTP/2 that resets the stream,
 * and there are clients that then show an error of their own instead of our
 * answer; so an upload is heard out, up to a bound. A tunnel has no such end.
 */
static bool answer_may_end(const struct exchange *ex)
{
	const struct http_head *head = ex->req.head;

	if (http_codec_version(ex->conn->codec) != HTTP_2 || !head ||
	    slice_eq(head->method, SLICE("CONNECT")))
		return true;
	return ex->req.end || ex->req.cut || ex->discarded > DISCARD_MAX;
}

/* Put an answer of our own into the response flow. */
static void answer_put(struct exchange *ex)
{
	char id[ID_TEXT];
	const struct rule *rule = ex->judged.answer.rule;
	struct refusal r = {
		.kind = ex->refusal,
		.detail = ex->detail,
		.sandbox = slice_str(ex->conn->sandbox->name),
		.rule = ex->judged.judged && rule ? rule_text(rule) : SLICE(""),
		.to_allow = ex->judged.to_allow,
		.retry_after_s = ex->retry_after_s,
		.accept = exchange_field(ex, SLICE("accept")),
		.user_agent = exchange_field(ex, SLICE("user-agent")),
		.head_request = ex->req.head &&
				slice_eq(ex->req.head->method, SLICE("HEAD")),
	};

	id_print(ex->tell.id, id);
	r.request_id = slice_str(id);
	if (refusal_make(&r, &ex->arena, &ex->rsp.head, &ex->rsp.body) < 0)
		ex->rsp.head = &answer_bare;
	ex->rsp.end = answer_may_end(ex);
}

/* What has come of the origin's answer was held, and goes nowhere. */
static void answer_drop(struct exchange *ex)
{
	struct http_flow *rsp = &ex->rsp;

	buf_consume(&rsp->body, buf_len(&rsp->body));
	rsp->interim = rsp->head = rsp->trailers = NULL;
	rsp->held = rsp->end = rsp->cut = false;
}

void answer_refuse(struct exchange *ex, enum refusal_kind kind,
		   struct slice detail)
{
	struct gate *gate = ex->conn->gate;

	assert(!ex->rsp.head_written);
	ex->refused = true;
	ex->refusal = kind;
	ex->detail = detail;
	if (kind != REFUSAL_DENIED)
		ex->judged.reason = refusal_slug(kind);
	up_cancel(gate, &ex->up, HTTP_FAULT_CANCEL);
	answer_drop(ex);
	if (!ex->tell.begun)
		(void)permit_record(ex);
	tell_count_refusal(gate, ex->conn->sandbox, kind);
	exchange_set_state(ex, EXCHANGE_REFUSE);
	exchange_wait(ex, TIMER_HEAD);
	answer_put(ex);
	answer_discard(ex);
	exchange_wake_down(ex);
}

void answer_discard(struct exchange *ex)
{
	size_t len = buf_len(&ex->req.body);

	ex->discarded += len;
	buf_consume(&ex->req.body, len);
	if (!ex->rsp.end && answer_may_end(ex)) {
		ex->rsp.end = true;
		exchange_wake_down(ex);
	} else if (len && ex->discarded <= DISCARD_MAX) {
		exchange_wake_down(ex);
	}
}

/* An answer of our own that refuses nothing. */
static void answer_say(struct exchange *ex)
{
	ex->rsp.end = true;
	exchange_set_state(ex, EXCHANGE_REFUSE);
	exchange_wait(ex, TIMER_HEAD);
	answer_discard(ex);
	exchange_wake_down(ex);
}

void answer_carry(struct exchange *ex)
{
	struct http_head *head = http_head_new(&ex->arena);

	if (!head) {
		answer_refuse(ex, REFUSAL_BUSY, SLICE("No memory."));
		return;
	}
	head->status = 200;
	head->version = HTTP_1_1;
	ex->rsp.head = head;
	ex->conn->target = ex->judged.host;
	ex->conn->targeted = true;
	answer_say(ex);
}

void answer_portal(struct exchange *ex)
{
	struct exchange_conn *c = ex->conn;
	struct portal p = {
		.method = ex->req.head->method,
		.path = ex->judged.path,
		.accept = exchange_field(ex, SLICE("accept")),
		.user_agent = exchange_field(ex, SLICE("user-agent")),
		.sandbox = slice_str(c->sandbox->name),
		.policy = c->sandbox->policy,
		.ca_pem = c->gate->ca_pem,
	};

	if (portal_make(&p, &ex->arena, &ex->rsp.head, &ex->rsp.body) < 0) {
		answer_refuse(ex, REFUSAL_BUSY, SLICE("No memory."));
		return;
	}
	c->gate->stats->row.allowed++;
	answer_say(ex);
}
