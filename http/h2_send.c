/* http/h2_send.c - heads, data and resets on their way out of an HTTP/2 codec.
 *
 * Heads are submitted and copied by nghttp2. For a body nghttp2 asks how long
 * the next DATA frame may be, frames it, and has its octets moved from the
 * stream's body straight into the caller's buffer.
 */

#include <nghttp2/nghttp2.h>

#include <errno.h>

#include "base/base.h"
#include "base/err.h"
#include "http/h2_impl.h"

void h2_send_reset(struct h2 *h2, int32_t id, enum h2_code code)
{
	(void)nghttp2_submit_rst_stream(h2->ng, NGHTTP2_FLAG_NONE, id, code);
}

static nghttp2_nv h2_send_field(const struct http_field *f)
{
	/* nghttp2 takes pointers without const and writes through none. */
	return (nghttp2_nv){
		.name = (uint8_t *)f->name.ptr,
		.value = (uint8_t *)f->value.ptr,
		.namelen = f->name.len,
		.valuelen = f->value.len,
		.flags = f->sensitive ? NGHTTP2_NV_FLAG_NO_INDEX
				      : NGHTTP2_NV_FLAG_NONE,
	};
}

/* What stands for head on the wire; it borrows from head and x, and lives in
 * the arena of s. Returns NULL when that is full.
 */
static nghttp2_nv *h2_send_list(const struct h2 *h2, struct http_stream *s,
				const struct http_head *head,
				struct h2_extra *x, size_t *ret_len)
{
	size_t n = 0;
	nghttp2_nv *nv;

	if (head == s->out->trailers)
		x->pseudo = x->len = 0;
	else
		h2_head_extra(head, h2->c.scheme, x);
	nv = arena_alloc(s->arena, (head->fields_len + x->len) * sizeof(*nv));
	if (!nv)
		return NULL;
	for (size_t i = 0; i < x->pseudo; i++)
		nv[n++] = h2_send_field(&x->fields[i]);
	for (size_t i = 0; i < head->fields_len; i++)
		nv[n++] = h2_send_field(&head->fields[i]);
	for (size_t i = x->pseudo; i < x->len; i++)
		nv[n++] = h2_send_field(&x->fields[i]);
	*ret_len = n;
	return nv;
}

/* Submit a head that is not a stream's first: interim, or with END_STREAM the
 * trailers. Returns 0 or < 0.
 */
static int h2_send_more(struct h2 *h2, struct http_stream *s,
			const struct http_head *head, uint8_t flags)
{
	struct h2_extra x;
	size_t n;
	nghttp2_nv *nv = h2_send_list(h2, s, head, &x, &n);

	if (!nv)
		return -ENOMEM;
	return nghttp2_submit_headers(h2->ng, flags, s->id, NULL, nv, n, NULL);
}

/* nghttp2 asks how long the next DATA frame of a stream is to be. */
/* NOLINTNEXTLINE(readability-function-size): its parameters, not ours */
static ssize_t h2_send_on_read(nghttp2_session *ng, int32_t id, uint8_t *to,
			       size_t len, uint32_t *flags,
			       nghttp2_data_source *source, void *user)
{
	struct http_stream *s = h2_find(ng, id);
	struct h2 *h2 = user;

	(void)to;
	(void)source;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	switch (s ? h2_stream_next(s, h2->out, &len) : H2_NEXT_CUT) {
	case H2_NEXT_DATA:
		return (ssize_t)len;
	case H2_NEXT_LAST:
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (!s->out->trailers)
			return (ssize_t)len;
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		if (!h2_send_more(h2, s, s->out->trailers,
				  NGHTTP2_FLAG_END_STREAM))
			return (ssize_t)len;
		break;
	case H2_NEXT_LATER:
		return NGHTTP2_ERR_DEFERRED;
	case H2_NEXT_FULL:
		return NGHTTP2_ERR_PAUSE;
	case H2_NEXT_CUT:
		break;
	}
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int h2_send_on_data(nghttp2_session *ng, nghttp2_frame *frame,
		    const uint8_t *head, size_t len,
		    nghttp2_data_source *source, void *user)
{
	struct http_stream *s = h2_find(ng, frame->hd.stream_id);
	struct h2 *h2 = user;

	(void)source;
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (h2_stream_move(&h2->set, s, h2->out, head, len))
		return NGHTTP2_ERR_WOULDBLOCK;
	h2_score_sent(&h2->score, len);
	return 0;
}

int32_t h2_send_head(struct h2 *h2, struct http_stream *s)
{
	nghttp2_data_provider provider = { .read_callback = h2_send_on_read };
	bool bodyless = h2_stream_bodyless(&h2->set, s);
	nghttp2_data_provider *body = bodyless ? NULL : &provider;
	struct h2_extra x;
	size_t n;
	nghttp2_nv *nv = h2_send_list(h2, s, s->out->head, &x, &n);
	int err;

	if (!nv)
		return NGHTTP2_ERR_NOMEM;
	if (h2->c.role == HTTP_CLIENT)
		return nghttp2_submit_request(h2->ng, NULL, nv, n, body, s);
	err = nghttp2_submit_response(h2->ng, s->id, nv, n, body);
	return err ? err : s->id;
}

int h2_send_response(struct h2 *h2, struct http_stream *s)
{
	struct http_flow *out = s->out;

	for (; out->interim; out->interim = out->interim->next)
		if (h2_send_more(h2, s, out->interim, NGHTTP2_FLAG_NONE))
			return -ENOMEM;
	if (!out->head || out->held)
		return out->cut && !out->held ? ERR_CUT : 0;
	if (h2_send_head(h2, s) < 0)
		return -ENOMEM;
	out->head_written = true;
	return 0;
}

/* The last frame of a message went out. */
static void h2_send_end(struct h2 *h2, struct http_stream *s)
{
	s->out_over = true;
	s->out->done = true;
	if (h2->c.role == HTTP_SERVER && (!h2_tunnels(s) || s->in->done) &&
	    !nghttp2_session_get_stream_remote_close(h2->ng, s->id))
		h2_send_reset(h2, s->id, H2_NO_ERROR);
}

int h2_send_on_frame(nghttp2_session *ng, const nghttp2_frame *frame,
		     void *user)
{
	bool message = frame->hd.type == NGHTTP2_HEADERS ||
		       frame->hd.type == NGHTTP2_DATA;
	struct http_stream *s =
		message ? h2_find(ng, frame->hd.stream_id) : NULL;
	struct h2 *h2 = user;

	if (s && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		h2_send_end(h2, s);
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		h2_score_reset(&h2->score, frame->rst_stream.error_code);
	return 0;
}
