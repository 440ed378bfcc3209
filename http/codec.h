/* http/codec.h - one connection's HTTP, without its socket.
 *
 * Octets in, octets out; between them streams, each the codec's end of one
 * exchange. The same six calls drive HTTP/1 and HTTP/2, server and client, so
 * that nobody above knows which it is.
 *
 * The codec never calls back into its owner, with one exception: open() hands
 * it a fresh stream for a request that begins. Everything else is news: bits
 * set on a stream, which the owner fetches with http_codec_next() after each
 * read or write.
 */
#ifndef HTTP_CODEC_H
#define HTTP_CODEC_H

#include "http/http.h"

struct http_codec;

/* What happened to a stream since it was last fetched. */
enum http_news {
	HTTP_NEWS_HEAD = 1,    /* in->head is whole (or in->interim grew) */
	HTTP_NEWS_BODY = 2,    /* in->body, in->end or in->trailers changed */
	HTTP_NEWS_ROOM = 4,    /* out->body was emptied below half */
	HTTP_NEWS_FAULT = 8,   /* stream->fault says why it ended; if it is
				* one with an answer (400 …) a server may
				* still put a response into out */
	HTTP_NEWS_CLOSED = 16, /* both directions are over; the codec has
				* forgotten the stream. Always the last news */
};

/* One end of one exchange. Lives inside the exchange. The owner sets the first
 * four before the codec sees it; the rest belongs to the codec. h2: in->body
 * can hold limits->body_bytes, and a stream counts against limits->streams
 * until its HTTP_NEWS_CLOSED was fetched or it was reset.
 */
struct http_stream {
	struct http_flow *in;  /* the codec puts here what it reads */
	struct http_flow *out; /* the codec takes from here what it writes */
	struct arena *arena;   /* for heads and trailers read */
	void *owner;	       /* not touched by the codec */

	unsigned int news; /* HTTP_NEWS_*, cleared by http_codec_next() */
	enum http_fault fault;
	struct slice fault_detail; /* static text: what exactly was wrong */
	struct http_stream *ready_next; /* in the list of those with news */
	bool ready;
	bool attached;	  /* the codec knows it */
	bool in_over;	  /* nothing more will be read for it */
	bool out_over;	  /* nothing more will be written for it */
	bool out_blocked; /* h2: its data waits for resume() */
	uint32_t unread;  /* h2: octets put into in->body whose window has
			    * not been given back */
	int32_t id;	  /* h2: stream id */
	struct http_stream *next, *prev; /* h2: all streams of a session */
};

/* Bounds of one codec; codec.c has the values and the reasons. */
struct http_limits {
	uint32_t head_bytes;   /* of one head, counted as RFC 9113, 6.5.2 */
	uint32_t target_bytes; /* of the request target */
	uint32_t fields;       /* of one head or trailer section */
	uint32_t streams;      /* h2: at once */
	uint32_t body_bytes;   /* in->body is filled no further; h2: the window
				* of a stream */
	uint32_t conn_window;  /* h2: of the connection, octets */
};

extern const struct http_limits http_limits_server;
extern const struct http_limits http_limits_client;

/* Give the codec a stream for a request that begins, with in, out, arena and
 * owner set; NULL to refuse it (h2: REFUSED_STREAM; h1: the codec fails).
 * Must not call the codec.
 */
typedef struct http_stream *http_open_fn(void *ctx);

/* scheme is what requests of this connection mean ("https" or "http", static):
 * h2 requests with another :scheme are malformed. open and ctx are for
 * servers, NULL for clients. limits is borrowed for the codec's life. Returns
 * 0 or -ENOMEM.
 */
int h1_new(enum http_role role, const char *scheme,
	   const struct http_limits *limits, http_open_fn *open, void *ctx,
	   struct http_codec **ret);
int h2_new(enum http_role role, const char *scheme,
	   const struct http_limits *limits, http_open_fn *open, void *ctx,
	   struct http_codec **ret);

/* The codec of a tunnel: one exchange that begins with the first
 * http_codec_read(), with a head that has only scheme and authority (both
 * borrowed), and whose bodies are the octets of both directions. An answer of
 * another status than 200 ends the connection without a word. A client's
 * answer is 200 as soon as the request is submitted.
 */
int raw_new(enum http_role role, const char *scheme, struct slice authority,
	    http_open_fn *open, void *ctx, struct http_codec **ret);
void http_codec_free(struct http_codec **codec);

/* Does the HTTP/1 parser library refuse what only a lenient build accepts?
 * Ask once, at start. Returns 0 or ERR_PROTO.
 */
int h1_self_test(void);

/* Take what can be taken from in; what must wait (a full flow, a pipelined
 * request behind an unfinished one) stays there. Returns 0, or < 0 when the
 * connection can't go on: write what http_codec_write() still has, then close.
 * The streams' own faults are news.
 */
int http_codec_read(struct http_codec *codec, struct buf *in);

/* The peer closed its sending side after what was read. Ends bodies that are
 * delimited by it, faults the others.
 */
void http_codec_read_end(struct http_codec *codec);

/* Append to out what is ready to be sent; stops when out is full. h2: out can
 * hold 2048 octets at least. Returns 0, or < 0 as http_codec_read().
 */
int http_codec_write(struct http_codec *codec, struct buf *out);

/* The next stream with news, its bits moved to *ret_news; NULL if none. After
 * HTTP_NEWS_CLOSED the stream is the owner's alone.
 */
struct http_stream *http_codec_next(struct http_codec *codec,
				    unsigned int *ret_news);

/* Client: may another request be submitted now? h1: the connection is idle and
 * reusable; h2: below the peer's limit and no GOAWAY.
 */
bool http_codec_ready(const struct http_codec *codec);

/* Client: begin a request whose head stands in s->out->head. Returns 0,
 * -EBUSY (not ready; s untouched) or -ENOMEM.
 */
int http_codec_submit(struct http_codec *codec, struct http_stream *s);

/* The owner changed s: put something into s->out (a head, body, the end), or
 * took octets from s->in->body so that there is room again.
 */
void http_codec_resume(struct http_codec *codec, struct http_stream *s);

/* Give s up at once; the codec forgets it without further news. h2 sends
 * RST_STREAM; h1 cannot go on and the connection must close after what is
 * already written.
 */
void http_codec_reset(struct http_codec *codec, struct http_stream *s,
		      enum http_fault why);

/* No more requests on this connection: h2 GOAWAY, h1 "connection: close" on
 * the response in work.
 */
void http_codec_drain(struct http_codec *codec);

/* Nothing in work: it may be closed, or kept idle. */
bool http_codec_idle(const struct http_codec *codec);

/* Must the connection be closed now? True once all is written and no more can
 * be read or submitted (HTTP/1.0, connection: close, GOAWAY and empty).
 */
bool http_codec_over(const struct http_codec *codec);

/* Is it a tunnel by now? Its octets are not HTTP, and each direction ends by
 * itself: the peer's end is no word on what it still wants to hear.
 */
bool http_codec_raw(const struct http_codec *codec);

/* Nothing more is written, while octets may still come: the owner closes its
 * direction of the connection.
 */
bool http_codec_finished(const struct http_codec *codec);

/* What was written has no end of its own (HTTP/1.0, a tunnel) and breaks off:
 * the owner must not end the connection in good order, which would make it look
 * whole.
 */
bool http_codec_cut(const struct http_codec *codec);

/* Give back what an idle connection does not need. */
void http_codec_slim(struct http_codec *codec);

enum http_version http_codec_version(const struct http_codec *codec);

#endif
