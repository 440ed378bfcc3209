/* http/authority.h - the one parser of "host[:port]" (RFC 3986, section 3.2).
 *
 * SNI, Host, :authority, the CONNECT target and rules all go through here and
 * compare by its result. Strict: no userinfo, no blank, no list, no percent
 * escape; registered names are LDH or underscore labels of 1 to 63 octets, 253
 * in all, lower-cased, one trailing dot taken off. A name whose last label is
 * numeric must be a canonical dotted quad, so that 127.1, 2130706433 and
 * 0x7f.1 are no hosts. IPv6 only in brackets, without zone.
 */
#ifndef HTTP_AUTHORITY_H
#define HTTP_AUTHORITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define HOST_MAX 253 /* octets of a name, RFC 1035 without the root dot */

enum host_kind {
	HOST_NAME,
	HOST_IPV4,
	HOST_IPV6,
};

struct authority {
	char host[HOST_MAX + 1]; /* canonical, NUL-terminated; IPv6 without
				  * brackets, as RFC 5952 prints it */
	uint8_t host_len;
	enum host_kind kind;
	uint16_t port; /* 0: none was given */
};

/* Returns 0 or ERR_SYNTAX, then *ret is untouched. */
int authority_parse(struct slice text, struct authority *ret);

/* Host alone, as in SNI (which has no port, no brackets, no address). */
int host_parse(struct slice text, struct authority *ret);

static inline struct slice authority_host(const struct authority *a)
{
	return slice_of(a->host, a->host_len);
}

#endif
