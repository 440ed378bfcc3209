/* http/h1_write.c - one message onto an HTTP/1 connection.
 *
 *   interim responses, head, body, end
 *
 * in this order, each as far as it is there and out has room. The head is
 * written in one piece; the body's framing on this wire is decided with it:
 *
 *   flow's framing   request   response to 1.1   to 1.0
 *   none             none      length 0          length 0
 *   length           length    length            length
 *   stream           chunked   chunked           until close
 *   close            -         chunked           until close
 *
 * but for answers that have no body at all (HEAD, 204, 304).
 */

#include "http/h1_write.h"

#include <errno.h>
#include <stdio.h>

#include "base/base.h"
#include "base/err.h"
#include "http/h1_message.h"

#define HEAD_REST  256 /* octets of a head beside its fields and start line */
#define CHUNK_REST 20  /* octets beside a chunk's data: 16 digits, two CRLF */

/* Rather wait for out to be flushed than write a chunk smaller than this,
 * octets.
 */
#define CHUNK_MIN 1024

/* A head being written into memory that is large enough. */
struct lines {
	char *at;
	size_t count; /* lines ended so far */
};

static void put(struct lines *l, struct slice s)
{
	if (s.len)
		memcpy(l->at, s.ptr, s.len);
	l->at += s.len;
}

static void put_end(struct lines *l)
{
	put(l, SLICE("\r\n"));
	l->count++;
}

static void put_field(struct lines *l, struct slice name, struct slice value)
{
	put(l, name);
	put(l, SLICE(": "));
	put(l, value);
	put_end(l);
}

static void put_number(struct lines *l, uint64_t n)
{
	char digits[24];
	int len =
		snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);

	put(l, slice_of(digits, (size_t)len));
}

/* HTTP/2 may split Cookie into crumbs; HTTP/1 has one field (RFC 9113, section
 * 8.2.3). Writes all that stand from first on.
 */
static void put_cookies(struct lines *l, const struct http_head *head,
			uint32_t first)
{
	const char *joint = "";

	put(l, SLICE("cookie: "));
	for (uint32_t i = first; i < head->fields_len; i++) {
		const struct http_field *f = &head->fields[i];

		if (!slice_eq(f->name, SLICE("cookie")) || !f->value.len)
			continue;
		put(l, slice_str(joint));
		put(l, f->value);
		joint = "; ";
	}
	put_end(l);
}

static void put_fields(struct lines *l, const struct http_head *head,
		       bool join_cookies)
{
	bool cookies = false;

	for (uint32_t i = 0; i < head->fields_len; i++) {
		const struct http_field *f = &head->fields[i];

		if (!join_cookies || !slice_eq(f->name, SLICE("cookie"))) {
			put_field(l, f->name, f->value);
		} else if (!cookies) {
			put_cookies(l, head, i);
			cookies = true;
		}
	}
}

static size_t count_octet(struct slice s, char c)
{
	size_t count = 0;
	ptrdiff_t at;

	while ((at = slice_find(s, c)) >= 0) {
		s = slice_skip(s, (size_t)at + 1);
		count++;
	}
	return count;
}

/* The last lock before the wire: however a CR, LF or NUL came into a field,
 * it does not get out.
 */
static bool lines_ok(struct slice text, size_t count)
{
	return count_octet(text, '\n') == count &&
	       count_octet(text, '\r') == count && slice_find(text, '\0') < 0;
}

/* Octets that head takes at most on the wire. */
static size_t head_size(const struct http_head *head)
{
	size_t size = head->method.len + head->path.len + head->authority.len;

	for (uint32_t i = 0; i < head->fields_len; i++)
		size += head->fields[i].name.len + head->fields[i].value.len +
			sizeof(": \r\n");
	return size + HEAD_REST;
}

/* Make room for head. Returns 1 with *ret, 0 when out must be flushed first,
 * ERR_LIMIT or -ENOMEM.
 */
static int lines_begin(struct buf *out, const struct http_head *head,
		       struct lines *ret)
{
	size_t size = head_size(head);
	uint8_t *mem;

	if (size > buf_room(out))
		return buf_len(out) ? 0 : ERR_LIMIT;
	mem = buf_reserve(out, size);
	if (!mem)
		return -ENOMEM;
	*ret = (struct lines){ .at = (char *)mem };
	return 1;
}

/* What was written since lines_begin() becomes part of out. Returns 1 or
 * ERR_PROTO.
 */
static int lines_commit(struct buf *out, const struct lines *l)
{
	const char *start = (const char *)out->mem + out->end;
	struct slice text = slice_of(start, (size_t)(l->at - start));

	if (!lines_ok(text, l->count))
		return ERR_PROTO;
	buf_commit(out, text.len);
	return 1;
}

static void put_status_line(struct lines *l, unsigned int status)
{
	put(l, SLICE("HTTP/1.1 "));
	put_number(l, status);
	put(l, SLICE(" "));
	put(l, slice_str(http_status_str(status)));
	put_end(l);
}

static int write_interim(struct h1_writer *w, struct buf *out)
{
	struct http_flow *flow = w->flow;
	struct lines l;
	int r = 1;

	for (; flow->interim; flow->interim = flow->interim->next) {
		/* RFC 9110, section 15.2: an HTTP/1.0 client knows none. */
		if (w->http_1_0)
			continue;
		r = lines_begin(out, flow->interim, &l);
		if (r <= 0)
			return r;
		put_status_line(&l, flow->interim->status);
		put_fields(&l, flow->interim, false);
		put_end(&l);
		r = lines_commit(out, &l);
		if (r < 0)
			return r;
		w->continued = true;
	}
	return r;
}

/* Do servers expect a length with this method, also where it is zero (RFC
 * 9110, section 8.6)?
 */
static bool method_has_body(struct slice method)
{
	return slice_eq(method, SLICE("POST")) ||
	       slice_eq(method, SLICE("PUT")) ||
	       slice_eq(method, SLICE("PATCH"));
}

static void plan_length(struct h1_writer *w, uint64_t length)
{
	w->framing = HTTP_LENGTH;
	w->left = length;
}

static void plan_request(struct h1_writer *w, const struct http_head *head)
{
	assert(head->framing != HTTP_CLOSE);
	w->framing = head->framing;
	w->left = 0;
	if (head->framing == HTTP_LENGTH)
		w->left = head->content_length;
	else if (head->framing == HTTP_NO_BODY && method_has_body(head->method))
		plan_length(w, 0);
}

static void plan_response(struct h1_writer *w, const struct http_head *head)
{
	bool length = head->has_length || head->framing == HTTP_LENGTH;
	bool connect = slice_eq(w->method, SLICE("CONNECT"));

	w->framing = HTTP_NO_BODY;
	w->left = 0;
	if (head->status == 101 || (connect && head->version == HTTP_RAW)) {
		w->switched = true; /* what follows is no HTTP, both ways */
		w->framing = HTTP_CLOSE;
	} else if (connect && head->status / 100 == 2) {
		w->tunnel = w->mute = true;
	} else if (h1_is_bodiless(w->method, head->status)) {
		w->mute = true;
		if (length && head->status != 204)
			plan_length(w, head->content_length);
	} else if (head->framing == HTTP_NO_BODY) {
		plan_length(w, 0);
	} else if (head->framing == HTTP_LENGTH) {
		plan_length(w, head->content_length);
	} else if (w->http_1_0) {
		w->framing = HTTP_CLOSE;
		w->keep = false;
	} else {
		w->framing = HTTP_STREAM;
	}
}

static void put_framing(struct lines *l, const struct h1_writer *w)
{
	if (w->framing == HTTP_STREAM)
		put_field(l, SLICE("transfer-encoding"), SLICE("chunked"));
	if (w->framing != HTTP_LENGTH)
		return;
	put(l, SLICE("content-length: "));
	put_number(l, w->left);
	put_end(l);
}

/* TE must be named by Connection (RFC 9110, section 10.1.4). */
static void put_connection(struct lines *l, const struct h1_writer *w,
			   const struct http_head *head)
{
	bool te = w->role == HTTP_CLIENT && http_head_find(head, SLICE("te"));
	struct slice value = slice_of(NULL, 0);

	if (w->tunnel || (w->switched && !head->upgrade))
		return;
	if (head->upgrade) {
		put_field(l, SLICE("connection"), SLICE("Upgrade"));
		put_field(l, SLICE("upgrade"), SLICE("websocket"));
		return;
	}
	if (!w->keep)
		value = te ? SLICE("close, te") : SLICE("close");
	else if (te)
		value = SLICE("te");
	else if (w->http_1_0)
		value = SLICE("keep-alive");
	if (value.len)
		put_field(l, SLICE("connection"), value);
}

static int write_head(struct h1_writer *w, struct buf *out)
{
	const struct http_head *head = w->flow->head;
	struct lines l;
	int r;

	if (w->flow->head_written)
		return 1;
	if (!head || w->flow->held)
		return 0;
	r = lines_begin(out, head, &l);
	if (r <= 0)
		return r;
	if (w->role == HTTP_CLIENT) {
		plan_request(w, head);
		put(&l, head->method);
		put(&l, SLICE(" "));
		put(&l, head->path);
		put(&l, SLICE(" HTTP/1.1"));
		put_end(&l);
		put_field(&l, SLICE("host"), head->authority);
	} else {
		plan_response(w, head);
		put_status_line(&l, head->status);
	}
	put_fields(&l, head, w->role == HTTP_CLIENT);
	put_framing(&l, w);
	put_connection(&l, w, head);
	put_end(&l);
	r = lines_commit(out, &l);
	if (r > 0)
		w->flow->head_written = true;
	return r;
}

/* Move up to n octets. */
static int move(struct buf *from, size_t n, struct buf *out)
{
	n = MIN(n, MIN(buf_len(from), buf_room(out)));
	if (!n)
		return 0;
	if (buf_append(out, buf_data(from), n))
		return -ENOMEM;
	buf_consume(from, n);
	return 0;
}

/* All that is there and fits, as one chunk. */
static int write_chunk(struct buf *body, struct buf *out)
{
	size_t len = buf_len(body);
	size_t room = buf_room(out);
	char size[CHUNK_REST];
	int digits;

	if (buf_len(out) && room < MIN(len, (size_t)CHUNK_MIN) + CHUNK_REST)
		return 0;
	if (room <= CHUNK_REST)
		return ERR_LIMIT;
	len = MIN(len, room - CHUNK_REST);
	digits = snprintf(size, sizeof(size), "%zx\r\n", len);
	if (!buf_reserve(out, len + CHUNK_REST))
		return -ENOMEM;
	(void)buf_append(out, size, (size_t)digits);
	(void)buf_append(out, buf_data(body), len);
	(void)buf_append(out, "\r\n", 2);
	buf_consume(body, len);
	return 0;
}

static int write_plain(struct h1_writer *w, struct buf *out)
{
	size_t before = buf_len(&w->flow->body);
	int err;

	if (w->framing == HTTP_CLOSE)
		return move(&w->flow->body, before, out);
	if (before > w->left)
		return ERR_PROTO;
	err = move(&w->flow->body, before, out);
	w->left -= before - buf_len(&w->flow->body);
	return err;
}

static int write_body(struct h1_writer *w, struct buf *out)
{
	struct buf *body = &w->flow->body;
	int err = 0;

	if (w->mute) {
		buf_consume(body, buf_len(body));
		return 1;
	}
	if (buf_len(body) && w->framing == HTTP_STREAM)
		err = write_chunk(body, out);
	else if (buf_len(body))
		err = write_plain(w, out);
	if (err)
		return err;
	return buf_len(body) ? 0 : 1;
}

/* The last chunk and what stands behind it. */
static int write_last_chunk(struct h1_writer *w, struct buf *out)
{
	static const struct http_head none;
	const struct http_head *trailers =
		w->flow->trailers ? w->flow->trailers : &none;
	struct lines l;
	int r = lines_begin(out, trailers, &l);

	if (r <= 0)
		return r;
	put(&l, SLICE("0"));
	put_end(&l);
	put_fields(&l, trailers, false);
	put_end(&l);
	return lines_commit(out, &l);
}

static int write_end(struct h1_writer *w, struct buf *out)
{
	int r = 1;

	if (!w->mute && w->flow->cut)
		return ERR_CUT;
	if (!w->flow->end && !w->flow->cut)
		return 0;
	if (!w->mute && w->framing == HTTP_LENGTH && w->left)
		return ERR_CUT;
	if (!w->mute && w->framing == HTTP_STREAM)
		r = write_last_chunk(w, out);
	if (r > 0)
		w->flow->done = true;
	return r;
}

int h1_writer_run(struct h1_writer *w, struct buf *out)
{
	int r = write_interim(w, out);

	if (r > 0)
		r = write_head(w, out);
	if (r > 0)
		r = write_body(w, out);
	if (r > 0)
		r = write_end(w, out);
	return r;
}
