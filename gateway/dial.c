/* gateway/dial.c - a pool's way to its next connection: which address is
 * dialled, and which beside it (RFC 8305, Happy Eyeballs).
 *
 * When a pool begins to dial, its name is resolved (the resolver caches) and
 * every address is vetted; what is good is the list while anything is being
 * dialled, though not for long (DIAL_VETTED_MS). Its first address is begun.
 * Another one is begun beside those that are under way when TIMER_BESIDE has
 * run since the last, and at once when one of them has failed; all stay under
 * way until one connection stands, its handshake done. That address is put
 * first, and what is dialled elsewhere is closed. So an address that swallows
 * packets costs a quarter of a second, one that connects and then says nothing
 * half a one, and not a time-out.
 *
 * A connection that is being shaken hands with has heard from its address: for
 * its sake the list waits once more, as a handshake with a far origin costs
 * both sides more than the wait.
 *
 * For each address but the first there is one connection, however many
 * requests wait: RESOLVE_ADDRS bounds what is begun beside. More are dialled
 * when one stands. Each has TIMER_DIAL for itself, so that in that time and
 * what it takes to go through the list, all is over.
 *
 * An address that stood when those before it did not is dialled first for
 * DIAL_GOOD_MS, if it is still among the good ones, unless it fails.
 */

#include "gateway/origin_impl.h"

#include "base/base.h"
#include "gateway/address.h"
#include "gateway/gate.h"
#include "gateway/guard.h"

/* Long enough that a broken family costs nothing, short enough that one that
 * was mended is soon found (RFC 6555, section 4.2).
 */
#define DIAL_GOOD_MS (10 * 60 * 1000)

/* A busy pool dials without a pause: what was vetted longer ago is vetted anew
 * all the same, unless some of it has failed and nothing stood since.
 */
#define DIAL_VETTED_MS (10 * 1000)

static void dial_fail(struct origin *o, enum refusal_kind why,
		      const char *detail)
{
	origin_fail(o, o->arrivals, why, detail, "");
}

/* Have addresses to try. False: not yet, or those that wait have been told. */
static bool dial_addresses(struct origin *o)
{
	const uint64_t now_ms = loop_now_ms(o->gate->loop);
	struct slice host = authority_host(&o->key.host);
	struct resolve_answer answer;
	char detail[UP_DETAIL_MAX];
	enum refusal_kind why;
	bool found;
	int rc;

	if (o->addrs.len &&
	    (o->addrs.failed || now_ms < o->vetted_ms + DIAL_VETTED_MS))
		return true;
	if (o->addrs.failed && o->dialling) /* one may still answer */
		return false;
	if (slice_eq(host, SLICE(GUARD_HOST_NAME))) {
		found = candidates_host(&o->addrs, &o->key, &why, detail);
	} else {
		rc = resolve_ask(o->gate->resolver, host, &o->resolve, &answer);
		if (rc == 0)
			return false;
		if (rc < 0) {
			dial_fail(o, REFUSAL_BUSY,
				  "too many names are being resolved");
			return false;
		}
		found = candidates_vet(&o->addrs, &o->key, &answer, &why,
				       detail);
	}
	if (!found)
		dial_fail(o, why, detail);
	else if (now_ms < o->good_until_ms)
		(void)candidates_prefer(&o->addrs, &o->good);
	o->vetted_ms = now_ms;
	o->patient = false;
	return found;
}

static bool dial_next(struct origin *o)
{
	if (!candidates_next(&o->addrs))
		return false;
	o->begun_arrival = o->arrivals;
	return true;
}

static int dial_link(struct origin *o, const union resolve_addr *addr)
{
	char detail[UP_DETAIL_MAX];
	char text[UP_ADDRESS_MAX];
	struct uplink *u;
	int rc;

	o->target.addr = addr;
	rc = uplink_new(o->gate, &o->target, &u, detail);
	if (rc < 0) {
		address_print(addr, text);
		(void)candidates_fail(&o->addrs, addr, REFUSAL_CONNECT, text,
				      detail);
		return rc;
	}
	u->arrival = o->arrivals;
	u->next = o->links;
	if (o->links)
		o->links->prev = u;
	o->links = u;
	o->links_len++;
	o->dialling++;
	return 0;
}

/* Dial the address that was begun last; where that can't be, those behind. */
static bool dial_try(struct origin *o)
{
	do {
		if (dial_link(o, &o->addrs.addr[o->addrs.begun - 1]) == 0)
			return true;
	} while (dial_next(o));
	return false;
}

bool dial_begin(struct origin *o)
{
	if (!dial_addresses(o))
		return false;
	if (!o->addrs.begun)
		(void)dial_next(o);
	if (dial_try(o))
		return true;
	if (!o->dialling)
		origin_fail(o, o->arrivals, o->addrs.why, o->addrs.detail,
			    o->addrs.address);
	return false;
}

uint32_t dial_beside(const struct origin *o)
{
	uint32_t beside = o->addrs.begun ? (uint32_t)o->addrs.begun - 1 : 0;

	return MIN(beside, o->dialling);
}

/* Beside costs a place; when half of them are taken, the rest is for those who
 * need one: addresses are dialled in turn.
 */
static bool dial_crowded(const struct origin *o)
{
	return o->gate->links.count >= o->gate->links.max / 2;
}

void dial_settle(struct origin *o)
{
	struct loop *loop = o->gate->loop;
	bool waits = o->dialling && o->wait_head;

	if (o->more && waits && !dial_crowded(o) && dial_next(o)) {
		timer_stop(loop, &o->beside);
		(void)dial_try(o);
	}
	o->more = false;
	if (!waits || o->addrs.begun == o->addrs.len)
		timer_stop(loop, &o->beside);
	else if (!o->beside.running)
		timer_start(loop, &o->beside, origin_ref(o), TIMER_BESIDE);
	if (!o->dialling && !o->resolve.query)
		o->addrs.len = o->addrs.begun = 0; /* vet anew next time */
}

void dial_on_timer(struct origin *o)
{
	const struct uplink *u = o->links;

	while (u && u->state != UPLINK_SHAKE)
		u = u->next;
	o->more = !u || o->patient;
	o->patient = true;
	loop_post(o->gate->loop, &o->post, origin_ref(o));
}

void dial_on_open(struct origin *o, const struct uplink *u)
{
	const struct candidates *c = &o->addrs;
	struct uplink *next;

	if (c->failed || (c->len && !address_eq(&c->addr[0], &u->addr))) {
		o->good = u->addr;
		o->good_until_ms = loop_now_ms(o->gate->loop) + DIAL_GOOD_MS;
	}
	candidates_stand(&o->addrs, &u->addr);
	o->patient = false;
	for (struct uplink *l = o->links; l; l = next) {
		next = l->next;
		if (!l->link.codec && !address_eq(&l->addr, &u->addr))
			uplink_close(l);
	}
}

void dial_on_failed(struct origin *o, const struct uplink *u)
{
	const struct candidates *c = &o->addrs;
	bool late = u->why == REFUSAL_CONNECT_TIMEOUT ||
		    u->why == REFUSAL_TLS_TIMEOUT;

	if (address_eq(&o->good, &u->addr))
		o->good_until_ms = 0;
	if (candidates_fail(&o->addrs, &u->addr, u->why, u->address, u->detail))
		o->more = true;
	if (!c->len && c->failed && (!o->dialling || late))
		origin_fail(o, MAX(u->arrival, o->begun_arrival), c->why,
			    c->detail, c->address);
}
