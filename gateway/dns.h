/* gateway/dns.h - the sandbox's only resolver. It forwards nothing.
 *
 * Pure: one query in, one answer out (RFC 1035; RFC 6891 for EDNS; RFC 8914
 * for extended errors). What the name means is decided by the caller between
 * the two calls.
 */
#ifndef GATEWAY_DNS_H
#define GATEWAY_DNS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/authority.h"

#define DNS_MAX 1232 /* octets of an answer over UDP (DNS flag day 2020) */
#define DNS_TTL 30   /* seconds */

struct dns_query {
	uint16_t id;
	uint16_t flags;
	uint16_t type; /* as asked: 1 A, 28 AAAA, 65 HTTPS … */
	uint16_t class;
	bool edns;	       /* it carried an OPT record */
	bool host_valid;       /* host holds the name as a valid host */
	struct authority host; /* canonical */
	char name[256];	       /* as asked, escaped, for the record */
	uint8_t question[260]; /* the question section, to be echoed */
	size_t question_len;
};

/* Returns 1, or 0 for a packet to drop without an answer (too short, a
 * response; *ret is untouched), or ERR_SYNTAX for one that gets FORMERR (id
 * and flags are set, everything else is zero). An opcode other than QUERY gives
 * 1 with nothing but id and flags: answer dns_is_query() false with DNS_NOTIMP.
 */
int dns_parse(const uint8_t *packet, size_t len, struct dns_query *ret);

static inline bool dns_is_query(const struct dns_query *q)
{
	return !(q->flags & 0x7800);
}

enum dns_answer {
	DNS_ADDRESS,  /* A or AAAA with the address given */
	DNS_NO_DATA,  /* the name exists, this type does not */
	DNS_NXDOMAIN, /* with EDE 15 (Blocked) and text, if edns */
	DNS_FORMERR,
	DNS_NOTIMP,
	DNS_SERVFAIL,
};

/* Print the answer; v4 or v6 is used as the type says, and for other types, or
 * without v6 (NULL), DNS_ADDRESS is DNS_NO_DATA. text (may be empty) is the
 * extended error's, cut to 180 octets. Returns the length, 512 at most.
 */
size_t dns_print(const struct dns_query *q, enum dns_answer kind,
		 struct in_addr v4, const struct in6_addr *v6,
		 struct slice text, uint8_t ret[DNS_MAX]);

#endif
