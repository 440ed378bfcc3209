/* http/h1_read.c - the reading half of an HTTP/1 codec.
 *
 * A head is scanned where it lies in the owner's buffer until it is whole, then
 * copied once into the stream's arena and parsed there. Body octets go from the
 * buffer through the parser into the flow, never more than the flow has room
 * for; what does not fit stays in the buffer, so the owner stops reading its
 * socket.
 */

#include <errno.h>

#include "base/base.h"
#include "base/err.h"
#include "http/h1_impl.h"
#include "http/h1_message.h"

/* in->body is filled no further, octets: unlike a window of HTTP/2, the socket
 * can simply not be read.
 */
#define BODY_FILL_MAX 65536

/* Octets of chunk framing that may come with each octet of a body, beyond
 * limits->head_bytes: a chunk of one octet takes five more. Bounds endless
 * chunk extensions and zeros in front of sizes.
 */
#define FRAMING_PER_OCTET 8

#define INTERIM_MAX 32 /* 1xx before one final response */

/* What a step of reading came to. */
enum h1_step {
	H1_AGAIN,   /* go on */
	H1_STARVED, /* more octets are needed */
	H1_WAIT,    /* the owner must make room, or end a stream, first */
};

void h1_read_done(struct h1 *h1)
{
	struct http_stream *s = h1->stream;

	s->in->end = true;
	s->in_over = true;
	if (h1->state != H1_RAW)
		h1->state = H1_REST;
	http_codec_tell(&h1->codec, s, HTTP_NEWS_BODY);
	h1_settle(h1);
}

/* Copy the raw head, with room for what is made of it, into the arena. */
static int copy_head(struct h1 *h1, struct slice raw, char **ret_text,
		     struct http_head **ret_head)
{
	struct arena *a = h1->stream->arena;
	struct http_head *head = http_head_new(a);
	char *text = arena_alloc(a, raw.len);

	if (!head || !text)
		return -ENOMEM;
	memcpy(text, raw.ptr, raw.len);
	if (h1->scan.fields) {
		head->fields =
			arena_alloc(a, h1->scan.fields * sizeof(*head->fields));
		if (!head->fields)
			return -ENOMEM;
		head->fields_cap = h1->scan.fields;
	}
	*ret_text = text;
	*ret_head = head;
	return 0;
}

static void fault_memory(struct h1 *h1)
{
	h1_fault(h1, HTTP_FAULT_OURS, "no memory for the message");
}

static void fault_parse(struct h1 *h1)
{
	const char *why;
	enum http_fault fault = h1_parse_fault(h1->parse, &why);

	h1_fault(h1, fault, why);
}

/* A head without faults: does a body follow? */
static void begin_body(struct h1 *h1, const struct http_head *head)
{
	bool body = head->framing == HTTP_STREAM ||
		    head->framing == HTTP_CLOSE ||
		    (head->framing == HTTP_LENGTH && head->content_length);

	h1->framing_bytes = 0;
	h1->state = H1_BODY;
	http_codec_tell(&h1->codec, h1->stream, HTTP_NEWS_HEAD);
	if (!body)
		h1_read_done(h1);
}

static void take_request(struct h1 *h1, char *text, struct http_head *head)
{
	const struct h1_head *scan = &h1->scan;
	struct slice target =
		slice_of(text + scan->method_len + 1, scan->target_len);
	const char *why;

	head->method = slice_of(text, scan->method_len);
	head->scheme = h1->codec.scheme;
	h1->writer.method = head->method;
	if (h1_parse_head(h1->parse, scan, text, head->method, head)) {
		fault_parse(h1);
		return;
	}
	if (h1_message_request(head, scan, target, &h1->keep, &why)) {
		h1_fault(h1, HTTP_FAULT_SYNTAX, why);
		return;
	}
	if (head->bytes > h1->codec.limits->head_bytes) {
		h1_fault(h1, HTTP_FAULT_HEAD_LONG, "head too long");
		return;
	}
	h1->stream->in->head = head;
	begin_body(h1, head);
}

/* An interim response; the next head follows. */
static void take_interim(struct h1 *h1, struct http_head *head)
{
	struct http_head **end = &h1->stream->in->interim;
	uint32_t interims = h1->interims + 1;

	if (interims > INTERIM_MAX) {
		h1_fault(h1, HTTP_FAULT_FLOOD, "too many interim responses");
		return;
	}
	while (*end)
		end = &(*end)->next;
	*end = head;
	http_codec_tell(&h1->codec, h1->stream, HTTP_NEWS_HEAD);
	h1_expect_head(h1);
	h1->interims = interims;
}

/* The origin switches protocols: only if it was asked to. */
static void take_switch(struct h1 *h1, struct http_head *head)
{
	struct http_stream *s = h1->stream;

	if (!head->upgrade || !s->out->head->upgrade) {
		h1_fault(h1, HTTP_FAULT_SYNTAX,
			 "protocol switched without being asked");
		return;
	}
	head->framing = HTTP_CLOSE;
	s->in->head = head;
	h1_switch(h1);
	http_codec_tell(&h1->codec, s, HTTP_NEWS_HEAD);
}

static void take_response(struct h1 *h1, char *text, struct http_head *head)
{
	struct http_stream *s = h1->stream;
	struct slice method = s->out->head->method;
	const char *why;
	bool keep;

	if (h1_parse_head(h1->parse, &h1->scan, text, method, head)) {
		fault_parse(h1);
		return;
	}
	if (h1_message_response(head, &h1->scan, method, &keep, &why)) {
		h1_fault(h1, HTTP_FAULT_SYNTAX, why);
		return;
	}
	if (head->bytes > h1->codec.limits->head_bytes) {
		h1_fault(h1, HTTP_FAULT_HEAD_LONG, "head too long");
		return;
	}
	if (head->status == 101) {
		take_switch(h1, head);
		return;
	}
	if (head->status < 200) {
		take_interim(h1, head);
		return;
	}
	/* A page, where a rule for WebSockets let the request through. */
	if (s->out->head->upgrade && head->status < 300) {
		h1_fault(h1, HTTP_FAULT_SYNTAX,
			 "no switch to WebSocket, though it was asked for");
		return;
	}
	h1->keep = h1->keep && keep;
	s->in->head = head;
	begin_body(h1, head);
}

/* A request begins, well or badly. */
static int open_stream(struct h1 *h1)
{
	struct http_stream *s = h1->codec.open(h1->codec.ctx);

	if (!s) {
		h1_die(h1, ERR_LIMIT);
		return ERR_LIMIT;
	}
	h1_attach(h1, s);
	h1->writer.http_1_0 = !h1->scan.v1_1;
	return 0;
}

/* A server passes over one empty line before a request (RFC 9112, section
 * 2.2). Returns false when it must first see more.
 */
static bool skip_blank(struct h1 *h1, struct buf *in)
{
	struct slice text = buf_slice(in);

	if (h1->blank_seen || text.ptr[0] != '\r')
		return true;
	if (text.len < 2)
		return false;
	h1->blank_seen = true;
	if (text.ptr[1] == '\n')
		buf_consume(in, 2);
	return buf_len(in) > 0;
}

/* May the octets in buffer be the head that is expected now? */
static enum h1_step before_head(struct h1 *h1, struct buf *in)
{
	struct http_stream *s = h1->stream;

	/* Until the owner has fetched CLOSED, its old stream is in use. */
	if (h1_is_server(h1) && (s || h1->codec.ready_head))
		return H1_WAIT;
	if (!buf_len(in))
		return H1_STARVED;
	if (h1_is_server(h1))
		return skip_blank(h1, in) ? H1_AGAIN : H1_STARVED;
	if (!s) {
		/* An answer nobody asked for would be taken for the answer to
		 * the next request. */
		h1_die(h1, ERR_PROTO);
		return H1_WAIT;
	}
	if (!s->out->head_written) {
		h1_fault(h1, HTTP_FAULT_REFUSED,
			 "octets before the request was sent");
		return H1_WAIT;
	}
	return H1_AGAIN;
}

/* Scan for a whole head. Returns as h1_head_scan(); a head that fills the
 * owner's buffer without an end is too long.
 */
static int scan_head(struct h1 *h1, struct buf *in, size_t *ret_len)
{
	int r = h1_head_scan(&h1->scan, buf_slice(in), ret_len);

	if (r == 0 && !buf_room(in)) {
		h1->scan.fault = HTTP_FAULT_HEAD_LONG;
		h1->scan.why = "head too long";
		r = ERR_LIMIT;
	}
	return r;
}

static enum h1_step read_head(struct h1 *h1, struct buf *in)
{
	enum h1_step step = before_head(h1, in);
	struct http_head *head;
	char *text;
	size_t len;
	int r;

	if (step != H1_AGAIN)
		return step;
	r = scan_head(h1, in, &len);
	if (r == 0)
		return H1_STARVED;
	if (h1_is_server(h1) && open_stream(h1))
		return H1_WAIT;
	if (r < 0) {
		h1_fault(h1, h1->scan.fault, h1->scan.why);
		return H1_AGAIN;
	}
	if (copy_head(h1, slice_of(buf_data(in), len), &text, &head)) {
		fault_memory(h1);
		return H1_AGAIN;
	}
	buf_consume(in, len);
	if (h1_is_server(h1))
		take_request(h1, text, head);
	else
		take_response(h1, text, head);
	return H1_AGAIN;
}

/* Octets that the flow takes now. */
static size_t body_room(const struct h1 *h1)
{
	const struct buf *body = &h1->stream->in->body;
	size_t max = MIN((size_t)BODY_FILL_MAX,
			 (size_t)h1->codec.limits->body_bytes);

	max = MIN(max, body->max);
	return max > buf_len(body) ? max - buf_len(body) : 0;
}

/* gained octets went into the body. */
static void body_grew(struct h1 *h1, size_t gained)
{
	h1->stream->in->passed += gained;
	if (gained)
		http_codec_tell(&h1->codec, h1->stream, HTTP_NEWS_BODY);
}

static bool framing_heavy(const struct h1 *h1)
{
	return h1->framing_bytes >
	       h1->codec.limits->head_bytes +
		       FRAMING_PER_OCTET * h1->stream->in->passed;
}

/* Act on what h1_parse_body() said. */
static void after_body(struct h1 *h1, int parsed)
{
	if (parsed == -ENOMEM) {
		fault_memory(h1);
	} else if (parsed < 0) {
		fault_parse(h1);
	} else if (framing_heavy(h1)) {
		h1_fault(h1, HTTP_FAULT_FLOOD, "more framing than body");
	} else if (parsed == H1_PARSED_TRAILERS) {
		h1->state = H1_TRAILERS;
		h1_head_init(&h1->scan, H1_TRAILER, h1->codec.limits);
	} else if (parsed == H1_PARSED_OVER) {
		h1_read_done(h1);
	}
}

static enum h1_step read_body(struct h1 *h1, struct buf *in)
{
	struct buf *body = &h1->stream->in->body;
	size_t room = body_room(h1);
	size_t before = buf_len(body);
	size_t used = 0, gained;
	int parsed;

	if (!buf_len(in))
		return H1_STARVED;
	if (!room)
		return H1_WAIT;
	parsed = h1_parse_body(h1->parse,
			       slice_of(buf_data(in), MIN(room, buf_len(in))),
			       body, &used);
	gained = buf_len(body) - before;
	body_grew(h1, gained);
	if (parsed >= 0) {
		buf_consume(in, used);
		h1->framing_bytes += used - gained;
	}
	after_body(h1, parsed);
	return H1_AGAIN;
}

/* Octets of another protocol, as they are. */
static enum h1_step read_raw(struct h1 *h1, struct buf *in)
{
	struct http_flow *flow = h1->stream->in;
	size_t n = MIN(body_room(h1), buf_len(in));

	if (!buf_len(in))
		return H1_STARVED;
	if (!n)
		return H1_WAIT;
	if (buf_append(&flow->body, buf_data(in), n)) {
		fault_memory(h1);
		return H1_AGAIN;
	}
	buf_consume(in, n);
	flow->passed += n;
	http_codec_tell(&h1->codec, h1->stream, HTTP_NEWS_BODY);
	return H1_AGAIN;
}

static enum h1_step read_trailers(struct h1 *h1, struct buf *in)
{
	struct http_head *trailers;
	const char *why;
	size_t len;
	char *text;
	int r;

	if (!buf_len(in))
		return H1_STARVED;
	r = scan_head(h1, in, &len);
	if (r == 0)
		return H1_STARVED;
	if (r < 0) {
		h1_fault(h1, h1->scan.fault, h1->scan.why);
		return H1_AGAIN;
	}
	if (copy_head(h1, slice_of(buf_data(in), len), &text, &trailers)) {
		fault_memory(h1);
		return H1_AGAIN;
	}
	buf_consume(in, len);
	if (h1_parse_trailers(h1->parse, &h1->scan, text, trailers)) {
		fault_parse(h1);
	} else if (h1_message_trailers(trailers, &why)) {
		h1_fault(h1, HTTP_FAULT_SYNTAX, why);
	} else {
		if (trailers->fields_len)
			h1->stream->in->trailers = trailers;
		h1_read_done(h1);
	}
	return H1_AGAIN;
}

static enum h1_step read_step(struct h1 *h1, struct buf *in)
{
	switch (h1->state) {
	case H1_HEAD:
		return read_head(h1, in);
	case H1_BODY:
		return read_body(h1, in);
	case H1_TRAILERS:
		return read_trailers(h1, in);
	case H1_RAW:
		return read_raw(h1, in);
	case H1_REST:
		return buf_len(in) ? H1_WAIT : H1_STARVED;
	case H1_TUNNEL:
		return H1_WAIT;
	case H1_STOP:
		buf_consume(in, buf_len(in));
		return H1_STARVED;
	}
	assert(false);
}

void h1_read_some(struct h1 *h1, struct buf *in)
{
	enum h1_step step;

	do
		step = read_step(h1, in);
	while (step == H1_AGAIN);
	h1->starved = step == H1_STARVED;
}
