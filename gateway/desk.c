/* gateway/desk.c - the control door: the operator's tools are answered here.
 *
 * Frames as in gateway/control.h. A connection asks one thing at a time; a
 * question that changes something is answered when all workers have confirmed.
 * A connection that added a sandbox owns it: when it closes, however that
 * came, the sandbox ends.
 */

#include "gateway/parent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/log.h"
#include "gateway/approve.h"
#include "gateway/control.h"
#include "gateway/rules_fd.h"
#include "gateway/refusal.h"
#include "gateway/stats.h"

#define DESK_PIECE 16384 /* octets of text in one frame */

struct desk_door {
	int fd; /* owned */
	uint32_t index, gen;
	pid_t peer;
	struct member *member; /* that it added; borrowed */
};

void desk_on_control(struct parent *p)
{
	struct loop_ref ref = { .kind = PARENT_DOOR };
	struct desk_door *d;
	pid_t peer;
	int fd = door_accept(p->control, &peer);

	if (fd < 0)
		return;
	d = calloc(1, sizeof(*d));
	if (!d || table_add(&p->doors, d, &d->index, &d->gen) < 0) {
		log_warn("too many control connections");
		(void)close(fd);
		free(d);
		return;
	}
	d->fd = fd;
	d->peer = peer;
	ref.gen = d->gen & 0xffffff;
	ref.index = d->index;
	(void)loop_add(p->loop, fd, ref, LOOP_READ);
}

static void desk_close(struct parent *p, struct desk_door *d)
{
	struct member *m = d->member;

	loop_remove(p->loop, d->fd);
	(void)close(d->fd);
	table_remove(&p->doors, d->index);
	free(d);
	if (m) {
		log_info("sandbox %s ends", m->name);
		approve_leave(p, m);
		parent_remove(p, m);
	}
}

bool desk_send(struct parent *p, const struct desk_door *d)
{
	return frame_send(d->fd, &p->out, NULL, 0) == 1;
}

void desk_say(struct parent *p, const struct desk_door *d,
	      enum control_frame type, const char *text)
{
	frame_begin(&p->out, (uint16_t)type);
	frame_put_str(&p->out, slice_str(text));
	(void)desk_send(p, d);
}

void desk_settled(struct parent *p, const struct pending *op)
{
	struct desk_door *d;

	if (!op->has_door) {
		log_info("%s%s", op->phrase, op->errors ? ": failed" : "");
		return;
	}
	d = table_get(&p->doors, op->door_index, op->door_gen & 0xffffff);
	if (!d)
		return;
	if (op->errors)
		desk_say(p, d, CONTROL_NO,
			 "a worker could not take the change; see the log");
	else
		desk_say(p, d, CONTROL_OK, op->phrase);
}

struct pending *desk_begin(struct parent *p, const struct desk_door *d,
			   const char *phrase)
{
	struct pending *op = parent_begin(p, phrase);

	if (op) {
		op->has_door = true;
		op->door_index = d->index;
		op->door_gen = d->gen;
	}
	return op;
}

/* Build the member that an ADD frame describes. */
static int desk_member(struct parent *p, struct member **ret,
		       struct config_error *ret_err)
{
	struct bytes *b = &p->in.body;
	struct slice name = bytes_str(b);
	struct slice policies = bytes_str(b);
	uint8_t tcp = bytes_u8(b);
	uint8_t udp = bytes_u8(b);
	uint8_t dns = bytes_u8(b);
	struct slice kind = bytes_left(b) ? bytes_str(b) : SLICE("run");
	bool learn = bytes_left(b) ? bytes_u8(b) : false;
	size_t n = (size_t)tcp + udp + dns;
	struct rule_error err = { 0 };
	struct member *m = NULL;
	int rc = ERR_PROTO;

	ret_err->text[0] = '\0';
	if (!b->bad && n <= LISTENERS_SANDBOX && p->in.fds_len == n + 1)
		rc = member_new(name, policies, &m);
	if (rc == 0)
		rc = rules_fd_read(p->in.fds[0], &m->own, &err);
	if (rc == 0)
		rc = approve_join(p, m, ret_err);
	if (rc < 0) {
		if (!ret_err->text[0])
			(void)snprintf(ret_err->text, sizeof(ret_err->text),
				       "%s%s%s", err_str(rc),
				       err.text[0] ? ": " : "", err.text);
		member_free(&m);
		return rc;
	}
	(void)snprintf(m->kind, sizeof(m->kind), "%.*s", (int)kind.len,
		       kind.ptr);
	m->learn = learn;
	m->tcp = tcp;
	m->udp = udp;
	m->dns = dns;
	for (size_t i = 0; i < n; i++) {
		m->fds[i] = p->in.fds[1 + i];
		p->in.fds[1 + i] = -1;
	}
	*ret = m;
	return 0;
}

static void desk_add(struct parent *p, struct desk_door *d)
{
	struct config_error err;
	struct pending *op = NULL;
	struct member *m;

	if (d->member) {
		desk_say(p, d, CONTROL_NO, "this connection has a sandbox");
		return;
	}
	if (desk_member(p, &m, &err) < 0) {
		desk_say(p, d, CONTROL_NO, err.text);
		return;
	}
	if (parent_find(p, slice_str(m->name)))
		desk_say(p, d, CONTROL_NO, "a sandbox of this name exists");
	else if (parent_add(p, m) < 0)
		desk_say(p, d, CONTROL_NO, "there are too many sandboxes");
	else
		op = desk_begin(p, d, "added");
	if (!op) {
		if (parent_find(p, slice_str(m->name)) == m)
			parent_remove(p, m);
		else
			member_free(&m);
		return;
	}
	d->member = m;
	log_info("sandbox %s begins (process %d)", m->name, d->peer);
	if (crew_send_sandbox(p, op, m) < 0)
		op->errors++;
	parent_commit(p, op);
}

static void desk_list(struct parent *p, struct desk_door *d)
{
	for (const struct member *m = p->members; m; m = m->next) {
		uint64_t requests = 0, denied = 0;
		char policies[MEMBER_POLICIES_MAX + 16];

		(void)snprintf(policies, sizeof(policies), "%s%s", m->policies,
			       m->learn ? " (mode learn)" : "");
		for (uint32_t i = 0; i < p->workers_len; i++) {
			requests += p->stats[i].sandbox[m->slot].requests;
			denied += p->stats[i].sandbox[m->slot].denied;
		}
		frame_begin(&p->out, CONTROL_SANDBOX);
		frame_put_str(&p->out, slice_str(m->name));
		frame_put_str(&p->out, m->configured ? SLICE("source")
						     : slice_str(m->kind));
		frame_put_str(&p->out, slice_str(policies));
		frame_put_u64(&p->out, m->since_s);
		frame_put_u64(&p->out, requests);
		frame_put_u64(&p->out, denied);
		if (frame_send(d->fd, &p->out, NULL, 0) != 1)
			break;
	}
	desk_say(p, d, CONTROL_OK, "");
}

/* Text of any length, in pieces, then OK. */
static void desk_text(struct parent *p, struct desk_door *d, struct slice text)
{
	while (text.len) {
		size_t n = MIN(text.len, (size_t)DESK_PIECE);

		frame_begin(&p->out, CONTROL_TEXT);
		frame_put_str(&p->out, slice_of(text.ptr, n));
		if (frame_send(d->fd, &p->out, NULL, 0) != 1) {
			desk_say(p, d, CONTROL_NO, "the answer is too long");
			return;
		}
		text = slice_skip(text, n);
	}
	desk_say(p, d, CONTROL_OK, "");
}

static void desk_rules_of(struct parent *p, struct desk_door *d)
{
	struct member *m = parent_find(p, bytes_str(&p->in.body));
	char *text = NULL;
	size_t len;

	if (!m) {
		desk_say(p, d, CONTROL_NO, "there is no such sandbox");
		return;
	}
	if (ruleset_print(m->rules, &text, &len) < 0) {
		desk_say(p, d, CONTROL_NO, "out of memory");
		return;
	}
	desk_text(p, d, slice_of(text, len));
	free(text);
}

static void desk_reload(struct parent *p, struct desk_door *d)
{
	struct config_error err = { { 0 } };
	struct pending *op = desk_begin(p, d, "reloaded");

	if (!op)
		return;
	if (parent_reload(p, op, &err) < 0) {
		desk_say(p, d, CONTROL_NO, err.text);
		op->has_door = false; /* the log is told instead */
		(void)snprintf(op->phrase, sizeof(op->phrase),
			       "not reloaded: the configuration before stays "
			       "in force");
	}
	parent_commit(p, op);
}

/* Refusals of each kind, "refused.SLUG N". Returns the length. */
static int desk_refusals(const struct parent *p, char *text, size_t size)
{
	size_t n = 0;

	for (int kind = 0; kind < REFUSAL_KINDS; kind++) {
		struct slice slug = refusal_slug((enum refusal_kind)kind);
		uint64_t sum = 0;

		for (uint32_t i = 0; i < p->workers_len; i++)
			sum += p->stats[i].refusals[kind];
		n += (size_t)snprintf(text + n, size - n, "refused.%.*s %llu\n",
				      (int)slug.len, slug.ptr,
				      (unsigned long long)sum);
		assert(n < size);
	}
	return (int)n;
}

static void desk_stats(struct parent *p, struct desk_door *d)
{
	struct stats_row sum = { 0 };
	uint32_t waiting = 0, open = 0;
	char text[8192];
	int n = 0;

	for (uint32_t i = 0; i < p->workers_len; i++) {
		const struct stats_row *row = &p->stats[i].row;

#define DESK_ADD(name, what) sum.name += row->name;
		STATS_EACH(DESK_ADD)
#undef DESK_ADD
		waiting += p->stats[i].spool_waiting;
		open += p->stats[i].spool_open;
	}
	n = snprintf(text, sizeof(text),
		     "workers %u\nworkers_replaced %u\ngeneration %u\n"
		     "questions %u\ngrants %zu\n"
		     "records_waiting %u\nrecords_open %u\n",
		     crew_alive(p), p->respawns, p->generation,
		     questions_waiting(&p->questions), p->grants.len, waiting,
		     open);
#define DESK_PRINT(name, what)                                                 \
	n += snprintf(text + n, sizeof(text) - (size_t)n, #name " %llu\n",     \
		      (unsigned long long)sum.name);
	STATS_EACH(DESK_PRINT)
#undef DESK_PRINT
	n += desk_refusals(p, text + n, sizeof(text) - (size_t)n);
	desk_text(p, d, slice_of(text, (size_t)n));
}

/* One question. False: the door is closed. */
static bool desk_question(struct parent *p, struct desk_door *d)
{
	switch (p->in.type) {
	case CONTROL_ADD:
		desk_add(p, d);
		return true;
	case CONTROL_LIST:
		desk_list(p, d);
		return true;
	case CONTROL_RULES:
		desk_rules_of(p, d);
		return true;
	case CONTROL_GRANT:
		approve_grant(p, d);
		return true;
	case CONTROL_GRANTS:
		approve_grants(p, d);
		return true;
	case CONTROL_REVOKE:
		approve_revoke(p, d);
		return true;
	case CONTROL_ASKS:
		approve_asks(p, d);
		return true;
	case CONTROL_ANSWER:
		approve_answer(p, d);
		return true;
	case CONTROL_RELOAD:
		desk_reload(p, d);
		return true;
	case CONTROL_STATS:
		desk_stats(p, d);
		return true;
	default:
		return false;
	}
}

void desk_on_door(struct parent *p, struct loop_ref ref)
{
	struct desk_door *d = table_get(&p->doors, ref.index, ref.gen);
	int rc;

	if (!d)
		return;
	rc = frame_recv(d->fd, &p->in);
	if (rc == 0)
		return;
	if (rc < 0 || !desk_question(p, d))
		desk_close(p, d);
	if (rc == 1)
		frame_close_fds(&p->in);
}
