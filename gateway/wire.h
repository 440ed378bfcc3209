/* gateway/wire.h - one socket, clear or inside TLS.
 *
 * The socket is watched edge-triggered, once, for both directions: wire_ready()
 * notes what the loop reported, and a direction stays ready until a call finds
 * that it is not.
 */
#ifndef GATEWAY_WIRE_H
#define GATEWAY_WIRE_H

#include <stdbool.h>

#include "base/buf.h"

struct tls;

struct wire {
	int fd;		 /* owned; -1 when closed */
	struct tls *tls; /* owned; NULL: clear */
	bool readable;	 /* worth a try */
	bool writable;
	bool ended;  /* the peer has closed its sending side */
	bool broken; /* nothing can be sent any more; what had come can still
		      * be read */
	bool reset;  /* and the peer had not closed its side before */
};

/* Takes fd (non-blocking, close-on-exec) and sets TCP_NODELAY. */
void wire_init(struct wire *w, int fd);

/* Close and free; may be called twice. */
void wire_done(struct wire *w);

/* The loop reported these events (LOOP_*). */
void wire_ready(struct wire *w, unsigned int events);

/* Go on with the TLS handshake; answers as tls_handshake(). The library reads
 * ahead, so what follows the handshake may have come with it, and no event
 * will tell: once done, reading is worth a try.
 */
int wire_shake(struct wire *w);

/* Read once into in. Returns octets read (> 0); 0 nothing now, or in is full;
 * ERR_CLOSED the peer is done, in good order; ERR_CUT it went in the middle
 * (reset, or TLS without close_notify); ERR_TLS.
 */
int wire_read(struct wire *w, struct buf *in);

/* Send what out holds, as far as it goes. Returns 1 if out is empty now, 0 if
 * not, ERR_CUT or ERR_TLS. After ERR_CUT the wire is broken: an answer may have
 * come before, so reading is worth a try.
 */
int wire_write(struct wire *w, struct buf *out);

/* Nothing more is sent: close_notify, and the end of our direction. Call it
 * once. Returns false when the socket is too full for the close_notify: again,
 * once it is writable.
 */
bool wire_finish(struct wire *w);

/* The end of our direction without close_notify. */
void wire_shut(struct wire *w);

/* wire_done() is to reset the connection rather than to end it. */
void wire_abort(struct wire *w);

#endif
