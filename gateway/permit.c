/* gateway/permit.c - may this exchange go on?
 *
 * Asked when its head is whole, and again, by exchange_recheck(), whenever its
 * sandbox got another policy or a rule of it ended. An allow comes with the
 * conditions of its rule: how much, how often. What a rule leaves to the
 * operator waits in ASK; the question goes to the parent, which merges the same
 * one from several requests and keeps their number bounded
 * (gateway/questions.h), and whose answer comes back through
 * exchange_on_answer(). The rule itself is never kept, as it lives with its
 * policy.
 */

#include "base/base.h"
#include "base/err.h"
#include "gateway/exchange_impl.h"
#include "gateway/login.h"
#include "gateway/orders.h"
#include "gateway/quota.h"
#include "gateway/secrets.h"

bool permit_record(struct exchange *ex)
{
	struct exchange_conn *c = ex->conn;
	struct tell_begin begin = {
		.sandbox = c->sandbox,
		.client = c->client,
		.tls = c->tls_version,
		.sni = c->sni,
		.version = http_codec_version(c->codec),
		.head = ex->req.head,
		.host = &ex->judged.host,
		.path = ex->judged.path,
		.query = ex->judged.query,
		.answer = ex->judged.judged ? &ex->judged.answer : NULL,
		.reason = ex->judged.reason,
		.user_agent = exchange_field(ex, SLICE("user-agent")),
	};

	return tell_begin(&ex->tell, c->gate, &begin);
}

/* Who asks, where a proxy's client says so, or has to. From here on the
 * connection is that sandbox's.
 */
static bool permit_login(struct exchange *ex, enum refusal_kind *ret_why)
{
	struct exchange_conn *c = ex->conn;
	struct slice value = ex->req.head->proxy_authorization;
	struct sandbox *sb = c->sandbox;
	struct login login;

	*ret_why = REFUSAL_LOGIN;
	if (!c->proxy || (!value.len && !sb->nobody))
		return true;
	if (!login_basic(value, &login))
		return false;
	sb = sandbox_by_login(c->gate->sandboxes, &login);
	login_done(&login);
	if (!sb)
		return false;
	if (sb != c->sandbox && sb->conns >= CONNS_SANDBOX) {
		*ret_why = REFUSAL_BUSY;
		return false;
	}
	sandbox_hold(sb);
	sandbox_drop(c->sandbox);
	c->sandbox = sb;
	return true;
}

static struct judge_facts permit_facts(const struct exchange *ex)
{
	const struct exchange_conn *c = ex->conn;

	return (struct judge_facts){
		.policy = c->sandbox->policy,
		.sandbox = slice_str(c->sandbox->name),
		.sni = c->sni,
		.proxy = c->proxy,
		.learn = c->sandbox->learn,
		.now_s = gate_now_s(c->gate),
	};
}

/* The conditions of the rule whose options hold; NULL: there are none. */
static void permit_conditions(struct exchange *ex, const struct rule *rule)
{
	struct rule_options o = rule_options(rule);
	struct permit *p = &ex->permit;

	p->max_body = o.max_body;
	p->max_response = o.max_response;
	p->rate = o.rate;
	p->rate_s = o.rate_s;
	p->inject = SLICE("");
	if (o.inject.len && arena_copy(&ex->arena, o.inject, &p->inject) < 0)
		p->inject = SLICE("?"); /* none has that name */
	if (o.rate_s)
		p->rate_key = quota_key(ex->conn->gate->quotas,
					ex->conn->sandbox->id, rule_text(rule));
}

/* A secret's placeholder must not leave but as the secret itself. */
static bool permit_leaks(struct exchange *ex)
{
	struct judgement *j = &ex->judged;
	struct slice inject = rule_options(j->answer.options).inject;
	struct slice name = SLICE("");

	if (j->answer.verdict != VERDICT_DENY && !j->portal)
		name = secrets_leak(ex->conn->gate->secrets, ex->req.head,
				    inject);
	if (!name.len)
		return false;
	j->answer.verdict = VERDICT_DENY;
	j->refusal = REFUSAL_PLACEHOLDER;
	j->reason = refusal_slug(REFUSAL_PLACEHOLDER);
	(void)refusal_say(&ex->arena, &j->detail,
			  "The request holds the placeholder of the "
			  "credential '%.*s', which the rule for it does not "
			  "put in.",
			  (int)name.len, name.ptr);
	return true;
}

/* Put in the credential that the rule names. Else it is refused. */
static bool permit_inject(struct exchange *ex)
{
	const struct exchange_conn *c = ex->conn;
	int rc;

	if (!ex->permit.inject.len)
		return true;
	rc = secrets_inject(c->gate->secrets, ex->permit.inject,
			    authority_host(&ex->judged.host), c->tls,
			    &ex->arena, ex->req.head);
	if (rc == 0)
		return true;
	answer_refuse(ex, REFUSAL_SECRET,
		      rc == ERR_DENIED
			      ? SLICE("The credential that the rule puts in is "
				      "not for this host and method.")
			      : SLICE(""));
	return false;
}

/* Is it neither too much nor too often? Else it is refused. */
static bool permit_within(struct exchange *ex)
{
	struct gate *gate = ex->conn->gate;
	const struct permit *p = &ex->permit;
	const struct http_head *head = ex->req.head;
	uint32_t wait_s = 0;

	if (head->has_length && head->content_length > p->max_body) {
		answer_refuse(ex, REFUSAL_TOO_LARGE, SLICE(""));
		return false;
	}
	if (p->rate_s)
		wait_s = quota_take(gate->quotas, p->rate_key, p->rate,
				    p->rate_s, loop_now_ms(gate->loop) * 1000);
	if (wait_s) {
		ex->retry_after_s = wait_s;
		answer_refuse(ex, REFUSAL_RATE, SLICE(""));
		return false;
	}
	return true;
}

static void permit_pass(struct exchange *ex)
{
	if (ex->judged.portal)
		answer_portal(ex);
	else if (permit_within(ex) && permit_inject(ex))
		exchange_dial(ex);
}

/* Send what was begun in gate->parent_out. False: the parent is too busy. */
static bool permit_send(struct gate *gate)
{
	return frame_send(gate->parent, gate->parent_out, NULL, 0) == 1;
}

/* Leave it to the operator. */
static void permit_ask(struct exchange *ex)
{
	struct gate *gate = ex->conn->gate;
	const struct rule *rule = ex->judged.answer.rule;
	struct frame_out *out = gate->parent_out;
	char line[ASK_LINE_MAX];

	policy_suggest(&ex->judged.question, line, sizeof(line));
	if (!line[0] || ex->judged.query.len > ASK_QUERY_MAX) {
		answer_refuse(ex, REFUSAL_UNANSWERED,
			      SLICE("The operator would have to be asked, but "
				    "the URL is too long to be shown."));
		return;
	}
	frame_begin(out, WORKER_ASK);
	frame_put_u32(out, ex->index);
	frame_put_u32(out, ex->gen);
	frame_put_u32(out, ex->conn->sandbox->id);
	frame_put_str(out, slice_str(line));
	frame_put_str(out, ex->judged.query);
	frame_put_str(out, rule ? rule_text(rule) : SLICE("default ask"));
	ex->permit.asked = permit_send(gate);
	if (!ex->permit.asked) {
		answer_refuse(ex, REFUSAL_UNANSWERED,
			      SLICE("The operator can't be asked now."));
		return;
	}
	gate->stats->row.asked++;
	exchange_set_state(ex, EXCHANGE_ASK);
	exchange_wait(ex, TIMER_ASK);
}

void permit_unask(struct exchange *ex)
{
	struct gate *gate = ex->conn->gate;

	if (!ex->permit.asked)
		return;
	ex->permit.asked = false;
	frame_begin(gate->parent_out, WORKER_UNASK);
	frame_put_u32(gate->parent_out, ex->index);
	frame_put_u32(gate->parent_out, ex->gen);
	(void)permit_send(gate);
}

/* What comes behind is looked at as on a new connection: there is no room for
 * that in a stream.
 */
static void permit_carry(struct exchange *ex)
{
	if (http_codec_version(ex->conn->codec) == HTTP_2)
		answer_refuse(ex, REFUSAL_METHOD,
			      SLICE("Over HTTP/2, CONNECT is served where a "
				    "tcp:// rule allows it; speak HTTP/1.1 to "
				    "the proxy."));
	else
		answer_carry(ex);
}

void permit_judge(struct exchange *ex)
{
	struct exchange_conn *c = ex->conn;
	struct judge_facts facts;
	enum refusal_kind why;
	bool allowed;

	exchange_set_state(ex, EXCHANGE_JUDGE);
	timer_stop(c->gate->loop, &ex->timer);
	if (!permit_login(ex, &why)) {
		tell_count_request(c->gate, c->sandbox);
		(void)authority_parse(ex->req.head->authority,
				      &ex->judged.host);
		answer_refuse(ex, why, SLICE(""));
		return;
	}
	facts = permit_facts(ex);
	allowed = judge_request(&facts, ex->req.head, &ex->arena, &ex->judged);
	if (ex->judged.carrier) {
		permit_carry(ex);
		return;
	}
	tell_count_request(c->gate, c->sandbox);
	if (permit_leaks(ex))
		allowed = false;
	permit_conditions(ex, ex->judged.answer.options);
	if (!permit_record(ex))
		answer_refuse(ex, REFUSAL_LEDGER,
			      SLICE("The decision can't be recorded now, so "
				    "nothing is forwarded."));
	else if (allowed)
		permit_pass(ex);
	else if (ex->judged.refusal == REFUSAL_UNANSWERED)
		permit_ask(ex);
	else
		answer_refuse(ex, ex->judged.refusal, ex->judged.detail);
	ex->judged.answer.rule = NULL;
	ex->judged.answer.options = NULL;
}

/* The policy has nothing against it any more, or the operator said yes. */
static void permit_release(struct exchange *ex)
{
	struct gate *gate = ex->conn->gate;

	permit_unask(ex);
	tell_answer(&ex->tell, gate, AUDIT_ALLOW);
	permit_pass(ex);
}

/* The answer that it goes on by ends; look again then. */
static void permit_remind(const struct exchange *ex)
{
	struct sandbox *sb = ex->conn->sandbox;
	uint64_t until_s = ex->permit.until_s;

	if (until_s && (!sb->expires_s || until_s < sb->expires_s))
		sb->expires_s = until_s;
}

void exchange_on_answer(struct gate *gate, uint32_t index, uint32_t gen,
			const struct exchange_answer *a)
{
	struct exchange *ex =
		table_get(&gate->exchanges, index, gen & 0xffffff);

	if (!ex || ex->state != EXCHANGE_ASK)
		return;
	ex->permit.asked = false;
	(void)arena_copy(&ex->arena, a->phrase, &ex->detail);
	if (a->verdict == VERDICT_ALLOW) {
		ex->permit.approved = true;
		ex->permit.until_s = a->until_s;
		permit_remind(ex);
		permit_release(ex);
		return;
	}
	if (a->verdict == VERDICT_DENY) {
		tell_answer(&ex->tell, gate, AUDIT_DENY);
		ex->judged.reason = SLICE("operator");
	}
	answer_refuse(ex,
		      a->verdict == VERDICT_DENY ? REFUSAL_DENIED
						 : REFUSAL_UNANSWERED,
		      ex->detail);
}

/* What was allowed and begun is not allowed any more. */
static void permit_revoke(struct exchange *ex)
{
	static const struct slice reason = { "policy-changed", 14 };

	if (ex->state == EXCHANGE_RELAY) {
		exchange_cut(ex, reason,
			     SLICE("the policy no longer allows it"));
		return;
	}
	permit_unask(ex);
	ex->judged.reason = reason;
	answer_refuse(ex, REFUSAL_DENIED,
		      SLICE("The policy changed while the request was in "
			    "work, and no longer allows it."));
}

/* Does an allow hold for what is in work under an earlier one? A connection to
 * a private address needs one that says private.
 */
static bool permit_holds(const struct exchange *ex,
			 const struct policy_answer *a, uint64_t now_s)
{
	const struct permit *p = &ex->permit;

	if (a->verdict == VERDICT_ASK)
		return ex->state == EXCHANGE_ASK ||
		       (p->approved && (!p->until_s || now_s < p->until_s));
	return !ex->tell.private || rule_options(a->options).private;
}

static void permit_again(struct exchange *ex)
{
	struct judge_facts facts = permit_facts(ex);
	struct policy_answer answer;
	bool learned;

	judge_again(&facts, &ex->judged, &answer, &learned);
	if (learned && ex->state != EXCHANGE_ASK)
		return;
	if (!learned && (answer.verdict == VERDICT_DENY ||
			 !permit_holds(ex, &answer, facts.now_s))) {
		permit_revoke(ex);
		return;
	}
	if (answer.verdict == VERDICT_ASK)
		permit_remind(ex);
	if (ex->state != EXCHANGE_ASK || answer.verdict == VERDICT_ASK)
		return;
	permit_conditions(ex, answer.options);
	ex->tell.private = rule_options(answer.options).private;
	permit_release(ex);
}

void exchange_recheck(struct gate *gate, struct sandbox *sb)
{
	for (uint32_t i = 0; i < gate->exchanges.len; i++) {
		struct exchange *ex = table_at(&gate->exchanges, i);

		if (!ex || ex->conn->sandbox != sb)
			continue;
		if (ex->state == EXCHANGE_ASK || ex->state == EXCHANGE_DIAL ||
		    ex->state == EXCHANGE_RELAY)
			permit_again(ex);
	}
}

bool permit_body(struct exchange *ex)
{
	if (ex->req.passed <= ex->permit.max_body)
		return true;
	if (ex->state == EXCHANGE_RELAY)
		exchange_cut(ex, refusal_slug(REFUSAL_TOO_LARGE),
			     SLICE("the request is larger than max-body"));
	else
		answer_refuse(ex, REFUSAL_TOO_LARGE, SLICE(""));
	return false;
}

/* A length that is only stated, as to HEAD, brings no octets. */
static uint64_t permit_announced(const struct exchange *ex)
{
	const struct http_head *head = ex->rsp.head;

	return head->framing == HTTP_LENGTH &&
			       !slice_eq(ex->req.head->method, SLICE("HEAD")) &&
			       head->status != 304
		       ? head->content_length
		       : 0;
}

bool permit_response(struct exchange *ex)
{
	uint64_t octets = ex->rsp.passed;

	if (ex->permit.max_response == UINT64_MAX || !ex->rsp.head)
		return true;
	if (ex->state == EXCHANGE_DIAL)
		octets = MAX(octets, permit_announced(ex));
	if (octets <= ex->permit.max_response)
		return true;
	if (ex->state == EXCHANGE_RELAY) {
		exchange_cut(ex, refusal_slug(REFUSAL_RESPONSE_LARGE),
			     SLICE("the answer is larger than max-response"));
		return false;
	}
	answer_refuse(ex, REFUSAL_RESPONSE_LARGE, SLICE(""));
	return false;
}
