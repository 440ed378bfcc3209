/* http/h2.c - HTTP/2 (RFC 9113) for both ends of the wire, on nghttp2.
 *
 * Theory of operation
 *
 * One nghttp2 session per connection. What it reads arrives here in callbacks,
 * which put it into the flows of streams and leave news; they never act on the
 * owner. Field blocks do not interleave on a connection, so the one head that
 * is being read lives in struct h2 and not in a stream.
 *
 * A stream belongs to us from open() or submit() until reset() or the news
 * CLOSED. nghttp2 finds it by its user data, which is taken away at that very
 * moment: whatever nghttp2 still does with the stream id finds nobody. The
 * fields of heads to be sent are copied by nghttp2, for the same reason: a
 * frame may wait in its queue while the owner has long cleared the arena.
 *
 * DATA frames are written from out->body straight into the caller's buffer; a
 * stream whose body is empty is out_blocked until resume().
 *
 * Ends. A server that has sent its whole response asks for no more of the
 * request (RST_STREAM NO_ERROR, RFC 9113, 8.1), unless it is a tunnel; that
 * one's stream stays ours until what was read has gone on. A message that was
 * cut ends with RST_STREAM INTERNAL_ERROR, after what is there of it, never
 * with END_STREAM. A request that is well-formed HTTP/2 but a bad request is
 * told as FAULT and its stream left open for an answer; one that is malformed
 * as HTTP/2 is reset. After a connection error the GOAWAY is still written and
 * every stream faulted.
 *
 * Abuse is weighed in h2_score.c; nghttp2 itself bounds CONTINUATIONs, the
 * acknowledgements that wait, and settings. Its own limit on resets is lifted,
 * because it takes cancelling for an attack.
 */

#include <nghttp2/nghttp2.h>

#include <errno.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/err.h"
#include "http/h2_impl.h"

#define H2_OUT_MIN   2048 /* octets the caller's buffer must be able to hold */
#define H2_ACKS_MAX  256  /* PING and SETTINGS acknowledgements that wait */
#define H2_QUEUE_MAX 4096 /* frames that wait for a peer that never reads */

static struct h2 *h2_of(struct http_codec *c)
{
	return CONTAINER_OF(c, struct h2, c);
}

static const struct h2 *h2_of_const(const struct http_codec *c)
{
	return CONTAINER_OF(c, const struct h2, c);
}

/* From now on the session finds nobody behind the id of s. */
static void h2_forget(struct h2 *h2, struct http_stream *s)
{
	if (h2->reading == s)
		h2->reading = NULL;
	(void)nghttp2_session_set_stream_user_data(h2->ng, s->id, NULL);
}

/* The connection cannot go on: nor can any of its streams. */
static void h2_die(struct h2 *h2, enum http_fault why)
{
	h2->dead = true;
	while (h2->set.first) {
		struct http_stream *s = h2->set.first;

		h2_forget(h2, s);
		(void)h2_stream_close(&h2->set, s, why,
				      SLICE("the connection failed"));
	}
}

/* Name the last stream that is served. */
static void h2_leave(struct h2 *h2, enum h2_code code)
{
	if (h2->left)
		return;
	h2->left = true;
	h2->draining = true;
	(void)nghttp2_submit_goaway(
		h2->ng, NGHTTP2_FLAG_NONE,
		nghttp2_session_get_last_proc_stream_id(h2->ng), code, NULL, 0);
}

/* Every frame is weighed before anything is done for it. */
static int h2_on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *hd,
			     void *user)
{
	struct h2 *h2 = user;

	(void)ng;
	h2_score_frame(&h2->score, hd->type, hd->flags, hd->length);
	if (h2_score_level(&h2->score) == H2_LEVEL_FLOOD)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	return 0;
}

static int h2_on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame,
			       void *user)
{
	struct h2 *h2 = user;
	enum h2_head_kind kind = H2_HEAD_TRAILERS;
	struct http_stream *s;

	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
		kind = H2_HEAD_REQUEST;
		s = h2_stream_open(&h2->set, frame->hd.stream_id);
		if (!s)
			h2_send_reset(h2, frame->hd.stream_id,
				      H2_REFUSED_STREAM);
		(void)nghttp2_session_set_stream_user_data(
			ng, frame->hd.stream_id, s);
	} else {
		s = h2_find(ng, frame->hd.stream_id);
		if (s && h2->c.role == HTTP_CLIENT && !s->in->head)
			kind = H2_HEAD_RESPONSE;
	}
	h2->reading = s && !s->in_over ? s : NULL;
	if (h2->reading)
		h2_head_begin(&h2->head, kind, s->arena, h2->c.limits,
			      h2->c.scheme);
	return 0;
}

static int h2_on_header(nghttp2_session *ng, const nghttp2_frame *frame,
			nghttp2_rcbuf *name, nghttp2_rcbuf *value,
			uint8_t flags, void *user)
{
	nghttp2_vec n = nghttp2_rcbuf_get_buf(name);
	nghttp2_vec v = nghttp2_rcbuf_get_buf(value);
	struct h2 *h2 = user;
	struct h2_field f = {
		.name = slice_of(n.base, n.len),
		.value = slice_of(v.base, v.len),
		.name_static = nghttp2_rcbuf_is_static(name),
		.value_static = nghttp2_rcbuf_is_static(value),
		.sensitive = flags & NGHTTP2_NV_FLAG_NO_INDEX,
	};

	(void)ng;
	(void)frame;
	if (h2->reading)
		h2_head_field(&h2->head, &f);
	return 0;
}

/* A field with octets that HTTP does not allow. nghttp2 would go on without
 * it; here the stream is reset.
 */
static int h2_on_bad_header(nghttp2_session *ng, const nghttp2_frame *frame,
			    nghttp2_rcbuf *name, nghttp2_rcbuf *value,
			    uint8_t flags, void *user)
{
	(void)ng;
	(void)frame;
	(void)name;
	(void)value;
	(void)flags;
	(void)user;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* A head is whole. If it cannot be used: to a request an answer is possible. */
static void h2_on_head(struct h2 *h2, struct http_stream *s, bool over)
{
	enum h2_head_kind kind = h2->head.kind;
	bool bodyless = h2->c.role == HTTP_CLIENT &&
			slice_eq(s->out->head->method, SLICE("HEAD"));
	struct http_head *head = h2_head_end(&h2->head, over, bodyless);

	if (head) {
		h2_stream_head(&h2->set, s, head, kind == H2_HEAD_TRAILERS);
		if (over)
			h2_stream_end(&h2->set, s);
		return;
	}
	h2_stream_fault(&h2->set, s, h2->head.fault, h2->head.detail);
	if (kind == H2_HEAD_REQUEST)
		h2_score_fault(&h2->score);
	else
		h2_send_reset(h2, s->id, h2_stream_code(h2->head.fault));
}

static int h2_on_frame(nghttp2_session *ng, const nghttp2_frame *frame,
		       void *user)
{
	bool over = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	struct h2 *h2 = user;
	struct http_stream *s;

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		s = h2->reading;
		h2->reading = NULL;
		if (s)
			h2_on_head(h2, s, over);
		return 0;
	case NGHTTP2_DATA:
		s = over ? h2_find(ng, frame->hd.stream_id) : NULL;
		if (s && !s->in_over)
			h2_stream_end(&h2->set, s);
		return 0;
	case NGHTTP2_RST_STREAM:
		s = h2_find(ng, frame->hd.stream_id);
		if (s)
			h2_stream_cancel(&h2->set, s,
					 frame->rst_stream.error_code);
		return 0;
	case NGHTTP2_PING: /* the answer to that of h2_drain() */
		if (frame->hd.flags & NGHTTP2_FLAG_ACK && h2->draining)
			h2_leave(h2, H2_NO_ERROR);
		return 0;
	}
	return 0;
}

static void h2_give_window(struct h2 *h2, struct http_stream *s)
{
	uint32_t n = h2_stream_window(&h2->set, s);

	if (n)
		(void)nghttp2_submit_window_update(h2->ng, NGHTTP2_FLAG_NONE,
						   s->id, (int32_t)n);
}

static int h2_on_data(nghttp2_session *ng, uint8_t flags, int32_t id,
		      const uint8_t *data, size_t len, void *user)
{
	struct http_stream *s = h2_find(ng, id);
	struct h2 *h2 = user;
	enum http_fault why;

	(void)flags;
	if (nghttp2_session_consume_connection(ng, len))
		return NGHTTP2_ERR_CALLBACK_FAILURE; /* out of memory */
	if (!s || s->in_over)
		return 0;
	h2_give_window(h2, s);
	why = h2_stream_body(&h2->set, s, data, len);
	if (why != HTTP_OK)
		h2_send_reset(h2, id, h2_stream_code(why));
	return 0;
}

static int h2_on_close(nghttp2_session *ng, int32_t id, uint32_t code,
		       void *user)
{
	struct http_stream *s = h2_find(ng, id);
	struct h2 *h2 = user;

	if (!s)
		return 0;
	h2_forget(h2, s);
	if (s->out->done && h2_tunnels(s) && !http_codec_tunnel_over(&h2->c, s))
		return 0; /* see h2_resume() */
	if (h2_stream_close(&h2->set, s, h2_stream_why(code),
			    slice_str(nghttp2_http2_strerror(code))))
		h2_score_done(&h2->score);
	return 0;
}

/* nghttp2 failed as a whole. */
static int h2_fail(struct h2 *h2, ssize_t err)
{
	enum http_fault why = HTTP_FAULT_CUT;

	if (err == NGHTTP2_ERR_FLOODED) {
		(void)nghttp2_session_terminate_session(h2->ng,
							H2_ENHANCE_YOUR_CALM);
		why = HTTP_FAULT_FLOOD;
	}
	h2_die(h2, err == NGHTTP2_ERR_NOMEM ? HTTP_FAULT_OURS : why);
	return err == NGHTTP2_ERR_NOMEM ? -ENOMEM : ERR_PROTO;
}

/* Act on the peer's score. Returns 0, or < 0: the connection ends. */
static int h2_judge(struct h2 *h2)
{
	enum h2_level level = h2_score_level(&h2->score);

	if (level == H2_LEVEL_CALM)
		h2_leave(h2, H2_ENHANCE_YOUR_CALM);
	return level == H2_LEVEL_FLOOD ? h2_fail(h2, NGHTTP2_ERR_FLOODED) : 0;
}

static int h2_read(struct http_codec *c, struct buf *in)
{
	struct h2 *h2 = h2_of(c);
	ssize_t n;
	int err;

	if (h2->dead)
		return ERR_PROTO;
	if (!buf_len(in))
		return 0;
	h2_stream_count(&h2->set);
	h2_score_turn(&h2->score);
	n = nghttp2_session_mem_recv(h2->ng, buf_data(in), buf_len(in));
	if (n > 0)
		buf_consume(in, (size_t)n);
	if (nghttp2_session_get_outbound_queue_size(h2->ng) > H2_QUEUE_MAX)
		n = NGHTTP2_ERR_FLOODED;
	err = h2_judge(h2);
	return n < 0 && !err ? h2_fail(h2, n) : err;
}

static void h2_read_end(struct http_codec *c)
{
	h2_die(h2_of(c), HTTP_FAULT_CUT);
}

/* Move what did not fit before. Returns false when out is full again. */
static bool h2_write_rest(struct h2 *h2, struct buf *out)
{
	size_t n = MIN(h2->rest_len, buf_room(out));

	if (!h2->rest_len)
		return true;
	if (buf_append(out, h2->rest, n))
		return false;
	h2->rest += n;
	h2->rest_len -= n;
	return !h2->rest_len;
}

/* Returns 0 or an error of nghttp2's. */
static ssize_t h2_flush(struct h2 *h2, struct buf *out)
{
	ssize_t n = 0;

	h2->out = out;
	while (h2_write_rest(h2, out)) {
		n = nghttp2_session_mem_send(h2->ng, &h2->rest);
		if (n <= 0)
			break;
		h2->rest_len = (size_t)n;
	}
	h2->out = NULL;
	return MIN(n, 0);
}

static int h2_write(struct http_codec *c, struct buf *out)
{
	struct h2 *h2 = h2_of(c);
	ssize_t n;
	int err;

	assert(out->max >= H2_OUT_MIN);
	n = h2_flush(h2, out);
	if (h2->dead)
		return ERR_PROTO;
	if (n < 0)
		return h2_fail(h2, n);
	/* nghttp2 found a connection error and has told the peer. */
	if (h2->set.open && !nghttp2_session_want_read(h2->ng))
		return h2_fail(h2, NGHTTP2_ERR_PROTO);
	err = h2_judge(h2);
	if (err)
		(void)h2_flush(h2, out);
	return err;
}

static bool h2_pending(const struct http_codec *c)
{
	const struct h2 *h2 = h2_of_const(c);

	return h2->rest_len || nghttp2_session_want_write(h2->ng);
}

static bool h2_ready(const struct http_codec *c)
{
	const struct h2 *h2 = h2_of_const(c);
	uint32_t theirs = nghttp2_session_get_remote_settings(
		h2->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

	return !h2->dead && !h2->draining &&
	       h2->set.open < MIN(c->limits->streams, theirs) &&
	       nghttp2_session_check_request_allowed(h2->ng);
}

static int h2_submit(struct http_codec *c, struct http_stream *s)
{
	struct h2 *h2 = h2_of(c);
	int32_t id;

	assert(s->out->head);
	if (!h2_ready(c))
		return -EBUSY;
	id = h2_send_head(h2, s);
	if (id < 0)
		return id == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EBUSY;
	h2_stream_attach(&h2->set, s, id);
	s->out->head_written = true;
	return 0;
}

/* All is said to the client of a tunnel, and what it says is taken or will not
 * be: it has ended, or is asked to.
 */
static void h2_end_tunnel(struct h2 *h2, struct http_stream *s)
{
	if (s->in_over)
		(void)h2_stream_close(&h2->set, s, HTTP_OK, SLICE(""));
	else
		h2_send_reset(h2, s->id, H2_NO_ERROR);
}

static void h2_resume(struct http_codec *c, struct http_stream *s)
{
	struct http_flow *out = s->out;
	struct h2 *h2 = h2_of(c);

	if (!s->attached)
		return;
	if (s->out_over && h2_tunnels(s) && s->in->done) {
		h2_end_tunnel(h2, s);
		return;
	}
	h2_give_window(h2, s);
	if (c->role == HTTP_SERVER && !out->head_written &&
	    h2_send_response(h2, s)) {
		h2_stream_fault(&h2->set, s, HTTP_FAULT_OURS,
				SLICE("no response"));
		h2_send_reset(h2, s->id, H2_INTERNAL_ERROR);
	}
	if (s->out_blocked && (buf_len(&out->body) || out->end || out->cut)) {
		s->out_blocked = false;
		(void)nghttp2_session_resume_data(h2->ng, s->id);
	}
}

static void h2_reset(struct http_codec *c, struct http_stream *s,
		     enum http_fault why)
{
	struct h2 *h2 = h2_of(c);

	http_codec_untell(c, s);
	if (!s->attached)
		return;
	h2_forget(h2, s);
	h2_stream_detach(&h2->set, s);
	h2_send_reset(h2, s->id, h2_stream_code(why));
}

/* A server first says that it will leave, and takes what is on its way: one
 * round trip later, when the PING is back, it names the last stream. With no
 * stream open there is nothing to wait for.
 */
static void h2_drain(struct http_codec *c)
{
	struct h2 *h2 = h2_of(c);

	if (h2->draining || h2->dead)
		return;
	h2->draining = true;
	if (c->role == HTTP_CLIENT || !h2->set.open) {
		h2_leave(h2, H2_NO_ERROR);
		return;
	}
	(void)nghttp2_submit_shutdown_notice(h2->ng);
	(void)nghttp2_submit_ping(h2->ng, NGHTTP2_FLAG_NONE, NULL);
}

static bool h2_idle(const struct http_codec *c)
{
	return !h2_of_const(c)->set.open;
}

static bool h2_over(const struct http_codec *c)
{
	const struct h2 *h2 = h2_of_const(c);

	if (h2->set.open || h2_pending(c))
		return false;
	return h2->dead || h2->left || !nghttp2_session_want_read(h2->ng);
}

static void h2_slim(struct http_codec *c)
{
	struct h2 *h2 = h2_of(c);

	if (!h2_pending(c))
		h2_mem_slim(&h2->mem);
}

static void h2_free(struct http_codec *c)
{
	struct h2 *h2 = h2_of(c);

	while (h2->set.first)
		h2_stream_detach(&h2->set, h2->set.first);
	nghttp2_session_del(h2->ng);
	free(h2);
}

static const struct http_codec_ops h2_ops = {
	.free = h2_free,
	.read = h2_read,
	.read_end = h2_read_end,
	.write = h2_write,
	.ready = h2_ready,
	.submit = h2_submit,
	.resume = h2_resume,
	.reset = h2_reset,
	.drain = h2_drain,
	.idle = h2_idle,
	.over = h2_over,
	.slim = h2_slim,
};

#define ON(what, fn) nghttp2_session_callbacks_set_##what(cb, fn)

static void h2_set_callbacks(nghttp2_session_callbacks *cb)
{
	ON(on_begin_frame_callback, h2_on_begin_frame);
	ON(on_begin_headers_callback, h2_on_begin_headers);
	ON(on_header_callback2, h2_on_header);
	ON(on_invalid_header_callback2, h2_on_bad_header);
	ON(on_data_chunk_recv_callback, h2_on_data);
	ON(on_frame_recv_callback, h2_on_frame);
	ON(on_stream_close_callback, h2_on_close);
	ON(send_data_callback, h2_send_on_data);
	ON(on_frame_send_callback, h2_send_on_frame);
}

static void h2_set_options(nghttp2_option *option, enum http_role role)
{
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_no_closed_streams(option, 1);
	nghttp2_option_set_max_outbound_ack(option, H2_ACKS_MAX);
	/* Ours is h2_score.c. */
	nghttp2_option_set_stream_reset_rate_limit(option, UINT32_MAX,
						   UINT32_MAX);
	/* Blanks around values are malformed, but origins send them. They are
	 * trimmed; from clients they are refused. */
	if (role == HTTP_CLIENT)
		nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(
			option, 1);
}

static int h2_init(struct h2 *h2, nghttp2_session_callbacks *cb,
		   const nghttp2_option *option)
{
	const struct http_limits *limits = h2->c.limits;
	bool client = h2->c.role == HTTP_CLIENT;
	nghttp2_settings_entry set[] = {
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits->body_bytes },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->head_bytes },
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->streams },
	};
	nghttp2_mem mem = {
		.mem_user_data = &h2->mem,
		.malloc = h2_mem_malloc,
		.free = h2_mem_free,
		.calloc = h2_mem_calloc,
		.realloc = h2_mem_realloc,
	};

	if (client)
		set[2] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_ENABLE_PUSH,
						   0 };

	if ((client ? nghttp2_session_client_new3
		    : nghttp2_session_server_new3)(&h2->ng, cb, h2, option,
						   &mem))
		return -ENOMEM;
	if (nghttp2_submit_settings(h2->ng, NGHTTP2_FLAG_NONE, set,
				    ARRAY_SIZE(set)) ||
	    nghttp2_session_set_local_window_size(
		    h2->ng, NGHTTP2_FLAG_NONE, 0,
		    (int32_t)limits->conn_window)) {
		nghttp2_session_del(h2->ng);
		return -ENOMEM;
	}
	return 0;
}

int h2_new(enum http_role role, const char *scheme,
	   const struct http_limits *limits, http_open_fn *open, void *ctx,
	   struct http_codec **ret)
{
	nghttp2_session_callbacks *cb = NULL;
	nghttp2_option *option = NULL;
	struct h2 *h2 = calloc(1, sizeof(*h2));
	int err = -ENOMEM;

	assert(role == HTTP_CLIENT || open);
	if (!h2)
		return -ENOMEM;
	h2->set.c = &h2->c;
	h2->c = (struct http_codec){
		.ops = &h2_ops,
		.role = role,
		.version = HTTP_2,
		.scheme = slice_str(scheme),
		.limits = limits,
		.open = open,
		.ctx = ctx,
	};
	if (!nghttp2_session_callbacks_new(&cb) &&
	    !nghttp2_option_new(&option)) {
		h2_set_callbacks(cb);
		h2_set_options(option, role);
		err = h2_init(h2, cb, option);
	}
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(cb);
	if (err)
		free(h2);
	else
		*ret = &h2->c;
	return err;
}
