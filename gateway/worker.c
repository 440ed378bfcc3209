/* gateway/worker.c - one worker process: the data path, single-threaded.
 *
 * Here is the one switch that hands events to their owners, and what the
 * parent's frames do. A frame is done whole or not at all, and answered; when
 * the door to the parent closes the worker ends at once, as a gateway without
 * a parent can't be told what is no longer allowed.
 */

#include "gateway/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/frame.h"
#include "base/jail.h"
#include "base/log.h"
#include "gateway/conn.h"
#include "gateway/dnsd.h"
#include "gateway/exchange.h"
#include "gateway/leaf.h"
#include "gateway/listen.h"
#include "gateway/orders.h"
#include "gateway/resolve.h"
#include "gateway/rules_fd.h"
#include "gateway/sandbox.h"
#include "gateway/secrets.h"
#include "gateway/upstream.h"
#include "policy/policy.h"

struct worker {
	struct gate gate;
	int door;
	struct timer tick;
	struct timer drain; /* what is in work then, is cut */
	struct frame_in in; /* large; not for the stack */
	struct frame_out out;
	struct frame_out asks; /* for gate.parent_out */
	struct secrets *fresh; /* owned; secrets that have come, not yet all */
};

static const struct loop_ref worker_door_ref = { .kind = GATE_PARENT };
static const struct loop_ref worker_tick_ref = { .kind = GATE_TICK };

static void worker_on_parent(struct worker *w);

static void worker_on_event(void *ctx, struct loop_ref ref, unsigned int events)
{
	struct worker *w = ctx;
	struct gate *g = &w->gate;

	switch (ref.kind) {
	case GATE_LISTENER:
		listen_on_event(g, ref);
		break;
	case GATE_CONN:
		conn_on_event(g, ref, events);
		break;
	case GATE_LINK:
		uplink_on_event(g, ref, events);
		break;
	case GATE_DNS:
		dnsd_on_event(g, ref, events);
		break;
	case GATE_CERTGEN:
		leaves_on_event(g->leaves);
		break;
	case GATE_RESOLVE:
		resolve_on_event(g->resolver, ref, events);
		break;
	case GATE_PARENT:
		worker_on_parent(w);
		break;
	default:
		assert(0);
	}
}

/* The sandbox's rules are others than before, or fewer. */
static void worker_recheck(struct worker *w, struct sandbox *sb)
{
	sb->expires_s = policy_next_expiry(sb->policy, gate_now_s(&w->gate));
	conn_recheck(&w->gate, sb);
}

static void worker_expire(struct worker *w)
{
	struct sandbox *sb;

	while ((sb = sandboxes_expired(w->gate.sandboxes,
				       gate_now_s(&w->gate))))
		worker_recheck(w, sb);
}

/* Once a second: numbers for the parent. */
static void worker_on_tick(struct worker *w)
{
	const char *fault = spool_fault(w->gate.spool);
	struct stats *s = w->gate.stats;

	if (fault) {
		log_error("the spool is %s; a new worker gets a new one",
			  fault);
		loop_stop(w->gate.loop);
		return;
	}
	worker_expire(w);
	listen_resume(&w->gate);
	spool_load(w->gate.spool, &s->spool_waiting, &s->spool_open);
	if (w->gate.draining && !w->gate.conns.count)
		loop_stop(w->gate.loop);
	timer_start(w->gate.loop, &w->tick, worker_tick_ref, TIMER_TICK);
}

static void worker_on_timer(void *ctx, struct loop_ref ref, uint8_t name)
{
	struct worker *w = ctx;
	struct gate *g = &w->gate;

	switch (ref.kind) {
	case GATE_CONN:
		conn_on_timer(g, ref, name);
		break;
	case GATE_EXCHANGE:
		exchange_on_timer(g, ref, name);
		break;
	case GATE_LINK:
		uplink_on_timer(g, ref, name);
		break;
	case GATE_ORIGIN:
		origin_on_timer(g, ref, name);
		break;
	case GATE_DNS:
		dnsd_on_timer(g, ref);
		break;
	case GATE_CERTGEN:
		leaves_on_timer(g->leaves);
		break;
	case GATE_RESOLVE:
		resolve_on_timer(g->resolver);
		break;
	case GATE_TICK:
		if (name == TIMER_DRAIN)
			loop_stop(g->loop);
		else
			worker_on_tick(w);
		break;
	default:
		assert(0);
	}
}

static void worker_on_post(void *ctx, struct loop_ref ref)
{
	struct gate *g = &((struct worker *)ctx)->gate;

	switch (ref.kind) {
	case GATE_CONN:
		conn_on_post(g, ref);
		break;
	case GATE_EXCHANGE:
		exchange_on_post(g, ref);
		break;
	case GATE_LINK:
		uplink_on_post(g, ref);
		break;
	case GATE_ORIGIN:
		origin_on_post(g, ref);
		break;
	default:
		assert(0);
	}
}

/* The compiled policy of the ruleset text in a memfd. */
static int worker_policy(int fd, struct policy **ret)
{
	struct ruleset *rs = NULL;
	struct rule_error err;
	int rc = rules_fd_read(fd, &rs, &err);

	if (rc < 0)
		return rc;
	rc = policy_compile(rs, ret);
	ruleset_free(&rs);
	return rc;
}

static int worker_take_fd(struct frame_in *in, size_t i)
{
	int fd = in->fds[i];

	in->fds[i] = -1;
	return fd;
}

/* The listeners come in the order tcp, udp, dns. */
static enum listen_kind worker_kind(size_t i, size_t tcp, size_t udp)
{
	if (i < tcp)
		return LISTEN_TCP;
	return i < tcp + udp ? LISTEN_DNS_UDP : LISTEN_DNS_TCP;
}

static int worker_on_sandbox(struct worker *w)
{
	struct bytes *b = &w->in.body;
	uint32_t id = bytes_u32(b);
	uint32_t slot = bytes_u32(b);
	struct slice name = bytes_str(b);
	uint32_t generation = bytes_u32(b);
	bool learn = bytes_u8(b);
	size_t tcp = bytes_u8(b);
	size_t udp = bytes_u8(b);
	size_t dns = bytes_u8(b);
	struct policy *policy = NULL;
	struct sandbox *sb;
	int rc = 0;

	if (b->bad || w->in.fds_len != 1 + tcp + udp + dns)
		return ERR_SYNTAX;
	rc = worker_policy(w->in.fds[0], &policy);
	if (rc == 0)
		rc = sandbox_add(w->gate.sandboxes, id, slot, name, &policy,
				 &sb);
	if (rc != 0) {
		policy_free(&policy);
		return rc;
	}
	sb->generation = generation;
	sb->learn = learn;
	worker_recheck(w, sb);
	for (size_t i = 0; rc == 0 && i < tcp + udp + dns; i++)
		rc = listen_add(&w->gate, worker_take_fd(&w->in, 1 + i),
				worker_kind(i, tcp, udp), id);
	return rc;
}

static int worker_on_policy(struct worker *w)
{
	struct bytes *b = &w->in.body;
	uint32_t id = bytes_u32(b);
	uint32_t generation = bytes_u32(b);
	bool learn = bytes_u8(b);
	struct sandbox *sb = sandbox_find(w->gate.sandboxes, id);
	struct policy *policy;
	int rc;

	if (b->bad || w->in.fds_len != 1)
		return ERR_SYNTAX;
	if (!sb)
		return ERR_UNKNOWN;
	rc = worker_policy(w->in.fds[0], &policy);
	if (rc < 0)
		return rc;
	sandbox_set_policy(sb, &policy, generation);
	sb->learn = learn;
	worker_recheck(w, sb);
	w->gate.stats->generation = generation;
	return 0;
}

/* All prefixes anew; none of them is looked at before the last is there. */
static int worker_on_from(struct worker *w)
{
	struct bytes *b = &w->in.body;
	size_t count = bytes_u16(b);
	int rc = 0;

	sandbox_from_clear(w->gate.sandboxes);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		uint32_t id = bytes_u32(b);
		struct slice prefix = bytes_str(b);

		rc = b->bad ? ERR_SYNTAX
			    : sandbox_from(w->gate.sandboxes, prefix, id);
	}
	return rc;
}

static int worker_on_listen(struct worker *w)
{
	uint8_t kind = bytes_u8(&w->in.body);

	if (w->in.body.bad || kind >= LISTEN_KINDS || w->in.fds_len != 1)
		return ERR_SYNTAX;
	return listen_add(&w->gate, worker_take_fd(&w->in, 0),
			  (enum listen_kind)kind, 0);
}

static int worker_on_token(struct worker *w)
{
	struct bytes *b = &w->in.body;
	uint32_t id = bytes_u32(b);
	struct slice token = bytes_str(b);
	struct sandbox *sb = sandbox_find(w->gate.sandboxes, id);
	int rc = 0;

	if (b->bad || token.len > TOKEN_MAX)
		rc = ERR_SYNTAX;
	else if (!sb)
		rc = ERR_UNKNOWN;
	else
		sandbox_set_token(sb, token);
	explicit_bzero(w->in.mem, sizeof(w->in.mem));
	return rc;
}

/* One of a new set; with the last one it is in force. */
static int worker_on_secret(struct worker *w)
{
	struct bytes *b = &w->in.body;
	uint16_t index = bytes_u16(b);
	uint16_t count = bytes_u16(b);
	int rc = 0;

	if (index == 0) {
		secrets_free(&w->fresh);
		rc = secrets_new(&w->fresh);
	}
	if (rc == 0 && (b->bad || !w->fresh || secrets_len(w->fresh) != index))
		rc = ERR_SYNTAX;
	if (rc == 0 && count)
		rc = secrets_take(w->fresh, b);
	explicit_bzero(w->in.mem, sizeof(w->in.mem));
	if (rc == 0 && secrets_len(w->fresh) == count) {
		secrets_free(&w->gate.secrets);
		w->gate.secrets = TAKE(w->fresh);
	}
	return rc;
}

/* The operator's, or that there is none. */
static int worker_on_answer(struct worker *w)
{
	struct bytes *b = &w->in.body;
	uint32_t index = bytes_u32(b);
	uint32_t gen = bytes_u32(b);
	uint8_t verdict = bytes_u8(b);
	uint64_t until_s = bytes_u64(b);
	struct slice phrase = bytes_str(b);
	struct exchange_answer answer = { .until_s = until_s,
					  .phrase = phrase };

	if (b->bad || verdict > VERDICT_ALLOW)
		return ERR_SYNTAX;
	answer.verdict = (enum verdict)verdict;
	exchange_on_answer(&w->gate, index, gen, &answer);
	return 0;
}

static int worker_on_remove(struct worker *w)
{
	uint32_t id = bytes_u32(&w->in.body);
	struct sandbox *sb = sandbox_find(w->gate.sandboxes, id);

	if (w->in.body.bad)
		return ERR_SYNTAX;
	if (!sb)
		return 0;
	listen_remove(&w->gate, id);
	conn_end_all(&w->gate, sb);
	dnsd_end_all(&w->gate, sb);
	origins_forget(&w->gate, id);
	sandbox_remove(w->gate.sandboxes, id);
	return 0;
}

static int worker_on_drain(struct worker *w)
{
	w->gate.draining = true;
	timer_start(w->gate.loop, &w->drain, worker_tick_ref, TIMER_DRAIN);
	listen_remove_all(&w->gate);
	dnsd_end_all(&w->gate, NULL);
	conn_drain_all(&w->gate);
	return 0;
}

static int worker_do(struct worker *w)
{
	switch (w->in.type) {
	case WORKER_SANDBOX:
		return worker_on_sandbox(w);
	case WORKER_POLICY:
		return worker_on_policy(w);
	case WORKER_FROM:
		return worker_on_from(w);
	case WORKER_REMOVE:
		return worker_on_remove(w);
	case WORKER_TOKEN:
		return worker_on_token(w);
	case WORKER_LISTEN:
		return worker_on_listen(w);
	case WORKER_SECRET:
		return worker_on_secret(w);
	case WORKER_ANSWER:
		return worker_on_answer(w);
	case WORKER_DRAIN:
		return worker_on_drain(w);
	default:
		return ERR_PROTO;
	}
}

/* The parent says something, or has gone. */
static void worker_on_parent(struct worker *w)
{
	for (;;) {
		int rc = frame_recv(w->door, &w->in);
		uint32_t serial;

		if (rc == 0)
			return;
		if (rc < 0) {
			loop_stop(w->gate.loop);
			return;
		}
		serial = bytes_u32(&w->in.body);
		rc = worker_do(w);
		frame_close_fds(&w->in);
		if (rc < 0)
			log_error("the parent's frame %u failed: %s",
				  w->in.type, err_str(rc));
		frame_begin(&w->out, WORKER_ACK);
		frame_put_u32(&w->out, serial);
		frame_put_u32(&w->out, rc < 0 ? 1u : 0u);
		(void)frame_send(w->door, &w->out, NULL, 0);
	}
}

/* As many descriptors as the connections may need. */
static void worker_limits(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static int worker_init(struct worker *w, const struct worker_setup *setup)
{
	static const struct loop_handlers handlers = {
		.event = worker_on_event,
		.timer = worker_on_timer,
		.post = worker_on_post,
	};
	struct gate *g = &w->gate;
	int rc = loop_new(&handlers, w, setup->durations_ms, GATE_TIMERS,
			  &g->loop);

	w->door = setup->door;
	g->tls = setup->tls;
	g->names = setup->names;
	g->quotas = setup->quotas;
	g->parent = setup->door;
	g->parent_out = &w->asks;
	g->stats = setup->stats;
	g->ca_pem = setup->ca_pem;
	g->count_lost = setup->count_lost;
	g->ids.writer = setup->writer;
	g->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	table_init(&g->conns, CONNS_MAX);
	table_init(&g->exchanges, CONNS_MAX * 4);
	table_init(&g->links, CONNS_MAX);
	table_init(&g->dns, CONNS_MAX);
	table_init(&g->listeners, LISTENERS_MAX);
	if (rc == 0)
		rc = sandboxes_new(&g->sandboxes);
	if (rc == 0)
		rc = secrets_new(&g->secrets);
	if (rc == 0)
		rc = spool_open(setup->spool_dir, setup->writer, &g->spool);
	if (rc == 0)
		rc = leaves_new(g, setup->certgen_socket, &g->leaves);
	if (rc == 0)
		rc = resolver_new(g->loop, GATE_RESOLVE, TIMER_RESOLVE,
				  setup->dns, setup->dns_len, &g->resolver);
	if (rc == 0)
		rc = origins_new(g, &g->origins);
	if (rc == 0)
		rc = loop_add(g->loop, w->door, worker_door_ref, LOOP_READ);
	return rc;
}

static void worker_done(struct worker *w)
{
	struct gate *g = &w->gate;

	g->over = true;
	conn_end_all(g, NULL);
	spool_close(&g->spool);
}

int worker_run(const struct worker_setup *setup)
{
	/* c-ares reads the first three again when they change; the trust
	 * store is read when a certificate's issuer is looked up.
	 */
	static const char *const paths[] = {
		"/etc/resolv.conf",
		"/etc/hosts",
		"/etc/nsswitch.conf",
		"/etc/host.conf",
		"/etc/gai.conf",
		"/etc/ssl",
		"/usr/lib/ssl",
		"/usr/share/ca-certificates",
		"/dev/null",
		"/etc/localtime",
		NULL,
	};
	struct worker *w = calloc(1, sizeof(*w));
	int rc = w ? 0 : -ENOMEM;

	worker_limits();
	if (rc == 0)
		rc = worker_init(w, setup);
	if (rc == 0)
		rc = jail_worker(paths);
	if (rc < 0) {
		log_error("a worker can't start: %s", err_str(rc));
		return EXIT_FAILURE;
	}
	worker_on_tick(w);
	rc = loop_run(w->gate.loop);
	worker_done(w);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
