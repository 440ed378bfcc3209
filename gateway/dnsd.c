/* gateway/dnsd.c - answer the sandboxes' DNS questions, over UDP and TCP.
 *
 * Over TCP (RFC 7766) each message has its length in front, two octets;
 * questions are answered in order, and a connection that is silent for
 * TIMER_HELLO, or does not take its answers, is closed.
 */

#include "gateway/dnsd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <linux/in6.h>

#include "base/base.h"
#include "base/bytes.h"
#include "base/err.h"
#include "gateway/address.h"
#include "gateway/dns.h"
#include "gateway/names.h"
#include "gateway/portal.h"
#include "gateway/tell.h"
#include "gateway/wire.h"

#define DNSD_IN_MAX  4096 /* octets: questions are small */
#define DNSD_OUT_MAX 16384

#define DNS_CLASS_IN 1

/* Types of question, by IANA's registry. */
enum dns_type {
	DNS_A = 1,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_SVCB = 64,
	DNS_HTTPS = 65,
};

struct dnsd_conn {
	struct gate *gate;
	uint32_t index, gen;
	struct sandbox *sandbox; /* held */
	struct wire wire;
	struct buf in, out;
	struct timer timer;
	char client[ADDRESS_MAX];
};

static const char *dnsd_type(uint16_t type)
{
	switch (type) {
	case DNS_A:
		return "A";
	case DNS_AAAA:
		return "AAAA";
	case DNS_TXT:
		return "TXT";
	case DNS_MX:
		return "MX";
	case DNS_SRV:
		return "SRV";
	case DNS_SVCB:
		return "SVCB";
	case DNS_HTTPS:
		return "HTTPS";
	default:
		return "other";
	}
}

/* FNV-1a, to tell names apart for a while; a collision hides one record. */
static uint64_t dnsd_hash(struct slice name)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < name.len; i++)
		h = (h ^ (unsigned char)name.ptr[i]) * 0x100000001b3u;
	return h;
}

/* May this sandbox be refused one name more in this second? */
static bool dnsd_may_refuse(const struct gate *gate, struct sandbox *sb)
{
	uint64_t now_s = loop_now_ms(gate->loop) / 1000;

	if (sb->refusals_s != now_s) {
		sb->refusals_s = now_s;
		sb->refusals = 0;
	}
	if (sb->refusals == DNS_REFUSALS_S)
		return false;
	sb->refusals++;
	return true;
}

/* Was this name refused a moment ago? */
static bool dnsd_repeats(const struct gate *gate, const struct sandbox *sb,
			 struct slice name)
{
	uint64_t hash = dnsd_hash(name);
	size_t at = hash % DNS_MERGE_SIZE;

	return sb->refused[at].hash == hash &&
	       loop_now_ms(gate->loop) < sb->refused[at].until_ms;
}

static void dnsd_remember(const struct gate *gate, struct sandbox *sb,
			  struct slice name)
{
	uint64_t now_ms = loop_now_ms(gate->loop);
	uint64_t hash = dnsd_hash(name);
	size_t at = hash % DNS_MERGE_SIZE;

	sb->refused[at].hash = hash;
	sb->refused[at].until_ms = now_ms + DNS_MERGE_S * 1000;
}

/* False: it is too much, and there is no answer. */
static bool dnsd_refused(struct gate *gate, struct sandbox *sb,
			 const char *client, const struct dns_query *q)
{
	struct tell_note note = {
		.kind = AUDIT_DNS,
		.sandbox = sb,
		.client = client,
		.protocol = SLICE("dns"),
		.host = slice_str(q->name),
		.port = 53,
		.method = slice_str(dnsd_type(q->type)),
		.reason = q->host_valid ? SLICE("no-rule") : SLICE("bad-name"),
		.detail = SLICE("no rule of this sandbox names this host"),
	};

	if (!dnsd_repeats(gate, sb, note.host)) {
		if (!dnsd_may_refuse(gate, sb))
			return false;
		dnsd_remember(gate, sb, note.host);
		tell_note(gate, &note);
	}
	gate->stats->row.dns_refused++;
	return true;
}

/* The slot of a name, or -ENOSPC. */
static int dnsd_slot(struct gate *gate, struct sandbox *sb, struct slice name)
{
	int slot = names_find(gate->names, name);

	if (slot)
		return slot;
	if (sb->names == NAMES_SANDBOX)
		return -ENOSPC;
	sb->names++;
	return names_slot(gate->names, name);
}

/* May this sandbox know the name? */
static bool dnsd_named(const struct gate *gate, const struct sandbox *sb,
		       const struct dns_query *q)
{
	struct slice host = authority_host(&q->host);

	return q->host_valid && q->host.kind == HOST_NAME &&
	       (portal_is(host) ||
		sandbox_names_host(sb, host, gate_now_s(gate)));
}

/* Decide about one question and print the answer. */
static size_t dnsd_decide(struct gate *gate, struct sandbox *sb,
			  const char *client, const struct dns_query *q,
			  uint8_t ret[DNS_MAX])
{
	static const struct slice why =
		SLICE("no rule of this sandbox names this host");
	struct in_addr v4 = { 0 };
	struct in6_addr v6 = { 0 };
	int slot;

	if (q->class != DNS_CLASS_IN)
		return dns_print(q, DNS_NOTIMP, v4, &v6, SLICE(""), ret);
	if (!dnsd_named(gate, sb, q)) {
		if (!dnsd_refused(gate, sb, client, q))
			return 0;
		return dns_print(q, DNS_NXDOMAIN, v4, &v6, why, ret);
	}
	gate->stats->row.dns_answered++;
	if (q->type != DNS_A && q->type != DNS_AAAA)
		return dns_print(q, DNS_NO_DATA, v4, &v6, SLICE(""), ret);
	slot = dnsd_slot(gate, sb, authority_host(&q->host));
	if (slot < 0)
		return dns_print(q, DNS_SERVFAIL, v4, &v6, SLICE(""), ret);
	v4 = names_v4((uint32_t)slot);
	v6 = names_v6((uint32_t)slot);
	return dns_print(q, DNS_ADDRESS, v4, &v6, SLICE(""), ret);
}

/* Returns the answer's length; 0 for none. */
static size_t dnsd_answer(struct gate *gate, struct sandbox *sb,
			  const char *client, struct slice packet,
			  uint8_t ret[DNS_MAX])
{
	struct dns_query q;
	struct in6_addr none = { 0 };
	int rc = dns_parse((const uint8_t *)packet.ptr, packet.len, &q);

	if (rc == 0)
		return 0;
	if (rc < 0)
		return dns_print(&q, DNS_FORMERR, (struct in_addr){ 0 }, &none,
				 SLICE(""), ret);
	return dnsd_decide(gate, sb, client, &q, ret);
}

/* A datagram: what it says, who sent it and, where the socket was asked to
 * tell it (TPROXY), which address it was sent to.
 */
struct dnsd_datagram {
	uint8_t packet[DNS_MAX];
	size_t len;
	union resolve_addr from, to;
	bool has_to;
};

union dnsd_control {
	char mem[CMSG_SPACE(sizeof(struct sockaddr_in6))];
	struct cmsghdr align;
};

/* Returns false when there is none. */
static bool dnsd_recv(int fd, struct dnsd_datagram *d)
{
	union dnsd_control control;
	struct iovec iov = { d->packet, sizeof(d->packet) };
	struct msghdr msg = {
		.msg_name = &d->from,
		.msg_namelen = sizeof(d->from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);

	d->has_to = false;
	if (n < 0)
		return false;
	d->len = (size_t)n;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c;
	     c = CMSG_NXTHDR(&msg, c)) {
		bool v4 = c->cmsg_level == SOL_IP &&
			  c->cmsg_type == IP_ORIGDSTADDR;

		if (!v4 && (c->cmsg_level != SOL_IPV6 ||
			    c->cmsg_type != IPV6_ORIGDSTADDR))
			continue;
		memcpy(&d->to, CMSG_DATA(c),
		       v4 ? sizeof(d->to.v4) : sizeof(d->to.v6));
		d->has_to = true;
	}
	return true;
}

/* The answer comes from the address that was asked, or it is no answer. */
static void dnsd_set_source(struct msghdr *msg, const union resolve_addr *to)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	struct in_pktinfo v4 = { 0 };
	struct in6_pktinfo v6 = { 0 };

	if (to->sa.sa_family == AF_INET) {
		v4.ipi_spec_dst = to->v4.sin_addr;
		c->cmsg_level = SOL_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(v4));
		memcpy(CMSG_DATA(c), &v4, sizeof(v4));
		msg->msg_controllen = CMSG_SPACE(sizeof(v4));
	} else {
		v6.ipi6_addr = to->v6.sin6_addr;
		c->cmsg_level = SOL_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(v6));
		memcpy(CMSG_DATA(c), &v6, sizeof(v6));
		msg->msg_controllen = CMSG_SPACE(sizeof(v6));
	}
}

static void dnsd_send(int fd, struct dnsd_datagram *d, uint8_t *answer,
		      size_t len)
{
	union dnsd_control control = { { 0 } };
	struct iovec iov = { answer, len };
	struct msghdr msg = {
		.msg_name = &d->from,
		.msg_namelen = d->from.sa.sa_family == AF_INET
				       ? sizeof(d->from.v4)
				       : sizeof(d->from.v6),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};

	if (d->has_to) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		dnsd_set_source(&msg, &d->to);
	}
	(void)sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void dnsd_serve_udp(struct gate *gate, int fd, struct sandbox *sandbox)
{
	for (int i = 0; i < DNS_BURST; i++) {
		struct dnsd_datagram d;
		uint8_t answer[DNS_MAX];
		char client[ADDRESS_MAX];
		struct sandbox *sb = sandbox;
		size_t len;

		if (!dnsd_recv(fd, &d))
			return;
		if (!sb)
			sb = sandbox_by_address(gate->sandboxes, &d.from.sa);
		if (!sb)
			continue;
		address_print(&d.from, client);
		len = dnsd_answer(gate, sb, client, slice_of(d.packet, d.len),
				  answer);
		if (len)
			dnsd_send(fd, &d, answer, len);
	}
}

static struct loop_ref dnsd_ref(const struct dnsd_conn *c)
{
	return (struct loop_ref){ .kind = GATE_DNS,
				  .gen = c->gen & 0xffffff,
				  .index = c->index };
}

static void dnsd_end(struct dnsd_conn *c)
{
	struct gate *gate = c->gate;

	timer_stop(gate->loop, &c->timer);
	loop_remove(gate->loop, c->wire.fd);
	wire_done(&c->wire);
	buf_done(&c->in);
	buf_done(&c->out);
	table_remove(&gate->dns, c->index);
	sandbox_drop(c->sandbox);
	free(c);
}

void dnsd_begin(struct gate *gate, int fd, struct sandbox *sandbox,
		const union resolve_addr *peer)
{
	struct dnsd_conn *c = calloc(1, sizeof(*c));
	struct wire wire;

	wire_init(&wire, fd);
	if (!c || sandbox->conns >= CONNS_SANDBOX ||
	    table_add(&gate->dns, c, &c->index, &c->gen) < 0) {
		wire_done(&wire);
		free(c);
		return;
	}
	c->gate = gate;
	c->sandbox = sandbox;
	sandbox_hold(sandbox);
	c->wire = wire;
	buf_init(&c->in, DNSD_IN_MAX);
	buf_init(&c->out, DNSD_OUT_MAX);
	address_print(peer, c->client);
	timer_start(gate->loop, &c->timer, dnsd_ref(c), TIMER_HELLO);
	if (loop_add(gate->loop, fd, dnsd_ref(c),
		     LOOP_READ | LOOP_WRITE | LOOP_EDGE) < 0)
		dnsd_end(c);
}

/* Answer the whole messages that have come. False: end the connection. */
static bool dnsd_messages(struct dnsd_conn *c)
{
	for (;;) {
		struct bytes cursor =
			bytes_of(buf_data(&c->in), buf_len(&c->in));
		struct slice packet = bytes_str(&cursor);
		uint8_t answer[DNS_MAX], len_octets[2];
		size_t len;

		if (cursor.bad)
			return buf_room(&c->in) > 0;
		len = dnsd_answer(c->gate, c->sandbox, c->client, packet,
				  answer);
		len_octets[0] = (uint8_t)(len >> 8);
		len_octets[1] = (uint8_t)len;
		if (!len || buf_append(&c->out, len_octets, 2) < 0 ||
		    buf_append(&c->out, answer, len) < 0)
			return false;
		buf_consume(&c->in, 2 + packet.len);
		timer_start(c->gate->loop, &c->timer, dnsd_ref(c), TIMER_HELLO);
	}
}

void dnsd_on_event(struct gate *gate, struct loop_ref ref, unsigned int events)
{
	struct dnsd_conn *c = table_get(&gate->dns, ref.index, ref.gen);
	int rc;

	if (!c)
		return;
	wire_ready(&c->wire, events);
	do {
		rc = wire_read(&c->wire, &c->in);
		if (rc > 0 && !dnsd_messages(c))
			rc = ERR_SYNTAX;
	} while (rc > 0);
	if (wire_write(&c->wire, &c->out) < 0 || rc < 0)
		dnsd_end(c);
}

void dnsd_on_timer(struct gate *gate, struct loop_ref ref)
{
	struct dnsd_conn *c = table_get(&gate->dns, ref.index, ref.gen);

	if (c)
		dnsd_end(c);
}

void dnsd_end_all(struct gate *gate, const struct sandbox *sandbox)
{
	for (uint32_t i = 0; i < gate->dns.len; i++) {
		struct dnsd_conn *c = table_at(&gate->dns, i);

		if (c && (!sandbox || c->sandbox == sandbox))
			dnsd_end(c);
	}
}
