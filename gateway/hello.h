/* gateway/hello.h - read a ClientHello, before any SSL object exists.
 *
 * Pure: the octets received so far in, name and protocols out. Survives one
 * octet per segment, several records, and hellos of 16 KiB (post-quantum key
 * shares). RFC 8446, section 4.1.2; RFC 6066, section 3; RFC 7301.
 */
#ifndef GATEWAY_HELLO_H
#define GATEWAY_HELLO_H

#include <stdbool.h>

#include "base/slice.h"
#include "http/authority.h"

#define HELLO_MAX 17408 /* octets of records; 16 KiB of hello and headers */

/* What stands in the first octets of a connection. */
enum hello_kind {
	HELLO_TLS,
	HELLO_HTTP1, /* a method as they are registered (letters A to Z, '-',
		      * '_') and a blank */
	HELLO_H2,    /* the preface of RFC 9113, section 3.4 */
	HELLO_OTHER, /* none of them */
};

struct hello {
	bool has_name;	       /* a valid host_name was sent */
	bool bad_name;	       /* one was sent that is no valid name */
	struct authority name; /* valid with has_name; port is 0 */
	bool alpn_h2;
	bool alpn_h1;
	bool has_ech; /* encrypted_client_hello, GREASE or not */
};

/* Which of them begins so. Returns 1, or 0 when too few octets are there to
 * tell.
 */
int hello_kind(struct slice octets, enum hello_kind *ret);

/* Returns 1 with *ret filled, 0 when more octets are needed, ERR_SYNTAX for
 * what is no ClientHello, ERR_LIMIT past HELLO_MAX. *ret is untouched but on 1.
 * Two names, two server_name extensions and unknown name types are ERR_SYNTAX.
 */
int hello_parse(struct slice octets, struct hello *ret);

#endif
