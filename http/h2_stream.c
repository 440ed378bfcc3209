/* http/h2_stream.c - the streams of an HTTP/2 connection, without its frames.
 *
 * A stream is attached from open() or submit() until reset() or the news
 * CLOSED. in_over and out_over say which directions are done with; what is
 * still read for a direction that is over is dropped.
 *
 * Slots. A peer can have limits->streams streams open, and as many again that
 * ended but whose CLOSED nobody has fetched yet: that is what one read may
 * bring from a client that cancels all and asks anew. What goes beyond is
 * answered REFUSED_STREAM, so cancelling never begins more exchanges than the
 * owner has ended.
 *
 * Windows. A stream's window is limits->body_bytes, so that what a peer may
 * send always fits into in->body; it is given back as the owner consumes, a
 * quarter at a time. Consumption is looked at on resume() and on each DATA
 * frame. That suffices: less than a quarter is ever withheld unseen, so either
 * the peer still has a window, and its next frame makes us look, or the body
 * is at least half full, and its emptying makes the writing codec tell ROOM
 * and the owner resume(). The connection's window is given back on receipt:
 * the streams' windows already bound the memory, and one stuck reader must not
 * stop the others of a shared connection.
 */

#include "http/h2_stream.h"

#include <errno.h>

#include "base/base.h"

#define FRAME_HEAD 9	/* octets, RFC 9113, 4.1 */
#define DATA_MIN   1024 /* octets; shorter DATA waits for a roomier buffer */

void h2_stream_attach(struct h2_streams *set, struct http_stream *s, int32_t id)
{
	assert(s->in && s->out && s->arena);
	assert(s->in->body.max >= set->c->limits->body_bytes);
	*s = (struct http_stream){
		.in = s->in,
		.out = s->out,
		.arena = s->arena,
		.owner = s->owner,
		.attached = true,
		.id = id,
		.next = set->first,
	};
	if (s->next)
		s->next->prev = s;
	set->first = s;
	set->open++;
}

struct http_stream *h2_stream_open(struct h2_streams *set, int32_t id)
{
	uint32_t max = set->c->limits->streams;
	struct http_stream *s = NULL;

	if (set->open < max && set->open + set->ended < 2 * max)
		s = set->c->open(set->c->ctx);
	if (s)
		h2_stream_attach(set, s, id);
	return s;
}

void h2_stream_detach(struct h2_streams *set, struct http_stream *s)
{
	assert(s->attached);
	if (s->prev)
		s->prev->next = s->next;
	else
		set->first = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->next = s->prev = NULL;
	s->attached = false;
	set->open--;
}

void h2_stream_count(struct h2_streams *set)
{
	set->ended = 0;
	for (const struct http_stream *s = set->c->ready_head; s;
	     s = s->ready_next)
		set->ended += (s->news & HTTP_NEWS_CLOSED) != 0;
}

/* What was read of a body that ends here may not look whole. */
static void stream_stop(struct http_stream *s)
{
	s->in_over = true;
	if (s->in->head && !s->in->end)
		s->in->cut = true;
}

void h2_stream_fault(struct h2_streams *set, struct http_stream *s,
		     enum http_fault fault, struct slice detail)
{
	stream_stop(s);
	if (s->fault)
		return;
	s->fault = fault;
	s->fault_detail = detail;
	http_codec_tell(set->c, s, HTTP_NEWS_FAULT);
}

/* A server has done its part when its response is out, a client when the
 * response is in, whatever is left of the request.
 */
static bool stream_whole(const struct h2_streams *set,
			 const struct http_stream *s)
{
	return set->c->role == HTTP_SERVER ? s->out_over : s->in->end;
}

void h2_stream_cancel(struct h2_streams *set, struct http_stream *s,
		      uint32_t code)
{
	if (stream_whole(set, s))
		return;
	if (code == H2_REFUSED_STREAM && set->c->role == HTTP_CLIENT)
		h2_stream_fault(set, s, HTTP_FAULT_REFUSED,
				SLICE("REFUSED_STREAM"));
	else
		h2_stream_fault(set, s, HTTP_FAULT_CANCEL, SLICE("RST_STREAM"));
}

bool h2_stream_close(struct h2_streams *set, struct http_stream *s,
		     enum http_fault why, struct slice detail)
{
	if (!stream_whole(set, s))
		h2_stream_fault(set, s, why, detail);
	stream_stop(s);
	s->out_over = true;
	h2_stream_detach(set, s);
	set->ended++;
	http_codec_tell(set->c, s, HTTP_NEWS_CLOSED);
	return !s->fault;
}

static void stream_add_interim(struct http_flow *in, struct http_head *head)
{
	struct http_head **at = &in->interim;

	while (*at)
		at = &(*at)->next;
	*at = head;
}

void h2_stream_head(struct h2_streams *set, struct http_stream *s,
		    struct http_head *head, bool trailers)
{
	if (trailers) {
		s->in->trailers = head;
		return;
	}
	if (head->status && head->status < 200)
		stream_add_interim(s->in, head);
	else
		s->in->head = head;
	http_codec_tell(set->c, s, HTTP_NEWS_HEAD);
}

enum http_fault h2_stream_body(struct h2_streams *set, struct http_stream *s,
			       const uint8_t *data, size_t len)
{
	if (len > buf_room(&s->in->body)) {
		h2_stream_fault(set, s, HTTP_FAULT_SYNTAX,
				SLICE("more DATA than its window"));
		return s->fault;
	}
	if (buf_append(&s->in->body, data, len)) {
		h2_stream_fault(set, s, HTTP_FAULT_OURS,
				SLICE("no memory for the body"));
		return s->fault;
	}
	s->unread += (uint32_t)len;
	s->in->passed += len;
	http_codec_tell(set->c, s, HTTP_NEWS_BODY);
	return HTTP_OK;
}

void h2_stream_end(struct h2_streams *set, struct http_stream *s)
{
	s->in->end = true;
	s->in_over = true;
	http_codec_tell(set->c, s, HTTP_NEWS_BODY);
}

uint32_t h2_stream_window(const struct h2_streams *set, struct http_stream *s)
{
	size_t held = buf_len(&s->in->body);
	uint32_t used = held < s->unread ? s->unread - (uint32_t)held : 0;

	if (s->in_over || !used || used < set->c->limits->body_bytes / 4)
		return 0;
	s->unread -= used;
	return used;
}

bool h2_stream_bodyless(const struct h2_streams *set,
			const struct http_stream *s)
{
	const struct http_flow *out = s->out;
	const struct http_head *asked = s->in->head;

	if (out->head->framing == HTTP_NO_BODY)
		return true;
	if (set->c->role == HTTP_SERVER && asked &&
	    slice_eq(asked->method, SLICE("HEAD")))
		return true;
	return out->end && !out->cut && !buf_len(&out->body) && !out->trailers;
}

enum h2_next h2_stream_next(struct http_stream *s, const struct buf *out,
			    size_t *len)
{
	size_t have = buf_len(&s->out->body);
	size_t room = buf_room(out);

	if (!have && s->out->cut)
		return H2_NEXT_CUT;
	if (!have && !s->out->end) {
		s->out_blocked = true;
		return H2_NEXT_LATER;
	}
	if (room < FRAME_HEAD + MIN(have, (size_t)DATA_MIN))
		return H2_NEXT_FULL;
	*len = MIN(*len, MIN(have, room - FRAME_HEAD));
	if (*len < have || !s->out->end || s->out->cut)
		return H2_NEXT_DATA;
	return H2_NEXT_LAST;
}

int h2_stream_move(struct h2_streams *set, struct http_stream *s,
		   struct buf *out, const uint8_t *head, size_t len)
{
	struct buf *body = &s->out->body;
	size_t before = buf_len(body);
	uint8_t *to = buf_reserve(out, FRAME_HEAD + len);

	if (!to)
		return -ENOBUFS;
	memcpy(to, head, FRAME_HEAD);
	if (len)
		memcpy(to + FRAME_HEAD, buf_data(body), len);
	buf_commit(out, FRAME_HEAD + len);
	buf_consume(body, len);
	if (!s->out->end && (before == len || (before >= body->max / 2 &&
					       before - len < body->max / 2)))
		http_codec_tell(set->c, s, HTTP_NEWS_ROOM);
	return 0;
}

enum h2_code h2_stream_code(enum http_fault why)
{
	switch (why) {
	case HTTP_OK:
		return H2_NO_ERROR;
	case HTTP_FAULT_SYNTAX:
		return H2_PROTOCOL_ERROR;
	case HTTP_FAULT_REFUSED:
		return H2_REFUSED_STREAM;
	case HTTP_FAULT_FLOOD:
		return H2_ENHANCE_YOUR_CALM;
	case HTTP_FAULT_OURS:
	case HTTP_FAULT_CUT:
		return H2_INTERNAL_ERROR;
	default:
		return H2_CANCEL;
	}
}

enum http_fault h2_stream_why(uint32_t code)
{
	switch (code) {
	case H2_REFUSED_STREAM: /* beyond the last stream of a GOAWAY */
		return HTTP_FAULT_REFUSED;
	case H2_INTERNAL_ERROR:
		return HTTP_FAULT_OURS;
	case H2_NO_ERROR:
	case H2_CANCEL:
		return HTTP_FAULT_CANCEL;
	default:
		return HTTP_FAULT_SYNTAX;
	}
}
