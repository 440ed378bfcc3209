/* gateway/socks.h - SOCKS5 (RFC 1928), as far as a gateway needs it.
 *
 * Pure: octets in, replies out, and at the end where the client wants to go.
 * CONNECT only, by name or address. Who the client is, its address says, or a
 * name and a token (RFC 1929).
 */
#ifndef GATEWAY_SOCKS_H
#define GATEWAY_SOCKS_H

#include <stdbool.h>

#include "base/buf.h"
#include "gateway/login.h"
#include "http/authority.h"

#define SOCKS_VERSION 5 /* the first octet of a client's */

struct socks {
	bool must_login; /* set by the caller: its address says nothing */
	bool greeted;	 /* the methods were agreed on */
	bool login;	 /* a name and a token come next */
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
 * octets are needed; SOCKS_LOGIN with *login, to be answered with socks_admit()
 * before more is read; ERR_SYNTAX or ERR_PROTO when the client is to be closed
 * after out was sent. *ret is untouched but on 1.
 */
#define SOCKS_LOGIN 2
int socks_read(struct socks *s, struct buf *in, struct buf *out,
	       struct login *login, struct authority *ret);

/* Was that the name and the token of somebody? If not, close. */
int socks_admit(struct socks *s, struct buf *out, bool good);

/* Append the answer to the request. */
int socks_reply(struct buf *out, enum socks_code code);

#endif
