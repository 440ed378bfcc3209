/* gateway/socks.h - SOCKS5 (RFC 1928), as far as a gateway needs it.
 *
 * Pure: octets in, replies out, and at the end where the client wants to go.
 * CONNECT only, by name or address; no authentication: who the client is, its
 * address says.
 */
#ifndef GATEWAY_SOCKS_H
#define GATEWAY_SOCKS_H

#include <stdbool.h>

#include "base/buf.h"
#include "http/authority.h"

#define SOCKS_VERSION 5 /* the first octet of a client's */

struct socks {
	bool greeted; /* the methods were agreed on */
};

enum socks_code {
	SOCKS_GRANTED = 0,
	SOCKS_FAILED = 1,
	SOCKS_DENIED = 2,     /* not allowed by ruleset */
	SOCKS_NO_COMMAND = 7, /* BIND, UDP ASSOCIATE */
	SOCKS_NO_ADDRESS = 8, /* an address type that is none */
};

/* Take what is whole from in, append replies to out. Returns 1 with *ret (host
 * and port) when the request was read and waits for socks_reply(); 0 when more
 * octets are needed; ERR_SYNTAX or ERR_PROTO when the client is to be closed
 * after out was sent. *ret is untouched but on 1.
 */
int socks_read(struct socks *s, struct buf *in, struct buf *out,
	       struct authority *ret);

/* Append the answer to the request. */
int socks_reply(struct buf *out, enum socks_code code);

#endif
