/* gateway/link.c - what connections of both sides are made of. */

#include "gateway/link.h"

#include "base/base.h"
#include "base/err.h"
#include "gateway/limits.h"

void link_init(struct link *l, int fd)
{
	*l = (struct link){ 0 };
	wire_init(&l->wire, fd);
	buf_init(&l->in, WIRE_IN_MAX);
	buf_init(&l->out, WIRE_OUT_MAX);
}

void link_done(struct link *l)
{
	http_codec_free(&l->codec);
	wire_done(&l->wire);
	buf_done(&l->in);
	buf_done(&l->out);
}

/* Hand what was read to the codec. Returns true if it took something. */
static bool link_take(struct link *l)
{
	size_t before = buf_len(&l->in);
	bool took = false;

	if ((before || l->end_told) && !l->failed) {
		l->failed = http_codec_read(l->codec, &l->in) < 0;
		took = l->failed || buf_len(&l->in) != before;
		buf_release(&l->in);
	}
	if (l->wire.ended && !l->end_told && !l->failed) {
		l->end_told = true;
		http_codec_read_end(l->codec);
		took = true;
	}
	return took;
}

/* Have the codec write, and send it. Returns 1 something was sent, 0 nothing,
 * or the wire's error.
 */
static int link_give(struct link *l)
{
	size_t before;
	int rc;

	if (l->wire.broken) {
		buf_consume(&l->out, buf_len(&l->out));
		return 0;
	}
	if (http_codec_write(l->codec, &l->out) < 0)
		l->failed = true;
	before = buf_len(&l->out);
	rc = wire_write(&l->wire, &l->out);
	if (rc < 0)
		return rc;
	if (rc && http_codec_finished(l->codec) && !l->finished)
		l->finished = wire_finish(&l->wire);
	return buf_len(&l->out) != before;
}

int link_turn(struct link *l)
{
	bool moved = false;
	int rc = 0;

	if (!l->failed)
		rc = wire_read(&l->wire, &l->in);
	if (rc == ERR_CUT || rc == ERR_TLS)
		return rc;
	moved = rc != 0;
	moved |= link_take(l);
	rc = link_give(l);
	if (rc < 0)
		return rc;
	return moved || rc;
}

bool link_finish(struct link *l)
{
	if (!http_codec_cut(l->codec)) {
		if (!l->finished)
			(void)wire_finish(&l->wire);
		l->finished = true;
		return true;
	}
	/* Of a tunnel inside TLS the missing close_notify says it; a reset
	 * would take the last octets with it.
	 */
	if (l->wire.tls && http_codec_raw(l->codec)) {
		wire_shut(&l->wire);
		return true;
	}
	wire_abort(&l->wire);
	return false;
}

bool link_over(const struct link *l)
{
	if (buf_len(&l->out))
		return false;
	if (http_codec_finished(l->codec) && !l->finished && !l->wire.broken)
		return false; /* the end of a tunnel waits for room */
	return l->failed || http_codec_over(l->codec) ||
	       (l->end_told && http_codec_idle(l->codec));
}

void link_slim(struct link *l)
{
	buf_release(&l->in);
	buf_release(&l->out);
	if (l->codec)
		http_codec_slim(l->codec);
}
