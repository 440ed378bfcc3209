/* gateway/approve.c - what the operator decides at run time.
 *
 * Rules given to one sandbox (penstock allow, deny, ask), and answers to what a
 * rule leaves to the operator. Both end on time and survive a restart
 * (gateway/grants.h). A question waits in the parent with the requests behind
 * it (gateway/questions.h); an answer goes to each of them, and is kept for the
 * same question if the operator says for how long.
 */

#include "gateway/approve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "base/base.h"
#include "base/err.h"
#include "base/log.h"
#include "gateway/orders.h"

#define APPROVE_TIMEOUT_S 60	   /* unless the configuration says another */
#define APPROVE_FOR_MAX_S 31536000 /* a year */
#define APPROVE_LOG_MAX	  256	   /* octets of a rule in the log */
/* A sandbox that comes back after a restart has come by then. */
#define APPROVE_CLAIM_MS 60000

static uint64_t approve_now_s(const struct parent *p)
{
	return loop_wall_us(p->loop) / 1000000;
}

/* Grants. */

int approve_open(struct parent *p, struct config_error *ret_err)
{
	int rc = grants_open(&p->grants, p->grants_path, ret_err);

	p->started_ms = loop_now_ms(p->loop);
	if (rc == 0)
		(void)grants_expire(&p->grants, approve_now_s(p),
				    p->started_ms);
	return rc;
}

int approve_join(struct parent *p, struct member *m,
		 struct config_error *ret_err)
{
	struct ruleset *rules;
	int rc = grants_rules(&p->grants, slice_str(m->name), &rules);

	if (rc < 0)
		return rc;
	rc = member_set_grants(m, p->config, &rules, ret_err);
	ruleset_free(&rules);
	return rc;
}

void approve_leave(struct parent *p, const struct member *m)
{
	if (!m->configured)
		(void)grants_leave(&p->grants, slice_str(m->name));
}

/* Give a member the rules that the grants are now, in all workers. */
static int approve_renew(struct parent *p, struct member *m, struct pending *op,
			 struct config_error *ret_err)
{
	int rc = approve_join(p, m, ret_err);

	if (rc == 0) {
		p->generation++;
		rc = crew_send_policy(p, op, m);
	}
	return rc;
}

/* Those whose sandbox did not come back after a restart. */
static void approve_unclaimed(struct parent *p)
{
	struct grant *at = p->grants.first;
	char name[SANDBOX_NAME_MAX + 1];

	while (at) {
		/* A copy: what it is taken from goes. */
		memcpy(name, at->sandbox, sizeof(name));
		if (parent_find(p, slice_str(name)) ||
		    !grants_leave(&p->grants, slice_str(name)))
			at = at->next;
		else
			at = p->grants.first; /* the list is another one */
	}
}

static void approve_expire(struct parent *p)
{
	struct config_error err;
	struct pending *op;

	if (!p->claimed &&
	    loop_now_ms(p->loop) >= p->started_ms + APPROVE_CLAIM_MS) {
		p->claimed = true;
		approve_unclaimed(p);
	}
	if (!grants_expire(&p->grants, approve_now_s(p), loop_now_ms(p->loop)))
		return;
	op = parent_begin(p, "grants have ended");
	if (!op)
		return;
	for (struct member *m = p->members; m; m = m->next) {
		if (approve_renew(p, m, op, &err) < 0)
			op->errors++;
	}
	parent_commit(p, op);
}

/* A change of one sandbox's rules: tell all, and answer the tool. */
static void approve_settle(struct parent *p, struct desk_door *d,
			   struct member *m, const char *phrase)
{
	struct pending *op = desk_begin(p, d, phrase);
	struct config_error err;

	if (!op)
		return;
	if (approve_renew(p, m, op, &err) < 0)
		op->errors++;
	parent_commit(p, op);
}

static void approve_fail(struct parent *p, struct desk_door *d, int rc,
			 const struct config_error *err)
{
	if (rc == ERR_LIMIT)
		desk_say(p, d, CONTROL_NO,
			 "there are too many grants; see: penstock grants");
	else
		desk_say(p, d, CONTROL_NO,
			 err->text[0] ? err->text : err_str(rc));
}

/* May the rule be given? Its secret must be there; the rest, the parser says.
 */
static int approve_check(struct parent *p, const struct grant *what,
			 struct config_error *ret_err)
{
	struct ruleset *rs = NULL;
	struct rule_error err = { 0 };
	int rc = ruleset_new(&rs);

	ruleset_set_clock(rs, approve_now_s(p));
	if (rc == 0 && ruleset_add(rs, what->verdict, slice_str(what->line),
				   SLICE(""), &err) == 0) {
		rc = config_check_inject(p->config, ruleset_at(rs, 0), &err);
		if (rc < 0)
			(void)snprintf(ret_err->text, sizeof(ret_err->text),
				       "the rule has an error: %s", err.text);
	}
	ruleset_free(&rs);
	return rc;
}

/* The log is read by more people than the rules are. */
static void approve_log(const struct member *m, const struct grant *what)
{
	char line[APPROVE_LOG_MAX];
	size_t len = audit_masked(slice_str(what->line), line, sizeof(line));

	log_info("sandbox %s: %s %s", m->name, verdict_str(what->verdict),
		 log_slice(slice_of(line, len)));
}

void approve_grant(struct parent *p, struct desk_door *d)
{
	struct bytes *b = &p->in.body;
	struct member *m = parent_find(p, bytes_str(b));
	uint8_t verdict = bytes_u8(b);
	uint64_t for_s = bytes_u64(b);
	struct slice line = bytes_str(b);
	struct config_error err = { { 0 } };
	char text[2048], phrase[64];
	struct grant what = { .line = text, .made_s = approve_now_s(p) };
	uint32_t id = 0;
	int rc;

	if (b->bad || verdict > VERDICT_ALLOW || for_s > APPROVE_FOR_MAX_S ||
	    line.len >= sizeof(text) || !m) {
		desk_say(p, d, CONTROL_NO,
			 m ? "this is no rule to give, or too long"
			   : "there is no such sandbox; see: penstock "
			     "sandboxes");
		return;
	}
	(void)snprintf(text, sizeof(text), "%.*s", (int)line.len, line.ptr);
	(void)snprintf(what.sandbox, sizeof(what.sandbox), "%s", m->name);
	what.verdict = (enum verdict)verdict;
	what.until_s = for_s ? what.made_s + for_s : 0;
	what.kept = m->configured || for_s;
	rc = approve_check(p, &what, &err);
	if (rc == 0)
		rc = grants_add(&p->grants, &what, what.made_s, &id, &err);
	if (rc < 0) {
		approve_fail(p, d, rc, &err);
		return;
	}
	approve_log(m, &what);
	(void)snprintf(phrase, sizeof(phrase), "grant %u", id);
	approve_settle(p, d, m, phrase);
}

void approve_grants(struct parent *p, struct desk_door *d)
{
	for (const struct grant *g = p->grants.first; g; g = g->next) {
		frame_begin(&p->out, CONTROL_GRANTED);
		frame_put_u32(&p->out, g->id);
		frame_put_str(&p->out, slice_str(g->sandbox));
		frame_put_u8(&p->out, (uint8_t)g->verdict);
		frame_put_u8(&p->out,
			     (uint8_t)((g->answer ? CONTROL_GRANT_ANSWER : 0) |
				       (g->kept ? CONTROL_GRANT_KEPT : 0)));
		frame_put_u64(&p->out, g->made_s);
		frame_put_u64(&p->out, g->until_s);
		frame_put_str(&p->out, slice_str(g->line));
		if (!desk_send(p, d))
			break;
	}
	desk_say(p, d, CONTROL_OK, "");
}

void approve_revoke(struct parent *p, struct desk_door *d)
{
	uint32_t id = bytes_u32(&p->in.body);
	char sandbox[SANDBOX_NAME_MAX + 1] = "";
	struct member *m;
	int rc = p->in.body.bad ? ERR_UNKNOWN
				: grants_remove(&p->grants, id, sandbox);

	if (rc < 0) {
		desk_say(p, d, CONTROL_NO,
			 rc == ERR_UNKNOWN ? "there is no such grant; see: "
					     "penstock grants"
					   : err_str(rc));
		return;
	}
	log_info("sandbox %s: grant %u is revoked", sandbox, id);
	m = parent_find(p, slice_str(sandbox));
	if (m)
		approve_settle(p, d, m, "revoked");
	else
		desk_say(p, d, CONTROL_OK, "revoked");
}

/* Questions. */

static uint64_t approve_timeout_s(const struct parent *p)
{
	struct config_settings settings;

	config_settings(p->config, &settings);
	return settings.ask_timeout_s ? settings.ask_timeout_s
				      : APPROVE_TIMEOUT_S;
}

static const struct member *approve_member(const struct parent *p, uint32_t id)
{
	const struct member *m = p->members;

	while (m && m->id != id)
		m = m->next;
	return m;
}

/* What the operator said before to the same question. */
static const struct grant *approve_before(const struct parent *p,
					  const struct asking *a)
{
	const struct member *m = approve_member(p, a->sandbox);
	char text[QUESTION_TEXT_MAX];

	if (!m)
		return NULL;
	question_text(a->line, a->query, text);
	return grants_answer(&p->grants, slice_str(m->name), slice_str(text),
			     approve_now_s(p));
}

static void approve_ask(struct parent *p, const struct waiter *who)
{
	struct bytes *b = &p->in.body;
	struct asking a = { .who = *who };
	bool waiting = p->questions.first != NULL;
	const struct grant *before;
	int rc;

	a.sandbox = bytes_u32(b);
	a.line = bytes_str(b);
	a.query = bytes_str(b);
	a.rule = bytes_str(b);
	before = approve_before(p, &a);
	if (before) {
		crew_send_answer(p, who, before->verdict, before->until_s,
				 before->verdict == VERDICT_ALLOW
					 ? "The operator allowed it before."
					 : "The operator denied it before.");
		return;
	}
	rc = b->bad ? ERR_SYNTAX
		    : questions_ask(&p->questions, &a, approve_now_s(p));
	if (rc < 0)
		crew_send_answer(p, who, VERDICT_ASK, 0,
				 rc == ERR_LIMIT
					 ? "The operator would have to be "
					   "asked, but too many questions "
					   "wait already."
					 : "The operator can't be asked.");
	else if (rc == 1 && !waiting)
		log_info("a question waits for an answer; see: penstock asks");
}

void approve_on_ask(struct parent *p, uint32_t worker)
{
	struct waiter who = { .worker = worker };

	who.index = bytes_u32(&p->in.body);
	who.gen = bytes_u32(&p->in.body);
	if (p->in.type == WORKER_ASK)
		approve_ask(p, &who);
	else if (p->in.type == WORKER_UNASK && !p->in.body.bad)
		questions_drop(&p->questions, &who);
}

/* Tell all that wait behind it, and forget it. */
static void approve_tell(struct parent *p, struct question *q,
			 enum verdict verdict, uint64_t until_s,
			 const char *phrase)
{
	for (uint32_t i = 0; i < q->waiters_len; i++)
		crew_send_answer(p, &q->waiters[i], verdict, until_s, phrase);
	free(q);
}

void approve_tick(struct parent *p)
{
	uint64_t now_s = approve_now_s(p), timeout_s = approve_timeout_s(p);
	struct question *q;

	while (now_s > timeout_s &&
	       (q = questions_take_old(&p->questions, now_s - timeout_s)))
		approve_tell(p, q, VERDICT_ASK, 0,
			     "The operator was asked and did not answer in "
			     "time.");
	approve_expire(p);
}

void approve_asks(struct parent *p, struct desk_door *d)
{
	uint64_t timeout_s = approve_timeout_s(p);

	for (const struct question *q = p->questions.first; q; q = q->next) {
		const struct member *m = approve_member(p, q->sandbox);

		frame_begin(&p->out, CONTROL_QUESTION);
		frame_put_u32(&p->out, q->id);
		frame_put_str(&p->out, m ? slice_str(m->name) : SLICE(""));
		frame_put_u64(&p->out, q->asked_s);
		frame_put_u64(&p->out, q->asked_s + timeout_s);
		frame_put_u32(&p->out, q->waiters_len);
		frame_put_str(&p->out, slice_str(q->line));
		frame_put_str(&p->out, slice_str(q->query));
		frame_put_str(&p->out, slice_str(q->rule));
		if (!desk_send(p, d))
			break;
	}
	desk_say(p, d, CONTROL_OK, "");
}

/* Keep the answer for the same question. */
static int approve_remember(struct parent *p, const struct question *q,
			    enum verdict verdict, uint64_t until_s,
			    struct config_error *ret_err)
{
	const struct member *m = approve_member(p, q->sandbox);
	char text[QUESTION_TEXT_MAX];
	struct grant what = {
		.verdict = verdict,
		.answer = true,
		.kept = true,
		.made_s = approve_now_s(p),
		.until_s = until_s,
		.line = text,
	};

	if (!m)
		return ERR_UNKNOWN;
	question_text(slice_str(q->line), slice_str(q->query), text);
	(void)snprintf(what.sandbox, sizeof(what.sandbox), "%s", m->name);
	return grants_add(&p->grants, &what, what.made_s, NULL, ret_err);
}

void approve_answer(struct parent *p, struct desk_door *d)
{
	struct bytes *b = &p->in.body;
	uint32_t id = bytes_u32(b);
	uint8_t verdict = bytes_u8(b);
	uint64_t for_s = bytes_u64(b);
	bool save = bytes_u8(b);
	uint64_t until_s = for_s ? approve_now_s(p) + for_s : 0;
	struct config_error err = { { 0 } };
	const struct question *q = p->questions.first;
	int rc = 0;

	while (q && q->id != id)
		q = q->next;
	if (b->bad || for_s > APPROVE_FOR_MAX_S || !q ||
	    (verdict != VERDICT_ALLOW && verdict != VERDICT_DENY)) {
		desk_say(p, d, CONTROL_NO,
			 q ? "an answer is allow or deny"
			   : "there is no such question, or it has ended; "
			     "see: penstock asks");
		return;
	}
	if (for_s || save)
		rc = approve_remember(p, q, (enum verdict)verdict, until_s,
				      &err);
	if (rc < 0) {
		approve_fail(p, d, rc, &err);
		return;
	}
	log_info("question %u: %s", id, verdict_str((enum verdict)verdict));
	approve_tell(p, questions_take(&p->questions, id),
		     (enum verdict)verdict, until_s,
		     verdict == VERDICT_ALLOW ? "The operator allowed it."
					      : "The operator denied it.");
	desk_say(p, d, CONTROL_OK, "answered");
}
