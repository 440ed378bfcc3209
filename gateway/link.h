/* gateway/link.h - what connections of both sides are made of.
 *
 * A wire, the octets read and not understood, the octets written and not sent,
 * and the codec between them. The owner calls link_turn() until nothing moves
 * and looks at the codec's news after each call.
 */
#ifndef GATEWAY_LINK_H
#define GATEWAY_LINK_H

#include "base/buf.h"
#include "gateway/wire.h"
#include "http/codec.h"

struct link {
	struct wire wire;
	struct buf in;
	struct buf out;
	struct http_codec *codec; /* owned; NULL until HTTP is spoken */
	bool finished;		  /* our direction is closed */
	bool end_told;		  /* the codec knows that the peer ended */
	bool failed;		  /* the codec can't go on: write, then close */
};

void link_init(struct link *l, int fd);
void link_done(struct link *l);

/* Read, let the codec take and give, and write: once each. Returns 1 when
 * something moved, 0 when nothing did, ERR_CUT or ERR_TLS when the wire is
 * lost (the codec's streams have not been told). If it is broken and has not
 * ended, further calls read what had come.
 */
int link_turn(struct link *l);

/* All is said: end our direction, in good order or so that what breaks off does
 * not look whole. Returns false when the connection is to be closed at once.
 */
bool link_finish(struct link *l);

/* All written, and nothing more can come: the owner ends the connection. */
bool link_over(const struct link *l);

/* Give back what an idle connection does not need. */
void link_slim(struct link *l);

#endif
