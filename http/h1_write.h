/* http/h1_write.h - one message onto an HTTP/1 connection.
 *
 * For http/h1.c. Serialises from the parsed form only: one framing, one Host,
 * no octet of a head as it was received.
 */
#ifndef HTTP_H1_WRITE_H
#define HTTP_H1_WRITE_H

#include "http/http.h"

struct h1_writer {
	struct http_flow *flow; /* borrowed; emptied */
	enum http_role role;	/* server: responses, client: requests */
	struct slice method;	/* borrowed; server: of the request answered,
				 * empty if it could not be read */
	bool http_1_0;		/* server: the client speaks no newer version */
	bool keep;	/* the connection goes on after this message; said in
			* the head, and cleared where its framing forbids */
	bool continued; /* an interim response was written */
	bool tunnel;	/* a 2xx answer to CONNECT was written */
	bool switched;	/* a 101 was written or read: what follows is no HTTP */
	bool mute;	/* what body there is must not be written */
	enum http_framing framing; /* of the body on this wire */
	uint64_t left;		   /* octets, with HTTP_LENGTH */
};

/* Append what flow has and out can hold. Returns 1 when the message is
 * complete, 0 when not yet; ERR_CUT when the flow was cut, which the peer must
 * notice by the connection being aborted; ERR_PROTO when the flow breaks its
 * own framing or a head would not be one; ERR_LIMIT when a head does not fit
 * into an empty out; or -ENOMEM.
 */
int h1_writer_run(struct h1_writer *w, struct buf *out);

#endif
