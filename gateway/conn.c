/* gateway/conn.c - one connection from a sandbox.
 *
 * Until it is known what is spoken, opening.c has it. From OPEN on there is one
 * loop, conn_pump(): octets in, news to the exchanges, octets out, until
 * nothing moves. Exchanges that changed because of upstream post the
 * connection, and it comes round here again.
 */

#include "gateway/conn.h"

#include <stdlib.h>

#include "base/base.h"
#include "base/err.h"
#include "base/log.h"
#include "gateway/conn_impl.h"
#include "gateway/hello.h"
#include "gateway/names.h"
#include "gateway/portal.h"
#include "gateway/tell.h"

static const char *const conn_name[] = {
	[CONN_HELLO] = "hello", [CONN_LEAF] = "leaf",	[CONN_SHAKE] = "shake",
	[CONN_OPEN] = "open",	[CONN_DRAIN] = "drain", [CONN_GONE] = "gone",
};
static_assert(ARRAY_SIZE(conn_name) == CONN_STATES, "a state without a name");

/* GONE is reached from everywhere: a peer may hang up at any moment. */
static const unsigned int conn_next[] = {
	[CONN_HELLO] = BIT(CONN_LEAF) | BIT(CONN_OPEN),
	[CONN_LEAF] = BIT(CONN_SHAKE),
	[CONN_SHAKE] = BIT(CONN_OPEN),
	[CONN_OPEN] = BIT(CONN_DRAIN) | BIT(CONN_HELLO),
	[CONN_DRAIN] = 0,
	[CONN_GONE] = 0,
};
static_assert(ARRAY_SIZE(conn_next) == CONN_STATES, "a state, no way out");

void conn_set_state(struct conn *c, enum conn_state next)
{
	assert(next == CONN_GONE || conn_next[c->state] & BIT(next));
	log_debug("conn %u %s: %s -> %s", c->index, c->client,
		  conn_name[c->state], conn_name[next]);
	c->state = next;
}

struct loop_ref conn_ref(const struct conn *c)
{
	return (struct loop_ref){ .kind = GATE_CONN,
				  .gen = c->gen & 0xffffff,
				  .index = c->index };
}

void conn_wait(struct conn *c, enum gate_timer name)
{
	timer_start(c->gate->loop, &c->timer, conn_ref(c), (uint8_t)name);
}

/* The one way out: whatever is in work ends here. */
void conn_end(struct conn *c)
{
	struct gate *gate = c->gate;

	conn_set_state(c, CONN_GONE);
	http_codec_free(&c->link.codec); /* before the streams it knows */
	exchange_abort_all(&c->facts);
	leaf_forget(&c->leaf);
	timer_stop(gate->loop, &c->timer);
	loop_unpost(gate->loop, &c->post);
	loop_remove(gate->loop, c->link.wire.fd);
	link_done(&c->link);
	buf_done(&c->hello);
	table_remove(&gate->conns, c->index);
	gate->stats->row.conns_open--;
	sandbox_drop(c->facts.sandbox);
	free(c);
}

static struct slice conn_protocol(const struct conn *c, enum audit_kind kind)
{
	if (kind == AUDIT_HANDSHAKE)
		return SLICE("tls");
	return c->socks.greeted ? SLICE("socks5") : SLICE("tcp");
}

void conn_refuse(struct conn *c, enum audit_kind kind, struct slice reason,
		 struct slice detail)
{
	struct tell_note note = {
		.kind = kind,
		.denied = slice_eq(reason, SLICE(CONN_DENIED)),
		.sandbox = c->facts.sandbox,
		.client = c->client,
		.protocol = conn_protocol(c, kind),
		.host = authority_host(&c->name),
		.port = c->port,
		.reason = reason,
		.detail = detail,
	};

	tell_note(c->gate, &note);
	conn_end(c);
}

/* Returns true if there was any. */
static bool conn_news(struct conn *c)
{
	struct http_stream *s;
	unsigned int news;
	bool any = false;

	while ((s = http_codec_next(c->link.codec, &news))) {
		exchange_on_news(s, news);
		any = true;
	}
	return any;
}

/* All is said: send the end, and wait for the peer's. */
static void conn_linger(struct conn *c)
{
	if (!link_finish(&c->link) || c->link.wire.ended) {
		conn_end(c);
		return;
	}
	conn_set_state(c, CONN_DRAIN);
	conn_wait(c, TIMER_LINGER);
	loop_post(c->gate->loop, &c->post, conn_ref(c));
}

/* The wire is lost. In a tunnel what had come still goes on, and the codec is
 * not told of this end, which is none of a body's. Returns what the turn comes
 * to then: 1 there may be more of it, or ERR_CUT.
 */
static int conn_cut(struct conn *c)
{
	if (!http_codec_raw(c->link.codec))
		return ERR_CUT;
	c->cut = c->link.end_told = true;
	return 1;
}

/* After octets moved: is it over, idle, or in work? */
static void conn_settle(struct conn *c)
{
	bool gone = c->link.wire.tls && c->link.wire.ended &&
		    !http_codec_raw(c->link.codec);

	if (opening_again(c))
		return;
	if (c->cut && !exchange_holds(&c->facts)) {
		conn_end(c);
		return;
	}
	/* An origin that is not heard out may not hear either. */
	if (c->cut && c->link.wire.broken)
		exchange_hush(&c->facts);
	if (link_over(&c->link)) {
		conn_linger(c);
		return;
	}
	if (gone && !buf_len(&c->link.in)) {
		conn_end(c); /* a TLS client that ends reads no answer */
		return;
	}
	if (c->facts.exchanges) {
		timer_stop(c->gate->loop, &c->timer);
	} else if (buf_len(&c->link.in)) {
		if (!c->timer.running || c->timer.name != TIMER_HEAD)
			conn_wait(c, TIMER_HEAD); /* half a head */
	} else if (!c->timer.running || c->timer.name != TIMER_IDLE ||
		   buf_len(&c->link.out)) {
		link_slim(&c->link);
		conn_wait(c, TIMER_IDLE);
	}
}

static void conn_pump(struct conn *c)
{
	int rounds = PUMP_ROUNDS;
	bool news;
	int rc;

	/* News without octets is a reason too: the end of one exchange lets
	 * the codec read the request that waits behind it. */
	do {
		rc = link_turn(&c->link);
		news = conn_news(c);
		if (rc == ERR_CUT)
			rc = conn_cut(c);
	} while (rc >= 0 && (rc || news) && --rounds);
	if (rc < 0) {
		conn_end(c);
		return;
	}
	if (!rounds)
		loop_post(c->gate->loop, &c->post, conn_ref(c));
	conn_settle(c);
}

/* Throw away what still comes. */
static void conn_drain(struct conn *c)
{
	int rounds = PUMP_ROUNDS;
	int rc;

	do {
		rc = wire_read(&c->link.wire, &c->link.in);
		buf_consume(&c->link.in, buf_len(&c->link.in));
	} while (rc > 0 && --rounds);
	if (rc < 0)
		conn_end(c);
	else if (!rounds)
		loop_post(c->gate->loop, &c->post, conn_ref(c));
	else
		link_slim(&c->link);
}

static void conn_step(struct conn *c)
{
	switch (c->state) {
	case CONN_HELLO:
	case CONN_LEAF:
	case CONN_SHAKE:
		opening_step(c);
		break;
	case CONN_OPEN:
		conn_pump(c);
		break;
	case CONN_DRAIN:
		conn_drain(c);
		break;
	case CONN_GONE:
	case CONN_STATES:
		assert(0);
	}
}

/* The name that the dialled address stands for. The table is one for all
 * sandboxes: who has no rule for a name learns nothing of it by dialling, as it
 * would from the leaf that a ClientHello without a name gets.
 */
static void conn_name_of(const struct gate *gate, const struct sandbox *sb,
			 const union resolve_addr *to, struct authority *ret)
{
	uint32_t slot = to->sa.sa_family == AF_INET
				? names_of_v4(to->v4.sin_addr)
				: names_of_v6(&to->v6.sin6_addr);
	struct slice name = slot ? names_name(gate->names, slot) : SLICE("");

	address_authority(to, ret);
	if (name.len &&
	    (portal_is(name) || sandbox_names_host(sb, name, gate_now_s(gate))))
		(void)host_parse(name, ret);
}

static struct conn *conn_new(struct gate *gate, struct sandbox *sandbox)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	if (sandbox->conns >= CONNS_SANDBOX ||
	    table_add(&gate->conns, c, &c->index, &c->gen) < 0) {
		free(c);
		return NULL;
	}
	c->gate = gate;
	sandbox_hold(sandbox);
	return c;
}

void conn_begin(struct gate *gate, int fd, struct sandbox *sandbox,
		const union resolve_addr *peer, const union resolve_addr *to)
{
	struct conn *c = conn_new(gate, sandbox);
	struct link link;

	link_init(&link, fd);
	if (!c) {
		log_warn("sandbox %s: too many connections", sandbox->name);
		link_done(&link);
		return;
	}
	c->link = link;
	buf_init(&c->hello, HELLO_MAX);
	address_print(peer, c->client);
	if (to) {
		conn_name_of(gate, sandbox, to, &c->name);
		c->port = address_port(to);
	}
	c->leaf.post = &c->post;
	c->leaf.ref = conn_ref(c);
	c->facts = (struct exchange_conn){
		.gate = gate,
		.sandbox = sandbox,
		.client = c->client,
		.proxy = !to,
		.post = &c->post,
		.ref = conn_ref(c),
	};
	gate->stats->row.conns++;
	gate->stats->row.conns_open++;
	conn_wait(c, sandbox->learn ? TIMER_PEEK : TIMER_HELLO);
	if (loop_add(gate->loop, fd, conn_ref(c),
		     LOOP_READ | LOOP_WRITE | LOOP_EDGE) < 0)
		conn_end(c);
	else
		opening_begin(c);
}

void conn_end_all(struct gate *gate, const struct sandbox *sandbox)
{
	for (uint32_t i = 0; i < gate->conns.len; i++) {
		struct conn *c = table_at(&gate->conns, i);

		if (c && (!sandbox || c->facts.sandbox == sandbox))
			conn_end(c);
	}
}

/* No further request: GOAWAY, or the end after what is in work. */
static void conn_drain_one(struct conn *c)
{
	http_codec_drain(c->link.codec);
	loop_post(c->gate->loop, &c->post, conn_ref(c));
}

void conn_drain_all(struct gate *gate)
{
	for (uint32_t i = 0; i < gate->conns.len; i++) {
		struct conn *c = table_at(&gate->conns, i);

		if (c && c->state == CONN_OPEN)
			conn_drain_one(c);
		else if (c)
			conn_end(c);
	}
}

/* Is it for one host, which the policy does not name any more? */
static bool conn_forbidden(const struct conn *c)
{
	struct slice host = authority_host(&c->name);

	return c->facts.sni && !portal_is(host) &&
	       !sandbox_names_host(c->facts.sandbox, host, gate_now_s(c->gate));
}

void conn_recheck(struct gate *gate, struct sandbox *sandbox)
{
	exchange_recheck(gate, sandbox);
	for (uint32_t i = 0; i < gate->conns.len; i++) {
		struct conn *c = table_at(&gate->conns, i);

		if (c && c->facts.sandbox == sandbox && c->state == CONN_OPEN &&
		    conn_forbidden(c))
			conn_drain_one(c);
	}
}

void conn_on_event(struct gate *gate, struct loop_ref ref, unsigned int events)
{
	struct conn *c = table_get(&gate->conns, ref.index, ref.gen);

	if (!c)
		return;
	wire_ready(&c->link.wire, events);
	if (c->state != CONN_LEAF)
		conn_step(c);
}

void conn_on_post(struct gate *gate, struct loop_ref ref)
{
	struct conn *c = table_get(&gate->conns, ref.index, ref.gen);

	if (c)
		conn_step(c);
}

void conn_on_timer(struct gate *gate, struct loop_ref ref, uint8_t name)
{
	struct conn *c = table_get(&gate->conns, ref.index, ref.gen);

	if (!c)
		return;
	if (name == TIMER_PEEK) {
		if (c->state != CONN_HELLO || !opening_silent(c))
			conn_wait(c, TIMER_HELLO);
		return;
	}
	if (name == TIMER_HELLO && c->state == CONN_HELLO) {
		conn_refuse(c, AUDIT_PROTOCOL, SLICE("silent"),
			    SLICE("the client sent nothing that begins TLS or "
				  "HTTP in time; where the server speaks "
				  "first, a tcp:// rule is needed"));
		return;
	}
	if (name == TIMER_HELLO) {
		conn_refuse(c, AUDIT_HANDSHAKE, SLICE("handshake-slow"),
			    SLICE("the TLS handshake was not done in time"));
		return;
	}
	if (buf_len(&c->link.out)) /* it does not read: this is no good end */
		wire_abort(&c->link.wire);
	conn_end(c);
}
