/* http/h2_impl.h - what h2.c and h2_send.c share of an HTTP/2 codec. */
#ifndef HTTP_H2_IMPL_H
#define HTTP_H2_IMPL_H

#include <nghttp2/nghttp2.h>

#include "http/codec_impl.h"
#include "http/h2_head.h"
#include "http/h2_mem.h"
#include "http/h2_score.h"
#include "http/h2_stream.h"

struct h2 {
	struct http_codec c;
	nghttp2_session *ng; /* owned */
	struct h2_streams set;
	struct http_stream *reading; /* borrowed; whose head this is, or NULL */
	struct h2_head head;
	struct h2_score score;
	struct h2_mem mem;
	struct buf *out;     /* borrowed; during h2_write() only */
	const uint8_t *rest; /* borrowed from ng: of a frame that did not fit */
	size_t rest_len;
	bool draining; /* no new requests */
	bool left;     /* the last GOAWAY is submitted */
	bool dead;     /* the connection cannot go on */
};

/* The stream that an id stands for, or NULL if its owner gave it up. */
static inline struct http_stream *h2_find(nghttp2_session *ng, int32_t id)
{
	return nghttp2_session_get_stream_user_data(ng, id);
}

/* Server: does s carry a tunnel, whose directions end each by itself? */
static inline bool h2_tunnels(const struct http_stream *s)
{
	return s->out->head && s->out->head->version == HTTP_RAW;
}

/* h2_send.c */

/* Fails only when memory is out; then the session soon fails as a whole. */
void h2_send_reset(struct h2 *h2, int32_t id, enum h2_code code);

/* Submit the head of s. Returns the stream's id or an error of nghttp2's. */
int32_t h2_send_head(struct h2 *h2, struct http_stream *s);

/* Server: submit the heads that stand in out. Returns 0, -ENOMEM, or ERR_CUT
 * when there will be none.
 */
int h2_send_response(struct h2 *h2, struct http_stream *s);

/* For nghttp2: it has framed what a stream's body promised. */
int h2_send_on_data(nghttp2_session *ng, nghttp2_frame *frame,
		    const uint8_t *head, size_t len,
		    nghttp2_data_source *source, void *user);

/* For nghttp2: a frame was written. */
int h2_send_on_frame(nghttp2_session *ng, const nghttp2_frame *frame,
		     void *user);

#endif
