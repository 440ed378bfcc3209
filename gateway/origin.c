/* gateway/origin.c - the pools: one for each origin of each sandbox.
 *
 * A request waits in its pool's queue until a connection has room. How many
 * connections are made depends on what the origin speaks: as long as that is
 * unknown, one at a time; HTTP/2, one more only when the others are full;
 * HTTP/1, one for each waiting request. How each is made, and to which address,
 * is dial.c.
 *
 * When every address has failed and no dial is under way, or the last one ran
 * out of time, those who came before it began are told why; for those who came
 * later it is dialled again. Beside a connection that will have room again a
 * dial that fails fails nobody: they wait for that, and a while later it is
 * dialled again.
 *
 * An idle pool stays for what it knows (protocol, session ticket) until
 * ORIGINS_MAX asks for its place; the connections that it keeps go with it.
 */

#include "gateway/upstream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "gateway/origin_impl.h"

struct origins {
	struct gate *gate;
	struct origin *by_key;
	struct origin *newest, *oldest;
	struct table table;
	uint32_t len;
};

int origins_new(struct gate *gate, struct origins **ret)
{
	struct origins *os = calloc(1, sizeof(*os));

	if (!os)
		return -ENOMEM;
	os->gate = gate;
	table_init(&os->table, ORIGINS_MAX);
	*ret = os;
	return 0;
}

static void origin_post(struct origin *o)
{
	loop_post(o->gate->loop, &o->post, origin_ref(o));
}

static void origin_unlist(struct origins *os, struct origin *o)
{
	if (o->newer)
		o->newer->older = o->older;
	else
		os->newest = o->older;
	if (o->older)
		o->older->newer = o->newer;
	else
		os->oldest = o->newer;
	o->newer = o->older = NULL;
}

static void origin_list(struct origins *os, struct origin *o)
{
	o->older = os->newest;
	if (os->newest)
		os->newest->newer = o;
	else
		os->oldest = o;
	os->newest = o;
}

static bool origin_unused(const struct origin *o)
{
	return !o->links && !o->wait_head && !o->resolve.query;
}

static void origin_free(struct origins *os, struct origin *o)
{
	assert(!o->links && !o->wait_head);
	resolve_forget(os->gate->resolver, &o->resolve);
	timer_stop(os->gate->loop, &o->pause);
	timer_stop(os->gate->loop, &o->beside);
	loop_unpost(os->gate->loop, &o->post);
	tls_session_done(&o->session);
	if (!o->unhashed)
		HASH_DEL(os->by_key, o);
	origin_unlist(os, o);
	table_remove(&os->table, o->index);
	os->len--;
	free(o);
}

void origins_free(struct origins **os)
{
	if (!*os)
		return;
	while ((*os)->newest)
		origin_free(*os, (*os)->newest);
	table_done(&(*os)->table);
	free(*os);
	*os = NULL;
}

/* Nothing but connections kept for later. */
static bool origin_quiet(const struct origin *o)
{
	return o->idle == o->links_len && !o->wait_head && !o->resolve.query;
}

static bool origins_evict(struct origins *os)
{
	struct origin *o = os->oldest;

	if (os->len < ORIGINS_MAX)
		return true;
	while (o && !origin_unused(o))
		o = o->newer;
	if (!o)
		o = os->oldest;
	while (o && !origin_quiet(o))
		o = o->newer;
	if (!o)
		return false;
	while (o->links)
		uplink_close(o->links);
	origin_free(os, o);
	return true;
}

/* The key with nothing undefined in it. */
static void origin_key_pack(const struct origin_key *from,
			    struct origin_key *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->sandbox = from->sandbox;
	ret->tls = from->tls;
	ret->private = from->private;
	ret->upgrade = from->upgrade;
	ret->raw = from->raw;
	ret->port = from->port;
	ret->host.kind = from->host.kind;
	ret->host.host_len = from->host.host_len;
	memcpy(ret->host.host, from->host.host, from->host.host_len);
}

static struct origin *origin_new(struct origins *os,
				 const struct origin_key *key)
{
	struct origin *o;

	if (!origins_evict(os))
		return NULL;
	o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	memcpy(&o->key, key, sizeof(o->key)); /* padding too: it is hashed */
	if (table_add(&os->table, o, &o->index, &o->gen) < 0) {
		free(o);
		return NULL;
	}
	o->gate = os->gate;
	o->speaks = key->tls && !key->upgrade ? ORIGIN_UNKNOWN : ORIGIN_H1;
	o->resolve.post = &o->post;
	o->resolve.ref = origin_ref(o);
	o->target = (struct uplink_target){ .origin = o,
					    .tls = key->tls,
					    .h1_only = key->upgrade,
					    .raw = key->raw,
					    .host = &o->key.host,
					    .session = &o->session };
	HASH_ADD(hh, os->by_key, key, sizeof(o->key), o);
	origin_list(os, o);
	os->len++;
	if (o->unhashed) {
		origin_free(os, o);
		return NULL;
	}
	return o;
}

const struct uplink_target *origin_target(struct origin *o)
{
	return &o->target;
}

static void origin_unwait(struct origin *o, struct up_request *req)
{
	if (req->prev)
		req->prev->next = req->next;
	else
		o->wait_head = req->next;
	if (req->next)
		req->next->prev = req->prev;
	else
		o->wait_tail = req->prev;
	req->next = req->prev = NULL;
	req->origin = NULL;
	o->waits_len--;
}

static void origin_tell_failed(struct origin *o, struct up_request *req,
			       enum refusal_kind why, const char *detail,
			       const char *address)
{
	origin_unwait(o, req);
	req->state = UP_FAILED;
	req->why = why;
	(void)snprintf(req->detail, sizeof(req->detail), "%s", detail);
	(void)snprintf(req->address, sizeof(req->address), "%s", address);
	loop_post(o->gate->loop, req->post, req->ref);
}

/* Does a connection stand that will have room again? A tunnel's has not. */
static bool origin_lives(const struct origin *o)
{
	const struct uplink *u = o->links;

	if (o->key.raw || o->key.upgrade)
		return false;
	while (u && !uplink_lives(u))
		u = u->next;
	return u != NULL;
}

void origin_fail(struct origin *o, uint64_t arrival, enum refusal_kind why,
		 const char *detail, const char *address)
{
	struct up_request *next;

	if (origin_lives(o)) {
		timer_start(o->gate->loop, &o->pause, origin_ref(o),
			    TIMER_PAUSE);
		return;
	}
	for (struct up_request *req = o->wait_head; req; req = next) {
		next = req->next;
		if (req->arrival <= arrival)
			origin_tell_failed(o, req, why, detail, address);
	}
	if (o->wait_head)
		origin_post(o);
}

/* How many connections are wanted beside those that are being made. */
static uint32_t origin_wanted(const struct origin *o)
{
	uint32_t room = ORIGIN_LINKS_MAX -
			MIN(o->links_len, (uint32_t)ORIGIN_LINKS_MAX);
	uint32_t dialling = o->dialling - dial_beside(o);

	if (!o->waits_len || o->pause.running)
		return 0;
	if (o->speaks != ORIGIN_H1)
		return o->dialling ? 0 : MIN(1u, room);
	return o->waits_len > dialling ? MIN(o->waits_len - dialling, room) : 0;
}

/* Give waiting requests to connections that have room. */
static void origin_deal(struct origin *o)
{
	struct uplink *next;

	for (struct uplink *u = o->links; u && o->wait_head; u = next) {
		next = u->next;
		while (o->wait_head && uplink_ready(u)) {
			struct up_request *req = o->wait_head;

			origin_unwait(o, req);
			if (uplink_submit(u, req) < 0) {
				req->state = UP_FAILED;
				req->why = REFUSAL_BUSY;
			}
			loop_post(o->gate->loop, req->post, req->ref);
		}
	}
}

static void origin_serve(struct origin *o)
{
	uint32_t wanted;

	origin_deal(o);
	wanted = origin_wanted(o);
	while (wanted-- && dial_begin(o))
		;
	if (!o->wait_head) /* an answer that nobody fetches stays */
		resolve_forget(o->gate->resolver, &o->resolve);
	dial_settle(o);
}

void origin_on_post(struct gate *gate, struct loop_ref ref)
{
	struct origin *o = table_get(&gate->origins->table, ref.index, ref.gen);

	if (o)
		origin_serve(o);
}

void origin_on_timer(struct gate *gate, struct loop_ref ref, uint8_t name)
{
	struct origin *o = table_get(&gate->origins->table, ref.index, ref.gen);

	if (o && name == TIMER_BESIDE)
		dial_on_timer(o);
	else if (o)
		origin_serve(o);
}

void origin_on_open(struct origin *o, struct uplink *u)
{
	assert(o->dialling > 0);
	o->dialling--;
	if (o->key.tls)
		o->speaks = http_codec_version(u->link.codec) == HTTP_2
				    ? ORIGIN_H2
				    : ORIGIN_H1;
	dial_on_open(o, u);
	origin_post(o);
}

bool origin_on_idle(struct origin *o, struct uplink *u, bool idle)
{
	bool many = !u->idle && o->idle >= ORIGIN_IDLE_LINKS;
	/* An origin that was to be a tunnel's has begun to speak, or to wait:
	 * nobody else is to meet it in the middle of that.
	 */
	bool unused = o->key.raw && !u->served;

	if (idle && !o->wait_head && (many || unused))
		return false;
	o->idle += idle;
	o->idle -= u->idle;
	u->idle = idle;
	return true;
}

void origin_on_room(struct origin *o, struct uplink *u)
{
	(void)u;
	if (o->wait_head)
		origin_post(o);
}

void origin_on_closed(struct origin *o, struct uplink *u)
{
	if (u->prev)
		u->prev->next = u->next;
	else
		o->links = u->next;
	if (u->next)
		u->next->prev = u->prev;
	o->links_len--;
	o->idle -= u->idle;
	if (!u->link.codec) {
		assert(o->dialling > 0);
		o->dialling--;
		if (u->detail[0]) /* or it is not needed any more */
			dial_on_failed(o, u);
	}
	if (o->wait_head)
		origin_post(o);
}

int up_begin(struct gate *gate, const struct origin_key *key,
	     struct up_request *req)
{
	struct origins *os = gate->origins;
	struct origin_key packed;
	struct origin *o;

	origin_key_pack(key, &packed);
	HASH_FIND(hh, os->by_key, &packed, sizeof(packed), o);
	if (!o)
		o = origin_new(os, &packed);
	if (!o || o->waits_len >= ORIGIN_WAITS_MAX)
		return -ENOBUFS;
	origin_unlist(os, o);
	origin_list(os, o);
	req->state = UP_WAITING;
	req->news = 0;
	req->origin = o;
	req->arrival = ++o->arrivals;
	req->next = NULL;
	req->prev = o->wait_tail;
	if (o->wait_tail)
		o->wait_tail->next = req;
	else
		o->wait_head = req;
	o->wait_tail = req;
	o->waits_len++;
	origin_post(o);
	return 0;
}

void up_cancel(struct gate *gate, struct up_request *req, enum http_fault why)
{
	(void)gate;
	if (req->state == UP_WAITING) {
		origin_unwait(req->origin, req);
		req->state = UP_NONE;
	} else if (req->state == UP_SENT) {
		uplink_cancel(req, why);
	}
	req->state = UP_NONE;
	req->news = 0;
}

void origins_forget(struct gate *gate, uint32_t sandbox)
{
	for (struct origin *o = gate->origins->newest; o; o = o->older) {
		if (o->key.sandbox != sandbox)
			continue;
		for (struct uplink *u = o->links; u; u = u->next)
			uplink_drain(u);
	}
}
