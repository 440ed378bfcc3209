/* tests/unit/gateway/gate_rig.h - one worker's parts on a real loop.
 *
 * The data path as it is, from the client's socket to the origin's; around it
 * stand-ins that a test can steer: the resolver (names to the addresses that
 * the test says), connect() (each address to a listener of the test, or to
 * nobody), the spool (rows in memory, or no room), the clock (minutes pass at
 * once). The test plays the client over a socket pair and the origin over a
 * loopback socket.
 */
#ifndef TESTS_UNIT_GATEWAY_GATE_RIG_H
#define TESTS_UNIT_GATEWAY_GATE_RIG_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"
#include "gateway/conn.h"
#include "gateway/exchange.h"
#include "gateway/gate.h"
#include "gateway/leaf.h"
#include "gateway/orders.h"
#include "gateway/quota.h"
#include "gateway/resolve.h"
#include "gateway/sandbox.h"
#include "gateway/secrets.h"
#include "gateway/upstream.h"
#include "policy/policy.h"

/* What the gateway told the audit. */
struct rig_row {
	bool begun, ended;
	enum audit_verdict verdict;
	enum audit_outcome outcome;
	enum audit_kind kind;
	uint16_t status;
	uint64_t duration_us;
	uint64_t bytes_up, bytes_down;
	char reason[64];
	char detail[256];
	char host[128];
	char method[16];
	char upstream[64];
	char rule[128];
};

#define RIG_ROWS  64
#define RIG_TEXT  (1 << 20)
#define RIG_ADDRS 4

struct rig {
	struct gate gate;
	struct stats *stats;
	struct sandbox *sb;
	uint64_t ahead_ms; /* the clock is so far ahead */
	bool spool_full;
	struct rig_row rows[RIG_ROWS];
	size_t rows_len;
	/* resolver */
	struct resolve_answer answer;
	bool resolve_later;
	unsigned int questions;
	struct resolve_wait *asking;
	/* connect(): address i of the answer leads to port[i], or nobody */
	uint16_t port[RIG_ADDRS];
	unsigned int dialled[RIG_ADDRS];
	/* the door to the parent */
	int parent;
	struct frame_out out;
	struct frame_in in;
	/* sockets */
	int origin; /* listener */
	char seen[RIG_TEXT];
};

static struct rig rig;

int clock_gettime(clockid_t clock, struct timespec *t)
{
	long err = syscall(SYS_clock_gettime, clock, t);

	t->tv_sec += (time_t)(rig.ahead_ms / 1000);
	return (int)err;
}

/* Public addresses 93.184.216.1 and on; see rig_addrs(). */
int connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	struct sockaddr_in to;
	uint32_t n;

	if (addr.__sockaddr__->sa_family != AF_INET)
		return (int)syscall(SYS_connect, fd, addr.__sockaddr__, len);
	memcpy(&to, addr.__sockaddr__, sizeof(to));
	n = ntohl(to.sin_addr.s_addr) - 0x5db8d801u;
	if (n < RIG_ADDRS) {
		rig.dialled[n]++;
		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		to.sin_port = htons(rig.port[n] ? rig.port[n] : 1);
	}
	return (int)syscall(SYS_connect, fd, &to, sizeof(to));
}

/* The resolver. */
int resolve_ask(struct resolver *r, struct slice host,
		struct resolve_wait *wait, struct resolve_answer *ret)
{
	(void)r;
	(void)host;
	rig.questions++;
	if (rig.resolve_later) {
		wait->query = wait;
		rig.asking = wait;
		return 0;
	}
	wait->query = NULL;
	*ret = rig.answer;
	return 1;
}

void resolve_forget(struct resolver *r, struct resolve_wait *wait)
{
	(void)r;
	if (rig.asking == wait)
		rig.asking = NULL;
	wait->query = NULL;
}

/* The answer that was asked for is there; it is kept until it is fetched. */
static inline void rig_resolved(void)
{
	struct resolve_wait *wait = rig.asking;

	assert_non_null(wait);
	rig.resolve_later = false;
	rig.asking = NULL;
	loop_post(rig.gate.loop, wait->post, wait->ref);
}

/* The spool. */
static inline void rig_copy(char *to, size_t size, struct slice s)
{
	(void)snprintf(to, size, "%.*s", (int)s.len, s.ptr ? s.ptr : "");
}

int spool_begin(struct spool *s, const struct audit_begin *b, uint32_t *ret)
{
	struct rig_row *row = &rig.rows[rig.rows_len];

	(void)s;
	if (rig.spool_full)
		return -ENOSPC;
	assert_true(rig.rows_len < RIG_ROWS);
	*row = (struct rig_row){ .begun = true,
				 .kind = b->kind,
				 .verdict = b->verdict };
	rig_copy(row->reason, sizeof(row->reason), b->reason);
	rig_copy(row->host, sizeof(row->host), b->host);
	rig_copy(row->method, sizeof(row->method), b->method);
	rig_copy(row->rule, sizeof(row->rule), b->rule);
	*ret = (uint32_t)rig.rows_len++;
	return 0;
}

void spool_answer(struct spool *s, uint32_t slot, enum audit_verdict verdict)
{
	struct rig_row *row = &rig.rows[slot];

	(void)s;
	assert_true(slot < rig.rows_len && row->begun && !row->ended);
	row->verdict = verdict;
}

void spool_end(struct spool *s, uint32_t slot, const struct audit_end *e)
{
	struct rig_row *row = &rig.rows[slot];

	(void)s;
	assert_true(slot < rig.rows_len && row->begun && !row->ended);
	row->ended = true;
	row->outcome = e->outcome;
	row->status = e->status;
	row->duration_us = e->duration_us;
	row->bytes_up = e->bytes_up;
	row->bytes_down = e->bytes_down;
	if (e->reason.len)
		rig_copy(row->reason, sizeof(row->reason), e->reason);
	rig_copy(row->detail, sizeof(row->detail), e->detail);
	rig_copy(row->upstream, sizeof(row->upstream), e->upstream);
}

int spool_write(struct spool *s, const struct audit_begin *b,
		const struct audit_end *e)
{
	uint32_t slot;
	int rc = spool_begin(s, b, &slot);

	if (rc == 0)
		spool_end(s, slot, e);
	return rc;
}

/* The dispatch, as in gateway/worker.c. */
static inline void rig_on_event(void *ctx, struct loop_ref ref,
				unsigned int events)
{
	struct gate *g = ctx;

	if (ref.kind == GATE_CONN)
		conn_on_event(g, ref, events);
	else if (ref.kind == GATE_LINK)
		uplink_on_event(g, ref, events);
	else
		leaves_on_event(g->leaves);
}

static inline void rig_on_timer(void *ctx, struct loop_ref ref, uint8_t name)
{
	struct gate *g = ctx;

	if (ref.kind == GATE_CONN)
		conn_on_timer(g, ref, name);
	else if (ref.kind == GATE_EXCHANGE)
		exchange_on_timer(g, ref, name);
	else if (ref.kind == GATE_LINK)
		uplink_on_timer(g, ref, name);
	else if (ref.kind == GATE_ORIGIN)
		origin_on_timer(g, ref, name);
	else
		leaves_on_timer(g->leaves);
}

static inline void rig_on_post(void *ctx, struct loop_ref ref)
{
	struct gate *g = ctx;

	if (ref.kind == GATE_CONN)
		conn_on_post(g, ref);
	else if (ref.kind == GATE_EXCHANGE)
		exchange_on_post(g, ref);
	else if (ref.kind == GATE_LINK)
		uplink_on_post(g, ref);
	else
		origin_on_post(g, ref);
}

/* Lines of rules; one that begins with '!' denies, with '?' asks. */
static inline struct policy *rig_policy(const char *const *lines)
{
	struct rule_error err;
	struct policy *policy;
	struct ruleset *rs;

	assert_int_equal(ruleset_new(&rs), 0);
	for (; *lines; lines++) {
		enum verdict v = **lines == '!'	  ? VERDICT_DENY
				 : **lines == '?' ? VERDICT_ASK
						  : VERDICT_ALLOW;

		assert_int_equal(
			ruleset_add(rs, v,
				    slice_str(*lines + (v != VERDICT_ALLOW)),
				    SLICE("test:1"), &err),
			0);
	}
	assert_int_equal(policy_compile(rs, &policy), 0);
	ruleset_free(&rs);
	return policy;
}

/* The answer: count public addresses, from the i-th on leading to somebody. */
static inline void rig_addrs(size_t count, size_t good)
{
	rig.answer = (struct resolve_answer){ .addrs_len = count };
	for (size_t i = 0; i < count; i++) {
		rig.answer.addrs[i].v4 = (struct sockaddr_in){
			.sin_family = AF_INET,
			.sin_addr = { .s_addr = htonl(0x5db8d801u +
						      (uint32_t)i) },
		};
		if (i < RIG_ADDRS && i < good)
			rig.port[i] = 0;
	}
}

static inline int rig_listen(uint16_t *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr = {
					 .s_addr = htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*ret_port = ntohs(a.sin_port);
	return fd;
}

static inline int rig_setup(void **state)
{
	static const struct loop_handlers handlers = { .event = rig_on_event,
						       .timer = rig_on_timer,
						       .post = rig_on_post };
	static const uint32_t durations[GATE_TIMERS] = TIMER_DURATIONS;
	static const char *const lines[] = { "any http://good.example",
					     "any https://good.example",
					     "!any http://good.example/no",
					     "any http://10.0.0.1", NULL };
	struct policy *policy = rig_policy(lines);
	struct gate *g = &rig.gate;
	uint16_t port;
	int fds[2];

	(void)state;
	memset(&rig, 0, sizeof(rig));
	rig.stats = calloc(1, sizeof(*rig.stats));
	assert_non_null(rig.stats);
	g->stats = rig.stats;
	g->reserve_fd = -1;
	table_init(&g->conns, 64);
	table_init(&g->exchanges, 64);
	table_init(&g->links, 64);
	assert_int_equal(
		loop_new(&handlers, g, durations, GATE_TIMERS, &g->loop), 0);
	assert_int_equal(sandboxes_new(&g->sandboxes), 0);
	assert_int_equal(
		sandbox_add(g->sandboxes, 1, 0, SLICE("ci"), &policy, &rig.sb),
		0);
	assert_int_equal(origins_new(g, &g->origins), 0);
	assert_int_equal(quotas_new(&g->quotas), 0);
	assert_int_equal(secrets_new(&g->secrets), 0);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	g->parent = fds[0];
	g->parent_out = &rig.out;
	rig.parent = fds[1];
	rig.origin = rig_listen(&port);
	for (size_t i = 0; i < RIG_ADDRS; i++)
		rig.port[i] = port;
	rig_addrs(1, 0);
	return 0;
}

static inline void rig_turns(int n)
{
	while (n--)
		assert_int_equal(loop_turn(rig.gate.loop, 1), 0);
}

/* Let ms pass; timers that are due fire. */
static inline void rig_pass(uint64_t ms)
{
	rig.ahead_ms += (ms + 999) / 1000 * 1000;
	rig_turns(4);
}

static inline int rig_teardown(void **state)
{
	struct gate *g = &rig.gate;

	(void)state;
	conn_end_all(g, NULL);
	assert_int_equal(g->exchanges.count, 0);
	/* Idle connections to origins end when their time has come. */
	for (int i = 0; i < 8 && g->links.count; i++)
		rig_pass(61 * 1000);
	assert_int_equal(g->links.count, 0);
	assert_int_equal(rig.stats->row.upstream_open, 0);
	assert_int_equal(rig.stats->row.conns_open, 0);
	for (size_t i = 0; i < rig.rows_len; i++)
		assert_true(rig.rows[i].ended);
	exchange_done(g);
	origins_free(&g->origins);
	sandboxes_free(&g->sandboxes);
	secrets_free(&g->secrets);
	table_done(&g->conns);
	table_done(&g->exchanges);
	table_done(&g->links);
	loop_free(&g->loop);
	free(rig.stats);
	(void)close(rig.origin);
	(void)close(rig.parent);
	(void)close(g->parent);
	return 0;
}

/* A client has connected; fd is our end. */
static inline void rig_begin(int fd)
{
	const struct in_addr peer = { htonl(0x0a070009) };
	const struct in_addr to = { htonl(0x5db8d801) };
	const union resolve_addr at[] = {
		{ .v4 = { AF_INET, htons(40000), peer, { 0 } } },
		{ .v4 = { AF_INET, htons(80), to, { 0 } } },
	};

	conn_begin(&rig.gate, fd, rig.sb, &at[0], &at[1]);
}

/* A client connects; returns its end. */
static inline int rig_client(void)
{
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	rig_begin(fds[1]);
	return fds[0];
}

static inline void rig_send(int fd, const char *text)
{
	size_t len = strlen(text);

	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
	rig_turns(3);
}

/* The gateway comes to us as an origin. */
static inline int rig_accept(void)
{
	for (int i = 0; i < 500; i++) {
		int fd = accept4(rig.origin, NULL, NULL, SOCK_NONBLOCK);

		if (fd >= 0)
			return fd;
		rig_turns(1);
	}
	fail_msg("nobody connects");
	return -1;
}

/* Read until text has come; what was read stands in rig.seen. */
static inline void rig_expect(int fd, const char *text)
{
	size_t len = 0;

	rig.seen[0] = '\0';
	for (int i = 0; i < 500; i++) {
		ssize_t n = recv(fd, rig.seen + len, RIG_TEXT - 1 - len, 0);

		if (n > 0)
			len += (size_t)n;
		rig.seen[len] = '\0';
		if (strstr(rig.seen, text))
			return;
		rig_turns(1);
	}
	fail_msg("no '%s' in '%s'", text, rig.seen);
}

/* Read until the other side ends. */
static inline void rig_expect_end(int fd)
{
	size_t len = 0;

	for (int i = 0; i < 500; i++) {
		ssize_t n = recv(fd, rig.seen + len, RIG_TEXT - 1 - len, 0);

		if (n > 0)
			len += (size_t)n;
		rig.seen[len] = '\0';
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return;
		rig_turns(1);
	}
	fail_msg("it does not end after '%s'", rig.seen);
}

/* Row i is over, and how. */
static inline void rig_row(size_t i, enum audit_outcome outcome, int status,
			   const char *reason)
{
	for (int n = 0; n < 200 && (i >= rig.rows_len || !rig.rows[i].ended);
	     n++)
		rig_turns(1);
	assert_true(i < rig.rows_len && rig.rows[i].ended);
	assert_int_equal(rig.rows[i].outcome, outcome);
	assert_int_equal(rig.rows[i].status, status);
	assert_string_equal(rig.rows[i].reason, reason);
}

#endif
