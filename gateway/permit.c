/* gateway/permit.c - may this exchange go on? */

#include "base/base.h"
#include "gateway/exchange_impl.h"
#include "gateway/login.h"

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

void permit_judge(struct exchange *ex)
{
	struct exchange_conn *c = ex->conn;
	struct judge_facts facts = { .sni = c->sni, .proxy = c->proxy };
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
	facts.policy = c->sandbox->policy;
	facts.sandbox = slice_str(c->sandbox->name);
	allowed = judge_request(&facts, ex->req.head, &ex->arena, &ex->judged);
	if (ex->judged.carrier) {
		answer_carry(ex);
		return;
	}
	tell_count_request(c->gate, c->sandbox);
	if (!permit_record(ex))
		answer_refuse(ex, REFUSAL_LEDGER,
			      SLICE("The decision can't be recorded now, so "
				    "nothing is forwarded."));
	else if (!allowed)
		answer_refuse(ex, ex->judged.refusal, ex->judged.detail);
	else if (ex->judged.portal)
		answer_portal(ex);
	else
		exchange_dial(ex);
	/* The rule lives with the policy, which may change from here on. */
	ex->judged.answer.rule = NULL;
}
