/* gateway/uplink.c - one connection to an origin.
 *
 * Octets come in by uplink_on_event() and go out in the post phase. A request
 * is submitted by the pool; from then on the codec's news go into the request
 * and its owner is posted. When the connection is lost, each request in work
 * is told so, and what was half received is marked as cut. An origin may answer
 * a request that it does not read and close: writing fails then, and what it
 * said is read before the connection counts as lost.
 *
 * A connection that could not be opened says why in the words of the check
 * that failed: connect, handshake, certificate.
 */

#include "gateway/uplink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/log.h"
#include "gateway/address.h"

static const char *const uplink_name[] = {
	[UPLINK_DIAL] = "dial",	    [UPLINK_SHAKE] = "shake",
	[UPLINK_OPEN] = "open",	    [UPLINK_DRAIN] = "drain",
	[UPLINK_CLOSED] = "closed",
};
static_assert(ARRAY_SIZE(uplink_name) == UPLINK_STATES, "a state, no name");

/* CLOSED is reached from everywhere: a peer may hang up at any moment. */
static const unsigned int uplink_next[] = {
	[UPLINK_DIAL] = BIT(UPLINK_SHAKE) | BIT(UPLINK_OPEN),
	[UPLINK_SHAKE] = BIT(UPLINK_OPEN),
	[UPLINK_OPEN] = BIT(UPLINK_DRAIN),
	[UPLINK_DRAIN] = 0,
	[UPLINK_CLOSED] = 0,
};
static_assert(ARRAY_SIZE(uplink_next) == UPLINK_STATES, "a state, no way out");

static struct loop_ref uplink_ref(const struct uplink *u)
{
	return (struct loop_ref){ .kind = GATE_LINK,
				  .gen = u->gen & 0xffffff,
				  .index = u->index };
}

static void uplink_set_state(struct uplink *u, enum uplink_state next)
{
	assert(next == UPLINK_CLOSED || uplink_next[u->state] & BIT(next));
	log_debug("link %u to %s: %s -> %s", u->index, u->address,
		  uplink_name[u->state], uplink_name[next]);
	u->state = next;
}

static void uplink_post(struct uplink *u)
{
	loop_post(u->gate->loop, &u->post, uplink_ref(u));
}

static void uplink_timer(struct uplink *u, enum gate_timer name)
{
	timer_start(u->gate->loop, &u->timer, uplink_ref(u), (uint8_t)name);
}

/* Forget u, all of it. Its requests have been told. */
static void uplink_free(struct uplink *u)
{
	assert(!u->requests);
	timer_stop(u->gate->loop, &u->timer);
	loop_unpost(u->gate->loop, &u->post);
	if (u->link.wire.fd >= 0)
		loop_remove(u->gate->loop, u->link.wire.fd);
	link_done(&u->link);
	table_remove(&u->gate->links, u->index);
	u->gate->stats->row.upstream_open--;
	free(u);
}

/* Take req out of u's list; it is the owner's alone. */
static void uplink_detach(struct uplink *u, struct up_request *req,
			  enum up_state state)
{
	if (req->prev)
		req->prev->next = req->next;
	else
		u->requests = req->next;
	if (req->next)
		req->next->prev = req->prev;
	req->next = req->prev = NULL;
	req->link = NULL;
	req->state = state;
}

/* The connection is lost: tell every request, and the pool. */
static void uplink_lost(struct uplink *u)
{
	while (u->requests) {
		struct up_request *req = u->requests;

		http_codec_reset(u->link.codec, &req->stream, HTTP_FAULT_CUT);
		if (!req->stream.in->end) {
			req->stream.in->cut = true;
			if (req->stream.fault == HTTP_OK)
				req->stream.fault = HTTP_FAULT_CUT;
			req->news |= HTTP_NEWS_FAULT;
		}
		req->news |= HTTP_NEWS_CLOSED;
		uplink_detach(u, req, UP_OVER);
		loop_post(u->gate->loop, req->post, req->ref);
	}
	uplink_set_state(u, UPLINK_CLOSED);
	origin_on_closed(u->origin, u);
	uplink_free(u);
}

/* It could not be opened. */
static void uplink_fail(struct uplink *u, enum refusal_kind why,
			const char *what, const char *how)
{
	u->why = why;
	(void)snprintf(u->detail, sizeof(u->detail), "%s %s: %s", what,
		       u->address, how);
	uplink_lost(u);
}

static void uplink_fail_tls(struct uplink *u, int rc)
{
	struct tls_failure f;

	tls_failure(u->link.wire.tls, &f);
	if (rc == ERR_CUT && !f.text[0])
		(void)snprintf(f.text, sizeof(f.text),
			       "the origin closed the connection");
	switch (f.kind) {
	case TLS_FAIL_EXPIRED:
	case TLS_FAIL_NOT_YET:
	case TLS_FAIL_NAME:
	case TLS_FAIL_UNTRUSTED:
		uplink_fail(u, REFUSAL_CERTIFICATE, "certificate of", f.text);
		break;
	default:
		uplink_fail(u, REFUSAL_TLS, "TLS handshake with", f.text);
		break;
	}
}

int uplink_new(struct gate *gate, const struct uplink_target *to,
	       struct uplink **ret, char ret_detail[UP_DETAIL_MAX])
{
	socklen_t len = to->addr->sa.sa_family == AF_INET
				? sizeof(to->addr->v4)
				: sizeof(to->addr->v6);
	struct uplink *u = calloc(1, sizeof(*u));
	int fd = socket(to->addr->sa.sa_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = u && fd >= 0 ? 0 : -ENOMEM;

	if (rc == 0)
		rc = table_add(&gate->links, u, &u->index, &u->gen);
	if (rc == 0 && connect(fd, &to->addr->sa, len) < 0 &&
	    errno != EINPROGRESS) {
		rc = -errno;
		table_remove(&gate->links, u->index);
	}
	if (rc < 0) {
		char address[UP_ADDRESS_MAX];

		address_print(to->addr, address);
		(void)snprintf(ret_detail, UP_DETAIL_MAX, "connect to %s: %s",
			       address, err_str(rc));
		if (fd >= 0)
			(void)close(fd);
		free(u);
		return rc;
	}
	u->gate = gate;
	u->origin = to->origin;
	u->addr = *to->addr;
	address_print(to->addr, u->address);
	link_init(&u->link, fd);
	gate->stats->row.upstream_conns++;
	gate->stats->row.upstream_open++;
	(void)loop_add(gate->loop, fd, uplink_ref(u),
		       LOOP_READ | LOOP_WRITE | LOOP_EDGE);
	uplink_timer(u, TIMER_DIAL);
	*ret = u;
	return 0;
}

static int uplink_codec(struct uplink *u)
{
	struct tls *tls = u->link.wire.tls;
	const char *scheme = tls ? "https" : "http";

	if (origin_target(u->origin)->raw)
		return raw_new(HTTP_CLIENT, "tcp", SLICE(""), NULL, NULL,
			       &u->link.codec);
	if (tls && tls_is_h2(tls))
		return h2_new(HTTP_CLIENT, scheme, &http_limits_client, NULL,
			      NULL, &u->link.codec);
	return h1_new(HTTP_CLIENT, scheme, &http_limits_client, NULL, NULL,
		      &u->link.codec);
}

static const char *uplink_protocol(const struct uplink *u)
{
	switch (http_codec_version(u->link.codec)) {
	case HTTP_RAW:
		return "tcp";
	case HTTP_2:
		return "h2";
	default:
		return "http/1.1";
	}
}

/* Octets may flow: choose the codec and tell the pool. */
static void uplink_open(struct uplink *u)
{
	int rc = uplink_codec(u);

	if (rc < 0) {
		uplink_fail(u, REFUSAL_BUSY, "connection to", err_str(rc));
		return;
	}
	uplink_set_state(u, UPLINK_OPEN);
	uplink_timer(u, TIMER_POOL);
	uplink_post(u);
	origin_on_open(u->origin, u);
}

static void uplink_shake(struct uplink *u)
{
	int rc = wire_shake(&u->link.wire);

	if (rc == 1)
		uplink_open(u);
	else if (rc < 0)
		uplink_fail_tls(u, rc);
}

/* connect() has come to an end, good or bad. */
static void uplink_connected(struct uplink *u)
{
	const struct uplink_target *to = origin_target(u->origin);
	socklen_t len = sizeof(int);
	int err = 0;

	if (!u->link.wire.writable)
		return;
	if (getsockopt(u->link.wire.fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (err) {
		uplink_fail(u, REFUSAL_CONNECT, "connect to", err_str(-err));
		return;
	}
	if (!to->tls) {
		uplink_open(u);
		return;
	}
	if (tls_client_new(u->gate->tls, u->link.wire.fd, to->host, to->h1_only,
			   to->session, &u->link.wire.tls) < 0) {
		uplink_fail(u, REFUSAL_BUSY, "TLS with", "out of memory");
		return;
	}
	uplink_set_state(u, UPLINK_SHAKE);
	uplink_shake(u);
}

/* Pass the codec's news on to the requests. */
static void uplink_news(struct uplink *u)
{
	struct http_stream *s;
	unsigned int news;

	while ((s = http_codec_next(u->link.codec, &news))) {
		struct up_request *req =
			CONTAINER_OF(s, struct up_request, stream);

		req->news |= news;
		if (news & HTTP_NEWS_CLOSED)
			uplink_detach(u, req, UP_OVER);
		loop_post(u->gate->loop, req->post, req->ref);
	}
}

/* After octets moved: is there room for another request, or is it over? */
static void uplink_settle(struct uplink *u)
{
	bool over = link_over(&u->link);

	if (!origin_on_idle(u->origin, u, !u->requests) ||
	    (u->state == UPLINK_DRAIN && !u->requests))
		over = true;
	if (u->state == UPLINK_OPEN && !over && http_codec_ready(u->link.codec))
		origin_on_room(u->origin, u);
	if (u->requests) {
		timer_stop(u->gate->loop, &u->timer);
	} else if (buf_len(&u->link.out)) { /* for an origin that is slow */
		uplink_timer(u, TIMER_IDLE);
	} else if (!u->timer.running || u->timer.name != TIMER_POOL) {
		link_slim(&u->link);
		uplink_timer(u, TIMER_POOL);
	}
	if (over && !buf_len(&u->link.out)) {
		(void)link_finish(&u->link);
		uplink_lost(u);
	}
}

/* What is a tunnel from the first octet on waits for its request: the origin's
 * greeting may have come with the connection, and its end behind it.
 */
static bool uplink_waits(const struct uplink *u)
{
	return http_codec_raw(u->link.codec) && !u->served;
}

static void uplink_pump(struct uplink *u)
{
	const struct wire *wire = &u->link.wire;
	int rounds = PUMP_ROUNDS;
	int rc;

	if (uplink_waits(u)) {
		uplink_settle(u);
		return;
	}
	do {
		rc = link_turn(&u->link);
		uplink_news(u);
		if (rc == ERR_CUT && wire->broken && !wire->ended)
			rc = 1;
	} while (rc > 0 && --rounds);
	if (rc == ERR_CUT && wire->ended && !u->link.failed) {
		/* What came before is still good, once there is room for it.
		 * The codec is not told of this end: it is none of a body's.
		 */
		u->cut = u->link.end_told = true;
		rc = 0;
	}
	if (wire->broken && wire->ended) /* a good end, found behind that */
		u->cut = true;
	if (rc < 0 || (u->cut && !buf_len(&u->link.in))) {
		uplink_lost(u);
		return;
	}
	if (!rounds)
		uplink_post(u);
	uplink_settle(u);
}

static void uplink_step(struct uplink *u)
{
	switch (u->state) {
	case UPLINK_DIAL:
		uplink_connected(u);
		break;
	case UPLINK_SHAKE:
		uplink_shake(u);
		break;
	case UPLINK_OPEN:
	case UPLINK_DRAIN:
		uplink_pump(u);
		break;
	case UPLINK_CLOSED:
	case UPLINK_STATES:
		assert(0);
	}
}

bool uplink_lives(const struct uplink *u)
{
	const struct link *l = &u->link;

	return u->state == UPLINK_OPEN && !l->failed && !l->wire.ended &&
	       !l->wire.broken;
}

bool uplink_ready(const struct uplink *u)
{
	return uplink_lives(u) && http_codec_ready(u->link.codec);
}

int uplink_submit(struct uplink *u, struct up_request *req)
{
	int rc = http_codec_submit(u->link.codec, &req->stream);

	if (rc < 0)
		return rc;
	req->state = UP_SENT;
	req->link = u;
	req->prev = NULL;
	req->next = u->requests;
	if (u->requests)
		u->requests->prev = req;
	u->requests = req;
	req->reused = u->served++ > 0;
	req->protocol = uplink_protocol(u);
	req->tls_version =
		u->link.wire.tls ? tls_version(u->link.wire.tls) : NULL;
	(void)snprintf(req->address, sizeof(req->address), "%s", u->address);
	u->gate->stats->row.upstream_reused += req->reused;
	(void)origin_on_idle(u->origin, u, false);
	timer_stop(u->gate->loop, &u->timer);
	uplink_post(u);
	return 0;
}

void uplink_on_event(struct gate *gate, struct loop_ref ref,
		     unsigned int events)
{
	struct uplink *u = table_get(&gate->links, ref.index, ref.gen);

	if (!u)
		return;
	wire_ready(&u->link.wire, events);
	uplink_step(u);
}

void uplink_on_post(struct gate *gate, struct loop_ref ref)
{
	struct uplink *u = table_get(&gate->links, ref.index, ref.gen);

	if (u)
		uplink_step(u);
}

void uplink_close(struct uplink *u)
{
	if (buf_len(&u->link.out))
		wire_abort(&u->link.wire);
	else if (!u->link.finished)
		(void)wire_finish(&u->link.wire);
	uplink_lost(u);
}

void uplink_on_timer(struct gate *gate, struct loop_ref ref, uint8_t name)
{
	struct uplink *u = table_get(&gate->links, ref.index, ref.gen);

	if (!u)
		return;
	if (name == TIMER_DIAL) {
		if (u->state == UPLINK_SHAKE)
			uplink_fail(u, REFUSAL_TLS_TIMEOUT,
				    "TLS handshake with", "no answer in time");
		else
			uplink_fail(u, REFUSAL_CONNECT_TIMEOUT, "connect to",
				    "no answer in time");
	} else { /* TIMER_POOL: nobody needs it */
		uplink_close(u);
	}
}

void up_resume(struct gate *gate, struct up_request *req)
{
	(void)gate;
	if (req->state != UP_SENT)
		return;
	http_codec_resume(req->link->link.codec, &req->stream);
	uplink_post(req->link);
}

/* origin.c's up_cancel() for a request that a connection has. */
void uplink_cancel(struct up_request *req, enum http_fault why)
{
	struct uplink *u = req->link;

	http_codec_reset(u->link.codec, &req->stream, why);
	uplink_detach(u, req, UP_NONE);
	uplink_post(u);
}

void uplink_drain(struct uplink *u)
{
	if (u->state != UPLINK_OPEN)
		return;
	uplink_set_state(u, UPLINK_DRAIN);
	http_codec_drain(u->link.codec);
	uplink_post(u);
}
