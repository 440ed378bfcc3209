/* gateway/dns.c - one query in, one answer out.
 *
 * A query has one question and, at most, one additional record: EDNS's OPT.
 * Whatever else it holds makes it malformed; so does a compression pointer,
 * for which one name gives no occasion, and anything behind the end. An answer
 * never needs truncation: without the text it has at most 315 octets, and the
 * text is cut so that all fits into the 512 that every client accepts.
 *
 * Layout of the fixed parts: RFC 1035, section 4.1.
 */

#include "gateway/dns.h"

#include <stdio.h>

#include "base/base.h"
#include "base/bytes.h"
#include "base/err.h"

#define DNS_NAME_MAX  255 /* octets on the wire, RFC 1035, section 2.3.4 */
#define DNS_LABEL_MAX 63
#define DNS_TEXT_MAX  180 /* octets of an extended error's text */

enum dns_flags {
	DNS_QR = 0x8000,
	DNS_OPCODE = 0x7800,
	DNS_RD = 0x0100,
	DNS_RA = 0x0080,
	DNS_CD = 0x0010,
};

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_OPT = 41,
};

/* Extended errors, RFC 8914, section 4. */
enum dns_ede {
	DNS_EDE_OTHER = 0,
	DNS_EDE_BLOCKED = 15,
	DNS_EDE_OPTION = 15, /* the code of the EDNS option itself */
};

static const uint8_t dns_rcode[] = {
	[DNS_ADDRESS] = 0, [DNS_NO_DATA] = 0, [DNS_NXDOMAIN] = 3,
	[DNS_FORMERR] = 1, [DNS_NOTIMP] = 4,  [DNS_SERVFAIL] = 2,
};

/* A name being written as text; full is not an error but a name too odd. */
struct dns_text {
	char *mem;
	size_t len;
	size_t max; /* octets, NUL not counted */
	bool cut;
};

static void dns_text_put(struct dns_text *t, const char *s, size_t len)
{
	if (t->cut || len > t->max - t->len) {
		t->cut = true;
		return;
	}
	memcpy(t->mem + t->len, s, len);
	t->len += len;
	t->mem[t->len] = '\0';
}

/* One octet of a label, escaped as in a zone file (RFC 1035, section 5.1), so
 * that a dot inside a label is not taken for one between labels.
 */
static void dns_text_octet(struct dns_text *t, uint8_t c)
{
	char escaped[5];

	if (c == '.' || c == '\\')
		(void)snprintf(escaped, sizeof(escaped), "\\%c", c);
	else if (c <= 0x20 || c >= 0x7f)
		(void)snprintf(escaped, sizeof(escaped), "\\%03u", c);
	else
		(void)snprintf(escaped, sizeof(escaped), "%c", c);
	dns_text_put(t, escaped, strlen(escaped));
}

/* Read a name; the cursor goes bad on one that is malformed. */
static void dns_read_name(struct bytes *b, struct dns_text *text)
{
	const uint8_t *start = b->pos;
	uint8_t len;

	while ((len = bytes_u8(b)) > 0) {
		const uint8_t *label;

		/* The two bits above say pointer, or nothing known. */
		if (len > DNS_LABEL_MAX)
			b->bad = true;
		label = bytes_take(b, len);
		if (!label)
			return;
		if (text->len)
			dns_text_put(text, ".", 1);
		for (uint8_t i = 0; i < len; i++)
			dns_text_octet(text, label[i]);
	}
	if (b->pos - start > DNS_NAME_MAX)
		b->bad = true;
	if (!text->len)
		dns_text_put(text, ".", 1);
}

/* The question section: one name, type, class. */
static void dns_read_question(struct bytes *b, struct dns_query *q)
{
	struct dns_text text = { .mem = q->name, .max = sizeof(q->name) - 1 };
	const uint8_t *start = b->pos;

	dns_read_name(b, &text);
	q->type = bytes_u16(b);
	q->class = bytes_u16(b);
	if (b->bad)
		return;
	q->question_len = (size_t)(b->pos - start);
	assert(q->question_len <= sizeof(q->question));
	memcpy(q->question, start, q->question_len);
	q->host_valid = !text.cut &&
			host_parse(slice_of(q->name, text.len), &q->host) >= 0;
}

/* RFC 6891, section 6.1.2. Options are nothing to us. */
static void dns_read_opt(struct bytes *b, struct dns_query *q)
{
	if (bytes_u8(b) != 0 || bytes_u16(b) != DNS_TYPE_OPT)
		b->bad = true;
	(void)bytes_u16(b); /* the client's datagram size: ours are small */
	(void)bytes_u32(b);
	(void)bytes_take(b, bytes_u16(b));
	q->edns = true;
}

int dns_parse(const uint8_t *packet, size_t len, struct dns_query *ret)
{
	struct bytes b = bytes_of(packet, len);
	struct dns_query q = { 0 };
	uint16_t counts[4];

	q.id = bytes_u16(&b);
	q.flags = bytes_u16(&b);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		counts[i] = bytes_u16(&b);
	/* Never answer an answer: two servers would talk for ever. */
	if (b.bad || q.flags & DNS_QR)
		return 0;

	*ret = (struct dns_query){ .id = q.id, .flags = q.flags };
	if (q.flags & DNS_OPCODE)
		return 1;
	if (counts[0] != 1 || counts[1] || counts[2] || counts[3] > 1)
		return ERR_SYNTAX;
	dns_read_question(&b, &q);
	if (counts[3])
		dns_read_opt(&b, &q);
	if (b.bad || bytes_left(&b))
		return ERR_SYNTAX;
	*ret = q;
	return 1;
}

/* An answer being written; it fits by construction. */
struct dns_out {
	uint8_t *mem;
	size_t len;
};

static void dns_put(struct dns_out *out, const void *data, size_t len)
{
	assert(len <= DNS_MAX - out->len);
	if (len)
		memcpy(out->mem + out->len, data, len);
	out->len += len;
}

static void dns_put_u16(struct dns_out *out, unsigned int v)
{
	const uint8_t octets[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	dns_put(out, octets, sizeof(octets));
}

static void dns_put_address(struct dns_out *out, const struct dns_query *q,
			    const void *addr, size_t len)
{
	dns_put_u16(out, 0xc000 | 12); /* the name: as in the question */
	dns_put_u16(out, q->type);
	dns_put_u16(out, q->class);
	dns_put_u16(out, 0);
	dns_put_u16(out, DNS_TTL);
	dns_put_u16(out, (unsigned int)len);
	dns_put(out, addr, len);
}

/* An OPT record, with an extended error in it if ede is not negative. */
static void dns_put_opt(struct dns_out *out, int ede, struct slice text)
{
	size_t len = MIN(text.len, (size_t)DNS_TEXT_MAX);

	dns_put(out, "", 1); /* the root */
	dns_put_u16(out, DNS_TYPE_OPT);
	dns_put_u16(out, DNS_MAX);
	dns_put_u16(out, 0); /* extended rcode, version 0 */
	dns_put_u16(out, 0);
	dns_put_u16(out, ede < 0 ? 0 : (unsigned int)(6 + len));
	if (ede < 0)
		return;
	dns_put_u16(out, DNS_EDE_OPTION);
	dns_put_u16(out, (unsigned int)(2 + len));
	dns_put_u16(out, (unsigned int)ede);
	dns_put(out, text.ptr, len);
}

static int dns_ede(enum dns_answer kind, struct slice text)
{
	if (kind == DNS_NXDOMAIN)
		return DNS_EDE_BLOCKED;
	return kind == DNS_SERVFAIL && text.len ? DNS_EDE_OTHER : -1;
}

size_t dns_print(const struct dns_query *q, enum dns_answer kind,
		 struct in_addr v4, const struct in6_addr *v6,
		 struct slice text, uint8_t ret[DNS_MAX])
{
	struct dns_out out = { .mem = ret };
	bool has_v4 = kind == DNS_ADDRESS && q->type == DNS_TYPE_A;
	bool has_v6 = kind == DNS_ADDRESS && q->type == DNS_TYPE_AAAA && v6;

	dns_put_u16(&out, q->id);
	dns_put_u16(&out, DNS_QR | DNS_RA | dns_rcode[kind] |
				  (q->flags & (DNS_OPCODE | DNS_RD | DNS_CD)));
	dns_put_u16(&out, q->question_len ? 1 : 0);
	dns_put_u16(&out, has_v4 || has_v6);
	dns_put_u16(&out, 0);
	dns_put_u16(&out, q->edns);
	dns_put(&out, q->question, q->question_len);
	if (has_v4)
		dns_put_address(&out, q, &v4, sizeof(v4));
	if (has_v6)
		dns_put_address(&out, q, v6, sizeof(*v6));
	if (q->edns)
		dns_put_opt(&out, dns_ede(kind, text), text);
	return out.len;
}
