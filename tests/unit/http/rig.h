/* tests/unit/http/rig.h - a codec, the buffers on both sides of it, and one
 * exchange, for tests.
 *
 * What the codec reads is written down as text, so that two runs can be
 * compared. A message is
 *
 *   METHOD authority path | name=value | … | framing body [~name=value …] \n
 *
 * or, of a response, its status in front; framing is "-", "#length", "chunked"
 * or "close".
 */
#ifndef TESTS_UNIT_HTTP_RIG_H
#define TESTS_UNIT_HTTP_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/err.h"
#include "http/codec.h"

#define RIG_TEXT 262144 /* octets of the notes */

struct rig {
	struct http_codec *codec;
	struct http_stream stream;
	struct http_flow in, out;
	struct arena arena;
	struct buf inbuf, outbuf;
	enum http_fault fault; /* the last one told */
	const char *detail;
	int dead;	   /* what http_codec_read() said last */
	unsigned int news; /* all that was told, or-ed */
	int opened, closed;
	bool answer; /* server: answer each request that was read */
	bool refuse_open;
	char *text; /* the notes */
	size_t text_len;
};

static void rig_note(struct rig *r, struct slice s)
{
	assert_true(r->text_len + s.len < RIG_TEXT);
	if (s.len)
		memcpy(r->text + r->text_len, s.ptr, s.len);
	r->text_len += s.len;
	r->text[r->text_len] = '\0';
}

static void rig_note_fields(struct rig *r, const struct http_head *head,
			    const char *before)
{
	for (uint32_t i = 0; i < head->fields_len; i++) {
		rig_note(r, slice_str(before));
		rig_note(r, head->fields[i].name);
		rig_note(r, SLICE("="));
		rig_note(r, head->fields[i].value);
	}
}

static void rig_note_framing(struct rig *r, const struct http_head *head)
{
	static const char *const names[] = { "-", "#", "chunked", "close" };
	char length[32];

	rig_note(r, SLICE("|"));
	rig_note(r, slice_str(names[head->framing]));
	(void)snprintf(length, sizeof(length), "%llu ",
		       (unsigned long long)head->content_length);
	rig_note(r,
		 head->framing == HTTP_LENGTH ? slice_str(length) : SLICE(" "));
}

static void rig_note_message(struct rig *r, const struct http_flow *flow)
{
	const struct http_head *head = flow->head;
	char status[16];

	for (const struct http_head *h = flow->interim; h; h = h->next) {
		(void)snprintf(status, sizeof(status), "%u", h->status);
		rig_note(r, slice_str(status));
		rig_note_fields(r, h, "|");
		rig_note(r, SLICE("\n"));
	}
	if (!head)
		return;
	if (head->method.len) {
		rig_note(r, head->method);
		rig_note(r, SLICE(" "));
		rig_note(r, head->authority);
		rig_note(r, SLICE(" "));
		rig_note(r, head->path);
	} else {
		(void)snprintf(status, sizeof(status), "%u", head->status);
		rig_note(r, slice_str(status));
	}
	rig_note_fields(r, head, "|");
	rig_note_framing(r, head);
	if (buf_len(&flow->body))
		rig_note(r, buf_slice(&flow->body));
	if (flow->trailers)
		rig_note_fields(r, flow->trailers, "~");
	rig_note(r, flow->end ? SLICE("\n") : SLICE(" (cut)\n"));
}

static void rig_flow_init(struct http_flow *flow, size_t max)
{
	*flow = (struct http_flow){ .head = NULL };
	buf_init(&flow->body, max);
}

/* Make the exchange new. */
static void rig_renew(struct rig *r)
{
	buf_done(&r->in.body);
	buf_done(&r->out.body);
	rig_flow_init(&r->in, 65536);
	rig_flow_init(&r->out, 65536);
	arena_clear(&r->arena);
	r->stream = (struct http_stream){
		.in = &r->in, .out = &r->out, .arena = &r->arena, .owner = r
	};
}

static struct http_stream *rig_open(void *ctx)
{
	struct rig *r = ctx;

	if (r->refuse_open)
		return NULL;
	assert_false(r->stream.attached);
	rig_renew(r);
	r->opened++;
	return &r->stream;
}

static void rig_init_limits(struct rig *r, enum http_role role,
			    const struct http_limits *limits)
{
	bool server = role == HTTP_SERVER;

	*r = (struct rig){ .answer = true };
	r->text = malloc(RIG_TEXT);
	assert_non_null(r->text);
	r->text[0] = '\0';
	arena_init(&r->arena, 262144);
	buf_init(&r->inbuf, 131072);
	buf_init(&r->outbuf, 131072);
	rig_renew(r);
	assert_int_equal(h1_new(role, server ? "http" : "https", limits,
				server ? rig_open : NULL, r, &r->codec),
			 0);
}

static void rig_init(struct rig *r, enum http_role role)
{
	rig_init_limits(r, role,
			role == HTTP_SERVER ? &http_limits_server
					    : &http_limits_client);
}

static void rig_done(struct rig *r)
{
	http_codec_free(&r->codec);
	assert_null(r->codec);
	buf_done(&r->in.body);
	buf_done(&r->out.body);
	buf_done(&r->inbuf);
	buf_done(&r->outbuf);
	arena_done(&r->arena);
	free(r->text);
}

/* A head in the exchange's arena; fields is "name: value" lines, or NULL. */
static struct http_head *rig_head(struct rig *r, const char *fields)
{
	struct http_head *head = http_head_new(&r->arena);
	struct slice rest = slice_str(fields), line, name, value;

	assert_non_null(head);
	while (rest.len) {
		(void)slice_cut(rest, '\n', &line, &rest);
		assert_true(slice_cut(line, ':', &name, &value));
		assert_int_equal(
			http_head_add(&r->arena, head, name, slice_trim(value)),
			0);
	}
	return head;
}

/* Put a response without a body into out. */
static void rig_answer(struct rig *r, uint16_t status)
{
	struct http_head *head = rig_head(r, NULL);

	head->status = status;
	head->framing = HTTP_NO_BODY;
	r->out.head = head;
	r->out.end = true;
	http_codec_resume(r->codec, &r->stream);
}

/* Client: submit a request without a body. */
static int rig_submit(struct rig *r, const char *method, const char *fields)
{
	struct http_head *head;

	rig_renew(r);
	head = rig_head(r, fields);
	head->method = slice_str(method);
	head->scheme = SLICE("https");
	head->authority = SLICE("example.com");
	head->path = SLICE("/");
	r->out.head = head;
	r->out.end = true;
	return http_codec_submit(r->codec, &r->stream);
}

/* Fetch the news. Returns true if there were any. */
static bool rig_fetch(struct rig *r)
{
	unsigned int news;
	struct http_stream *s = http_codec_next(r->codec, &news);

	if (!s)
		return false;
	assert_ptr_equal(s, &r->stream);
	r->news |= news;
	if (news & HTTP_NEWS_FAULT) {
		r->fault = s->fault;
		r->detail = s->fault_detail.ptr;
		assert_true(s->fault != HTTP_OK && s->fault_detail.len);
	}
	if (news & HTTP_NEWS_CLOSED) {
		assert_false(s->attached);
		r->closed++;
		rig_note_message(r, &r->in);
	}
	return true;
}

/* Let the codec do what it can with what it has. */
static void rig_turn(struct rig *r)
{
	bool more = true;

	while (more) {
		size_t before = buf_len(&r->inbuf);
		bool idle = http_codec_idle(r->codec);

		r->dead = http_codec_read(r->codec, &r->inbuf);
		while (rig_fetch(r))
			;
		if (r->answer && r->stream.attached && !r->out.head &&
		    r->stream.in_over)
			rig_answer(r, r->fault ? 400 : 200);
		(void)http_codec_write(r->codec, &r->outbuf);
		while (rig_fetch(r))
			;
		more = buf_len(&r->inbuf) != before ||
		       http_codec_idle(r->codec) != idle;
	}
}

/* Feed text in pieces of that many octets; 0: all at once. */
static void rig_feed(struct rig *r, struct slice text, size_t piece)
{
	while (text.len) {
		size_t n = piece ? MIN(piece, text.len) : text.len;

		assert_int_equal(buf_append(&r->inbuf, text.ptr, n), 0);
		text = slice_skip(text, n);
		rig_turn(r);
	}
}

static void rig_feed_end(struct rig *r)
{
	http_codec_read_end(r->codec);
	while (rig_fetch(r))
		;
}

/* What was written since the last call; the caller's to free. */
static inline char *rig_take_written(struct rig *r)
{
	size_t len = buf_len(&r->outbuf);
	char *text = malloc(len + 1);

	assert_non_null(text);
	if (len)
		memcpy(text, buf_data(&r->outbuf), len);
	text[len] = '\0';
	buf_consume(&r->outbuf, len);
	return text;
}

static inline void rig_assert_written(struct rig *r, const char *expected)
{
	char *text = rig_take_written(r);

	assert_string_equal(text, expected);
	free(text);
}

#endif
