/* gateway/parent.c - the parent: what there is, and its changes.
 *
 * A change goes to every worker in frames that carry its serial; it is settled
 * when each frame is confirmed, or its worker has died (the successor is told
 * the state that includes it). Signals arrive as octets of a descriptor:
 * HUP reads the configuration again, TERM and INT end, CHLD reaps.
 */

#include "gateway/parent.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "gateway/approve.h"
#include "gateway/guard.h"
#include "gateway/parent_run.h"
#include "gateway/secrets.h"

#define PARENT_DRAIN_S 5 /* a worker that is not done by then is killed */

struct pending *parent_begin(struct parent *p, const char *phrase)
{
	struct pending *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	if (++p->serial == 0)
		p->serial = 1; /* 0 means that nobody waits */
	op->serial = p->serial;
	(void)snprintf(op->phrase, sizeof(op->phrase), "%s", phrase);
	op->next = p->pending;
	p->pending = op;
	return op;
}

void parent_commit(struct parent *p, struct pending *op)
{
	struct pending **at = &p->pending;

	for (uint32_t i = 0; i < p->workers_len; i++) {
		if (op->waiting[i])
			return;
	}
	while (*at != op)
		at = &(*at)->next;
	*at = op->next;
	desk_settled(p, op);
	free(op);
}

struct member *parent_find(struct parent *p, struct slice name)
{
	struct member *m = p->members;

	while (m && !slice_eq(slice_str(m->name), name))
		m = m->next;
	return m;
}

int parent_add(struct parent *p, struct member *m)
{
	uint32_t slot = 0;

	while (slot < SANDBOXES_MAX && p->slots[slot])
		slot++;
	if (slot == SANDBOXES_MAX)
		return -ENOBUFS;
	p->slots[slot] = true;
	for (uint32_t i = 0; i < WORKERS_MAX; i++)
		p->stats[i].sandbox[slot] = (struct stats_sandbox){ 0 };
	m->slot = slot;
	m->id = ++p->member_id;
	m->next = p->members;
	p->members = m;
	return 0;
}

void parent_remove(struct parent *p, struct member *m)
{
	struct member **at = &p->members;

	while (*at && *at != m)
		at = &(*at)->next;
	assert(*at == m);
	*at = m->next;
	p->slots[m->slot] = false;
	questions_drop_sandbox(&p->questions, m->id);
	(void)crew_send_remove(p, NULL, m->id);
	member_free(&m);
}

/* The names of a configured sandbox's policies, with blanks between. */
static int parent_policies(const struct config_sandbox *cs,
			   char ret[MEMBER_POLICIES_MAX])
{
	size_t at = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < cs->policies_len; i++) {
		int n = snprintf(ret + at, MEMBER_POLICIES_MAX - at, "%s%s",
				 i ? " " : "", cs->policies[i]);

		if (n < 0 || (size_t)n >= MEMBER_POLICIES_MAX - at)
			return ERR_LIMIT;
		at += (size_t)n;
	}
	return 0;
}

static int parent_say(struct config_error *ret_err, const char *name, int rc)
{
	if (!ret_err->text[0])
		(void)snprintf(ret_err->text, sizeof(ret_err->text),
			       "sandbox %s: %s", name, err_str(rc));
	return rc;
}

/* The file is not named by its content: that is the secret. */
static int parent_token(const struct config_sandbox *cs,
			char ret[TOKEN_MAX + 1], struct config_error *ret_err)
{
	int rc = member_read_token(cs->token_file, ret);

	if (rc < 0)
		(void)snprintf(ret_err->text, sizeof(ret_err->text),
			       "sandbox %s: token_file: %s: %s", cs->name,
			       cs->token_file,
			       rc == ERR_SYNTAX
				       ? "its first line must be 16 to 255 "
					 "visible characters"
				       : err_str(rc));
	return rc;
}

/* Make one configured sandbox as config says, whether it is new or known. */
static int parent_configure(struct parent *p, const struct config *config,
			    const struct config_sandbox *cs, struct pending *op,
			    struct config_error *ret_err)
{
	char policies[MEMBER_POLICIES_MAX];
	struct member *m = parent_find(p, slice_str(cs->name));
	bool fresh = !m;
	int rc = parent_policies(cs, policies);

	if (rc == 0 && fresh)
		rc = member_new(slice_str(cs->name), slice_str(policies), &m);
	if (rc < 0)
		return parent_say(ret_err, cs->name, rc);
	assert(m);
	memcpy(m->policies, policies, sizeof(policies));
	m->learn = cs->learn;
	rc = fresh ? approve_join(p, m, ret_err)
		   : member_compose(m, config, ret_err);
	if (rc == 0)
		rc = member_set_from(m, cs->from, cs->from_len);
	if (rc == 0)
		rc = parent_token(cs, m->token, ret_err);
	if (rc == 0 && fresh)
		rc = parent_add(p, m);
	if (rc < 0) {
		if (fresh)
			member_free(&m);
		return parent_say(ret_err, cs->name, rc);
	}
	m->configured = true;
	m->seen = true;
	if (op && fresh)
		rc = crew_send_sandbox(p, op, m);
	if (op && rc == 0)
		crew_send_token(p, op, m);
	return rc;
}

/* Would every sandbox compose with this configuration? Nothing changes. */
static int parent_try(struct parent *p, const struct config *config,
		      struct config_error *ret_err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < config_sandboxes(config); i++) {
		struct config_sandbox cs;
		struct ruleset *rs = NULL;
		char token[TOKEN_MAX + 1];

		config_sandbox(config, i, &cs);
		rc = parent_token(&cs, token, ret_err);
		explicit_bzero(token, sizeof(token));
		if (rc == 0)
			rc = ruleset_new(&rs);
		for (size_t k = 0; rc == 0 && k < cs.policies_len; k++)
			rc = config_rules(config, cs.policies[k], rs, ret_err);
		ruleset_free(&rs);
	}
	for (struct member *m = p->members; rc == 0 && m; m = m->next) {
		if (!m->configured)
			rc = member_try(m, config, ret_err);
	}
	return rc;
}

int parent_apply(struct parent *p, struct pending *op,
		 struct config_error *ret_err)
{
	struct member *next;
	int rc = 0;

	for (struct member *m = p->members; m; m = m->next)
		m->seen = false;
	for (size_t i = 0; rc == 0 && i < config_sandboxes(p->config); i++) {
		struct config_sandbox cs;

		config_sandbox(p->config, i, &cs);
		rc = parent_configure(p, p->config, &cs, op, ret_err);
	}
	for (struct member *m = p->members; rc == 0 && m; m = next) {
		next = m->next;
		if (m->configured && !m->seen)
			parent_remove(p, m);
		else if (!m->configured)
			rc = member_compose(m, p->config, ret_err);
	}
	return rc;
}

void parent_keep(const struct parent *p)
{
	struct config_error err;
	char fresh[PATH_MAX];
	char *text = NULL;
	size_t len;
	int rc = config_read(p->config_path, &text, &len, &err);

	if (rc == -ENOENT) {
		(void)unlink(p->good_path); /* none is in force */
		return;
	}
	(void)snprintf(fresh, sizeof(fresh), "%s.new", p->good_path);
	if (rc == 0)
		rc = file_replace(AT_FDCWD, fresh, p->good_path, 0600,
				  slice_of(text, len));
	free(text);
	if (rc < 0)
		log_warn("no copy of the configuration is kept: %s",
			 err_str(rc));
}

int parent_reload(struct parent *p, struct pending *op,
		  struct config_error *ret_err)
{
	struct config *before = p->config;
	struct secrets *secrets = NULL;
	struct config *fresh;
	int rc = config_load(p->config_path, &fresh, ret_err);

	if (rc == -ENOENT)
		rc = config_empty(&fresh);
	if (rc < 0)
		return rc;
	rc = parent_try(p, fresh, ret_err);
	if (rc == 0)
		rc = secrets_read(fresh, &secrets, ret_err);
	if (rc < 0) {
		config_free(&fresh);
		return rc;
	}
	p->config = fresh;
	secrets_free(&p->secrets);
	p->secrets = secrets;
	crew_send_secrets(p, op);
	p->generation++;
	parent_keep(p);
	rc = parent_apply(p, op, ret_err);
	config_free(&before);
	for (struct member *m = p->members; rc == 0 && m; m = m->next)
		rc = crew_send_policy(p, op, m);
	if (rc == 0)
		rc = crew_send_from(p, op);
	if (rc < 0)
		op->errors++;
	return 0;
}

static void parent_stop(struct parent *p)
{
	if (p->stopping) {
		crew_kill(p);
		return;
	}
	p->stopping = true;
	log_info("ending: %u workers finish what is in work", crew_alive(p));
	crew_send_drain(p);
	if (!crew_alive(p))
		loop_stop(p->loop);
}

static void parent_hup(struct parent *p)
{
	struct config_error err = { { 0 } };
	struct pending *op = parent_begin(p, "configuration reloaded");

	if (!op)
		return;
	if (parent_reload(p, op, &err) < 0) {
		log_error("the configuration is not changed:");
		log_lines(LOG_LEVEL_ERROR, err.text);
		(void)snprintf(op->phrase, sizeof(op->phrase),
			       "the configuration before stays in force");
	}
	parent_commit(p, op);
}

static void parent_on_signal(struct parent *p)
{
	struct signalfd_siginfo si;

	while (read(p->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD)
			crew_reap(p);
		else if (si.ssi_signo == SIGHUP)
			parent_hup(p);
		else
			parent_stop(p);
	}
	if (p->stopping && !crew_alive(p))
		loop_stop(p->loop);
}

/* The host's addresses, once a second: they come and go. */
static void parent_learn_own(void)
{
	static int before;
	int rc = guard_learn_own();

	if (rc < 0 && rc != before)
		log_error("the host's addresses can't be read (%s): those of "
			  "before are the gateway's own",
			  err_str(rc));
	if (rc == 1)
		log_info("the host's addresses have changed");
	before = MIN(rc, 0);
}

static void parent_on_tick(struct parent *p)
{
	parent_learn_own();
	if (p->stopping && ++p->stopping_s >= PARENT_DRAIN_S)
		crew_kill(p);
	approve_tick(p);
	p->idle_s = p->doors.count || p->stopping ? 0 : p->idle_s + 1;
	if (p->idle_exit_s && p->idle_s >= p->idle_exit_s) {
		log_info("nobody needs this instance");
		parent_stop(p);
	}
	if (crew_start(p) < 0)
		log_error("a worker can't be started; trying again");
}

void parent_tick_start(struct parent *p)
{
	struct loop_ref ref = { .kind = PARENT_TICK };

	timer_start(p->loop, &p->tick, ref, PARENT_TIMER_TICK);
}

void parent_on_event(void *ctx, struct loop_ref ref, unsigned int events)
{
	struct parent *p = ctx;

	(void)events;
	switch (ref.kind) {
	case PARENT_CONTROL:
		desk_on_control(p);
		break;
	case PARENT_DOOR:
		desk_on_door(p, ref);
		break;
	case PARENT_WORKER:
		crew_on_event(p, ref);
		break;
	case PARENT_SIGNAL:
		parent_on_signal(p);
		break;
	default:
		assert(0);
	}
}

void parent_on_timer(void *ctx, struct loop_ref ref, uint8_t name)
{
	struct parent *p = ctx;

	(void)ref;
	(void)name;
	parent_on_tick(p);
	parent_tick_start(p);
}
